"""Recurrent cells, bags, clusters, filters and warps beside what one writes by hand."""

from collections.abc import Callable, Sequence
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
UNITS, SEQUENCES, IMAGES = 64, (32, 40, 32), (8, 64, 64, 3)


class HandWritten(K.Layer):
    """A cell of `UNITS` whose step is a function of inputs, states and weights."""

    def __init__(self, step: Callable, states: int, shapes: Sequence[tuple]) -> None:
        super().__init__()
        self.step, self.shapes = step, shapes
        self.state_size = [UNITS] * states

    def build(self, input_shape: Any) -> None:
        self.kept = [
            self.add_weight(shape=shape, name=f"w{i}") for i, shape in enumerate(self.shapes)
        ]

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        new = self.step(inputs, states, *self.kept)
        return new[0], new


def recurrent(cell: Callable, training: bool = False) -> Callable[[], Callable]:
    return lambda: of_layers(K.RNN(cell()), shape=SEQUENCES, training=training)()


def hand(step: Callable, states: int, *shapes: tuple) -> Callable[[], Callable]:
    return recurrent(lambda: HandWritten(step, states, shapes))


def norm(x: Any, gamma: Any, beta: Any) -> Any:
    mean = ops.mean(x, axis=-1, keepdims=True)
    variance = ops.mean(ops.square(x - mean), axis=-1, keepdims=True)
    return (x - mean) * ops.rsqrt(variance + 1e-3) * gamma + beta


def norm_lstm(x: Any, states: Any, w: Any, u: Any, b: Any, *norms: Any) -> list:
    h, c = states
    z = norm(x @ w, *norms[:2]) + norm(h @ u, *norms[2:4]) + b
    i, f, g, o = ops.split(z, 4, axis=-1)
    c = norm(ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g), *norms[4:])
    return [ops.sigmoid(o) * ops.tanh(c), c]


def norm_gru(x: Any, states: Any, w: Any, u: Any, b: Any, *norms: Any) -> list:
    h = states[0]
    a, r = norm(x @ w, *norms[:2]) + b, norm(h @ u, *norms[2:])
    update, reset = (
        ops.sigmoid(a[:, s] + r[:, s]) for s in (slice(UNITS), slice(UNITS, 2 * UNITS))
    )
    new = ops.tanh(a[:, 2 * UNITS :] + reset * r[:, 2 * UNITS :])
    return [update * h + (1 - update) * new]


def peephole(x: Any, states: Any, w: Any, u: Any, b: Any, pi: Any, pf: Any, po: Any) -> list:
    h, c = states
    i, f, g, o = ops.split(x @ w + h @ u + b, 4, axis=-1)
    i, f = ops.sigmoid(i + pi * c), ops.sigmoid(f + pf * c)
    c = f * c + i * ops.tanh(g)
    return [ops.sigmoid(o + po * c) * ops.tanh(c), c]


def nas(x: Any, states: Any, w: Any, u: Any) -> list:
    h, c = states
    a, b = ops.split(x @ w, 8, axis=-1), ops.split(h @ u, 8, axis=-1)
    s, r, t = ops.sigmoid, ops.relu, ops.tanh
    first, second = s(a[0] + b[0]) * r(a[1] + b[1]), s(a[2] + b[2]) + r(a[3] * b[3])
    third, fourth = t(a[4] + b[4]) * s(a[5] + b[5]), t(a[6] + b[6]) + s(a[7] + b[7])
    c = t(t(first) + c) * t(second)
    return [t(c * t(t(third) + s(fourth))), c]


class ZonedOut(K.LSTMCell):
    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        _, new = super().call(inputs, states, training=training)
        kept = [keras.random.uniform(ops.shape(s)) < 0.1 for s in states]
        new = [ops.where(k, s, n) for k, s, n in zip(kept, states, new, strict=True)]
        return new[0], new


class FixedEcho(K.Layer):
    """Only the readout learns: the kernels are constants."""

    state_size = output_size = UNITS

    def build(self, input_shape: Any) -> None:
        shapes = (32, UNITS), (UNITS, UNITS), (UNITS,)
        self.fixed = [self.add_weight(shape=s, trainable=False) for s in shapes]

    def call(self, inputs: Any, states: Any) -> Any:
        h = ops.tanh(inputs @ self.fixed[0] + states[0] @ self.fixed[1] + self.fixed[2])
        return h, [h]


