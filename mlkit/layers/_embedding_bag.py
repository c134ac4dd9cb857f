"""Sums of embeddings."""

from typing import Any

import keras
from keras import constraints, initializers, ops, regularizers

from mlkit._core.checks import check_bool, check_choice, check_integer
from mlkit._core.registry import register
from mlkit._core.types import Config, Shape, Tensor


@register
class EmbeddingBag(keras.layers.Layer):
    """Looks up the embeddings of a bag of indices, and sums or averages them.

        y = sum over i of weights_i * embeddings[indices_i]        over the last axis

    For features that are sets: the words of a title, the categories of an item.

    Args:
        input_dim: number of embeddings, an integer ≥ 1.
        output_dim: their size, an integer ≥ 1.
        embeddings_initializer: default `"uniform"`.
        embeddings_regularizer: default None.
        embeddings_constraint: default None.
        mask_zero: whether index 0 is padding that adds nothing and counts for nothing; default
            False.
        combiner: `"sum"` (default) or `"mean"`. A bag of padding alone gives zeros.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        indices: integers in [0, input_dim), of rank ≥ 2.
        weights: numbers of the same shape, by which the embeddings are multiplied, with the
            combiner `"sum"` only. Default None: ones.

    Input shape:
        `(batch, ..., bag)`.

    Output shape:
        `(batch, ..., output_dim)`.

    Raises:
        ValueError: weights are given with the combiner `"mean"`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> layer = mk.layers.EmbeddingBag(3, 3, embeddings_initializer="identity")
        >>> np.asarray(layer(np.array([[0, 2, 2]]))).tolist()
        [[1.0, 0.0, 2.0]]

    Reference:
        `torch.nn.EmbeddingBag` and TensorFlow Addons, 2021, https://github.com/tensorflow/addons.
        Differs from the latter: `mask_zero` works.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        combiner: str = "sum",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_integer("input_dim", input_dim, low=1)
        check_integer("output_dim", output_dim, low=1)
        check_bool("mask_zero", mask_zero)
        check_choice("combiner", combiner, ["sum", "mean"])
        self.input_dim = input_dim
        self.output_dim = output_dim
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.combiner = combiner

    def build(self, input_shape: Shape) -> None:
        self.embeddings = self.add_weight(
            shape=(self.input_dim, self.output_dim),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )
        self.built = True

    def call(self, indices: Tensor, weights: Tensor | None = None) -> Tensor:
        if weights is not None and self.combiner != "sum":
            raise ValueError(
                f"EmbeddingBag {self.name!r} takes `weights` with combiner='sum' only. "
                f"Received: combiner={self.combiner!r}"
            )
        found = ops.take(self.embeddings, ops.cast(indices, "int32"), axis=0)
        if weights is None and not self.mask_zero:
            pool = ops.sum if self.combiner == "sum" else ops.mean
            return pool(found, axis=-2)
        factor = ops.ones_like(indices, dtype="float32")
        if self.mask_zero:
            factor = ops.cast(ops.not_equal(indices, 0), "float32")
        if self.combiner == "mean":
            factor = factor / ops.maximum(ops.sum(factor, axis=-1, keepdims=True), 1.0)
        factor = ops.cast(factor, found.dtype)
        if weights is not None:
            factor = factor * ops.cast(weights, found.dtype)
        return ops.einsum("...i,...id->...d", factor, found)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.output_dim)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
            "combiner": self.combiner,
        }
