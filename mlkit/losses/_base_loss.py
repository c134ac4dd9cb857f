"""What the classes of this package share: weights that line up, masks, and whole configurations."""

import inspect
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from mlkit._core.types import Config, Tensor


class _Reduction(keras.losses.Loss):
    """Keras' reduction, with its scaling under a strategy, on values that are already there."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return y_pred


class BaseLoss(keras.losses.Loss):
    """A loss whose `call` gives one value an example, or an element of one.

    Beyond `keras.losses.Loss`: labels keep their integer dtype; `sample_weight` is lined up with
    the values from the first axis on, and refused where it would broadcast some other way; elements
    that the loss leaves out (`importance`) and those that Keras' mask leaves out are not counted in
    a mean; and `get_config` holds every argument, `dtype` too.

    Args:
        reduction: as for `keras.losses.Loss`. Default: `"sum_over_batch_size"`.
        name: as for `keras.losses.Loss`.
        dtype: dtype that predictions are cast to. Default: `keras.config.floatx()`.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self._reduce = _Reduction(reduction=reduction, dtype=self.dtype)

    def importance(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        """What each value counts: 0 where it is left out, its class's weight where it has one."""
        return None

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Any:
        # The attribute by which Keras hands masks from layer to layer, see its guide on masking.
        mask = getattr(y_pred, "_keras_mask", None)
        y_true = ops.convert_to_tensor(y_true)
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        if sample_weight is not None:
            sample_weight = ops.convert_to_tensor(sample_weight)
        with keras.name_scope(self.name):
            values = ops.cast(self.call(y_true, y_pred), self.dtype)
            share = self.importance(y_true, y_pred)
            weights = None if sample_weight is None else lined_up(sample_weight, values)
            if mask is not None:
                mask = ops.cast(lined_up(mask, values, "mask"), values.dtype)
            if share is not None or mask is not None:
                values, weights = self._leave_out(values, weights, share, mask)
            elif weights is not None and len(sample_weight.shape) > len(values.shape):
                weights = weights[:, None]  # Keras answers weights of (N, 1) with values of (N, 1)
            return self._reduce(values, values, sample_weight=weights)

    def _leave_out(self, values, weights, share, mask):
        """Values and weights of which the reduction makes the mean over what is kept."""
        kept = ops.ones_like(values) if mask is None else mask * ops.ones_like(values)
        if share is not None:
            kept = kept * ops.cast(share > 0, values.dtype)
        if self.reduction == "mean_with_sample_weight":
            # Keras divides by the sum of the weights: let it be that of the class weights too.
            if share is not None:
                share = ops.cast(share, values.dtype)
                values = values / ops.where(share > 0, share, ops.ones_like(share))
                kept = kept * share
        elif self.reduction in ("sum_over_batch_size", "mean"):
            total = ops.cast(ops.size(kept), kept.dtype)
            counted = ops.cast(kept > 0, kept.dtype)
            kept = counted * (total / ops.maximum(ops.sum(counted), 1.0))
        return values, kept if weights is None else weights * kept

    def get_config(self) -> Config:
        arguments = list(inspect.signature(type(self).__init__).parameters)[1:]
        own = {
            name: _plain(getattr(self, name))
            for name in arguments
            if name not in ("kwargs", "name", "reduction", "dtype")
        }
        return {**own, **super().get_config(), "dtype": self.dtype}


def _plain(value: Any) -> Any:
    """An argument as JSON can hold it."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def lined_up(weights: Tensor, values: Tensor, name: str = "sample_weight") -> Tensor:
    """Weights with the rank of the values: (N,) and (N, 1) weigh examples of any shape."""
    weights = ops.cast(ops.convert_to_tensor(weights), values.dtype)
    given = tuple(weights.shape)
    if len(given) == len(values.shape) + 1 and given[-1] == 1:
        weights = ops.squeeze(weights, axis=-1)
    while 0 < len(weights.shape) < len(values.shape):
        weights = ops.expand_dims(weights, axis=-1)
    fits = len(weights.shape) in (0, len(values.shape))
    if len(weights.shape) and fits:
        pairs = zip(weights.shape, values.shape, strict=True)
        fits = all(w in (None, 1) or v is None or w == v for w, v in pairs)
    if not fits:
        raise ValueError(
            f"`{name}` must be a scalar or have the leading axes of the loss values. Received: "
            f"{name} of shape {given}, values of shape {tuple(values.shape)}"
        )
    return weights