def bag(layer: bool) -> Callable[[], Callable]:
    indices = tf.constant(np.random.default_rng(0).integers(5_000, size=(256, 32)))

    def run() -> Callable:
        ours, table = L.EmbeddingBag(5_000, 64), K.Embedding(5_000, 64)
        if layer:
            return gradients(lambda: ours(indices), layers=[ours])
        return gradients(lambda: ops.sum(table(indices), axis=1), layers=[table])

    return run


def vlad(x: Any, kernel: Any, bias: Any, centers: Any) -> Any:
    shares = ops.softmax(x @ kernel + bias)
    v = ops.transpose(x, (0, 2, 1)) @ shares - ops.sum(shares, axis=1)[:, None] * centers
    v = ops.normalize(v, axis=1)
    return ops.normalize(ops.reshape(v, (x.shape[0], -1)), axis=-1)


def crossed(x0: Any, x: Any, kernel: Any, bias: Any) -> Any:
    return x0 * (x @ kernel) + x + bias


def by_singular_value() -> Callable[[], Any]:
    u = tf.Variable(floats(256, 1))

    def dense(x: Any, kernel: Any, bias: Any) -> Any:
        fixed = ops.stop_gradient(kernel)
        v = ops.normalize(fixed @ u, axis=0)
        u.assign(ops.normalize(ops.transpose(fixed) @ v, axis=0))
        return x @ (kernel / ops.sum(v * (kernel @ u))) + bias

    return gradients(dense, floats(512, 256), floats(256, 256), floats(256))


def blurred(x: Any) -> Any:
    line = np.exp(-(np.arange(-2.0, 3.0) ** 2) / 2)
    plane = np.outer(line, line) / line.sum() ** 2
    kernel = np.tile(plane[:, :, None, None], (1, 1, x.shape[-1], 1)).astype("float32")
    x = ops.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    return ops.depthwise_conv(x, kernel)


def median(x: Any) -> Any:
    padded = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    height, width = x.shape[1:3]
    shifts = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return ops.sort(ops.stack(shifts, axis=-1), axis=-1)[..., 4]


def matrices(x: Any) -> np.ndarray:
    """A turn by 0.3 about the centre, for each image."""
    a, (height, width) = 0.3, x.shape[1:3]
    c, s, h, w = np.cos(a), np.sin(a), (height - 1) / 2, (width - 1) / 2
    matrix = np.array([c, -s, w - c * w + s * h, s, c, h - s * w - c * h, 0, 0], "float32")
    return np.tile(matrix, (x.shape[0], 1))


def turned(x: Any) -> Any:
    (a, b, across, d, e, down), shape = matrices(x)[0, :6], x.shape[1:3]
    row, column = (grid.astype("float32") for grid in np.indices(shape))
    places = np.stack([d * column + e * row + down, a * column + b * row + across], -1)
    places = ops.broadcast_to(places + 1, (x.shape[0], *places.shape))
    padded = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return corners(padded, ops.clip(places, 0.0, np.array(shape, "float32") + 1))


def warped(x: Any, flow: Any) -> Any:
    grid = np.stack(np.indices(x.shape[1:3]), -1).astype("float32")
    return corners(x, grid - flow)


def forwards(function: Callable, shape: tuple) -> Callable[[], Callable]:
    def make() -> Callable[[], Any]:
        x = tf.constant(floats(*shape))
        run = tf.function(function)
        return lambda: run(x)

    return make


