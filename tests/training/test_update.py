"""The gradients of a batch in parts, and one update from them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from loop_subjects import compiled, digits_like, state

import mlkit as mk

RNG = np.random.default_rng(0)


def net(outputs=1, **kwargs):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((5,)), layers.Dense(7, "tanh"), layers.Dense(outputs, **kwargs)]
    )


def data(size, *shapes):
    return tuple(RNG.normal(size=(size, *s)).astype("float32") for s in shapes)


def tensors(gradients):
    return [None if g is None else tf.convert_to_tensor(g).numpy() for g in gradients]


def assert_close(found, expected, rtol=1e-5):
    """To a share of the largest element, or of a tenth: a sum of either sign loses its digits."""
    assert [g is None for g in found] == [g is None for g in expected]
    for a, b in zip(tensors(found), tensors(expected), strict=True):
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=0, atol=rtol * max(np.abs(b).max(), 0.1))


def squares(model):
    return lambda batch: ops.mean(ops.square(model(batch[0]) - batch[1]))


@pytest.mark.parametrize("size", [32, 30, 29, 5, 3, 1])
@pytest.mark.parametrize("parts", [2, 4, 7])
@pytest.mark.parametrize("how", ["eager", "graph", "dynamic", "xla"])
def test_parts_give_what_the_whole_gives(size, parts, how):
    model, batch = net(), data(size, (5,), (1,))
    weights = model.trainable_variables
    expected = mk.training.value_and_grad(squares(model), weights, batch)

    def run(batch):
        return mk.training.value_and_grad(squares(model), weights, batch, accumulate=parts)

    if how == "dynamic":
        spec = (tf.TensorSpec([None, 5]), tf.TensorSpec([None, 1]))
        run = tf.function(run, input_signature=[spec])
    elif how != "eager":
        run = tf.function(run, jit_compile=how == "xla")
    loss, found = run(tuple(map(tf.constant, batch)))
    # One example may be met by chance: the difference that is squared has lost its digits then.
    np.testing.assert_allclose(loss, expected[0], rtol=1e-5, atol=1e-7)
    assert_close(found, expected[1])


def test_a_variable_that_is_not_used_has_none():
    model, extra = net(), keras.Variable([1.0])
    batch = data(12, (5,), (1,))
    weights = [extra, *model.trainable_variables]
    for parts in (1, 3):
        _, found = mk.training.value_and_grad(squares(model), weights, batch, accumulate=parts)
        assert [g is None for g in found] == [True, False, False, False, False]


def test_rows_of_an_embedding():
    table = layers.Embedding(9, 3)
    table.build((None, 4))
    ids = RNG.integers(0, 9, (10, 4))

    def loss_fn(batch):
        return ops.mean(ops.square(table(batch[0])))

    one, many = (
        mk.training.value_and_grad(loss_fn, table.trainable_variables, (ids,), accumulate=n)[1]
        for n in (1, 3)
    )
    assert isinstance(one[0], tf.IndexedSlices)
    assert not isinstance(many[0], tf.IndexedSlices)
    assert_close(many, one)


def test_several_outputs_in_a_dict_and_no_weights():
    x = keras.Input((5,))
    model = keras.Model(x, {"a": layers.Dense(2)(x), "b": layers.Dense(1)(x)})
    model.compile("sgd", {"a": "mse", "b": "mae"}, loss_weights={"a": 0.3, "b": 2.0})
    xs, a, b = data(14, (5,), (2,), (1,))
    batch = (tf.constant(xs), {"a": tf.constant(a), "b": tf.constant(b)}, None)

    def loss_fn(part):
        return model.compute_loss(part[0], part[1], model(part[0]), part[2])

    weights = model.trainable_variables
    one = mk.training.value_and_grad(loss_fn, weights, batch)
    many = mk.training.value_and_grad(loss_fn, weights, batch, accumulate=4)
    np.testing.assert_allclose(one[0], many[0], rtol=1e-5)
    assert_close(many[1], one[1])


def weighted(reduction, regularizer=None):
    model = net(kernel_regularizer=regularizer)
    model.compile("sgd", keras.losses.MeanSquaredError(reduction=reduction))
    x, y = data(22, (5,), (1,))
    weight = np.linspace(0, 3, 22).astype("float32")
    return model, (tf.constant(x), tf.constant(y), tf.constant(weight))


def whole_and_parts(model, batch, share=None):
    def loss_fn(part):
        return model.compute_loss(part[0], part[1], model(part[0]), part[2])

    weights = model.trainable_variables
    one = mk.training.value_and_grad(loss_fn, weights, batch)
    return one, mk.training.value_and_grad(loss_fn, weights, batch, accumulate=4, share=share)


def test_sample_weights_are_exact_where_the_mean_is_over_examples():
    (_, one), (_, many) = whole_and_parts(*weighted("sum_over_batch_size", "l2"))
    assert_close(many, one)


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight"])
def test_other_reductions_are_exact_by_their_own_share(reduction):
    from mlkit.training._shares import share_of

    model, batch = weighted(reduction)
    (_, one), (_, by_examples) = whole_and_parts(model, batch)
    assert np.abs(tensors(by_examples)[0] - tensors(one)[0]).max() > 1e-3
    (loss, one), (found, many) = whole_and_parts(model, batch, share_of(model, 4))
    np.testing.assert_allclose(found, loss, rtol=1e-5)
    assert_close(many, one)


def test_reductions_that_differ_are_refused():
    from mlkit.training._shares import share_of

    x = keras.Input((5,))
    model = keras.Model(x, [layers.Dense(2)(x), layers.Dense(1)(x)])
    mse = keras.losses.MeanSquaredError
    model.compile("sgd", [mse(reduction="sum"), mse()])
    with pytest.raises(ValueError, match=r"all reduced in one way.*'sum', 'sum_over_batch_size'"):
        share_of(model, 2)
    assert share_of(model, 1) is None


@pytest.mark.parametrize("parts", [1, 2])
def test_no_gradient_at_all_is_an_error(parts):
    model, batch = net(), data(8, (5,), (1,))

    def loss_fn(part):
        return ops.cast(ops.mean(ops.argmax(model(part[0]), axis=-1)), "float32")

    with pytest.raises(ValueError, match=r"No gradient reaches any.*argmax"):
        mk.training.value_and_grad(loss_fn, model.trainable_variables, batch, accumulate=parts)
    with pytest.raises(ValueError, match="`accumulate`"):
        mk.training.value_and_grad(squares(model), model.trainable_variables, batch, accumulate=0)


# Loss scaling.


class Overflowing(keras.Layer):
    """Passes its input on; its gradient is infinite for inputs with a mark in them."""

    def call(self, x):
        @tf.custom_gradient
        def identity(x):
            bad = tf.reduce_any(x > 1e3)
            return tf.minimum(x, 1e3), lambda g: tf.where(bad, np.inf * tf.ones_like(g), g)

        return identity(x)


def half(transforms, execution):
    keras.utils.set_random_seed(0)
    body = layers.Dense(8, dtype="mixed_float16")
    model = keras.Sequential(
        [keras.Input((5,)), layers.Dense(5), Overflowing(), body, layers.Dense(1, dtype="float32")]
    )
    adam = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 10), use_ema=True)
    model.compile(keras.optimizers.LossScaleOptimizer(adam, initial_scale=1024.0), "mse")
    return mk.Trainer(model, gradients=transforms, execution=execution, seed=0)


@pytest.mark.parametrize("execution", ["eager", "epoch", "epoch+xla"])
@pytest.mark.parametrize(
    "transforms",
    [
        lambda: [],
        lambda: [mk.gradients.clip_by_value(1.0)],
        lambda: [mk.gradients.clip_by_global_norm(1.0)],
        lambda: [mk.gradients.skip_nonfinite()],
    ],
)
def test_an_overflow_halves_the_scale_and_moves_nothing_else(execution, transforms):
    trainer = half(transforms(), execution)
    x, y = data(8, (5,), (1,))
    trainer.fit(x, y, batch_size=8, epochs=1, verbose=0)
    scaler = trainer.optimizer
    assert int(scaler.iterations) == 1
    before = state(trainer.model)
    trainer.fit(x * 1e6, y, batch_size=8, epochs=1, verbose=0)
    assert float(scaler.dynamic_scale) == 512.0
    assert int(scaler.iterations) == 1
    after = state(trainer.model)
    (changed,) = np.nonzero(before != after)
    # The step counter of the scale, which was 1, and the scale.
    values = list(zip(before[changed], after[changed], strict=True))
    assert values == [(1.0, 0.0), (1024.0, 512.0)]
    trainer.fit(x, y, batch_size=8, epochs=1, verbose=0)
    assert int(scaler.iterations) == 2
    assert np.isfinite(state(trainer.model)).all()


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("scaler", ["dynamic", "factor"])
def test_transforms_see_gradients_in_their_true_size(built, scaler):
    model, batch = net(), data(16, (5,), (1,))
    weights = model.trainable_variables
    _, true = mk.training.value_and_grad(squares(model), weights, batch)
    if scaler == "dynamic":
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0))
    else:
        optimizer = keras.optimizers.SGD(1.0, loss_scale_factor=256.0)
    if built:
        optimizer.build(weights)
    seen = []

    def look(gradients, variables):
        seen.extend(gradients)
        return gradients

    _, scaled = mk.training.value_and_grad(squares(model), weights, batch, optimizer=optimizer)
    assert np.abs(tensors(scaled)[0]).max() > 100 * np.abs(tensors(true)[0]).max()
    before = [v.numpy() for v in weights]
    mk.training.apply_gradients(optimizer, scaled, weights, [look])
    assert_close(seen, true)
    moved = [b - v.numpy() for b, v in zip(before, weights, strict=True)]
    assert_close([tf.constant(m) for m in moved], true, rtol=1e-4)


def test_what_a_transform_freezes_gives_no_warning(recwarn):
    x, y = digits_like(64)
    model = compiled(optimizer=keras.optimizers.AdamW(0.01, weight_decay=0.1))
    before = model.layers[0].kernel.numpy()
    freeze = mk.gradients.mask(model.layers[0].kernel.path)
    mk.Trainer(model, gradients=[freeze], seed=0).fit(x, y, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.layers[0].kernel, before)
    assert not [w for w in recwarn if "Gradients do not exist" in str(w.message)]


def test_a_gradient_that_is_missing_is_warned_of():
    w, unused = keras.Variable([1.0], name="w"), keras.Variable([1.0], name="unused")
    with pytest.warns(UserWarning, match="Gradients do not exist.*unused"):
        mk.training.apply_gradients(keras.optimizers.SGD(), [tf.ones(1), None], [w, unused])
