import numpy as np
import pytest
from layers._numeric import agrees
from scipy.special import expit

import mlkit as mk
from mlkit.testing import LayerSpec

ARGUMENTS = dict(
    units=3,
    activation="sigmoid",
    recurrent_activation="hard_sigmoid",
    use_bias=False,
    kernel_initializer="he_normal",
    recurrent_initializer="glorot_normal",
    bias_initializer="ones",
    unit_forget_bias=False,
    kernel_regularizer=mk.regularizers.L2(0.01),
    recurrent_regularizer=mk.regularizers.L1(0.02),
    bias_regularizer=mk.regularizers.L2(0.03),
    kernel_constraint=mk.constraints.MaxNorm(3.0),
    recurrent_constraint=mk.constraints.MaxNorm(4.0),
    bias_constraint=mk.constraints.MaxNorm(5.0),
    dropout=0.2,
    recurrent_dropout=0.3,
    seed=1,
)
CELL = "a cell is one step of an RNN and is called on its states: checked in the RNN"
SPECS = [
    LayerSpec(
        mk.layers.PeepholeLSTMCell,
        kwargs=ARGUMENTS,
        input_shape={"inputs": (4, 2), "states": [(4, 3), (4, 3)]},
        trains=True,
        stochastic=True,
        excuse={
            "fit": CELL,
            "stochastic": "the masks of dropout are held until the RNN ends the sequence",
        },
    ),
    LayerSpec(
        mk.layers.RNN,
        kwargs=dict(cell=mk.layers.PeepholeLSTMCell(**ARGUMENTS)),
        input_shape=(4, 5, 2),
        trains=True,
        stochastic=True,
        dynamic_axes=(1,),
        name="RNN(PeepholeLSTMCell)",
        excuse={"kwargs_complete": "the RNN is Keras' and only carries the cell"},
    ),
]


def unrolled(x, kernel, recurrent_kernel, bias, **peepholes):
    p = [peepholes[f"{gate}_gate_peephole_weights"] for gate in ("input", "forget", "output")]
    h = c = np.zeros((len(x), recurrent_kernel.shape[0]))
    steps = []
    for t in range(x.shape[1]):
        zi, zf, zc, zo = np.split(x[:, t] @ kernel + h @ recurrent_kernel + bias, 4, axis=1)
        i, f = expit(zi + p[0] * c), expit(zf + p[1] * c)
        c = f * c + i * np.tanh(zc)
        h = expit(zo + p[2] * c) * np.tanh(c)
        steps.append(h)
    return np.stack(steps, axis=1)


def test_value_and_gradients():
    x = np.random.default_rng(0).normal(size=(2, 5, 3))
    cell = mk.layers.PeepholeLSTMCell(4, dtype="float64")
    agrees(mk.layers.RNN(cell, return_sequences=True, dtype="float64"), [x], unrolled, 1e-5)


def test_peepholes_of_zero_leave_an_lstm():
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    cell, plain = mk.layers.PeepholeLSTMCell(4), mk.layers.LSTMCell(4)
    rnn, other = mk.layers.RNN(cell), mk.layers.RNN(plain)
    rnn.build(x.shape)
    other.build(x.shape)
    weights = rnn.get_weights()
    other.set_weights(weights[:3])
    rnn.set_weights([*weights[:3], *(0 * w for w in weights[3:])])
    np.testing.assert_allclose(rnn(x), other(x), atol=1e-6)
    assert all(np.any(w) for w in weights[3:])
    assert not np.allclose(weights[3], weights[4])


@pytest.mark.parametrize("recurrent", [0.0, 0.4])
def test_dropout_in_training_only(recurrent):
    x = np.ones((4, 6, 3), "float32")
    cell = mk.layers.PeepholeLSTMCell(5, dropout=0.4, recurrent_dropout=recurrent, seed=1)
    rnn = mk.layers.RNN(cell)
    np.testing.assert_array_equal(rnn(x), rnn(x))
    assert not np.allclose(rnn(x, training=True), rnn(x))


def test_saved_and_loaded(tmp_path):
    rnn = mk.layers.RNN(mk.layers.PeepholeLSTMCell(4))
    model = mk.Sequential([mk.Input((5, 3)), rnn])
    model.save(tmp_path / "m.keras")
    x = np.ones((2, 5, 3), "float32")
    np.testing.assert_allclose(mk.saving.load_model(tmp_path / "m.keras")(x), model(x))
