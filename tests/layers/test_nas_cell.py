import numpy as np
import pytest
from layers._numeric import agrees
from scipy.special import expit

import mlkit as mk
from mlkit.testing import LayerSpec

ARGUMENTS = dict(
    units=4,
    projection=3,
    use_bias=True,
    kernel_initializer="he_normal",
    recurrent_initializer="orthogonal",
    projection_initializer="glorot_normal",
    bias_initializer="ones",
)
SPECS = [
    LayerSpec(
        mk.layers.NASCell,
        kwargs=ARGUMENTS,
        input_shape={"inputs": (4, 2), "states": [(4, 4), (4, 3)]},
        trains=True,
    ),
    LayerSpec(
        mk.layers.RNN,
        kwargs=dict(cell=mk.layers.NASCell(**ARGUMENTS)),
        input_shape=(4, 5, 2),
        trains=True,
        dynamic_axes=(1,),
        name="RNN(NASCell)",
        excuse={"kwargs_complete": "the RNN is Keras' and only carries the cell"},
    ),
]


def unrolled(x, kernel, recurrent_kernel, bias=0.0, projection_weights=None):
    units = kernel.shape[1] // 8
    c, m = np.zeros((len(x), units)), np.zeros((len(x), recurrent_kernel.shape[0]))
    steps = []
    for t in range(x.shape[1]):
        u = np.split(x[:, t] @ kernel, 8, axis=1)
        v = np.split(m @ recurrent_kernel + bias, 8, axis=1)
        both = [a + b for a, b in zip(u, v, strict=True)]
        a0 = np.tanh(expit(both[0]) * np.maximum(both[1], 0))
        a1 = np.tanh(expit(both[2]) + np.maximum(u[3] * v[3], 0))
        a2 = np.tanh(np.tanh(both[4]) * expit(both[5]))
        a3 = expit(np.tanh(both[6]) + expit(both[7]))
        c = np.tanh(a0 + c) * a1
        m = np.tanh(c * np.tanh(a2 + a3))
        m = m if projection_weights is None else m @ projection_weights
        steps.append(m)
    return np.stack(steps, axis=1)


@pytest.mark.parametrize("projection", [None, 2])
@pytest.mark.parametrize("use_bias", [True, False])
def test_value_and_gradients(projection, use_bias):
    x = np.random.default_rng(0).normal(size=(2, 5, 3))
    cell = mk.layers.NASCell(4, projection, use_bias, dtype="float64")
    agrees(mk.layers.RNN(cell, return_sequences=True, dtype="float64"), [x], unrolled, 1e-5)


def test_saved_and_loaded(tmp_path):
    rnn = mk.layers.RNN(mk.layers.NASCell(4, projection=2, use_bias=True))
    model = mk.Sequential([mk.Input((5, 3)), rnn])
    model.save(tmp_path / "m.keras")
    x = np.ones((2, 5, 3), "float32")
    np.testing.assert_allclose(mk.saving.load_model(tmp_path / "m.keras")(x), model(x))


def test_impossible():
    with pytest.raises(ValueError, match="`projection`"):
        mk.layers.NASCell(3, projection=0)
    with pytest.raises(ValueError, match="whose size must be known"):
        mk.layers.NASCell(3).build((None, None))
