"""Cross-entropy over many classes by chunks of examples: the logits never exist at once."""

from typing import Any

# keras.ops has no while loop that keeps one iteration alive at a time, which is what saves memory.
import tensorflow as tf

from mlkit._core.types import Tensor


def chunked_crossentropy(
    labels: Tensor,
    hidden: Tensor,
    kernel: Tensor,
    bias: Tensor | None = None,
    chunk_size: int = 512,
    tied: bool = False,
) -> Tensor:
    """Softmax cross-entropies of `hidden @ kernel + bias`, by chunks of examples.

    The logits of `chunk_size` examples at a time are made, used and dropped: memory is
    O(chunk_size · classes) and not O(N · classes). For the gradient they are made again, four
    matrix products in all; `mlkit.ops.chunked_crossentropy_sum` needs three.

    Args:
        labels: class indices of shape `(N,)`; an index that is no class is an error, under XLA NaN.
        hidden: inputs of the projection, of shape `(N, width)`.
        kernel: of shape `(width, classes)`, or of shape `(classes, width)` with `tied`.
        bias: of shape `(classes,)`. Default: None.
        chunk_size: examples a chunk. Default: 512.
        tied: whether the kernel is that of an embedding, of shape `(classes, width)`. Default:
            False.

    Returns:
        Tensor of shape `(N,)`, float32 (float64 if `hidden` is).

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> hidden, kernel = np.zeros((2, 3)), np.ones((3, 8))
    >>> np.array(mk.ops.chunked_crossentropy([0, 1], hidden, kernel)).round(4).tolist()
    [2.0794, 2.0794]
    """
    labels, hidden, kernel, offset, dtype = _operands(labels, hidden, kernel, bias, tied)

    @tf.custom_gradient
    def values(hidden: Tensor, kernel: Tensor, offset: Tensor) -> Tensor:
        found = _values(labels, hidden, kernel, offset, chunk_size, tied, dtype)

        def gradient(upstream: Tensor) -> list[Tensor]:
            operands = (labels, hidden, kernel, offset)
            _, slopes = _forward(*operands, upstream, chunk_size, tied, dtype)
            return [tf.cast(s, x.dtype) for s, x in zip(slopes, operands[1:], strict=True)]

        return found, gradient

    return values(hidden, kernel, offset)


def chunked_crossentropy_sum(
    labels: Tensor,
    hidden: Tensor,
    kernel: Tensor,
    bias: Tensor | None = None,
    weights: Tensor | None = None,
    chunk_size: int = 512,
    tied: bool = False,
) -> Tensor:
    """Weighted sum of the cross-entropies of `hidden @ kernel + bias`, by chunks.

    As `mlkit.ops.chunked_crossentropy`, but since the weights are known beforehand the gradient is
    computed with the value, in three matrix products as without chunks. A sum that nobody
    differentiates costs as much.

    Args:
        labels: class indices of shape `(N,)`; an index that is no class is an error, under XLA NaN.
        hidden: inputs of the projection, of shape `(N, width)`.
        kernel: of shape `(width, classes)`, or of shape `(classes, width)` with `tied`.
        bias: of shape `(classes,)`. Default: None.
        weights: of each example, of shape `(N,)`; no gradient goes to them. Default: None, all 1.
        chunk_size: examples a chunk. Default: 512.
        tied: whether the kernel is that of an embedding, of shape `(classes, width)`. Default:
            False.

    Returns:
        Scalar tensor, float32 (float64 if `hidden` is).

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> hidden, kernel = np.zeros((4, 3)), np.ones((3, 8))
    >>> round(float(mk.ops.chunked_crossentropy_sum([0, 1, 2, 3], hidden, kernel)), 4)
    8.3178
    """
    labels, hidden, kernel, offset, dtype = _operands(labels, hidden, kernel, bias, tied)
    if weights is None:
        weights = tf.ones(tf.shape(labels), dtype)
    weights = tf.stop_gradient(tf.cast(weights, dtype))

    @tf.custom_gradient
    def total(hidden: Tensor, kernel: Tensor, offset: Tensor) -> Tensor:
        operands = (labels, hidden, kernel, offset)
        value, slopes = _forward(*operands, weights, chunk_size, tied, dtype)

        def gradient(upstream: Tensor) -> list[Tensor]:
            scaled = [upstream * slope for slope in slopes]
            return [tf.cast(s, x.dtype) for s, x in zip(scaled, operands[1:], strict=True)]

        return value, gradient

    return total(hidden, kernel, offset)


