"""Cross-entropy of sequences of logits, with the four ways of averaging."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_bool
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._class_targets import class_targets
from mlkit.losses._values import check_rank, check_same_shape, per_example, predictions


@register
def sequence_loss(
    logits: Tensor,
    targets: Tensor,
    weights: Tensor,
    average_across_timesteps: bool = True,
    average_across_batch: bool = True,
    sum_over_timesteps: bool = False,
    sum_over_batch: bool = False,
    softmax_loss_function: Callable[..., Tensor] | None = None,
    name: str | None = None,
) -> Tensor:
    """Weighted cross-entropy of a sequence of logits.

    Along an axis (time, batch) that is averaged, the weighted costs are summed and divided by the
    sum of the weights; along one that is summed, by the number of weights that are not 0; an axis
    with neither is kept. With both axes the division is done once, over all elements.

    Args:
        logits: of shape `(batch, time, classes)`.
        targets: class indices of shape `(batch, time)`.
        weights: of shape `(batch, time)`: 1 for steps, 0 for padding, or anything ≥ 0 between.
        average_across_timesteps: whether to average over time. Default: True.
        average_across_batch: whether to average over the batch. Default: True.
        sum_over_timesteps: whether to sum over time. Default: False.
        sum_over_batch: whether to sum over the batch. Default: False.
        softmax_loss_function: function called with `labels` of shape `(batch · time,)` and `logits`
            of shape `(batch · time, classes)`, to use for the cross-entropy. Default: None.
        name: not used; here for those who come from TensorFlow Addons.

    Returns:
        A scalar, or a tensor of the axis that is kept: `(batch,)`, `(time,)` or `(batch, time)`, in
        the dtype of `logits`. Padding only gives 0.

    Raises:
        ValueError: an axis both averaged and summed, one averaged and the other summed, a label
            that is no class, or shapes that do not match.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> logits, targets = np.zeros((1, 3, 4)), np.array([[0, 3, 0]])
    >>> weights = np.array([[1.0, 1.0, 0.0]])
    >>> round(float(mk.losses.sequence_loss(logits, targets, weights)), 4)
    1.3863

    Reference:
        TensorFlow Addons, 2020, sequence_loss, https://www.tensorflow.org/addons.
    """
    _check_flags(average_across_timesteps, average_across_batch, sum_over_timesteps, sum_over_batch)
    costs, weights, dtype = _costs(logits, targets, weights, softmax_loss_function)
    over_time = average_across_timesteps or sum_over_timesteps
    over_batch = average_across_batch or sum_over_batch
    axes = tuple(axis for axis, on in enumerate((over_batch, over_time)) if on)
    if not axes:
        return ops.cast(costs, dtype)
    summed = sum_over_timesteps or sum_over_batch
    counted = ops.cast(ops.not_equal(weights, 0), costs.dtype) if summed else weights
    total = ops.sum(counted, axis=axes)
    values = ops.sum(costs, axis=axes)
    # Not divide_no_nan alone: it would turn a NaN over nothing into 0, which is right only here.
    return ops.cast(ops.divide_no_nan(values, total), dtype)


def _costs(
    logits: Tensor, targets: Tensor, weights: Tensor, function: Callable[..., Tensor] | None
) -> tuple[Tensor, Tensor, str]:
    """Weighted costs and weights of shape (batch, time), and the dtype to give back."""
    logits, dtype = predictions(logits)
    check_rank("logits", logits, 3, "logits of shape (batch, time, classes)")
    targets = ops.convert_to_tensor(targets)
    check_rank("targets", targets, 2, "class indices of shape (batch, time)")
    check_same_shape("targets", targets.shape, "logits without classes", logits.shape[:-1])
    weights = ops.cast(ops.convert_to_tensor(weights), logits.dtype)
    check_same_shape("weights", weights.shape, "targets", targets.shape)
    if function is None:
        known, logits = class_targets(targets, logits)
        costs = known.mean_of(-ops.log_softmax(logits, axis=-1))
    else:
        flat = ops.reshape(logits, (-1, logits.shape[-1]))
        costs = function(labels=ops.reshape(targets, (-1,)), logits=flat)
        costs = ops.reshape(ops.cast(costs, logits.dtype), ops.shape(targets))
    costs = ops.where(ops.equal(weights, 0), 0.0, costs * weights)
    return per_example(costs, logits, "float32" if dtype == "float16" else dtype), weights, dtype


def _check_flags(
    average_across_timesteps: bool,
    average_across_batch: bool,
    sum_over_timesteps: bool,
    sum_over_batch: bool,
) -> None:
    for axis, averaged, summed in (
        ("timesteps", average_across_timesteps, sum_over_timesteps),
        ("batch", average_across_batch, sum_over_batch),
    ):
        if averaged and summed:
            raise ValueError(
                f"`average_across_{axis}` and `sum_over_{axis}` must not both be True: choose one."
            )
    if (average_across_batch and sum_over_timesteps) or (
        average_across_timesteps and sum_over_batch
    ):
        raise ValueError(
            "One axis averaged and the other summed is no defined mean. Average over both, sum "
            "over both, or reduce one axis only."
        )


@register
class SequenceLoss(BaseLoss):
    """Weighted cross-entropy of a sequence of logits.

    See `mlkit.losses.sequence_loss`. Weights come from `sample_weight` of shape `(batch,)` or
    `(batch, time)` and from Keras' mask, if the logits carry one. Where both axes are reduced there
    is one value an example, scaled so that the mean over the batch is the loss: so a strategy and a
    `reduction` find what they expect.

    Args:
        average_across_timesteps: whether to average over time. Default: False.
        average_across_batch: whether to average over the batch. Default: False.
        sum_over_timesteps: whether to sum over time and divide by the number of steps. Default:
            True.
        sum_over_batch: whether to sum over the batch and divide by the number of steps. Default:
            True.
        softmax_loss_function: function to use for the cross-entropy (registered, if the loss is to
            be saved). Default: None.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> targets, mask = np.array([[0, 3, 0]]), np.array([[1.0, 1.0, 0.0]])
    >>> loss = mk.losses.SequenceLoss()
    >>> round(float(loss(targets, np.zeros((1, 3, 4)), sample_weight=mask)), 4)
    1.3863
    """

    def __init__(
        self,
        average_across_timesteps: bool = False,
        average_across_batch: bool = False,
        sum_over_timesteps: bool = True,
        sum_over_batch: bool = True,
        softmax_loss_function: Callable[..., Tensor] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        flags = (average_across_timesteps, average_across_batch, sum_over_timesteps, sum_over_batch)
        for name, flag in zip(
            "average_across_timesteps average_across_batch sum_over_timesteps "
            "sum_over_batch".split(),
            flags,
            strict=True,
        ):
            check_bool(name, flag)
        _check_flags(*flags)
        if isinstance(softmax_loss_function, dict):
            softmax_loss_function = keras.saving.deserialize_keras_object(softmax_loss_function)
        self.average_across_timesteps = average_across_timesteps
        self.average_across_batch = average_across_batch
        self.sum_over_timesteps = sum_over_timesteps
        self.sum_over_batch = sum_over_batch
        self.softmax_loss_function = softmax_loss_function

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self._values(y_true, y_pred, ops.ones_like(y_true))

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Any:
        # The attribute by which Keras hands masks from layer to layer, see its guide on masking.
        mask = getattr(y_pred, "_keras_mask", None)
        y_true = ops.convert_to_tensor(y_true)
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        weights = ops.ones(ops.shape(y_true), dtype=self.dtype)
        for factor in (sample_weight, mask):
            if factor is not None:
                factor = ops.cast(ops.convert_to_tensor(factor), self.dtype)
                weights = weights * (factor if len(factor.shape) != 1 else factor[:, None])
        with keras.name_scope(self.name):
            values = ops.cast(self._values(y_true, y_pred, weights), self.dtype)
            return self._reduce(values, values)

    def _values(self, y_true: Tensor, y_pred: Tensor, weights: Tensor) -> Tensor:
        flags = (
            self.average_across_timesteps,
            self.average_across_batch,
            self.sum_over_timesteps,
            self.sum_over_batch,
        )
        function = self.softmax_loss_function
        over_time, over_batch = flags[0] or flags[2], flags[1] or flags[3]
        if not (over_time and over_batch):
            return sequence_loss(y_pred, y_true, weights, *flags, function)
        costs, weights, dtype = _costs(y_pred, y_true, weights, function)
        counted = ops.cast(ops.not_equal(weights, 0), costs.dtype) if flags[2] else weights
        size = ops.cast(ops.shape(costs)[0], costs.dtype)
        values = ops.sum(costs, axis=1) * size
        return ops.cast(ops.divide_no_nan(values, ops.sum(counted)), dtype)

    def get_config(self) -> Config:
        config = super().get_config()
        if self.softmax_loss_function is not None:
            function = keras.saving.serialize_keras_object(self.softmax_loss_function)
            config["softmax_loss_function"] = function
        return config
