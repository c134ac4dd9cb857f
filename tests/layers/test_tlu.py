import numpy as np
import pytest
from layers._numeric import agrees

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.TLU,
        kwargs=dict(
            affine=True,
            tau_initializer="ones",
            tau_regularizer=mk.regularizers.L2(0.01),
            tau_constraint=mk.constraints.MaxNorm(3.0),
            alpha_initializer="random_normal",
            alpha_regularizer=mk.regularizers.L1(0.01),
            alpha_constraint=mk.constraints.MaxNorm(2.0),
        ),
        input_shape=(2, 5, 3),
        trains=True,
        dynamic_axes=(1,),
    )
]


@pytest.mark.parametrize("affine", [True, False])
def test_value_and_gradients(affine):
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 3))
    agrees(
        mk.layers.TLU(affine, dtype="float64"),
        [x],
        lambda x, tau, alpha=0.0: np.maximum(x, alpha * x + tau),
    )


def test_impossible():
    with pytest.raises(ValueError, match="whose size must be known"):
        mk.layers.TLU().build((None, None))
