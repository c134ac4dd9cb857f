"""Two replicas learn what one device learns."""

import keras
import numpy as np
import pytest
import replica_cases as cases
import tensorflow as tf
from keras import layers
from loop_subjects import compiled, digits_like, state
from strategies import two_replicas

import mlkit as mk

X, Y = digits_like(151)
# Few of the many combinations: `parity.py` prints them all.
SOME = [
    ("sgd", ("regularize", "ragged")),
    ("sgd", cases.FEATURES),
    ("adam", ("accumulate", "ema", "ragged")),
]


@pytest.fixture(scope="module")
def two():
    return two_replicas()


def noisy():
    keras.utils.set_random_seed(1)  # the layers take their seeds when they are made
    return compiled(layers.Dropout(0.4), layers.BatchNormalization())


def close(a, b, tolerance=1e-5):
    assert cases.difference(a.get_weights(), b.get_weights()) <= tolerance


def train(model, strategy=None, data=(X, Y), **kwargs):
    options = {"execution": "epoch", "seed": 5, **kwargs.pop("options", {})}
    job = mk.Trainer(model, strategy=strategy, **options)
    sizes = {"batch_size": 32} if isinstance(data, tuple) else {}
    data = data if isinstance(data, tuple) else (data,)
    job.fit(*data, **{"epochs": 2, "verbose": 0, **sizes, **kwargs})
    return job


