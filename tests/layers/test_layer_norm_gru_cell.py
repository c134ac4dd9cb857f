import keras
import numpy as np
import pytest
from numeric import check_gradients, randomise
from scipy.special import expit

import mlkit as mk
from mlkit.testing import LayerSpec

ARGUMENTS = dict(
    units=3,
    activation="relu",
    recurrent_activation="hard_sigmoid",
    use_bias=False,
    kernel_initializer="he_normal",
    recurrent_initializer="glorot_uniform",
    bias_initializer="ones",
    kernel_regularizer="l1",
    recurrent_regularizer="l2",
    bias_regularizer="l2",
    kernel_constraint="max_norm",
    recurrent_constraint="unit_norm",
    bias_constraint="non_neg",
    dropout=0.1,
    recurrent_dropout=0.2,
    norm_gamma_initializer=keras.initializers.Constant(0.5),
    norm_beta_initializer="ones",
    norm_epsilon=0.01,
    seed=5,
)

STOCHASTIC = "the masks of dropout are held until the RNN ends the sequence"

SPECS = [
    LayerSpec(
        mk.layers.LayerNormGRUCell,
        kwargs=ARGUMENTS,
        input_shape={"inputs": (4, 2), "states": (4, 3)},
        trains=True,
        stochastic=True,
        excuse={"fit": STOCHASTIC, "stochastic": STOCHASTIC},
    ),
    LayerSpec(
        keras.layers.RNN,
        kwargs=dict(cell=mk.layers.LayerNormGRUCell(**ARGUMENTS)),
        input_shape=(4, 5, 2),
        trains=True,
        stochastic=True,
        dynamic_axes=(1,),
        name="RNN-LayerNormGRUCell",
        excuse={"kwargs_complete": "the RNN is Keras' and only carries the cell"},
    ),
]


def test_config_holds_every_argument():
    cell = mk.layers.LayerNormGRUCell(**ARGUMENTS)
    again = mk.layers.LayerNormGRUCell.from_config(cell.get_config())
    assert again.get_config() == cell.get_config()
    for name in ("units", "dropout", "recurrent_dropout", "norm_epsilon", "seed"):
        assert getattr(again, name) == ARGUMENTS[name]
    assert again.norm_gamma_initializer.value == 0.5
    assert again.use_bias is False


def norm(z, gamma, beta, epsilon):
    mean, variance = z.mean(-1, keepdims=True), z.var(-1, keepdims=True)
    return (z - mean) / np.sqrt(variance + epsilon) * gamma + beta


def unrolled(x, w, u, b, gk, bk, gr, br, epsilon=1e-3, mask=None):
    n = u.shape[0]
    h = np.zeros((x.shape[0], n))
    for t in range(x.shape[1]):
        zx, rx, nx = np.split(norm(x[:, t] @ w, gk, bk, epsilon) + b, 3, axis=1)
        zh, rh, nh = np.split(norm(h @ u, gr, br, epsilon), 3, axis=1)
        z = expit(zx + zh)
        new_h = z * h + (1 - z) * np.tanh(nx + expit(rx + rh) * nh)
        valid = np.ones((len(x), 1), bool) if mask is None else mask[:, t : t + 1]
        h = np.where(valid, new_h, h)
    return h


def make(shape):
    cell = mk.layers.LayerNormGRUCell(3)
    rnn = keras.layers.RNN(cell)
    rnn.build(shape)
    randomise(cell.weights, scale=0.7)
    weights = [cell.kernel, cell.recurrent_kernel, cell.bias]
    for layer in (cell.kernel_norm, cell.recurrent_norm):
        weights += [layer.gamma, layer.beta]
    return rnn, weights


def test_unrolled_value_and_gradients():
    x = np.random.default_rng(0).normal(size=(2, 3, 2)).astype("float32")
    rnn, weights = make(x.shape)
    # The first step normalises h U = 0: a large curvature, where differences are coarse.
    check_gradients(rnn, unrolled, [x], weights, tolerance=2e-4)


def test_mask():
    x = np.random.default_rng(0).normal(size=(2, 4, 2)).astype("float32")
    mask = np.array([[1, 1, 0, 0], [0, 1, 1, 1]], bool)
    rnn, weights = make(x.shape)
    expected = unrolled(x, *[w.numpy() for w in weights], mask=mask)
    np.testing.assert_allclose(rnn(x, mask=mask), expected, atol=1e-5)


def test_initial_state_and_states_as_a_list():
    cell = mk.layers.LayerNormGRUCell(2)
    x, h = np.ones((5, 3), "float32"), np.ones((5, 2), "float32")
    assert [s.shape for s in cell.get_initial_state(batch_size=5)] == [(5, 2)]
    output, state = cell(x, h)
    listed, states = cell(x, [h])
    assert isinstance(states, list)
    np.testing.assert_array_equal(output, state)
    np.testing.assert_array_equal(listed, output)


def test_dropouts_repeat_under_a_seed_and_advance():
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")

    def run(**rates):
        draw = keras.initializers.GlorotUniform(seed=2)
        cell = mk.layers.LayerNormGRUCell(
            3, kernel_initializer=draw, recurrent_initializer=draw, seed=1, **rates
        )
        rnn = keras.layers.RNN(cell, return_sequences=True)
        return [np.asarray(rnn(x, training=True)) for _ in range(2)]

    for rates in (dict(dropout=0.5), dict(recurrent_dropout=0.5)):
        first, second = run(**rates)
        np.testing.assert_array_equal(first, run(**rates)[0])
        assert np.any(first != second)
        # The first step sees no state, and so no recurrent dropout.
        same = np.array_equal(first[:, 0], second[:, 0])
        assert same == ("recurrent_dropout" in rates)


def test_float16_of_large_inputs():
    cell = mk.layers.LayerNormGRUCell(3, dtype="mixed_float16")
    rnn = keras.layers.RNN(cell, dtype="mixed_float16")
    y = rnn(np.full((1, 3, 2), 1e4, "float16"))
    assert y.dtype == "float16"
    assert np.all(np.isfinite(y))


def test_impossible_arguments():
    with pytest.raises(ValueError, match="`units`"):
        mk.layers.LayerNormGRUCell(0)
    with pytest.raises(ValueError, match=r"`dropout` must be a number in \[0, 1\)"):
        mk.layers.LayerNormGRUCell(2, dropout=1.0)
    with pytest.raises(ValueError, match="`norm_epsilon` must be"):
        mk.layers.LayerNormGRUCell(2, norm_epsilon=0.0)


def test_recurrent_dropout_does_not_drop_what_is_kept():
    cell = mk.layers.LayerNormGRUCell(2, recurrent_dropout=0.5, seed=1)
    x, h = np.ones((50, 3), "float32"), np.ones((50, 2), "float32")
    cell.build(x.shape)
    cell.bias.assign([100, 100, 0, 0, 0, 0])  # the update gate keeps all
    np.testing.assert_array_equal(cell(x, h, training=True)[0], h)
