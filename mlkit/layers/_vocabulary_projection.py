"""The last layer of a language model, for training without its logits."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_bool, check_integer
from mlkit._core.registry import register
from mlkit._core.types import Config, Shape, Tensor


@register
class VocabularyProjection(keras.layers.Layer):
    """Projection of hidden states onto a vocabulary, tied to an embedding or not.

    `x W + b`, or `x Eᵀ + b` with the table E of the embedding that it is tied to. With
    `project=False` the hidden states pass unchanged, but the weights belong to the model: that
    output, which must be the model's, is for
    `mlkit.losses.ChunkedSparseCategoricalCrossentropy`, which projects by itself, a chunk at a
    time. Make the model for use from the same layer with `project=True`.

    Args:
        vocabulary_size: number of classes, ≥ 1.
        tied_to: `keras.layers.Embedding` whose table is used, transposed. Default: None, a kernel
            of its own.
        use_bias: whether a bias is added. Default: True.
        kernel_initializer: of the kernel of its own. Default: `"glorot_uniform"`.
        bias_initializer: of the bias. Default: `"zeros"`.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: hidden states.
        project: whether to return logits, and not the inputs. Default: True.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., vocabulary_size)`; with `project=False` that of the inputs.

    Raises:
        ValueError: `tied_to` has another number of entries.

    Example:

    >>> import mlkit as mk
    >>> words = mk.Input((8,), dtype="int32")
    >>> embedding = mk.layers.Embedding(1000, 16)
    >>> head = mk.layers.VocabularyProjection(1000, tied_to=embedding)
    >>> hidden = mk.layers.LSTM(16, return_sequences=True)(embedding(words))
    >>> train, use = (mk.Model(words, head(hidden, project=p)) for p in (False, True))
    >>> train.compile("adam", mk.losses.ChunkedSparseCategoricalCrossentropy())
    >>> train.output_shape, use.output_shape
    ((None, 8, 16), (None, 8, 1000))
    """

    def __init__(
        self,
        vocabulary_size: int,
        tied_to: keras.layers.Embedding | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_integer("vocabulary_size", vocabulary_size, low=1)
        check_bool("use_bias", use_bias)
        if tied_to is not None and tied_to.input_dim != vocabulary_size:
            raise ValueError(
                f"`tied_to` must have {vocabulary_size} entries (`vocabulary_size`). Received: an "
                f"embedding of {tied_to.input_dim}"
            )
        self.vocabulary_size = vocabulary_size
        self.tied_to = tied_to
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        size = self.vocabulary_size
        if self.tied_to is None:
            shape = (input_shape[-1], size)
            self.kernel = self.add_weight(
                name="kernel", shape=shape, initializer=self.kernel_initializer
            )
        else:
            if not self.tied_to.built:
                self.tied_to.build(None)
            if self.tied_to.output_dim != input_shape[-1]:
                raise ValueError(
                    f"Layer {self.name!r}: inputs must have the width of the embedding, "
                    f"{self.tied_to.output_dim}. Received: input_shape={tuple(input_shape)}"
                )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(size,), initializer=self.bias_initializer
            )

    def call(self, inputs: Tensor, project: bool = True) -> Tensor:
        if not project:
            # As Keras marks tensors with their mask: the loss finds by it which layer projects,
            # in a loaded or cloned model too, where an object of its own would be another's.
            outputs = ops.copy(inputs)
            outputs._vocabulary_projection = self
            return outputs
        if self.tied_to is None:
            logits = ops.matmul(inputs, ops.cast(self.kernel, inputs.dtype))
        else:
            table = ops.cast(self.tied_to.embeddings, inputs.dtype)
            logits = ops.matmul(inputs, ops.transpose(table))
        return logits if self.bias is None else logits + ops.cast(self.bias, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.vocabulary_size)

    def compute_output_spec(self, inputs: Tensor, project: bool = True) -> keras.KerasTensor:
        shape = self.compute_output_shape(inputs.shape) if project else inputs.shape
        return keras.KerasTensor(shape, self.compute_dtype)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "tied_to": keras.saving.serialize_keras_object(self.tied_to),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }

    @classmethod
    def from_config(cls, config: Config) -> "VocabularyProjection":
        tied = keras.saving.deserialize_keras_object(config["tied_to"])
        return cls(**{**config, "tied_to": tied})
