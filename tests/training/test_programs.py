"""How a loop is run does not change what is learned."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from loop_subjects import compiled, digits_like, state

import mlkit as mk

PLAIN = ("step", "fused", "epoch")
X, Y = digits_like()


def dataset(known_length):
    data = tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(150, seed=4).batch(32)
    return data if known_length else data.filter(lambda x, y: True)


def train(model, *data, **kwargs):
    return mk.fit(model, *data, epochs=3, verbose=0, seed=5, **kwargs)


def of_layers(kind):
    """A model with layers that draw random numbers, keep statistics, or both."""
    keras.utils.set_random_seed(1)  # the layers take their seeds when they are made
    if kind == "dense":
        return compiled()
    if kind == "random":
        return compiled(layers.Dropout(0.4), layers.GaussianNoise(0.2), layers.BatchNormalization())
    model = keras.Sequential(
        [
            keras.Input((12,)),
            layers.Reshape((2, 2, 3)),
            layers.RandomFlip(),
            layers.Conv2D(4, 2, padding="same"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(0.01, use_ema=True), loss, metrics=["accuracy"])
    return model


@pytest.mark.parametrize("kind", ["dense", "random", "augmented"])
def test_programs_without_xla_give_the_same_bits(kind):
    first = None
    for execution in PLAIN:
        model = of_layers(kind)
        history = train(
            model, X, Y, batch_size=32, validation_data=(X[:40], Y[:40]), execution=execution
        )
        result = state(model), history.history
        first = first or result
        np.testing.assert_array_equal(result[0], first[0], err_msg=execution)
        assert result[1] == first[1], execution


@pytest.mark.parametrize("known_length", [True, False])
def test_programs_over_a_dataset_give_the_same_bits(known_length):
    first = None
    for execution in PLAIN[:2]:
        model = of_layers("random")
        history = train(
            model, dataset(known_length), validation_data=dataset(known_length), execution=execution
        )
        result = state(model), history.history
        first = first or result
        np.testing.assert_array_equal(result[0], first[0], err_msg=execution)
        assert result[1] == first[1], execution


@pytest.mark.parametrize("kind", ["dense", "random", "augmented"])
def test_eager_gives_the_same_up_to_the_rounding_of_graph_rewrites(kind):
    """TensorFlow simplifies a graph (a product of constants, say): the last bit may differ."""
    graph, eager = of_layers(kind), of_layers(kind)
    train(graph, X, Y, batch_size=32, execution="step")
    train(eager, X, Y, batch_size=32, execution="eager")
    np.testing.assert_allclose(state(graph), state(eager), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("execution", ["step+xla", "fused+xla", "epoch+xla"])
def test_xla_gives_the_same_up_to_rounding(execution):
    plain, fast = compiled(layers.BatchNormalization()), compiled(layers.BatchNormalization())
    a = train(plain, X, Y, batch_size=32, execution="epoch")
    b = train(fast, X, Y, batch_size=32, execution=execution)
    scale = np.abs(state(plain)).max()
    assert np.abs(state(plain) - state(fast)).max() <= 1e-4 * scale
    np.testing.assert_allclose(a["loss"], b["loss"], rtol=1e-4)


def test_the_order_is_a_permutation_by_seed_and_epoch():
    seen = []

    class Recorder(mk.Trainer):
        def train_step(self, batch):
            seen.append(batch[0].numpy()[:, 0].astype(int).tolist())
            return super().train_step(batch)

    numbers = np.arange(10, dtype="float32")[:, None]

    def orders(seed):
        seen.clear()
        model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
        trainer = Recorder(model, loss="mse", optimizer="sgd", execution="eager", seed=seed)
        trainer.fit(numbers, numbers, batch_size=4, epochs=2, verbose=0)
        return [list(itertools.chain(*seen[i : i + 3])) for i in (0, 3)]

    first, second = orders(0)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert orders(0) == [first, second]
    assert orders(1) != [first, second]


class Counted(mk.Trainer):
    """Counts how often the steps are traced."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.traces = {"train": 0, "test": 0}

    def train_step(self, batch):
        self.traces["train"] += 1
        return super().train_step(batch)

    def test_step(self, batch):
        self.traces["test"] += 1
        return super().test_step(batch)


# XLA wants a shape: a ragged last batch has a trace of its own within the one program.
@pytest.mark.parametrize(("execution", "traces"), [("epoch", 1), ("fused", 1), ("epoch+xla", 2)])
def test_one_trace_for_training_and_one_for_evaluation(execution, traces):
    trainer = Counted(compiled(), seed=0, execution=execution)
    trainer.fit(X, Y, batch_size=32, epochs=4, validation_data=(X[:40], Y[:40]), verbose=0)
    assert trainer.traces == {"train": traces + ("xla" in execution), "test": traces}
    trainer.fit(X, Y, batch_size=32, epochs=2, verbose=0)
    assert trainer.traces == {"train": traces + ("xla" in execution), "test": traces}


