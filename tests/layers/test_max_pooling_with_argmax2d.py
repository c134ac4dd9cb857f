import numpy as np
import pytest
import tensorflow as tf
from layers._numeric import agrees

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.MaxPoolingWithArgmax2D,
        kwargs=dict(pool_size=3, strides=(2, 1), padding="same", include_batch_in_index=True),
        input_shape=(2, 5, 6, 3),
        dynamic_axes=(1, 2),
    )
]


def pooled(x, pool, strides, padding):
    b, h, w, channels = x.shape
    if padding == "same":
        sizes = [-(-n // s) for n, s in zip((h, w), strides, strict=True)]
        before = [
            max((m - 1) * s + k - n, 0) // 2
            for n, m, s, k in zip((h, w), sizes, strides, pool, strict=True)
        ]
    else:
        sizes = [(n - k) // s + 1 for n, s, k in zip((h, w), strides, pool, strict=True)]
        before = [0, 0]
    values, places = np.zeros((2, b, *sizes, channels))
    for i in range(sizes[0]):
        for j in range(sizes[1]):
            top, left = i * strides[0] - before[0], j * strides[1] - before[1]
            rows = range(max(top, 0), min(top + pool[0], h))
            columns = range(max(left, 0), min(left + pool[1], w))
            for n in range(b):
                for c in range(channels):
                    best = max((x[n, y, z, c], -y, -z) for y in rows for z in columns)
                    values[n, i, j, c] = best[0]
                    places[n, i, j, c] = (-best[1] * w - best[2]) * channels + c
    return values, places


CASES = [
    ((2, 2), (2, 2), "valid", (2, 6, 8, 3)),
    ((2, 2), (2, 2), "same", (2, 5, 7, 3)),
    ((3, 3), (2, 2), "same", (2, 6, 7, 2)),
    ((3, 2), (1, 2), "valid", (2, 6, 7, 2)),
    ((3, 3), (1, 1), "same", (1, 4, 4, 1)),
    ((2, 3), (3, 4), "same", (2, 7, 9, 2)),
]


@pytest.mark.parametrize(("pool", "strides", "padding", "shape"), CASES)
def test_values_positions_and_gradient(pool, strides, padding, shape):
    x = np.random.default_rng(0).normal(size=shape)
    layer = mk.layers.MaxPoolingWithArgmax2D(pool, strides, padding, dtype="float64")
    values, places = layer(x)
    expected, expected_places = pooled(x, pool, strides, padding)
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(places, expected_places)
    first = mk.layers.Lambda(lambda t: layer(t)[0], dtype="float64")
    agrees(first, [x], lambda x: pooled(x, pool, strides, padding)[0])


@pytest.mark.parametrize(("pool", "strides", "padding", "shape"), CASES)
@pytest.mark.parametrize("batch", [True, False])
def test_positions_are_tensorflows(pool, strides, padding, shape, batch):
    x = np.random.default_rng(1).normal(size=shape).astype("float32")
    layer = mk.layers.MaxPoolingWithArgmax2D(pool, strides, padding.upper(), batch)
    values, places = tf.nn.max_pool_with_argmax(
        x, pool, strides, padding.upper(), include_batch_in_index=batch
    )
    found = layer(x)
    np.testing.assert_array_equal(found[0], values)
    np.testing.assert_array_equal(found[1], places)


def test_ties_go_to_the_first_and_alone_get_the_gradient():
    x = tf.constant(np.full((1, 4, 4, 1), -np.inf, "float32"))
    assert np.ravel(mk.layers.MaxPoolingWithArgmax2D(3, 2, "same")(x)[1]).tolist() == [0, 2, 8, 10]
    x = tf.zeros((1, 4, 4, 1))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, places = mk.layers.MaxPoolingWithArgmax2D()(x)
    assert np.ravel(places).tolist() == [0, 2, 8, 10]
    slope = np.ravel(tape.gradient(y, x))
    assert np.flatnonzero(slope).tolist() == [0, 2, 8, 10]


def test_impossible():
    with pytest.raises(ValueError, match="`padding` must be one of"):
        mk.layers.MaxPoolingWithArgmax2D(padding="full")
    with pytest.raises(ValueError, match=r"window of \(3, 3\), which is larger than the image"):
        mk.layers.MaxPoolingWithArgmax2D(3).build((None, 2, 5, 1))
