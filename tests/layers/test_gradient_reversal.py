import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.GradientReversal,
        kwargs=dict(factor=0.7),
        input_shape=(2, 5, 3),
        dynamic_axes=(1,),
    ),
    LayerSpec(
        mk.layers.GradientReversal,
        kwargs=dict(factor=mk.optimizers.schedules.PolynomialDecay(0.0, 100, 1.0)),
        input_shape=(2, 5, 3),
        name="GradientReversal(schedule)",
    ),
]


def slope(layer, x, **call):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(x**2 * layer(x, **call))
    return tape.gradient(y, x)


@pytest.mark.parametrize("factor", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("jit", [None, False, True])
def test_value_and_gradient(factor, jit):
    x = tf.constant(np.random.default_rng(0).normal(size=(3, 4)))
    layer = mk.layers.GradientReversal(factor, dtype="float64")
    np.testing.assert_array_equal(layer(x), x)
    function = slope if jit is None else tf.function(slope, jit_compile=jit)
    # d (x² y) = 2 x y dx + x² dy: the first part passes by the layer, the second through it.
    np.testing.assert_allclose(function(layer, x), (2 - factor) * x**2, rtol=1e-12)


def test_infinite_values_pass():
    x = np.array([[np.inf, -np.inf, 1.0]], "float32")
    np.testing.assert_array_equal(mk.layers.GradientReversal(0.5)(x), x)


def test_schedule_counts_batches_in_training():
    schedule = mk.optimizers.schedules.PolynomialDecay(0.0, 4, 1.0)
    layer = mk.layers.GradientReversal(schedule, dtype="float64")
    x = tf.ones((2, 3), "float64")
    found = [2 - float(slope(layer, x, training=True)[0, 0]) for _ in range(6)]
    np.testing.assert_allclose(found, [0, 0.25, 0.5, 0.75, 1, 1])
    slope(layer, x, training=False)
    assert int(layer.calls) == 6


def test_strength_can_be_assigned_and_is_saved(tmp_path):
    model = mk.Sequential([mk.Input((3,)), mk.layers.GradientReversal(1.0, name="turn")])
    model.get_layer("turn").strength.assign(0.25)
    model.save(tmp_path / "m.keras")
    loaded = mk.saving.load_model(tmp_path / "m.keras")
    assert float(loaded.get_layer("turn").strength) == 0.25


def test_impossible():
    with pytest.raises(TypeError, match="`factor` must be"):
        mk.layers.GradientReversal("linear")
    with pytest.raises(ValueError, match="`factor` must be"):
        mk.layers.GradientReversal(-1.0)
