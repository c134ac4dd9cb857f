"""The order of an epoch: a permutation, the same for a seed, and as random as it looks."""

import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 64, 1000, 4097])
def test_is_a_permutation(size):
    order = mk.data.epoch_order(size, seed=3, epoch=2)
    assert order.dtype == tf.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(size))


def test_depends_on_seed_and_epoch_only():
    one = mk.data.epoch_order(100, 5, 7)
    two = tf.function(lambda s, e: mk.data.epoch_order(100, s, e))(
        tf.constant(5), tf.constant(7, tf.int64)
    )
    np.testing.assert_array_equal(one, two)
    for other in (mk.data.epoch_order(100, 5, 8), mk.data.epoch_order(100, 6, 7)):
        assert np.mean(np.asarray(one) == np.asarray(other)) < 0.1
    # Which of the two numbers is which matters.
    assert not np.array_equal(mk.data.epoch_order(100, 1, 2), mk.data.epoch_order(100, 2, 1))
    assert mk.data.epoch_order(10, seed=-1).shape == (10,)


def test_orders_of_a_small_set_are_equally_likely():
    orders = tf.function(lambda e: tf.map_fn(lambda i: mk.data.epoch_order(4, 0, i), e))
    _, counts = np.unique(orders(tf.range(1200, dtype=tf.int64)), axis=0, return_counts=True)
    assert len(counts) == 24
    chi_square = ((counts - 50.0) ** 2 / 50.0).sum()
    assert chi_square < 49.7  # the 0.999 quantile with 23 degrees of freedom


def test_no_correlation_between_neighbours_and_epochs():
    n = 60_000
    orders = [mk.data.epoch_order(n, seed, epoch).numpy() for seed in (0, 1) for epoch in range(4)]

    def z(a, b):
        return abs(np.corrcoef(a, b)[0, 1]) * np.sqrt(len(a))

    worst = max(z(a, b) for i, a in enumerate(orders) for b in orders[:i])
    assert worst < 4.5  # index_shuffle as it comes: 217
    assert max(z(a[:-1], a[1:]) for a in orders) < 4.5  # 23
    assert max(z(a[:-2], a[2:]) for a in orders) < 4.5  # 77
    assert max(z(a, np.arange(n)) for a in orders) < 4.5


def test_size_is_checked():
    with pytest.raises(ValueError, match="`size` must be an integer ≥ 0"):
        mk.data.epoch_order(-1)


def test_keys_and_numbers():
    from mlkit.data import _random

    keys = mk.data.keys(0, 3, tf.range(1000))
    np.testing.assert_array_equal(keys[10:20], mk.data.keys(0, 3, tf.range(10, 20)))
    assert len(np.unique(keys)) == 1000
    assert not np.intersect1d(keys, mk.data.keys(0, 4, tf.range(1000))).size
    numbers = _random.uniform(mk.data.keys(0, 0, tf.range(20_000)), 3, -1.0, 3.0).numpy()
    assert numbers.min() >= -1.0
    assert numbers.max() < 3.0
    np.testing.assert_allclose(numbers.mean(0), 1.0, atol=0.04)
    np.testing.assert_allclose(numbers.var(0), 16 / 12, atol=0.04)
    assert np.abs(np.corrcoef(numbers.T) - np.eye(3)).max() < 0.03
    other = _random.uniform(mk.data.keys(0, 0, tf.range(20_000)), 3, stream=1).numpy()
    assert abs(np.corrcoef(numbers[:, 0], other[:, 0])[0, 1]) < 0.03
    jitted = tf.function(lambda k: _random.uniform(k, 3, -1.0, 3.0), jit_compile=True)
    np.testing.assert_allclose(jitted(mk.data.keys(0, 0, tf.range(20_000))), numbers, atol=1e-6)


def test_splitmix_known_values():
    """The first outputs for the seed 1234567, as published with the generator."""
    from mlkit.data import _random

    state, out = 1234567, []
    for _ in range(3):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        out.append(int(_random.mix(_random.as_word(state))))
    assert out == [6457827717110365317, 3203168211198807973, 9817491932198370423]
