import keras
import numpy as np
import pytest

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.Zoneout,
        kwargs=dict(layer=keras.layers.LSTMCell(3), rate=[0.3, 0.6], seed=4),
        input_shape={"inputs": (4, 2), "states": [(4, 3), (4, 3)]},
        trains=True,
        stochastic=True,
    ),
    LayerSpec(
        keras.layers.RNN,
        kwargs=dict(cell=mk.layers.Zoneout(keras.layers.LSTMCell(3), rate=[0.3, 0.6], seed=4)),
        input_shape=(4, 5, 2),
        trains=True,
        stochastic=True,
        dynamic_axes=(1,),
        name="RNN-Zoneout",
        excuse={"kwargs_complete": "the RNN is Keras' and only carries the cell"},
    ),
]


def states(cell, training, steps=300):
    """Old, new (of the bare cell) and mixed states, over random steps."""
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(steps):
        x = rng.normal(size=(4, 2)).astype("float32")
        old = [rng.normal(size=(4, 3)).astype("float32") for _ in range(2)]
        output, mixed = cell(x, old, training=training)
        _, new = cell.layer(x, old)
        np.testing.assert_array_equal(output, mixed[0])
        rows.append([np.stack([np.asarray(s) for s in group]) for group in (old, new, mixed)])
    return (np.stack([row[i] for row in rows]) for i in range(3))


def test_training_keeps_units_at_their_rates():
    cell = mk.layers.Zoneout(keras.layers.LSTMCell(3), rate=(0.3, 0.6), seed=1)
    old, new, mixed = states(cell, True)
    kept = mixed == old
    assert np.all(kept | (mixed == new))
    for k, rate in enumerate((0.3, 0.6)):
        share = kept[:, k].mean()
        assert abs(share - rate) < 4 * np.sqrt(rate * (1 - rate) / kept[:, k].size)
    assert np.any(kept[:, :, :, 0] != kept[:, :, :, 1])  # each unit by itself


def test_inference_is_the_expectation():
    cell = mk.layers.Zoneout(keras.layers.LSTMCell(3), rate=(0.3, 0.6))
    old, new, mixed = states(cell, False, steps=3)
    rate = np.array([0.3, 0.6])[None, :, None, None]
    np.testing.assert_allclose(mixed, rate * old + (1 - rate) * new, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [keras.layers.GRUCell, mk.layers.LayerNormGRUCell])
def test_one_state_in_an_rnn_by_hand(make):
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    cell = mk.layers.Zoneout(make(5), rate=0.25)
    y = np.asarray(keras.layers.RNN(cell, return_sequences=True)(x))
    h = np.zeros((2, 5), "float32")
    for t in range(4):
        h = 0.25 * h + 0.75 * np.asarray(cell.layer(x[:, t], h)[0])
        np.testing.assert_allclose(y[:, t], h, atol=1e-6)


def test_draws_at_each_step_and_repeats_under_a_seed():
    x = np.ones((1, 50, 2), "float32")

    def run():
        cell = mk.layers.Zoneout(
            keras.layers.SimpleRNNCell(1, kernel_initializer="ones", recurrent_initializer="ones"),
            rate=0.5,
            seed=3,
        )
        rnn = keras.layers.RNN(cell, return_sequences=True)
        return [np.asarray(rnn(x, training=True))[0, :, 0] for _ in range(2)]

    first, second = run()
    np.testing.assert_array_equal(first, run()[0])
    assert np.any(first != second)
    stayed = np.mean(first[1:] == first[:-1])
    assert 0.2 < stayed < 0.8


def test_a_cell_with_dropout_fits():
    x = np.random.default_rng(0).normal(size=(8, 6, 3)).astype("float32")
    cell = mk.layers.Zoneout(keras.layers.LSTMCell(4, dropout=0.3, recurrent_dropout=0.3), 0.2)
    model = keras.Sequential([keras.Input((None, 3)), keras.layers.RNN(cell)])
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((8, 4)), batch_size=4, epochs=2, verbose=0)
    assert np.all(np.isfinite(model.predict(x[:, :3], verbose=0)))


def test_impossible_arguments():
    with pytest.raises(TypeError, match="`layer` must be a recurrent cell"):
        mk.layers.Zoneout(keras.layers.Dense(3))
    with pytest.raises(ValueError, match=r"`rate` must be a number in \[0, 1\)"):
        mk.layers.Zoneout(keras.layers.GRUCell(3), rate=1.0)
    with pytest.raises(ValueError, match="one for each of the 2 states"):
        mk.layers.Zoneout(keras.layers.LSTMCell(3), rate=[0.1])
