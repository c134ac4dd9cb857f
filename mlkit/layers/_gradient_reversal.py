"""The identity, whose gradient points the other way."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Shape, Tensor


@register
class GradientReversal(keras.layers.Layer):
    """Passes its inputs, and multiplies the gradient by `-factor` on the way back.

        y = x,        d loss / d x = -factor * d loss / d y

    Between features and a classifier of domains it makes the features unlearn the domain while the
    classifier learns it: adversarial training in one backward pass.

    The factor is usually raised from 0, or the features are lost before they are found. Give a
    schedule, which is evaluated at the number of calls in training (one a batch; kept in the weight
    `calls`), or assign to the weight `strength` from a callback.

    Masks pass unchanged.

    Args:
        factor: a number ≥ 0, or a `keras.optimizers.schedules.LearningRateSchedule` from the number
            of training batches to one; default 1.0.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: float tensor of any rank.
        training: whether the batch is counted, with a schedule. Default False.

    Input shape:
        `(batch, ...)`.

    Output shape:
        `(batch, ...)`, that of the inputs.

    Raises:
        TypeError: `factor` is neither a number nor a schedule.

    Example:
        >>> import numpy as np
        >>> import tensorflow as tf
        >>> import mlkit as mk
        >>> x = tf.constant([1.0, 2.0])
        >>> with tf.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = tf.reduce_sum(mk.layers.GradientReversal(0.5)(x))
        >>> float(y), np.asarray(tape.gradient(y, x)).tolist()
        (3.0, [-0.5, -0.5])

    Reference:
        Ganin and Lempitsky, 2015, Unsupervised Domain Adaptation by Backpropagation,
        https://arxiv.org/abs/1409.7495.
    """

    def __init__(self, factor: Any = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(factor, dict):
            factor = keras.saving.deserialize_keras_object(factor)
        self._scheduled = isinstance(factor, keras.optimizers.schedules.LearningRateSchedule)
        if not self._scheduled:
            check_number("factor", factor, low=0.0)
        self.factor = factor
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        if self._scheduled:
            self.calls = self.add_weight(
                shape=(),
                initializer="zeros",
                dtype="int32",
                trainable=False,
                aggregation="only_first_replica",
                name="calls",
            )
        else:
            self.strength = self.add_weight(
                shape=(),
                initializer=keras.initializers.Constant(self.factor),
                trainable=False,
                autocast=False,
                name="strength",
            )
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if self._scheduled:
            strength = ops.convert_to_tensor(self.factor(ops.convert_to_tensor(self.calls)))
            if training:
                self.calls.assign(self.calls + 1)
        else:
            strength = self.strength
        factor = -ops.cast(strength, inputs.dtype)

        @ops.custom_gradient
        def turned(x: Tensor) -> tuple[Tensor, Any]:
            return x, lambda upstream: factor * upstream

        return turned(inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        factor = keras.saving.serialize_keras_object(self.factor)
        return {**super().get_config(), "factor": factor}
