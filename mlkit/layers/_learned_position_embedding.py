"""LearnedPositionEmbedding: a learnt vector for each position, added to the inputs."""

from typing import Any

import keras
from keras import constraints, initializers, ops, regularizers

from mlkit._core.checks import check_integer
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class LearnedPositionEmbedding(keras.layers.Layer):
    """A learnt vector for each position, added to the inputs.

    `y[t] = x[t] + table[start_index + t]`. It tells a transformer where each element stands, for
    lengths up to that of the table. Masks pass unchanged.

    Args:
        sequence_length: number of positions in the table, ≥ 1.
        embeddings_initializer: initializer of the table. Default `"uniform"`.
        embeddings_regularizer: regularizer of the table, or None. Default None.
        embeddings_constraint: constraint of the table, or None. Default None.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: embedded sequences.
        start_index: position of the first element, an integer or a scalar tensor. Default 0.
            Positions outside of the table take the vector at its nearer end where the length is
            not known before the call.

    Input shape:
        `(batch, time, features)`; any axes may stand between batch and time.

    Output shape:
        That of the inputs.

    Raises:
        ValueError: `sequence_length` is below 1; at build, fewer than three axes, an unknown number
            of features or a sequence longer than the table; in the call, an integer `start_index`
            that leads out of the table.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> layer = mk.layers.LearnedPositionEmbedding(512)
        >>> layer(np.zeros((2, 7, 16), "float32")).shape, tuple(layer.embeddings.shape)
        (TensorShape([2, 7, 16]), (512, 16))

    Reference:
        Gehring et al., 2017, "Convolutional Sequence to Sequence Learning",
        https://arxiv.org/abs/1705.03122. Differs from KerasHub's `PositionEmbedding` in that the
        inputs are added.
    """

    def __init__(
        self,
        sequence_length: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_integer("sequence_length", sequence_length, low=1)
        self.sequence_length = sequence_length
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, 3, 99)
        features = known_size(self, input_shape, -1, "inputs")
        self._check_length(0, input_shape)
        self.embeddings = self.add_weight(
            shape=(self.sequence_length, features),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )
        self.input_spec = keras.InputSpec(min_ndim=3, axes={-1: features})
        self.built = True

    def _check_length(self, start: int, shape: Shape) -> None:
        time = shape[-2]
        if start < 0 or (time is not None and start + time > self.sequence_length):
            raise ValueError(
                f"LearnedPositionEmbedding {self.name!r} has {self.sequence_length} positions "
                f"(`sequence_length`). Received: input_shape={tuple(shape)}, start_index={start}"
            )

    def call(self, inputs: Tensor, start_index: Any = 0) -> Tensor:
        table = ops.convert_to_tensor(self.embeddings)
        time = inputs.shape[-2]
        if isinstance(start_index, int):
            self._check_length(start_index, inputs.shape)
            if time is not None:  # a slice, whose gradient is dense and cheap
                return inputs + table[start_index : start_index + time]
        index = ops.arange(ops.shape(inputs)[-2], dtype="int32") + ops.cast(start_index, "int32")
        # Clipped: out of range a gather raises on a CPU and gives zeros on a GPU.
        index = ops.clip(index, 0, self.sequence_length - 1)
        return inputs + ops.take(table, index, axis=0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "sequence_length": self.sequence_length,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
        }
