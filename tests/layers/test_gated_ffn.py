import keras
import numpy as np
import pytest
from numeric import check_gradients, randomise
from scipy.special import erf, expit

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.GatedFFN,
        kwargs=dict(
            hidden_dim=6,
            output_dim=5,
            activation="gelu",
            use_bias=True,
            fused=True,
            kernel_initializer="he_normal",
            bias_initializer="ones",
        ),
        input_shape=(2, 4, 3),
        trains=True,
        dynamic_axes=(1,),
        excuse={
            "float16_large_input": "the product of two projections of 1e4 is 1e8: the value itself "
            "is beyond float16"
        },
    ),
]

ACTIVATIONS = {
    "silu": lambda x: x * expit(x),
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "relu": lambda x: np.maximum(x, 0),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("bias", [False, True])
def test_value_and_gradients_fused(name, bias):
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    layer = mk.layers.GatedFFN(5, activation=name, use_bias=bias, fused=True)
    layer.build(x.shape)
    randomise(layer.weights)

    def formula(x, w, *rest):
        b, down, c = rest if bias else (0, rest[0], 0)
        both = x @ w + b
        return (ACTIVATIONS[name](both[..., :5]) * both[..., 5:]) @ down + c

    check_gradients(layer, formula, [x], layer.weights)


def test_split_is_fused_with_two_kernels():
    x = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    fused = mk.layers.GatedFFN(5, output_dim=3, use_bias=True, fused=True)
    split = mk.layers.GatedFFN(5, output_dim=3, use_bias=True)
    fused.build(x.shape)
    split.build(x.shape)
    randomise(split.weights)
    gate, gate_b, up, up_b, down, down_b = (w.numpy() for w in split.weights)
    fused.set_weights([np.hstack([gate, up]), np.hstack([gate_b, up_b]), down, down_b])
    np.testing.assert_allclose(fused(x), split(x), rtol=1e-5)


def test_fused_halves_are_drawn_with_the_fans_of_one_kernel():
    layer = mk.layers.GatedFFN(
        400, fused=True, kernel_initializer=keras.initializers.GlorotUniform(seed=1), name="ffn"
    )
    layer.build((None, 100))
    gate, up = np.split(layer.gate_up_kernel.numpy(), 2, axis=1)
    limit = np.sqrt(6 / (100 + 400))
    assert 0.98 * limit < np.abs(gate).max() <= limit
    assert 0.98 * limit < np.abs(up).max() <= limit
    assert abs(np.corrcoef(gate.ravel(), up.ravel())[0, 1]) < 0.05


def test_arguments_and_shapes():
    with pytest.raises(ValueError, match="`hidden_dim` must be an integer ≥ 1"):
        mk.layers.GatedFFN(0)
    with pytest.raises(TypeError, match="`fused` must be True or False"):
        mk.layers.GatedFFN(2, fused="yes")
    with pytest.raises(ValueError, match="'ffn' has weights along axis -1, whose size must"):
        mk.layers.GatedFFN(2, name="ffn").build((2, None))