def test_tensorflows_switch_for_debugging_runs_the_steps_in_python():
    eagerly = []

    class Looks(keras.layers.Layer):
        def call(self, x):
            eagerly.append(tf.executing_eagerly())
            return x

    trainer = mk.Trainer(compiled(Looks()), execution="epoch", seed=1)
    trainer.fit(X, Y, batch_size=75, epochs=1, verbose=0)
    eagerly.clear()
    tf.config.run_functions_eagerly(True)
    try:
        trainer.fit(X, Y, batch_size=75, epochs=1, verbose=0)
        trainer.evaluate(X, Y, batch_size=75)
    finally:
        tf.config.run_functions_eagerly(False)
    assert eagerly == [True] * 4


@pytest.mark.parametrize("epochs", [30, 60])
def test_auto_traces_the_program_that_it_takes_once(epochs, tmp_path, monkeypatch):
    monkeypatch.setenv("MLKIT_CACHE", str(tmp_path))
    trainer = Counted(compiled(), seed=0)
    trainer.fit(X, Y, batch_size=32, epochs=epochs, verbose=0)
    # The plain program, and with XLA two more: for the full batches, and for the ragged one.
    assert trainer.traces["train"] == (3 if "xla" in trainer.plan else 1)


def test_auto_measures_and_leaves_no_trace_in_the_result(tmp_path, monkeypatch):
    monkeypatch.setenv("MLKIT_CACHE", str(tmp_path))
    results = []
    for execution in ("auto", "auto", "epoch"):
        model = compiled(layers.BatchNormalization())
        trainer = mk.Trainer(model, execution=execution, seed=5)
        trainer.fit(X, Y, batch_size=32, epochs=30, verbose=0)
        results.append((state(model), trainer.plan))
    assert (tmp_path / "programs.json").exists()
    np.testing.assert_array_equal(results[0][0], results[1][0])
    if "xla" not in results[0][1]:
        np.testing.assert_array_equal(results[0][0], results[2][0])


def test_a_second_call_of_fit_does_not_trace_again_and_a_new_compile_does():
    traced = []

    class Tracing(keras.layers.Layer):
        def call(self, x):
            traced.append(x.shape)
            return x

    model = compiled(Tracing())
    mk.fit(model, X, Y, verbose=0)
    mk.fit(model, X[:64], Y[:64], verbose=0)
    before = len(traced)
    history = mk.fit(model, X, Y, seed=3, verbose=0)
    assert len(traced) == before
    model.compile("sgd", "mse", metrics=["mae"])
    again = mk.fit(model, X, np.eye(3, dtype="float32")[Y], seed=3, verbose=0)
    assert len(traced) > before
    assert list(history) != list(again)
    traced.clear()
    mk.fit(model, X, np.eye(3, dtype="float32")[Y], gradients=[mk.gradients.scale(0.0)], verbose=0)
    assert traced
    assert type(keras.models.clone_model(model)) is type(model)


def test_an_operation_without_a_kernel_is_found_before_training():
    class Printing(keras.layers.Layer):
        def call(self, x):
            tf.print(x[0, 0], output_stream="file:///dev/null")
            return x

    model = compiled(Printing())
    before = model.layers[0].kernel.numpy()
    with pytest.raises(ValueError, match=r"PrintV2 has no XLA kernel.*execution='epoch'"):
        train(model, X, Y, execution="epoch+xla")
    np.testing.assert_array_equal(before, model.layers[0].kernel.numpy())


def test_an_unknown_program_is_refused_with_the_names():
    with pytest.raises(ValueError, match="'eager', 'step', 'fused', 'epoch'"):
        mk.Trainer(compiled(), execution="turbo")


def test_the_epoch_program_needs_arrays():
    with pytest.raises(ValueError, match=r"needs data in memory.*'fused'"):
        train(compiled(), dataset(True), execution="epoch")


def test_evaluate_and_predict_are_those_of_keras():
    model = compiled(layers.Dropout(0.3), layers.BatchNormalization())
    train(model, X, Y)
    trainer = mk.Trainer(model)
    expected = model.evaluate(X, Y, verbose=0, return_dict=True)
    found = trainer.evaluate(X, Y)
    assert found.keys() == expected.keys()
    np.testing.assert_allclose([found[k] for k in expected], list(expected.values()), rtol=1e-6)
    np.testing.assert_allclose(trainer.predict(X), model.predict(X, verbose=0), atol=1e-6)
    np.testing.assert_allclose(
        trainer.predict(tf.data.Dataset.from_tensor_slices((X,)).batch(32)),
        model.predict(X, verbose=0),
        atol=1e-6,
    )
