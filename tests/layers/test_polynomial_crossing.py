import numpy as np
import pytest
from layers._numeric import agrees

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.PolynomialCrossing,
        kwargs=dict(
            projection_dim=2,
            diag_scale=0.5,
            use_bias=False,
            kernel_initializer="glorot_normal",
            bias_initializer="ones",
            kernel_regularizer=mk.regularizers.L2(0.01),
            bias_regularizer=mk.regularizers.L1(0.01),
        ),
        input_shape=[(3, 6), (3, 6)],
        trains=True,
        excuse={"float16_large_input": "1e4 times 1e4 is no number of float16"},
    )
]


@pytest.mark.parametrize("use_bias", [True, False])
def test_value_and_gradients(use_bias):
    x0, x = np.random.default_rng(0).normal(size=(2, 4, 6))

    def full(x0, x, kernel, bias=0.0):
        return x0 * (x @ kernel + 0.5 * x) + bias + x

    def thin(x0, x, kernel_u, kernel_v, bias=0.0):
        return x0 * (x @ kernel_u @ kernel_v + 0.5 * x) + bias + x

    for inner, reference in ((None, full), (2, thin)):
        layer = mk.layers.PolynomialCrossing(inner, 0.5, use_bias, dtype="float64")
        agrees(layer, [x0, x], reference)


def test_the_thin_matrices_are_not_copies():
    layer = mk.layers.PolynomialCrossing(2)
    layer.build([(None, 4), (None, 4)])
    u, v = (np.asarray(k) for k in layer.kernels)
    assert not np.allclose(np.ravel(u), np.ravel(v))


def test_impossible():
    with pytest.raises(ValueError, match="`projection_dim`=4 must be at most half"):
        mk.layers.PolynomialCrossing(4).build([(None, 6), (None, 6)])
    with pytest.raises(ValueError, match="two inputs of as many features"):
        mk.layers.PolynomialCrossing().build([(None, 6), (None, 5)])
