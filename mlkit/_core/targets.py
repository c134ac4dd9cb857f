"""Shapes of targets and predictions, brought together without a silent broadcast."""

from keras import ops

from mlkit._core.types import Tensor


def align_target(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """`y_true` with the rank of `y_pred`: a last axis of size one is added or dropped.

    Targets of shape (N,) beside predictions of shape (N, 1) would broadcast to (N, N), and train.

    Raises:
        ValueError: the shapes, as far as they are known, differ otherwise.
    """
    true_shape, pred_shape = tuple(y_true.shape), tuple(y_pred.shape)
    aligned = y_true
    if len(true_shape) == len(pred_shape) + 1 and true_shape[-1] == 1:
        aligned = ops.squeeze(y_true, axis=-1)
    elif len(pred_shape) == len(true_shape) + 1 and pred_shape[-1] == 1:
        aligned = ops.expand_dims(y_true, axis=-1)
    sizes = zip(aligned.shape, pred_shape, strict=False)
    if len(aligned.shape) != len(pred_shape) or any(
        a != b for a, b in sizes if a is not None and b is not None
    ):
        raise ValueError(
            "`y_true` must have the shape of `y_pred`, but for a last axis of size one. "
            f"Received: y_true.shape={true_shape}, y_pred.shape={pred_shape}"
        )
    return aligned