@pytest.mark.parametrize(("optimizer", "features"), SOME)
def test_two_replicas_learn_what_one_device_learns(two, optimizer, features):
    weights, history = cases.run(optimizer, features)
    found, measured = cases.run(optimizer, features, two)
    assert cases.difference(found, weights) <= 1e-5
    assert measured.keys() == history.keys()
    for name in history:
        np.testing.assert_allclose(measured[name], history[name], rtol=1e-5, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("execution", ["eager", "step", "fused", "epoch"])
def test_every_program_gives_the_same_bits(two, execution):
    job = train(noisy(), two, options={"execution": execution})
    assert execution in str(job)
    again = train(noisy(), two)
    exact = execution != "eager"  # a graph is simplified: the last bit may differ
    np.testing.assert_allclose(
        state(job.model), state(again.model), rtol=0 if exact else 1e-4, atol=0 if exact else 1e-6
    )


def test_one_device_strategy_gives_the_bits_of_none():
    alone, placed = noisy(), noisy()
    train(alone)
    job = train(placed, tf.distribute.OneDeviceStrategy("CPU:1"))
    np.testing.assert_array_equal(state(alone), state(job.model))
    np.testing.assert_array_equal(state(alone), state(placed))


def test_the_model_that_was_given_has_what_was_learned(two):
    alone, given = compiled(), compiled()
    train(alone)
    job = train(given, two)
    assert job.model is not given
    close(given, alone)
    np.testing.assert_array_equal(state(given), state(job.model))
    train(alone, epochs=4, initial_epoch=2)
    train(given, two, epochs=4, initial_epoch=2)  # its optimizer goes on too
    close(given, alone)


def test_a_model_made_anew_has_the_same_keys_in_a_checkpoint(two):
    given = compiled(layers.BatchNormalization())
    inside = mk.Trainer(given, strategy=two).model
    assert [v.path for v in inside.variables] == [v.path for v in given.variables]


def test_a_model_of_the_scope_is_trained_itself(two):
    with two.scope():
        model = compiled()
    assert train(model, two).model is model
    alone = compiled()
    train(alone)
    close(model, alone)


def test_an_optimizer_from_outside_is_made_anew_in_the_scope(two):
    alone = compiled(optimizer=keras.optimizers.SGD(0.2))
    with two.scope():
        model = compiled()
    train(alone)
    job = train(model, two, options={"optimizer": keras.optimizers.SGD(0.2)})
    assert job.model is model
    close(model, alone)


def test_a_model_that_cannot_be_made_anew_is_refused_with_the_way_out(two):
    class Own(keras.Model):
        def __init__(self, size):
            super().__init__()
            self.size = size
            self.dense = layers.Dense(size.pop())

        def call(self, x):
            return self.dense(x)

    model = Own([3])
    model.compile("sgd", "mse")
    model(X[:1])
    with pytest.raises(ValueError, match=r"outside of the strategy's scope.*with strategy.scope"):
        mk.Trainer(model, strategy=two)


@pytest.mark.parametrize("clipping", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_an_optimizer_that_clips_clips_the_sum(two, clipping):
    def model():
        return compiled(optimizer=keras.optimizers.SGD(0.5, **{clipping: 0.02}))

    alone, both = model(), model()
    train(alone)
    job = train(both, two)
    close(both, alone)
    assert getattr(job.optimizer, clipping) == 0.02


@pytest.mark.parametrize("where", [0, 31])
def test_nan_on_either_replica_is_skipped_on_both(two, where):
    def model():
        net = compiled(
            optimizer=keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD(1.0))
        )
        return net

    x = X[:32].copy()
    x[where, 0] = 3e38  # overflows in the gradient, not in the data
    weights = np.ones(32, "float32")
    weights[where] = 3e38
    net = model()
    before = state(net)[: net.count_params()]
    job = mk.Trainer(net, strategy=two, execution="fused")
    job.fit(x, Y[:32], sample_weight=weights, batch_size=32, epochs=3, shuffle=False, verbose=0)
    after = state(job.model)[: net.count_params()]
    np.testing.assert_array_equal(before, after)
    copies = [
        two.experimental_local_results(v.value)
        for v in [*job.model.weights, *job.optimizer.variables]
    ]
    for first, second in copies:
        np.testing.assert_array_equal(first.numpy(), second.numpy())
    assert job.optimizer.dynamic_scale.numpy() == 2.0**15 / 2**3
    assert int(job.optimizer.iterations.numpy()) == 0
    job.fit(X, Y, batch_size=32, verbose=0)
    assert int(job.optimizer.iterations.numpy()) == 5


@pytest.mark.parametrize("size", [1, 2, 31, 33])
def test_batches_smaller_than_the_replicas_and_datasets(two, size):
    """Batches of an unknown size, the last one of 1, 2, 31 or 1 examples."""

    def dataset():
        return tf.data.Dataset.from_tensor_slices((X[: 32 + size], Y[: 32 + size])).batch(32)

    alone, both = (
        compiled(metrics=["accuracy", "sparse_categorical_crossentropy"]),
        compiled(metrics=["accuracy", "sparse_categorical_crossentropy"]),
    )
    a = train(alone, data=dataset(), options={"execution": "fused"})
    b = train(both, two, data=dataset(), options={"execution": "fused"})
    close(alone, both)
    for data in ((X[: 32 + size], Y[: 32 + size]), (dataset(),)):
        found, expected = b.evaluate(*data), a.evaluate(*data)
        assert found.keys() == expected.keys()
        np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-5)
        np.testing.assert_allclose(b.predict(data[0]), a.predict(data[0]), atol=1e-5)


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight"])
def test_losses_that_are_reduced_otherwise(two, reduction):
    def model():
        net = compiled()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)
        net.compile(keras.optimizers.SGD(0.01), loss)
        return net

    weight = np.linspace(0.1, 2, len(X)).astype("float32")
    alone, both = model(), model()
    a = train(alone, sample_weight=weight)
    b = train(both, two, sample_weight=weight)
    close(both, alone)
    found, expected = b.evaluate(X, Y, sample_weight=weight), a.evaluate(X, Y, sample_weight=weight)
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-5)


def scalar_loss(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_pred - keras.ops.one_hot(y_true, 3)))


def test_a_loss_that_is_a_scalar(two):
    def model():
        net = compiled()
        net.compile("sgd", scalar_loss)
        return net

    alone, both = model(), model()
    train(alone)
    train(both, two)
    close(both, alone)


def test_a_scalar_loss_beside_regularizers_is_refused(two):
    net = compiled(layers.Dense(4, kernel_regularizer="l2"))
    net.compile("sgd", scalar_loss)
    with pytest.raises(ValueError, match="divides some losses"):
        train(net, two)


def test_gradients_of_embeddings(two):
    def model():
        keras.utils.set_random_seed(2)
        net = keras.Sequential(
            [keras.Input((4,), dtype="int32"), layers.Embedding(9, 5), layers.Flatten(),
             layers.Dense(3)]
        )  # fmt: skip
        net.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return net

    x = np.random.default_rng(0).integers(0, 9, (151, 4)).astype("int32")
    for clip in ([], [mk.gradients.clip_by_global_norm(0.1)]):
        alone, both = model(), model()
        train(alone, data=(x, Y), options={"gradients": clip})
        train(both, two, data=(x, Y), options={"gradients": clip})
        close(both, alone)


