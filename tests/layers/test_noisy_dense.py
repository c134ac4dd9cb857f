import numpy as np
import pytest
import tensorflow as tf
from layers._numeric import agrees

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.NoisyDense,
        kwargs=dict(
            units=4,
            sigma=0.3,
            use_factorised=False,
            activation="tanh",
            use_bias=False,
            kernel_regularizer=mk.regularizers.L2(0.01),
            bias_regularizer=mk.regularizers.L1(0.02),
            activity_regularizer=mk.regularizers.L2(0.03),
            kernel_constraint=mk.constraints.MaxNorm(3.0),
            bias_constraint=mk.constraints.MaxNorm(4.0),
            seed=3,
        ),
        input_shape=(2, 5, 3),
        stochastic=True,
        trains=True,
        dynamic_axes=(1,),
    )
]


def test_without_noise_it_is_a_dense_layer():
    x = np.random.default_rng(0).normal(size=(4, 5))
    layer = mk.layers.NoisyDense(3, activation="tanh", dtype="float64")
    agrees(layer, [x], lambda x, kernel_mu, bias_mu, **sigmas: np.tanh(x @ kernel_mu + bias_mu))


@pytest.mark.parametrize("factorised", [True, False])
def test_noise_and_gradients(factorised):
    """With mu = 0, sigma = 1 and unit inputs the outputs are the noise, and so are the slopes."""
    layer = mk.layers.NoisyDense(40, use_factorised=factorised, seed=1, dtype="float64")
    x = tf.constant(np.eye(30))
    layer(x)
    layer.set_weights([np.zeros((30, 40)), np.ones((30, 40)), np.zeros(40), np.ones(40)])
    with tf.GradientTape() as tape:
        y = layer(x, training=True)
    sigmas = [layer.kernel_sigma.value, layer.bias_sigma.value]
    noise, bias = (np.asarray(slope) for slope in tape.gradient(y, sigmas))
    bias = bias / 30  # added to each of the thirty outputs
    np.testing.assert_allclose(y, noise + bias, atol=1e-6)
    if factorised:
        rows = noise[:, 0] / bias[0]
        np.testing.assert_allclose(noise, np.outer(rows, bias), atol=1e-5)
    else:
        assert np.linalg.matrix_rank(noise, tol=1e-4) == 30
        np.testing.assert_allclose([noise.mean(), noise.std()], [0, 1], atol=0.08)


def test_factorised_noise_has_the_law_of_the_paper():
    layer = mk.layers.NoisyDense(400, seed=1)
    layer.build((None, 500))
    draws = np.concatenate([np.asarray(layer._noise()[1]) for _ in range(50)])
    # sign(z) sqrt(|z|) squared with its sign is normal.
    normal = np.sign(draws) * draws**2
    np.testing.assert_allclose([normal.mean(), normal.std()], [0, 1], atol=0.02)


@pytest.mark.parametrize("factorised", [True, False])
def test_first_values(factorised):
    layer = mk.layers.NoisyDense(300, sigma=0.4, use_factorised=factorised)
    layer.build((None, 100))
    bound = 0.1 if factorised else np.sqrt(3 / 100)
    np.testing.assert_allclose(np.abs(layer.kernel_mu).max(), bound, rtol=1e-3)
    sigma = 0.04 if factorised else 0.017
    np.testing.assert_allclose(layer.kernel_sigma, np.full((100, 300), sigma), rtol=1e-6)


def test_each_call_draws_anew_and_a_seed_repeats():
    x = np.ones((2, 3), "float32")
    runs = []
    for _ in range(2):
        mk.utils.set_random_seed(0)
        layer = mk.layers.NoisyDense(4, seed=5)
        runs.append([np.asarray(layer(x, training=True)) for _ in range(2)])
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.allclose(runs[0][0], runs[0][1])


def test_impossible():
    with pytest.raises(ValueError, match="`sigma`"):
        mk.layers.NoisyDense(3, sigma=-1.0)
    with pytest.raises(ValueError, match="whose size must be known"):
        mk.layers.NoisyDense(3).build((None, None))
