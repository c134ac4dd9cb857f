"""Cross-entropy over a large vocabulary, from hidden states, without the logits."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_integer
from mlkit._core.guard import nan_unless, refuse_empty, refuse_nan
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.losses._base_loss import BaseLoss, lined_up
from mlkit.losses._values import check_same_shape, per_example
from mlkit.ops._chunked_crossentropy import chunked_crossentropy, chunked_crossentropy_sum


@register
def chunked_sparse_categorical_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    kernel: Tensor,
    bias: Tensor | None = None,
    chunk_size: int = 512,
    ignore_class: int | None = None,
    tied: bool = False,
) -> Tensor:
    """Cross-entropy over a large vocabulary, from hidden states, without the logits.

    The softmax cross-entropy of `y_pred @ kernel + bias`, of which `chunk_size` rows at a time
    exist. See `mlkit.ops.chunked_crossentropy`.

    Args:
        y_true: class indices of shape `y_pred.shape[:-1]`, or with 1 last.
        y_pred: hidden states of shape `(..., width)`.
        kernel: of shape `(width, classes)`, or of shape `(classes, width)` with `tied`.
        bias: of shape `(classes,)`. Default: None.
        chunk_size: tokens a chunk. Default: 512.
        ignore_class: label whose tokens have loss 0. Default: None.
        tied: whether the kernel is that of an embedding. Default: False.

    Returns:
        Tensor of shape `y_pred.shape[:-1]`, float32 (float64 if `y_pred` is).

    Raises:
        ValueError: a label is no class, or shapes do not match.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> hidden, kernel = np.zeros((1, 2, 3)), np.ones((3, 8))
    >>> loss = mk.losses.chunked_sparse_categorical_crossentropy([[0, 1]], hidden, kernel)
    >>> np.array(loss).round(4).tolist()
    [[2.0794, 2.0794]]

    Reference:
        Wijmans et al., 2025, Cut your losses in large-vocabulary language models,
        https://arxiv.org/abs/2411.09009. Differs in that chunks are of tokens, and none of the
        gradient is left out.
    """
    labels, weights, y_pred = _flat(y_true, y_pred, kernel.shape[0 if tied else 1], ignore_class)
    rows = ops.reshape(y_pred, (-1, y_pred.shape[-1]))
    _check_width(y_pred, kernel, tied)
    values = chunked_crossentropy(labels, rows, kernel, bias, chunk_size, tied) * weights
    values = ops.reshape(values, ops.shape(y_pred)[:-1])
    return per_example(values, y_pred, keras.backend.standardize_dtype(values.dtype))


def _flat(
    y_true: Tensor, y_pred: Tensor, classes: int, ignore_class: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Labels as classes of shape (N,), their weights (0 ignored, NaN no class), hidden states."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    refuse_empty("y_pred", y_pred)
    refuse_nan("y_pred", y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    check_same_shape("y_true", y_true.shape, "y_pred without its width", y_pred.shape[:-1])
    labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
    dtype = "float64" if y_pred.dtype == "float64" else "float32"
    weights = ops.ones(ops.shape(labels), dtype=dtype)
    if ignore_class is not None:
        ignored = ops.equal(labels, ignore_class)
        weights = ops.where(ignored, 0.0, weights)
        labels = ops.where(ignored, 0, labels)
    known = ops.logical_and(labels >= 0, labels < classes)
    message = f"`y_true` must hold classes from 0 to {classes - 1}, or `ignore_class`."
    return ops.where(known, labels, 0), nan_unless(known, weights, message), y_pred


def _check_width(y_pred: Tensor, kernel: Tensor, tied: bool) -> None:
    width = kernel.shape[1 if tied else 0]
    if y_pred.shape[-1] != width:
        raise ValueError(
            f"`y_pred` must hold hidden states of width {width}, as the projection takes them, and "
            f"not logits. Received: y_pred of shape {tuple(y_pred.shape)}"
        )


@register
class ChunkedSparseCategoricalCrossentropy(BaseLoss):
    """Cross-entropy over a large vocabulary, from hidden states, without the logits.

    The model returns the hidden states that its last projection would take, and this loss applies
    the projection to `chunk_size` tokens at a time: value and gradient are those of `Dense` and
    `keras.losses.SparseCategoricalCrossentropy(from_logits=True)`, but the logits of all tokens
    never exist at once, and its gradient is computed with its value. See
    `mlkit.losses.chunked_sparse_categorical_crossentropy`.

    The model ends in `mlkit.layers.VocabularyProjection` called with `project=False`, tied to an
    embedding or not: its output says to the loss which weights project. A metric that wants logits
    wants another output: these predictions are not logits.

    Args:
        chunk_size: tokens a chunk: fewer need less memory, and more time. Default: 512.
        ignore_class: label that is left out of sum and mean. Default: None.
        projection: in a loop of one's own, for hidden states of another origin: a built
            `mlkit.layers.VocabularyProjection`, `keras.layers.Dense` without activation, or
            `keras.layers.Embedding` (multiplied by the transposed table). Only its name is saved.
            Default: None.
        **kwargs: as for `keras.losses.Loss`. With `reduction=None` the logits are made twice: for
            the values, and for their gradient.

    Raises:
        ValueError: nothing says which weights project, they are not built, a label is no class, or
            shapes do not match.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> head = mk.layers.VocabularyProjection(1000)
    >>> hidden = head(np.zeros((1, 3, 16)), project=False)
    >>> loss = mk.losses.ChunkedSparseCategoricalCrossentropy(chunk_size=2)
    >>> round(float(loss(np.array([[2, 3, 4]]), hidden)), 4)
    6.9078
    """

    def __init__(
        self,
        chunk_size: int = 512,
        ignore_class: int | None = None,
        projection: keras.Layer | str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_integer("chunk_size", chunk_size, low=1)
        if ignore_class is not None:
            check_integer("ignore_class", ignore_class)
        self.projection = projection
        self.chunk_size = chunk_size
        self.ignore_class = ignore_class

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        kernel, bias, tied = _weights(y_pred, self.projection)
        kernel = ops.cast(kernel, y_pred.dtype)
        return chunked_sparse_categorical_crossentropy(
            y_true, y_pred, kernel, bias, self.chunk_size, self.ignore_class, tied
        )

    def importance(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        if self.ignore_class is None:
            return None
        y_true = ops.reshape(y_true, ops.shape(y_pred)[:-1])
        return ops.cast(ops.not_equal(y_true, self.ignore_class), self.dtype)

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Any:
        if self.reduction in (None, "none"):
            converted = ops.convert_to_tensor(y_pred, dtype=self.dtype)
            for mark in ("_keras_mask", "_vocabulary_projection"):
                if hasattr(y_pred, mark):
                    setattr(converted, mark, getattr(y_pred, mark))
            return super().__call__(y_true, converted, sample_weight)
        # Weight and divisor of each token are known before the loss is: its gradient is then
        # computed with its value, and no logits are made twice.
        mask = getattr(y_pred, "_keras_mask", None)
        kernel, bias, tied = _weights(y_pred, self.projection)
        y_pred = ops.convert_to_tensor(y_pred)
        classes = kernel.shape[0 if tied else 1]
        labels, weights, y_pred = _flat(y_true, y_pred, classes, self.ignore_class)
        _check_width(y_pred, kernel, tied)
        with keras.name_scope(self.name):
            shares = self._shares(ops.reshape(weights, ops.shape(y_pred)[:-1]), mask, sample_weight)
            rows = ops.reshape(y_pred, (-1, y_pred.shape[-1]))
            kernel = ops.cast(kernel, y_pred.dtype)
            shares = ops.reshape(shares, (-1,))
            value = chunked_crossentropy_sum(
                labels, rows, kernel, bias, shares, self.chunk_size, tied
            )
            lost = ops.any(ops.isnan(y_pred))
            return ops.cast(ops.where(lost, float("nan"), value), self.dtype)

    def _shares(self, kept: Tensor, mask: Tensor | None, sample_weight: Tensor | None) -> Tensor:
        """What each token's value is multiplied by in the reduced loss."""
        if mask is not None:
            kept = kept * ops.cast(mask, kept.dtype)
        ones = ops.ones_like(kept)
        weights = kept if sample_weight is None else kept * lined_up(sample_weight, kept)
        scale = self._reduce(ones, ones)  # a sum: their number; a mean: 1 over the replicas
        if self.reduction == "sum":
            return weights
        by_weight = self.reduction == "mean_with_sample_weight"
        divisor = ops.sum(weights if by_weight else kept)
        return ops.cast(scale, kept.dtype) * ops.divide_no_nan(weights, divisor)

    def get_config(self) -> Config:
        name = getattr(self.projection, "name", self.projection)
        return {**super().get_config(), "projection": name}


