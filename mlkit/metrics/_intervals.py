"""Targets beside several predicted quantiles."""

from keras import ops

from mlkit._core.types import Tensor
from mlkit.metrics._inputs import differ, example_weights, mask_of, spoiled


def quantile_pairs(
    y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None, quantiles: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Targets `(N,)`, predictions `(N, quantiles)`, weights `(N,)`, all in float64.

    Raises:
        ValueError: shapes other than `(N,)` or `(N, 1)` beside `(N, quantiles)`.
    """
    mask = mask_of(y_pred)
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    given, shape = tuple(y_true.shape), tuple(y_pred.shape)
    y = ops.squeeze(y_true, axis=-1) if len(given) == 2 and given[-1] == 1 else y_true
    if len(shape) != 2 or shape[-1] != quantiles or differ(y.shape, shape[:1]):
        raise ValueError(
            f"`y_pred` must have shape (N, {quantiles}) and `y_true` (N,) or (N, 1). "
            f"Received: y_true.shape={given}, y_pred.shape={shape}"
        )
    weight = example_weights(sample_weight, y, mask)
    y, x = ops.cast(y, "float64"), ops.cast(y_pred, "float64")
    weight = spoiled(
        weight,
        ops.isnan(y + ops.sum(x, axis=-1)),
        "`y_true` and `y_pred` must not be NaN where the weight is not 0.",
    )
    return y, x, weight


def interval_pairs(
    y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Targets, lower ends, upper ends and weights, each `(N,)` in float64."""
    y, x, weight = quantile_pairs(y_true, y_pred, sample_weight, 2)
    low, high = x[:, 0], x[:, 1]
    weight = spoiled(
        weight,
        low > high,
        "`y_pred` must hold the lower end first: a lower end is above its upper one.",
    )
    return y, low, high, weight