def test_several_optimizers(two):
    def model():
        rules = {"bias": keras.optimizers.SGD(0.1, clipnorm=0.1)}
        net = compiled()
        net.compile(mk.training.MultiOptimizer(rules, default=keras.optimizers.Adam()), net.loss)
        return net

    alone, both = model(), model()
    train(alone)
    train(both, two)
    close(both, alone)


@pytest.mark.parametrize("alpha", [0.0, 0.4])
def test_sharpness_aware_minimization(two, alpha):
    alone, both = compiled(), compiled()
    options = {"seed": 5, "alpha": alpha}
    mk.training.SAM(alone, **options).fit(X, Y, batch_size=32, verbose=0)
    mk.training.SAM(both, strategy=two, **options).fit(X, Y, batch_size=32, verbose=0)
    close(both, alone)


class Masks(mk.Trainer):
    """Reports whether both replicas draw one mask, and what replica 0 draws."""

    def train_step(self, batch):
        own = self.model.layers[0](tf.ones((1, 8)), training=True)
        both = tf.distribute.get_replica_context().all_gather(own, axis=0)
        code = tf.reduce_sum(both[0] * 2.0 ** tf.range(8.0))
        return {"same": tf.reduce_all(both[0] == both[1]), "first": code}


def test_each_replica_draws_its_own_masks_and_the_states_stay_common(two):
    keras.utils.set_random_seed(1)
    net = keras.Sequential([keras.Input((8,)), layers.Dropout(0.5), layers.Dense(1)])
    net.compile("sgd", "mse")
    ones = np.ones((64, 8), "float32")
    expected = net.layers[0].seed_generator.state.numpy()
    job = Masks(net, strategy=two, execution="step", seed=0)
    history = job.fit(ones, ones[:, :1], batch_size=64, epochs=3, verbose=0)
    # Three masks; that both are the same by chance happens once in 256.
    assert history["same"] == [0.0, 0.0, 0.0]
    codes = [
        float(np.sum(net.layers[0](tf.ones((1, 8)), training=True).numpy() * 2.0 ** np.arange(8)))
        for _ in [net.layers[0].seed_generator.state.assign(expected)] * 3
    ]
    assert history["first"] == codes
    state_of = job.model.layers[0].seed_generator.state.value
    first, second = (v.numpy() for v in two.experimental_local_results(state_of))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, [expected[0], expected[1] + 3])


def test_statistics_of_batch_norm_are_those_of_all_replicas(two):
    both = compiled(layers.BatchNormalization())
    job = train(both, two)
    for variable in job.model.weights:
        first, second = two.experimental_local_results(variable.value)
        np.testing.assert_array_equal(first.numpy(), second.numpy())
    assert "batch norm: the statistics of a replica's part" in str(job)


def test_synchronized_batch_norm_is_that_of_one_device(two):
    alone = compiled(layers.BatchNormalization(), optimizer="sgd")
    both = compiled(layers.BatchNormalization(synchronized=True), optimizer="sgd")
    a, b = train(alone, data=(X[:128], Y[:128])), train(both, two, data=(X[:128], Y[:128]))
    close(both, alone, 1e-4)
    assert "synchronized=True" in str(b)
    assert "replicas" not in str(a)


