"""Normalisation, residual branches, positions, pooling, gates, chains and long attention."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from _graphs import floats, gradients, of_layers
from _row import Row
from keras import ops

import mlkit as mk

K = keras.layers


def rotary_theirs() -> Callable[[], Any]:
    w = 10000.0 ** (-np.arange(0, 64, 2) / 64)
    angles = np.tile((np.arange(512)[:, None] * w), 2).astype("float32")[None, :, None]

    def rotate(x: Any) -> Any:
        first, second = ops.split(x, 2, axis=-1)
        half = ops.concatenate([-second, first], axis=-1)
        return x * ops.cos(angles) + half * ops.sin(angles)

    return gradients(rotate, floats(4, 512, 8, 64))


def pooled_by_mha() -> Callable[[], Any]:
    attention, query = K.MultiHeadAttention(8, 32), tf.Variable(floats(1, 1, 256))
    return gradients(
        lambda x: attention(tf.tile(query, (x.shape[0], 1, 1)), x)[:, 0],
        floats(32, 128, 256),
        layers=[attention],
    )


def gem_theirs() -> Callable[[], Any]:
    def pool(x: Any, p: Any) -> Any:
        return ops.power(ops.mean(ops.power(ops.maximum(x, 1e-6), p), axis=(1, 2)), 1 / p)

    return gradients(pool, np.abs(floats(16, 28, 28, 64)), np.float32(3))


def gem_ours() -> Callable[[], Any]:
    layer = mk.layers.GeneralizedMeanPooling2D()
    return gradients(layer, np.abs(floats(16, 28, 28, 64)), layers=[layer])


def excite_theirs() -> Callable[[], Any]:
    squeeze, excite = K.Dense(8, activation="relu"), K.Dense(64, activation="sigmoid")
    mean = K.GlobalAveragePooling2D(keepdims=True)
    return gradients(
        lambda x: x * excite(squeeze(mean(x))), floats(16, 28, 28, 64), layers=[squeeze, excite]
    )


def gated_theirs() -> Callable[[], Any]:
    gate, up = K.Dense(512, activation="silu", use_bias=False), K.Dense(512, use_bias=False)
    down = K.Dense(192, use_bias=False)
    return gradients(lambda x: down(gate(x) * up(x)), floats(8, 128, 192), layers=[gate, up, down])


def scale_theirs() -> Callable[[], Any]:
    return gradients(lambda x, gamma: x * gamma, floats(16, 128, 256), np.full(256, 1e-5, "f4"))


BATCH, TIME, TAGS = 64, 50, 20


def chain() -> tuple:
    rng = np.random.default_rng(0)
    tags = rng.integers(0, TAGS, size=(BATCH, TIME)).astype("int32")
    lengths = rng.integers(1, TIME + 1, size=BATCH).astype("int32")
    return floats(BATCH, TIME, TAGS), floats(TAGS, TAGS), tags, lengths


def crf(log_norm: Callable, jit: bool) -> Callable[[], Callable]:
    def make() -> Callable[[], Any]:
        def likelihood(x: Any, a: Any, tags: Any, lengths: Any) -> Any:
            return mk.ops.crf_sequence_score(x, tags, lengths, a) - log_norm(x, lengths, a)

        return gradients(likelihood, *chain(), jit=jit)

    return make


def scanned(x: Any, lengths: Any, a: Any) -> Any:
    def step(alpha: Any, u: Any) -> Any:
        return u + tf.reduce_logsumexp(alpha[:, :, None] + a, axis=1)

    alphas = tf.scan(step, tf.transpose(x[:, 1:], (1, 0, 2)), x[:, 0])
    alphas = tf.transpose(tf.concat([x[None, :, 0], alphas], 0), (1, 0, 2))
    last = tf.gather(alphas, lengths - 1, axis=1, batch_dims=1)
    return tf.reduce_logsumexp(last, axis=-1)


def crf_torch() -> Callable[[], Any]:
    import torch

    torch.set_num_threads(tf.config.threading.get_intra_op_parallelism_threads() or 1)
    x, a, tags, lengths = chain()
    x, a = (torch.tensor(t, requires_grad=True) for t in (x, a))
    index, last = torch.tensor(tags).long(), torch.tensor(lengths).long() - 1
    valid = (torch.arange(TIME) <= last[:, None]).float()

    def run() -> Any:
        alpha = x[:, 0]
        alphas = [alpha]
        for t in range(1, TIME):
            alpha = x[:, t] + torch.logsumexp(alpha[:, :, None] + a, 1)
            alphas.append(alpha)
        final = torch.stack(alphas, 1)[torch.arange(BATCH), last]
        unary = (x.gather(2, index[..., None])[..., 0] * valid).sum(1)
        binary = (a[index[:, :-1], index[:, 1:]] * valid[:, 1:]).sum(1)
        value = unary + binary - torch.logsumexp(final, 1)
        return torch.autograd.grad(value.square().mean(), [x, a])

    return run


def attention(function: Callable, length: int = 4096) -> Callable[[], Callable]:
    def make() -> Callable[[], Any]:
        tensors = [tf.constant(floats(1, length, 4, 64)) for _ in range(3)]

        @tf.function
        def run(*tensors: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                loss = tf.reduce_sum(function(*tensors))
            return tape.gradient(loss, tensors)

        # The code of the kernels, 30 MB at any length, is loaded before memory is measured.
        run(*(t[:, :256] for t in tensors))
        run.get_concrete_function(*tensors)
        return lambda: run(*tensors)

    return make


IMAGES, TOKENS = (16, 28, 28, 64), (16, 128, 256)
CHUNKED = attention(mk.ops.chunked_attention)
KERAS_ATTENTION = attention(ops.dot_product_attention)
ROWS = [
    Row(
        "DropPath",
        "Dropout(noise_shape)",
        of_layers(mk.layers.DropPath(0.2), shape=TOKENS, training=True),
        of_layers(K.Dropout(0.2, noise_shape=(None, 1, 1)), shape=TOKENS, training=True),
    ),
    Row(
        "LayerScale", "x * variable", of_layers(mk.layers.LayerScale(), shape=TOKENS), scale_theirs
    ),
    Row(
        "InstanceNormalization",
        "GroupNormalization(-1)",
        of_layers(mk.layers.InstanceNormalization(), shape=IMAGES),
        of_layers(K.GroupNormalization(-1), shape=IMAGES),
    ),
    Row(
        "WeightNormalization(Conv2D 64)",
        "the plain layer",
        of_layers(mk.layers.WeightNormalization(K.Conv2D(64, 3), data_init=False), shape=IMAGES),
        of_layers(K.Conv2D(64, 3), shape=IMAGES),
        goal=1 / 1.15,
    ),
    Row(
        "WeightNormalization(Dense 256)",
        "the plain layer",
        of_layers(mk.layers.WeightNormalization(K.Dense(256), data_init=False), shape=(512, 256)),
        of_layers(K.Dense(256), shape=(512, 256)),
        goal=1 / 1.15,
    ),
    Row(
        "RotaryEmbedding",
        "x cos + rotate_half(x) sin",
        of_layers(mk.layers.RotaryEmbedding(), shape=(4, 512, 8, 64)),
        rotary_theirs,
    ),
    Row(
        "SqueezeExcite2D",
        "pooling and two Dense",
        of_layers(mk.layers.SqueezeExcite2D(1 / 8), shape=IMAGES),
        excite_theirs,
    ),
    Row("GeneralizedMeanPooling2D", "power, mean, power", gem_ours, gem_theirs),
    Row(
        "GatedFFN",
        "three Dense",
        of_layers(mk.layers.GatedFFN(512), shape=(8, 128, 192)),
        gated_theirs,
    ),
    Row(
        "AttentionPooling1D",
        "MultiHeadAttention of a learnt query",
        of_layers(mk.layers.AttentionPooling1D(8), shape=(32, 128, 256)),
        pooled_by_mha,
    ),
    Row(
        "crf_log_likelihood, XLA",
        "tf.scan of logsumexp",
        crf(mk.ops.crf_log_norm, True),
        crf(scanned, False),
        goal=5.0,
    ),
    Row(
        "crf_log_likelihood",
        "tf.scan of logsumexp",
        crf(mk.ops.crf_log_norm, False),
        crf(scanned, False),
    ),
    Row(
        "crf_log_likelihood, XLA",
        "torch eager",
        crf(mk.ops.crf_log_norm, True),
        crf_torch,
        goal=1.5,
    ),
    Row("crf_log_likelihood", "torch eager", crf(mk.ops.crf_log_norm, False), crf_torch, goal=1.5),
    Row(
        "ChunkedAttention, length 4096",
        "keras.ops.dot_product_attention",
        CHUNKED,
        KERAS_ATTENTION,
        goal=1 / 1.15,
    ),
    Row(
        "ChunkedAttention, length 4096",
        "keras.ops.dot_product_attention",
        CHUNKED,
        KERAS_ATTENTION,
        goal=8.0,
        measure="memory",
    ),
]
