import numpy as np
import pytest
from layers._numeric import agrees

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.FiLM,
        kwargs=dict(
            axis=1,
            use_bias=False,
            kernel_initializer="glorot_normal",
            bias_initializer="ones",
        ),
        input_shape=[(2, 3, 5), (2, 4)],
        trains=True,
        excuse={"float16_large_input": "1e4 times a condition of 1e4 is no number of float16"},
    )
]


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(("axis", "letter"), [(-1, "d"), (1, "b")])
def test_value_and_gradients(axis, letter, use_bias):
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 6))

    def reference(x, z, kernel, bias=0.0):
        gamma, beta = np.split(z @ kernel + bias, 2, axis=-1)
        ones = np.ones_like(x)
        scale = np.einsum(f"abcd,a{letter}->abcd", ones, gamma)
        return x + x * scale + np.einsum(f"abcd,a{letter}->abcd", ones, beta)

    agrees(mk.layers.FiLM(axis, use_bias, dtype="float64"), [x, z], reference)


def test_starts_as_the_identity():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 3, 4)).astype("float32"), rng.normal(size=(2, 6)).astype("float32")
    np.testing.assert_array_equal(mk.layers.FiLM()([x, z]), x)


def test_large_values_in_half_precision():
    layer = mk.layers.FiLM(kernel_initializer="ones", dtype="mixed_float16")
    x, z = np.full((2, 3, 4), 1e4), np.full((2, 3), 1.0)
    np.testing.assert_array_equal(layer([x, z]), np.full((2, 3, 4), 4e4, "float16"))


def test_impossible():
    with pytest.raises(ValueError, match="'f' is called on a list of 2 tensors"):
        mk.layers.FiLM(name="f").build((None, 3))
    with pytest.raises(ValueError, match="expects inputs with 2 axes"):
        mk.layers.FiLM().build([(None, 3, 4), (None, 3, 4)])