CROSSING = L.PolynomialCrossing()
GATES, WEIGHTS = (4 * UNITS,), ((32, 4 * UNITS), (UNITS, 4 * UNITS), (4 * UNITS,))
FLOW = (8, 64, 64, 2)
ROWS = [
    Row(
        "LayerNormLSTMCell",
        "a cell by hand",
        recurrent(lambda: L.LayerNormLSTMCell(UNITS)),
        hand(norm_lstm, 2, *WEIGHTS, *[GATES] * 4, *[(UNITS,)] * 2),
    ),
    Row(
        "LayerNormGRUCell",
        "a cell by hand",
        recurrent(lambda: L.LayerNormGRUCell(UNITS)),
        hand(norm_gru, 1, (32, 3 * UNITS), (UNITS, 3 * UNITS), *[(3 * UNITS,)] * 5),
    ),
    Row(
        "PeepholeLSTMCell",
        "a cell by hand",
        recurrent(lambda: L.PeepholeLSTMCell(UNITS)),
        hand(peephole, 2, *WEIGHTS, *[(UNITS,)] * 3),
    ),
    Row(
        "NASCell",
        "a cell by hand",
        recurrent(lambda: L.NASCell(UNITS)),
        hand(nas, 2, (32, 8 * UNITS), (UNITS, 8 * UNITS)),
    ),
    Row(
        "Zoneout(LSTMCell)",
        "a subclass of LSTMCell",
        recurrent(lambda: L.Zoneout(K.LSTMCell(UNITS)), training=True),
        recurrent(lambda: ZonedOut(UNITS), training=True),
    ),
    Row(
        "ESNCell",
        "a cell by hand",
        recurrent(lambda: L.ESNCell(UNITS)),
        recurrent(FixedEcho),
    ),
    Row("EmbeddingBag", "Embedding, sum", bag(True), bag(False)),
    Row(
        "NetVLAD",
        "softmax, matmul, normalize",
        of_layers(L.NetVLAD(16), shape=(16, 100, 64)),
        of(vlad, (16, 100, 64), (64, 16), (16,), (1, 64, 16)),
    ),
    Row(
        "PolynomialCrossing",
        "x0 * Dense(x) + x",
        of(lambda x0, x: CROSSING([x0, x]), (512, 256), (512, 256), layers=[CROSSING]),
        of(crossed, (512, 256), (512, 256), (256, 256), (256,)),
    ),
    Row(
        "SpectralWeightNormalization(Dense 256)",
        "one power iteration, gradient through sigma",
        of_layers(L.SpectralWeightNormalization(K.Dense(256)), shape=(512, 256), training=True),
        by_singular_value,
    ),
    Row(
        "VocabularyProjection",
        "Dense",
        of_layers(L.VocabularyProjection(2_000), shape=(256, 64)),
        of_layers(K.Dense(2_000), shape=(256, 64)),
    ),
    Row(
        "snake",
        "x + sin(x)^2",
        of(mk.activations.snake, IMAGES),
        of(lambda x: x + ops.square(ops.sin(x)), IMAGES),
    ),
    Row(
        "lisht",
        "x * tanh(x)",
        of(mk.activations.lisht, IMAGES),
        of(lambda x: x * ops.tanh(x), IMAGES),
    ),
    Row(
        "rrelu, training",
        "where(x >= 0, x, x * uniform)",
        of(lambda x: mk.activations.rrelu(x, training=True), IMAGES),
        of(lambda x: ops.where(x >= 0, x, x * keras.random.uniform(x.shape, 1 / 8, 1 / 3)), IMAGES),
    ),
    Row(
        "gaussian_filter2d, 5x5",
        "pad, depthwise_conv",
        of(lambda x: mk.ops.image.gaussian_filter2d(x, 5), IMAGES),
        of(blurred, IMAGES),
    ),
    Row(
        "median_filter2d, 3x3",
        "nine shifts, sort",
        of(mk.ops.image.median_filter2d, IMAGES),
        of(median, IMAGES),
    ),
    Row(
        "rotate, bilinear",
        "four gathers of corners",
        of(lambda x: mk.ops.image.rotate(x, 0.3, "bilinear"), IMAGES),
        of(turned, IMAGES),
    ),
    Row(
        "rotate, bilinear, forwards",
        "keras.ops.image.affine_transform",  # its gradient is not the derivative
        forwards(lambda x: mk.ops.image.rotate(x, 0.3, "bilinear"), IMAGES),
        forwards(lambda x: ops.image.affine_transform(x, matrices(x), "bilinear"), IMAGES),
    ),
    Row(
        "dense_image_warp",
        "four gathers of corners",
        of(mk.ops.image.dense_image_warp, IMAGES, FLOW),
        of(warped, IMAGES, FLOW),
    ),
]
