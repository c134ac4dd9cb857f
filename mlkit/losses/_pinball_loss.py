"""Pinball loss for one quantile or several."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._values import check_same_shape, per_example, predictions, targets_like


@register
def pinball_loss(
    y_true: Tensor,
    y_pred: Tensor,
    tau: float | Sequence[float] = 0.5,
    crossing: float = 0.0,
) -> Tensor:
    """Pinball (quantile) loss, averaged over the last axis.

    `max(tau (y - q), (tau - 1) (y - q))`, least in the mean where q is the tau-quantile of y. With
    a number for `tau`, labels and predictions have the same shape. With Q increasing numbers the
    last axis of `y_pred` holds Q quantiles of one label each; a lower quantile that lies above a
    higher one then costs `crossing` times their distance, in sum over neighbours.

    Args:
        y_true: labels of the shape of `y_pred`; for several quantiles that shape without its last
            axis, or with 1 there.
        y_pred: predicted quantiles.
        tau: quantile in [0, 1], or increasing quantiles. Default: 0.5, half the absolute error.
        crossing: price of crossed quantiles, ≥ 0. Default: 0.

    Returns:
        Tensor of shape `y_pred.shape[:-1]` in the dtype of `y_pred`.

    Raises:
        ValueError: shapes do not match, or `tau` is not increasing in [0, 1].

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> y, q = np.array([[1.0], [2.0]]), np.array([[0.0, 1.0, 3.0], [1.0, 2.0, 3.0]])
    >>> np.array(mk.losses.pinball_loss(y, q, tau=[0.1, 0.5, 0.9])).round(4).tolist()
    [0.1, 0.0667]

    Reference:
        Koenker and Bassett, 1978, Regression quantiles, https://doi.org/10.2307/1913643.
    """
    y_pred, dtype = predictions(y_pred)
    y_true, quantiles = quantile_targets(y_true, y_pred, tau)
    error = y_true - y_pred
    values = ops.mean(ops.maximum(quantiles * error, (quantiles - 1.0) * error), axis=-1)
    values = values + crossing * crossed(y_pred, tau)
    return per_example(values, y_pred, dtype)


def quantile_targets(
    y_true: Tensor, y_pred: Tensor, tau: float | Sequence[float]
) -> tuple[Tensor, Tensor]:
    """Labels that broadcast against the quantiles as meant, and the quantiles as a tensor."""
    check_quantiles("tau", tau)
    if len(y_pred.shape) < 1:
        raise ValueError("`y_pred` must have a last axis to average over. Received a scalar.")
    quantiles = ops.convert_to_tensor(np.asarray(tau, "float64"), dtype=y_pred.dtype)
    if np.ndim(tau) == 0:
        return targets_like(y_true, y_pred), quantiles
    if y_pred.shape[-1] != len(np.asarray(tau)):
        raise ValueError(
            f"`y_pred` must hold one value for each of the {len(np.asarray(tau))} quantiles in its "
            f"last axis. Received: y_pred of shape {tuple(y_pred.shape)}"
        )
    y_true = ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype)
    if len(y_true.shape) == len(y_pred.shape) - 1:
        y_true = ops.expand_dims(y_true, axis=-1)
    check_same_shape("y_true", y_true.shape, "y_pred, 1 last", (*y_pred.shape[:-1], 1))
    return y_true, quantiles


def crossed(y_pred: Tensor, tau: float | Sequence[float]) -> Tensor | float:
    """Sum over neighbouring quantiles of how far the lower lies above the higher."""
    if np.ndim(tau) == 0 or len(np.asarray(tau)) < 2:
        return 0.0
    return ops.sum(ops.relu(y_pred[..., :-1] - y_pred[..., 1:]), axis=-1)


def check_quantiles(name: str, value: float | Sequence[float]) -> None:
    """Raise `ValueError` unless `value` is a number in [0, 1] or increasing ones."""
    if np.ndim(value) == 0:
        check_number(name, value, low=0.0, high=1.0)
        return
    numbers = np.asarray(value, "float64")
    fine = numbers.ndim == 1 and len(numbers) and (numbers >= 0).all() and (numbers <= 1).all()
    if not fine or (np.diff(numbers) <= 0).any():
        raise ValueError(
            f"`{name}` must be a number in [0, 1] or an increasing sequence of such. Received: "
            f"{name}={value!r}"
        )


@register
class PinballLoss(BaseLoss):
    """Pinball (quantile) loss, averaged over the last axis.

    See `mlkit.losses.pinball_loss`.

    Args:
        tau: quantile in [0, 1], or increasing quantiles. Default: 0.5.
        crossing: price of crossed quantiles, ≥ 0. Default: 0.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> y, q = np.array([[1.0], [2.0]]), np.array([[0.0, 3.0], [1.0, 3.0]])
    >>> round(float(mk.losses.PinballLoss(tau=[0.1, 0.9])(y, q)), 4)
    0.125
    """

    def __init__(self, tau: float | Sequence[float] = 0.5, crossing: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        check_quantiles("tau", tau)
        check_number("crossing", crossing, low=0.0)
        self.tau = tau
        self.crossing = crossing

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return pinball_loss(y_true, y_pred, self.tau, self.crossing)
