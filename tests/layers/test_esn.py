import numpy as np
import pytest

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.ESN,
        kwargs=dict(
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
            return_sequences=True,
            go_backwards=True,
            unroll=True,
        ),
        input_shape=(2, 5, 3),
    )
]


def test_is_an_rnn_of_its_cell():
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    layer = mk.layers.ESN(8, leaky=0.5, return_sequences=True)
    y = layer(x)
    cell = mk.layers.ESNCell(8, leaky=0.5)
    rnn = mk.layers.RNN(cell, return_sequences=True)
    rnn.build(x.shape)
    rnn.set_weights(layer.get_weights())
    np.testing.assert_allclose(rnn(x), y, atol=1e-6)
    assert not layer.trainable_weights


def test_a_readout_learns_to_remember():
    """A linear readout of the reservoir recalls the input of two steps ago."""
    x = np.random.default_rng(0).uniform(-1, 1, (1, 400, 1)).astype("float32")
    mk.utils.set_random_seed(0)
    states = np.asarray(mk.layers.ESN(100, return_sequences=True)(x))[0, 50:]
    target = x[0, 48:-2, 0]
    readout = np.linalg.lstsq(states[:250], target[:250], rcond=None)[0]
    error = states[250:] @ readout - target[250:]
    assert error.std() < 0.2 * target.std()


def test_impossible():
    with pytest.raises(ValueError, match="`spectral_radius`"):
        mk.layers.ESN(3, spectral_radius=2.0)