def _weights(hidden: Tensor, given: keras.Layer | str | None) -> tuple[Tensor, Tensor | None, bool]:
    """Kernel, bias, and whether the kernel is an embedding's table."""
    layer = getattr(hidden, "_vocabulary_projection", None) or given
    if layer is None or isinstance(layer, str):
        raise ValueError(
            "Nothing says which weights project: let `y_pred` be the output of "
            "VocabularyProjection called with project=False, or give the layer itself as "
            f"`projection`. Received: projection={layer!r}"
        )
    inner = getattr(layer, "tied_to", None) or layer
    of_embedding = isinstance(inner, keras.layers.Embedding)
    if not of_embedding and not hasattr(inner, "use_bias"):
        raise ValueError(
            "`projection` must be a VocabularyProjection, Dense or Embedding layer. Received: "
            f"projection={layer!r}"
        )
    if not layer.built or not inner.built:
        raise ValueError(
            f"`projection` ({layer.name!r}) has no weights yet: build the model first."
        )
    activation = getattr(inner, "activation", keras.activations.linear)
    if activation is not keras.activations.linear:
        raise ValueError("`projection` must not have an activation: the loss takes its logits.")
    kernel = inner.embeddings if of_embedding else inner.kernel
    return ops.convert_to_tensor(kernel), getattr(layer, "bias", None), of_embedding
