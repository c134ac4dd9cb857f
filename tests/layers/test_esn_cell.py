import numpy as np
import pytest

import mlkit as mk
from mlkit.testing import LayerSpec

ARGUMENTS = dict(
    units=6,
    connectivity=0.5,
    leaky=0.4,
    spectral_radius=0.8,
    use_norm2=True,
    use_bias=False,
    activation="relu",
    kernel_initializer="he_normal",
    recurrent_initializer="orthogonal",
    bias_initializer="ones",
)
SPECS = [
    LayerSpec(
        mk.layers.ESNCell,
        kwargs=ARGUMENTS,
        input_shape={"inputs": (4, 2), "states": [(4, 6)]},
    ),
    LayerSpec(
        mk.layers.RNN,
        kwargs=dict(cell=mk.layers.ESNCell(**ARGUMENTS)),
        input_shape=(4, 5, 2),
        dynamic_axes=(1,),
        name="RNN(ESNCell)",
        excuse={"kwargs_complete": "the RNN is Keras' and only carries the cell"},
    ),
]


@pytest.mark.parametrize("use_bias", [True, False])
def test_value(use_bias):
    x = np.random.default_rng(0).normal(size=(2, 6, 3))
    cell = mk.layers.ESNCell(
        20, 0.5, 0.3, use_bias=use_bias, bias_initializer="ones", dtype="float64"
    )
    y = mk.layers.RNN(cell, return_sequences=True, dtype="float64")(x)
    h = np.zeros((2, 20))
    for t in range(6):
        z = x[:, t] @ np.asarray(cell.kernel) + h @ np.asarray(cell.recurrent_kernel) + use_bias
        h = 0.7 * h + 0.3 * np.tanh(z)
        np.testing.assert_allclose(y[:, t], h, rtol=1e-5, atol=1e-6)
    assert not cell.trainable_weights


@pytest.mark.parametrize("use_norm2", [True, False])
def test_reservoir(use_norm2):
    cell = mk.layers.ESNCell(200, 0.2, spectral_radius=0.7, use_norm2=use_norm2)
    cell.build((None, 3))
    u = np.asarray(cell.recurrent_kernel, "float64")
    size = np.linalg.norm(u) if use_norm2 else np.abs(np.linalg.eigvals(u)).max()
    np.testing.assert_allclose(size, 0.7, rtol=1e-4)
    np.testing.assert_allclose((u != 0).mean(), 0.2, atol=0.01)


def test_no_connections_are_no_error():
    cell = mk.layers.ESNCell(5, connectivity=0.0)
    cell.build((None, 3))
    assert not np.any(cell.recurrent_kernel)


def test_impossible():
    with pytest.raises(ValueError, match="`connectivity`"):
        mk.layers.ESNCell(3, connectivity=1.5)
    with pytest.raises(ValueError, match="`leaky`"):
        mk.layers.ESNCell(3, leaky=-0.1)
