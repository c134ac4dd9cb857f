import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk
from mlkit.testing import LayerSpec


def inputs(rng):
    """Values, and positions in an image of 6 by 9 by 2, as pooling by 3 in steps of 2, 3 gives."""
    x = rng.normal(size=(2, 6, 9, 2)).astype("float32")
    values, places = mk.layers.MaxPoolingWithArgmax2D(3, (1, 3))(x)
    return [np.asarray(values), np.asarray(places)]


SPECS = [
    LayerSpec(
        mk.layers.MaxUnpooling2D,
        kwargs=dict(pool_size=3, strides=(1, 3), padding="VALID", output_size=(6, 9)),
        inputs=inputs,
    )
]


def put_back(values, places, size):
    image = np.zeros((len(values), size[0] * size[1] * values.shape[-1]))
    for n in range(len(values)):
        image[n, np.ravel(places[n]).astype(int)] = np.ravel(values[n])
    return image.reshape(len(values), *size, values.shape[-1])


@pytest.mark.parametrize(
    ("pool", "strides", "padding", "shape"),
    [
        (2, 2, "VALID", (2, 6, 8, 3)),
        (2, 2, "SAME", (2, 6, 8, 3)),
        (3, 2, "SAME", (2, 6, 8, 3)),
        (3, 1, "VALID", (2, 6, 8, 3)),
        ((2, 3), (2, 3), "VALID", (1, 6, 9, 2)),
    ],
)
def test_round_trip(pool, strides, padding, shape):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    values, places = mk.layers.MaxPoolingWithArgmax2D(pool, strides, padding)(x)
    layer = mk.layers.MaxUnpooling2D(pool, strides, padding)
    image = np.asarray(layer([values, places]))
    np.testing.assert_allclose(image, put_back(values, places, shape[1:3]), rtol=1e-6)
    np.testing.assert_allclose(image[image != 0], x[image != 0], rtol=1e-6)
    np.testing.assert_array_equal(layer(values, places), image)


def test_sizes_that_do_not_divide():
    x = np.random.default_rng(0).normal(size=(2, 7, 9, 2)).astype("float32")
    values, places = mk.layers.MaxPoolingWithArgmax2D()(x)
    layer = mk.layers.MaxUnpooling2D(output_size=(7, 9))
    np.testing.assert_array_equal(layer([values, places]), put_back(values, places, (7, 9)))


def test_gradient_reads_where_the_value_was_put():
    rng = np.random.default_rng(0)
    x, upstream = rng.normal(size=(2, 2, 6, 8, 3)).astype("float32")
    values, places = mk.layers.MaxPoolingWithArgmax2D()(x)
    with tf.GradientTape() as tape:
        tape.watch(values)
        y = mk.layers.MaxUnpooling2D()([values, places])
    slope = tape.gradient(y, values, output_gradients=tf.constant(upstream))
    expected = np.take_along_axis(
        upstream.reshape(2, -1), np.asarray(places).reshape(2, -1), axis=1
    ).reshape(values.shape)
    np.testing.assert_array_equal(slope, expected)


def test_overlapping_windows_with_changed_values_give_their_mean():
    values = np.array([1.0, 3.0], "float32").reshape(1, 1, 2, 1)
    places = np.array([1, 1], "int32").reshape(1, 1, 2, 1)
    y = mk.layers.MaxUnpooling2D((1, 2), 1, "VALID")([values, places])
    assert np.ravel(y).tolist() == [0.0, 2.0, 0.0]


def test_impossible():
    with pytest.raises(ValueError, match="list of 2 tensors"):
        mk.layers.MaxUnpooling2D().build((None, 4, 4, 1))
    with pytest.raises(ValueError, match="values and positions of one shape"):
        mk.layers.MaxUnpooling2D().build([(None, 4, 4, 1), (None, 4, 4, 2)])
