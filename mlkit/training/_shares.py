"""What the loss of a part of a batch counts for in the loss of the whole."""

from typing import Any

import keras
import tensorflow as tf

from mlkit._core.types import Tensor
from mlkit.training._replica import Share


def share_of(model: keras.Model, accumulate: int) -> Share | None:
    """The share of a part of a batch, by the reduction of the model's loss; None: of examples.

    Args:
        model: a compiled model.
        accumulate: number of parts. With one there is nothing to share.

    Raises:
        ValueError: the losses of several outputs are reduced differently; or the loss is a sum and
            the model has losses of its own (regularizers), which each part would add.
    """
    if accumulate == 1:
        return None
    losses = [loss for loss in keras.tree.flatten(model.loss) if loss is not None]
    reductions = {getattr(loss, "reduction", "sum_over_batch_size") for loss in losses}
    means = {"sum_over_batch_size", "mean"}
    if reductions <= means:
        return None
    if reductions == {"sum"}:
        return _one_beside(model)
    if reductions == {"mean_with_sample_weight"}:
        return _share_of_weights
    raise ValueError(
        "`accumulate` needs losses that are all reduced in one way: by their mean, their sum or "
        f"their weighted mean. Received: reductions {sorted(map(str, reductions))}"
    )


def _one_beside(model: keras.Model) -> Share:
    def share(part: Any, batch: Any) -> Tensor:
        if model.losses:
            raise ValueError(
                "`accumulate` with reduction='sum' would add the losses of the model's own "
                "(regularizers, add_loss) once for each part. Use the mean as the reduction."
            )
        return tf.constant(1.0)

    return share


def _share_of_weights(part: Any, batch: Any) -> Tensor:
    def total(data: Any) -> Tensor:
        x, _, weight = keras.utils.unpack_x_y_sample_weight(data)
        if weight is None:
            return tf.cast(tf.shape(keras.tree.flatten(x)[0])[0], tf.float32)
        if not tf.is_tensor(weight):
            raise ValueError(
                "`accumulate` with reduction='mean_with_sample_weight' needs one tensor of sample "
                f"weights. Received: {type(weight).__name__}"
            )
        return tf.reduce_sum(tf.cast(weight, tf.float32))

    return tf.math.divide_no_nan(total(part), total(batch))