def _operands(
    labels: Tensor, hidden: Tensor, kernel: Tensor, bias: Tensor | None, tied: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor, tf.DType]:
    labels = tf.cast(labels, tf.int32)
    hidden, kernel = tf.convert_to_tensor(hidden), tf.convert_to_tensor(kernel)
    dtype = tf.float64 if hidden.dtype == tf.float64 else tf.float32
    classes = kernel.shape[0 if tied else 1]
    offset = tf.zeros([classes], dtype) if bias is None else tf.cast(bias, dtype)
    return labels, hidden, kernel, offset, dtype


def _values(
    labels: Tensor,
    hidden: Tensor,
    kernel: Tensor,
    offset: Tensor,
    chunk_size: int,
    tied: bool,
    dtype: tf.DType,
) -> Tensor:
    """The cross-entropies alone."""
    count, width = tf.shape(hidden)[0], hidden.shape[1]
    chunks = (count + chunk_size - 1) // chunk_size
    padding = chunks * chunk_size - count
    labels, inputs = tf.pad(labels, [[0, padding]]), tf.pad(hidden, [[0, padding], [0, 0]])
    found = tf.TensorArray(dtype, chunks, element_shape=[chunk_size])

    def chunk(i, found):
        h = tf.slice(inputs, [i * chunk_size, 0], [chunk_size, width])
        y = tf.slice(labels, [i * chunk_size], [chunk_size])
        return i + 1, found.write(i, _fused(y, h, kernel, offset, tied, dtype).loss)

    # One iteration at a time: parallel ones would hold several chunks of logits.
    _, found = tf.while_loop(lambda i, _: i < chunks, chunk, (0, found), parallel_iterations=1)
    return found.concat()[:count]


def _forward(
    labels: Tensor,
    hidden: Tensor,
    kernel: Tensor,
    offset: Tensor,
    weights: Tensor,
    chunk_size: int,
    tied: bool,
    dtype: tf.DType,
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """The weighted sum and its slopes to hidden, kernel and offset."""
    count, width = tf.shape(hidden)[0], hidden.shape[1]
    chunks = (count + chunk_size - 1) // chunk_size
    padding = chunks * chunk_size - count
    labels = tf.pad(labels, [[0, padding]])
    weights = tf.pad(weights, [[0, padding]])
    inputs = tf.pad(hidden, [[0, padding], [0, 0]])
    slopes = tf.TensorArray(hidden.dtype, chunks, element_shape=[chunk_size, width])

    def chunk(i, value, slopes, to_kernel, to_offset):
        start = i * chunk_size
        h = tf.slice(inputs, [start, 0], [chunk_size, width])
        y, w = tf.slice(labels, [start], [chunk_size]), tf.slice(weights, [start], [chunk_size])
        fused = _fused(y, h, kernel, offset, tied, dtype)
        loss, excess = tf.reduce_sum(fused.loss * w), fused.backprop * w[:, None]
        lower = tf.cast(excess, h.dtype)
        slopes = slopes.write(i, tf.matmul(lower, kernel, transpose_b=not tied))
        pair = (lower, h) if tied else (h, lower)
        to_kernel += tf.cast(tf.matmul(*pair, transpose_a=True), dtype)
        return i + 1, value + loss, slopes, to_kernel, to_offset + tf.reduce_sum(excess, 0)

    start = (0, tf.zeros([], dtype), slopes, tf.zeros(kernel.shape, dtype), tf.zeros_like(offset))
    # One iteration at a time: parallel ones would hold several chunks of logits.
    _, value, slopes, to_kernel, to_offset = tf.while_loop(
        lambda i, *_: i < chunks, chunk, start, parallel_iterations=1
    )
    to_hidden = tf.cast(slopes.concat()[:count], dtype)
    return value, (to_hidden, to_kernel, to_offset)


def _fused(
    labels: Tensor, hidden: Tensor, kernel: Tensor, offset: Tensor, tied: bool, dtype: tf.DType
) -> Any:
    """Values of a chunk and their slopes to the logits, from one kernel of TensorFlow."""
    logits = tf.cast(tf.matmul(hidden, kernel, transpose_b=tied), dtype) + offset
    return tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=logits, labels=labels)
