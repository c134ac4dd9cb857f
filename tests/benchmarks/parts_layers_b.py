"""Images, dense layers and positions beside what one writes of Keras' operations."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from _corners import corners
from _graphs import floats, gradients, of, of_layers
from _row import Row
from keras import ops

import mlkit as mk

K, L = keras.layers, mk.layers
IMAGES, TOKENS, VECTORS = (16, 28, 28, 64), (16, 128, 256), (512, 256)


def composed(make: Callable, *shapes: tuple) -> Callable[[], Callable]:
    """A function that is made, with its Keras layers, when the row runs."""

    def run() -> Callable:
        function, *layers = make()
        return gradients(function, *(floats(*s) for s in shapes), layers=layers)

    return run


def two_inputs(layer: Any, *shapes: tuple, **call: Any) -> Callable[[], Callable]:
    return of(lambda *inputs: layer(list(inputs), **call), *shapes, layers=[layer])


def dropped() -> tuple:
    dropout = K.Dropout(0.2, noise_shape=(None, 1, 1))
    return (lambda x, y: x + dropout(y, training=True),)


def filter_response(x: Any, gamma: Any, beta: Any) -> Any:
    energy = ops.mean(ops.square(x), axis=(1, 2), keepdims=True)
    return gamma * (x * ops.rsqrt(energy + 1e-6)) + beta


def global_response(x: Any, gamma: Any, beta: Any) -> Any:
    norm = ops.sqrt(ops.sum(ops.square(x), axis=(1, 2), keepdims=True) + 1e-6)
    return x + gamma * (x * (norm / (ops.mean(norm, axis=-1, keepdims=True) + 1e-6))) + beta


def batch_deviation(x: Any) -> Any:
    batch, *sizes, channels = x.shape
    y = ops.reshape(x, (4, batch // 4, *sizes, channels))
    y = ops.mean(ops.sqrt(ops.var(y, axis=0) + 1e-8), axis=(1, 2, 3))
    y = ops.reshape(ops.tile(y, (4,)), (batch, 1, 1, 1))
    return ops.concatenate([x, ops.broadcast_to(y, (batch, *sizes, 1))], axis=-1)


def modulated(norm: Any) -> Callable:
    """The norm of the images, scaled and shifted by what a Dense layer makes of a condition."""

    def make() -> tuple:
        dense = K.Dense(2 * IMAGES[-1])

        def run(x: Any, condition: Any) -> Any:
            gamma, beta = ops.split(dense(condition)[:, None, None, :], 2, axis=-1)
            return norm(x) * (1 + gamma) + beta

        return run, dense

    return make


NORMS = {
    "layer": K.LayerNormalization(center=False, scale=False),
    "instance": K.GroupNormalization(-1, center=False, scale=False),
}


def drop_block(x: Any) -> Any:
    rate, size = 0.1, 7
    batch, height, width, channels = x.shape
    area = height * width / ((height - size + 1) * (width - size + 1))
    shape = (batch, height - size + 1, width - size + 1, channels)
    corners = ops.cast(keras.random.uniform(shape) < rate / size**2 * area, "float32")
    margin = (size - 1, size - 1)
    corners = ops.pad(corners, ((0, 0), margin, margin, (0, 0)))
    keep = 1 - ops.max_pool(corners, size, 1)
    return x * keep * ops.cast(ops.size(keep), "float32") / ops.sum(keep)


def blurred(x: Any) -> Any:
    line = np.array([0.25, 0.5, 0.25], "float32")
    kernel = np.tile(np.outer(line, line)[:, :, None, None], (1, 1, x.shape[-1], 1))
    x = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    return ops.depthwise_conv(x, kernel, 2)


def unpooled(values: Any) -> Any:
    batch, height, width, channels = values.shape
    index = np.arange(height * 2 * width * 2 * channels).reshape(height, 2, width, 2, channels)
    index = np.broadcast_to(index[:, 0, :, 0].reshape(-1), (batch, height * width * channels))
    place = np.stack([np.indices(index.shape)[0], index], -1).reshape(-1, 2).astype("int32")
    image = tf.scatter_nd(place, tf.reshape(values, (-1,)), (batch, 4 * index.shape[1]))
    return tf.reshape(image, (batch, 2 * height, 2 * width, channels))


def ours_unpooled(values: Any) -> Any:
    _, height, width, channels = values.shape
    index = np.arange(height * 2 * width * 2 * channels).reshape(height, 2, width, 2, channels)
    index = np.broadcast_to(index[:, 0, :, 0], values.shape)
    return L.MaxUnpooling2D()([values, tf.constant(index)])


def pyramid(x: Any, pool: Callable = ops.mean) -> Any:
    batch, height, width, channels = x.shape
    levels = []
    for bins in (1, 2, 4):
        y = ops.reshape(x, (batch, bins, height // bins, bins, width // bins, channels))
        levels.append(ops.reshape(pool(y, axis=(2, 4)), (batch, bins * bins, channels)))
    return ops.concatenate(levels, axis=1)


def aspp() -> tuple:
    first = K.Conv2D(32, 1, use_bias=False)
    rest = [K.Conv2D(32, 3, padding="same", dilation_rate=r, use_bias=False) for r in (2, 4)]
    whole, project = K.Conv2D(32, 1, use_bias=False), K.Conv2D(32, 1, use_bias=False)
    norms = [K.BatchNormalization() for _ in range(5)]

    def run(x: Any) -> Any:
        convolutions = [first, *rest]
        parts = [ops.relu(n(c(x))) for c, n in zip(convolutions, norms[:3], strict=True)]
        mean = ops.relu(norms[3](whole(ops.mean(x, axis=(1, 2), keepdims=True))))
        parts.append(ops.broadcast_to(mean, ops.shape(parts[0])))
        return ops.relu(norms[4](project(ops.concatenate(parts, axis=-1))))

    return run, first, *rest, whole, project, *norms


def shuffled(x: Any) -> Any:
    batch, height, width, channels = x.shape
    x = ops.reshape(x, (batch, height, width, channels // 4, 2, 2))
    x = ops.transpose(x, (0, 1, 4, 2, 5, 3))
    return ops.reshape(x, (batch, 2 * height, 2 * width, channels // 4))


def unshuffled(x: Any) -> Any:
    batch, height, width, channels = x.shape
    x = ops.reshape(x, (batch, height // 2, 2, width // 2, 2, channels))
    x = ops.transpose(x, (0, 1, 3, 5, 2, 4))
    return ops.reshape(x, (batch, height // 2, width // 2, 4 * channels))


def cosines(x: Any, kernel: Any) -> Any:
    return ops.matmul(ops.normalize(x, axis=-1), ops.normalize(kernel, axis=0))


def noisy(x: Any, kernel: Any, sigma: Any, bias: Any, bias_sigma: Any) -> Any:
    rows, columns = keras.random.normal((x.shape[-1], 1)), keras.random.normal((bias.shape[-1],))
    rows, columns = (ops.sign(n) * ops.sqrt(ops.abs(n)) for n in (rows, columns))
    return ops.matmul(x, kernel + sigma * (rows * columns)) + bias + bias_sigma * columns


def maxout(x: Any) -> Any:
    return ops.max(ops.reshape(x, (*x.shape[:-1], 32, x.shape[-1] // 32)), axis=-1)


def patches() -> tuple:
    convolution = K.Conv2D(64, 4, strides=4)
    return lambda x: ops.reshape(convolution(x), (x.shape[0], -1, 64)), convolution


def sines(x: Any) -> Any:
    angles = np.arange(x.shape[1])[:, None] * 10000.0 ** (-np.arange(0, x.shape[2], 2) / x.shape[2])
    return x + np.stack([np.sin(angles), np.cos(angles)], -1).reshape(x.shape[1:]).astype("float32")


def learnt() -> tuple:
    table = K.Embedding(TOKENS[1], TOKENS[2])
    return lambda x: x + table(ops.arange(TOKENS[1])), table


def deformed() -> tuple:
    """Version 2 of 3x3 taps: four gathers of corners and a product."""
    move, project = K.Conv2D(27, 3, padding="same"), K.Dense(64)

    def run(x: Any) -> Any:
        batch, height, width, channels = x.shape
        moves = move(x)
        taps = np.indices((3, 3)).reshape(2, 9).T - 1
        grid = np.moveaxis(np.indices((height, width)), 0, -1)[:, :, None] + taps + 1
        points = grid.astype("float32") + ops.reshape(moves[..., :18], (batch, height, width, 9, 2))
        padded = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        values = corners(padded, ops.clip(points, 0.0, np.array([height, width], "float32") + 1))
        values = values * ops.sigmoid(moves[..., 18:])[..., None]
        return project(ops.reshape(values, (batch, height, width, 9 * channels)))

    return run, move, project


def both(pool: Callable) -> Callable:
    """Values and positions, both of use to what follows."""

    def run(x: Any) -> Any:
        values, positions = pool(x)
        return values * ops.cast(positions % 7, "float32")

    return run


ROWS = [
    Row(
        "StochasticDepth",
        "x + Dropout(noise_shape)(y)",
        two_inputs(L.StochasticDepth(0.8), TOKENS, TOKENS, training=True),
        composed(dropped, TOKENS, TOKENS),
    ),
    Row(
        "FilterResponseNormalization",
        "square, mean, rsqrt",
        of_layers(L.FilterResponseNormalization(), shape=IMAGES),
        of(filter_response, IMAGES, (64,), (64,)),
    ),
    Row(
        "GlobalResponseNormalization",
        "square, sum, sqrt, mean",
        of_layers(L.GlobalResponseNormalization(), shape=IMAGES),
        of(global_response, IMAGES, (64,), (64,)),
    ),
    Row(
        "PixelNorm",
        "square, mean, rsqrt",
        of(L.PixelNorm(), IMAGES),
        of(lambda x: x * ops.rsqrt(ops.mean(ops.square(x), -1, keepdims=True) + 1e-8), IMAGES),
    ),
    Row(
        "MinibatchStdDev",
        "var, mean, tile",
        of(L.MinibatchStdDev(), IMAGES),
        of(batch_deviation, IMAGES),
    ),
    *[
        Row(
            f"AdaptiveNorm({kind})",
            f"Keras' {kind} normalisation and Dense",
            two_inputs(L.AdaptiveNorm(kind), IMAGES, (16, 32)),
            composed(modulated(norm), IMAGES, (16, 32)),
        )
        for kind, norm in NORMS.items()
    ],
    Row(
        "FiLM",
        "Dense, x gamma + beta",
        two_inputs(L.FiLM(), IMAGES, (16, 32)),
        composed(modulated(lambda x: x), IMAGES, (16, 32)),
    ),
    Row("TLU", "max(x, tau)", of_layers(L.TLU(), shape=IMAGES), of(ops.maximum, IMAGES, (64,))),
    Row(
        "DropBlock2D",
        "uniform, max_pool",
        of_layers(L.DropBlock2D(0.1), shape=IMAGES, training=True),
        of(drop_block, IMAGES),
    ),
    Row("BlurPool2D", "pad, depthwise_conv", of(L.BlurPool2D(), IMAGES), of(blurred, IMAGES)),
    Row(
        "MaxPoolingWithArgmax2D",
        "tf.nn.max_pool_with_argmax",
        of(both(L.MaxPoolingWithArgmax2D()), IMAGES),
        of(both(lambda x: tf.nn.max_pool_with_argmax(x, 2, 2, "VALID")), IMAGES),
    ),
    Row(
        "MaxUnpooling2D",
        "tf.scatter_nd",
        of(ours_unpooled, (16, 14, 14, 64)),
        of(unpooled, (16, 14, 14, 64)),
    ),
    Row(
        "DeformableConv2D 3x3, 64 to 64, 32x32",
        "four gathers of corners and a product",
        of_layers(L.DeformableConv2D(64, 3, padding="same"), shape=(8, 32, 32, 64)),
        composed(deformed, (8, 32, 32, 64)),
    ),
    Row(
        "SpatialPyramidPooling2D",
        "reshape, mean",
        of(L.SpatialPyramidPooling2D((1, 2, 4)), IMAGES),
        of(pyramid, IMAGES),
    ),
    Row(
        "SpatialPyramidPooling2D(max)",
        "reshape, max",
        of(L.SpatialPyramidPooling2D((1, 2, 4), pooling="max"), IMAGES),
        of(lambda x: pyramid(x, ops.max), IMAGES),
    ),
    Row(
        "ASPP",
        "Conv2D, BatchNormalization",
        of_layers(L.ASPP((2, 4), 32), shape=(8, 28, 28, 64)),
        composed(aspp, (8, 28, 28, 64)),
    ),
    Row("PixelShuffle", "reshape, transpose", of(L.PixelShuffle(2), IMAGES), of(shuffled, IMAGES)),
    Row(
        "PixelUnshuffle",
        "reshape, transpose",
        of(L.PixelUnshuffle(2), IMAGES),
        of(unshuffled, IMAGES),
    ),
    Row(
        "PatchEmbedding",
        "Conv2D, reshape",
        of_layers(L.PatchEmbedding(4, 64), shape=(32, 32, 32, 3)),
        composed(patches, (32, 32, 32, 3)),
    ),
    Row(
        "NormalizedDense",
        "normalize, matmul",
        of_layers(L.NormalizedDense(256), shape=VECTORS),
        of(cosines, VECTORS, (256, 256)),
    ),
    Row(
        "NoisyDense",
        "two products of noise",
        of_layers(L.NoisyDense(256), shape=VECTORS, training=True),
        of(noisy, VECTORS, (256, 256), (256, 256), (256,), (256,)),
    ),
    Row("Maxout", "reshape, max", of(L.Maxout(32), TOKENS), of(maxout, TOKENS)),
    Row(
        "GradientReversal",
        "stop_gradient(2 x) - x",
        of(L.GradientReversal(), TOKENS),
        of(lambda x: ops.stop_gradient(2 * x) - x, TOKENS),
    ),
    Row(
        "SinePositionalEncoding",
        "x + table",
        of(L.SinePositionalEncoding(), TOKENS),
        of(sines, TOKENS),
    ),
    Row(
        "LearnedPositionEmbedding",
        "x + Embedding(arange)",
        of_layers(L.LearnedPositionEmbedding(128), shape=TOKENS),
        composed(learnt, TOKENS),
    ),
]
