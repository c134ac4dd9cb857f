import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.LayerScale,
        kwargs=dict(init_values=0.3, axis=1),
        input_shape=(2, 4, 5, 6),
        trains=True,
        dynamic_axes=(2, 3),
    )
]


@pytest.mark.parametrize(("axis", "letter"), [(-1, "d"), (1, "b"), (2, "c")])
def test_value_and_gradients(axis, letter):
    rng = np.random.default_rng(0)
    x, upstream = rng.normal(size=(2, 3, 4, 5, 6)).astype("float32")
    layer = mk.layers.LayerScale(axis=axis)
    layer.build(x.shape)
    gamma = rng.normal(size=x.shape[axis]).astype("float32")
    layer.gamma.assign(gamma)
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = layer(tensor)
    d_input, d_gamma = tape.gradient(
        y, [tensor, layer.gamma.value], output_gradients=tf.constant(upstream)
    )
    np.testing.assert_allclose(y, np.einsum(f"abcd,{letter}->abcd", x, gamma), rtol=1e-6)
    np.testing.assert_allclose(
        d_input, np.einsum(f"abcd,{letter}->abcd", upstream, gamma), rtol=1e-6
    )
    np.testing.assert_allclose(d_gamma, np.einsum(f"abcd,abcd->{letter}", upstream, x), rtol=2e-4)


def test_gamma_is_exact_under_mixed_precision():
    layer = mk.layers.LayerScale(1e-5, dtype="mixed_float16")
    y = layer(np.full((1, 2), 1e4, "float16"))
    assert layer.gamma.dtype == "float32"
    assert y.dtype == "float16"
    # In float16 the factor itself would be 1.0014e-5.
    np.testing.assert_array_equal(y, np.full((1, 2), 0.1, "float16"))


def test_impossible_arguments():
    with pytest.raises(ValueError, match="`init_values` must not be 0"):
        mk.layers.LayerScale(0.0)
    with pytest.raises(TypeError, match="`axis` must be an integer"):
        mk.layers.LayerScale(axis="last")


@pytest.mark.parametrize(
    ("axis", "shape", "message"),
    [
        (-1, (None, None), "whose size must be known"),
        (0, (None, 3), "other than the batch"),
        (3, (None, 4, 3), r"axis=3, input_shape=\(None, 4, 3\)"),
    ],
)
def test_wrong_shapes(axis, shape, message):
    with pytest.raises(ValueError, match=message):
        mk.layers.LayerScale(axis=axis, name="scale").build(shape)