@pytest.mark.slow
@pytest.mark.parametrize(("first", "then"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("kind", ["arrays", "dataset"])
def test_a_run_goes_on_with_another_number_of_replicas(two, tmp_path, first, then, kind):
    def data():
        # One order for all epochs: of several, TensorFlow forgets which comes after a short batch.
        shuffle = {"seed": 4, "reshuffle_each_iteration": False}
        shuffled = tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(151, **shuffle).batch(32)
        return (X, Y) if kind == "arrays" else shuffled

    def go(on_two, run, epochs):
        features = ("clip", "ema", "ragged")
        net = cases.model("adam", features, layers.Dropout(0.0))
        job = cases.trainer("adam", features, two if on_two else None, net=net)
        sizes = {"batch_size": 32} if kind == "arrays" else {}
        given = data() if kind == "arrays" else (data(),)
        history = job.fit(*given, epochs=epochs, run=run, save_every=3, verbose=0, **sizes)
        return job, history

    go(first, tmp_path / "a", 2)
    job, history = go(then, tmp_path / "a", 12)  # 50 more updates
    whole, expected = go(then, tmp_path / "b", 12)
    assert cases.difference(job.model.get_weights(), whole.model.get_weights()) <= 1e-5
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-5)
    if first and then:
        np.testing.assert_array_equal(state(job.model), state(whole.model))


class Two(mk.Trainer):
    """Two losses, as of a user's own step."""

    def train_step(self, batch):
        def loss_fn(part):
            logits = self.model(part[0], training=True)
            return keras.ops.mean(
                keras.losses.sparse_categorical_crossentropy(part[1], logits, from_logits=True)
            )

        loss, gradients = mk.training.value_and_grad(
            loss_fn, self.model.trainable_variables, batch, accumulate=self.accumulate
        )
        self.apply_gradients(gradients, self.model.trainable_variables)
        return {"own": loss}


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_step_of_ones_own(two, accumulate):
    alone, both = compiled(), compiled()
    histories = []
    for model, strategy in ((alone, None), (both, two)):
        clip = [mk.gradients.clip_by_global_norm(0.1)]
        job = Two(model, strategy=strategy, gradients=clip, accumulate=accumulate, seed=1, ema=0.5)
        histories.append(job.fit(X, Y, batch_size=32, epochs=2, verbose=0)["own"])
    close(both, alone)
    np.testing.assert_allclose(*histories, rtol=1e-5)


def test_a_loop_of_ones_own(two):
    """Depth 4: the pieces in a function of the user's."""
    alone = compiled(optimizer="sgd")
    train(alone, epochs=1, data=(X[:32], Y[:32]), shuffle=False)
    with two.scope():
        model = compiled(optimizer="sgd")
        model.optimizer.build(model.trainable_variables)

    def loss_fn(part):
        losses = keras.losses.sparse_categorical_crossentropy(
            part[1], model(part[0]), from_logits=True
        )
        return keras.ops.mean(losses)

    def one(batch):
        _, gradients = mk.training.value_and_grad(loss_fn, model.trainable_variables, batch)
        twice = [lambda gradients, _: [2 * g for g in gradients]]
        half = [lambda gradients, _: [g / 2 for g in gradients]]
        mk.training.apply_gradients(
            model.optimizer, gradients, model.trainable_variables, twice + half
        )

    @tf.function
    def step(batch):
        two.run(one, args=(batch,))

    uneven = two.experimental_distribute_values_from_function(
        lambda context: ((X[:10], Y[:10]), (X[10:32], Y[10:32]))[context.replica_id_in_sync_group]
    )
    step(uneven)
    close(model, alone)


def test_callbacks_see_and_steer_the_training(two):
    def jobs(strategy):
        model = compiled()
        calls = []
        callbacks = [
            keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda batch, logs: calls.append(logs["loss"])
            ),
            keras.callbacks.LearningRateScheduler(lambda epoch: 0.01 / (epoch + 1)),
            keras.callbacks.EarlyStopping("loss", patience=0, min_delta=10.0),
        ]
        job = train(model, strategy, epochs=5, callbacks=callbacks)
        return model, calls, job.model.optimizer.learning_rate.numpy()

    (alone, calls, rate), (both, seen, found) = jobs(None), jobs(two)
    close(both, alone)
    assert len(calls) == len(seen) == 10
    np.testing.assert_allclose(calls, seen, rtol=1e-5)
    assert rate == found


def test_bad_input(two):
    with pytest.raises(ValueError, match=r"batch_size=33\. Give 32 or 34"):
        mk.fit(compiled(), X, Y, batch_size=33, strategy=two, verbose=0)
    with pytest.raises(ValueError, match="XLA does not compile steps under a strategy"):
        mk.Trainer(compiled(), strategy=two, execution="epoch+xla")
    optimizer = keras.optimizers.SGD(gradient_accumulation_steps=4)
    with pytest.raises(ValueError, match=r"gradient_accumulation_steps=4.*accumulate"):
        mk.Trainer(compiled(optimizer=optimizer), strategy=two)
    with pytest.raises(ValueError, match="made outside of the strategy's scope"):
        mk.Trainer(compiled(), strategy=two, gradients=[mk.gradients.skip_nonfinite()])


def test_the_plan_names_the_replicas(two):
    job = train(compiled(layers.Dropout(0.1)), two, options={"execution": "auto"})
    text = str(job)
    assert "replicas    2 of MirroredStrategy" in text
    assert "random layers: replica 0 draws what one device does" in text
