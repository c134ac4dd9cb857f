"""Predictions that hold a location and a scale for each label."""

from keras import ops

from mlkit._core.types import Tensor
from mlkit.losses._values import check_same_shape, predictions


def residuals(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor, Tensor, str]:
    """Label less location, raw scale, the whole of `y_pred`, and the dtype to give back."""
    y_pred, dtype = predictions(y_pred)
    y_true = ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype)
    width = y_pred.shape[-1]
    if not width or width % 2:
        raise ValueError(
            "`y_pred` must hold the locations and then the scales of the labels in its last axis, "
            f"so that it is twice as long as that of `y_true`. Received: y_pred of shape "
            f"{tuple(y_pred.shape)}"
        )
    location, scale = y_pred[..., : width // 2], y_pred[..., width // 2 :]
    check_same_shape("y_true", y_true.shape, "half of y_pred", location.shape)
    return y_true - location, scale, y_pred, dtype


def floored(scale: Tensor, floor: float) -> Tensor:
    """`max(scale, floor)` in value, with the gradient of the scale, so that it can grow again."""
    return scale + ops.stop_gradient(ops.maximum(scale, floor) - scale)
