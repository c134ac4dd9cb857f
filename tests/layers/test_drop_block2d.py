import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.DropBlock2D,
        kwargs=dict(rate=0.3, block_size=2, seed=1, data_format="channels_first"),
        input_shape=(2, 3, 6, 7),
        stochastic=True,
        dynamic_axes=(2, 3),
    )
]


@pytest.mark.parametrize("block", [1, 2, 3, 4, 7])
def test_what_is_dropped_is_a_union_of_squares(block):
    x = np.random.default_rng(0).normal(size=(8, 12, 15, 6)).astype("float32")
    y = np.asarray(mk.layers.DropBlock2D(0.15, block, seed=3)(x, training=True))
    dropped = y == 0
    covered = np.zeros_like(dropped)
    for i in range(12 - block + 1):
        for j in range(15 - block + 1):
            window = (slice(None), slice(i, i + block), slice(j, j + block))
            whole = dropped[window].all(axis=(1, 2))
            covered[window] |= whole[:, None, None, :]
    assert dropped.any()
    np.testing.assert_array_equal(covered, dropped)
    scale = dropped.size / (dropped.size - dropped.sum())
    np.testing.assert_allclose(y, np.where(dropped, 0, x * scale), rtol=1e-5)


@pytest.mark.parametrize("block", [1, 2, 5])
@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_fraction_that_is_dropped(rate, block):
    layer = mk.layers.DropBlock2D(rate, block, seed=0)
    y = np.asarray(layer(np.ones((64, 20, 24, 32), "float32"), training=True))
    rows, columns = 20 - block + 1, 24 - block + 1
    gamma = rate / block**2 * 20 * 24 / (rows * columns)
    # A pixel stays if no corner of a square that holds it was drawn; borders are in fewer squares.
    squares = np.zeros((20, 24))
    for i in range(rows):
        for j in range(columns):
            squares[i : i + block, j : j + block] += 1
    np.testing.assert_allclose((y == 0).mean(), 1 - ((1 - gamma) ** squares).mean(), rtol=0.02)
    np.testing.assert_allclose((y == 0).mean(axis=(0, 3)), 1 - (1 - gamma) ** squares, atol=0.05)


def test_gradient_is_zero_where_dropped():
    x = tf.constant(np.random.default_rng(0).normal(size=(4, 9, 9, 3)).astype("float32"))
    layer = mk.layers.DropBlock2D(0.3, 3, seed=0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
    np.testing.assert_allclose(tape.gradient(y, x), np.asarray(y) / np.asarray(x), rtol=1e-5)


def test_small_maps_are_dropped_whole():
    y = np.asarray(mk.layers.DropBlock2D(0.5, 7, seed=0)(np.ones((64, 3, 7, 4)), training=True))
    columns = (y == 0).all(axis=1)
    np.testing.assert_array_equal((y == 0).any(axis=1), columns)


def test_impossible():
    with pytest.raises(ValueError, match="`rate` must be a number in"):
        mk.layers.DropBlock2D(1.0)
    with pytest.raises(ValueError, match="expects inputs with 4 axes"):
        mk.layers.DropBlock2D(0.1).build((None, 3, 4))
