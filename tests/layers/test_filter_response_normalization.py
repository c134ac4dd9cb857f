import numpy as np
import pytest
from layers._numeric import agrees

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.FilterResponseNormalization,
        kwargs=dict(
            epsilon=1e-3,
            axis=[1],
            beta_initializer="ones",
            gamma_initializer="random_normal",
            beta_regularizer=mk.regularizers.L2(0.01),
            gamma_regularizer=mk.regularizers.L1(0.01),
            beta_constraint=mk.constraints.MaxNorm(3.0),
            gamma_constraint=mk.constraints.MaxNorm(2.0),
            learned_epsilon=True,
            learned_epsilon_constraint=mk.constraints.NonNeg(),
        ),
        input_shape=(2, 5, 3),
        trains=True,
        dynamic_axes=(1,),
    )
]


@pytest.mark.parametrize(
    ("axis", "shape"), [((1, 2), (2, 4, 5, 3)), ((1,), (2, 6, 3)), ((2,), (2, 3, 4, 2))]
)
@pytest.mark.parametrize("learned", [True, False])
def test_value_and_gradients(axis, shape, learned):
    x = np.random.default_rng(0).normal(size=shape)

    def reference(x, gamma, beta, epsilon=1e-3):
        energy = (x**2).mean(axis=axis, keepdims=True)
        return gamma * x / np.sqrt(energy + abs(epsilon)) + beta

    layer = mk.layers.FilterResponseNormalization(
        1e-3, axis, learned_epsilon=learned, dtype="float64"
    )
    agrees(layer, [x], reference)


def test_large_values_in_half_precision():
    x = np.random.default_rng(0).normal(size=(1, 16, 16, 2)) * 1e4
    y = mk.layers.FilterResponseNormalization(dtype="mixed_float16")(x)
    expected = x / np.sqrt((x**2).mean(axis=(1, 2), keepdims=True))
    np.testing.assert_allclose(y, expected, atol=5e-3)


@pytest.mark.parametrize("axis", [(0,), (3,), (-1,), (), (5,)])
def test_impossible(axis):
    with pytest.raises(ValueError, match="`axis` must name axes between"):
        mk.layers.FilterResponseNormalization(axis=axis).build((None, 4, 4, 3))
