"""Class weights around any loss, for labels of any rank."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_integer
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._class_targets import check_class_weight, class_targets, weight_vector


@register
class Weighted(BaseLoss):
    """Class weights around any loss that has one value a label.

    The value of each element is multiplied by the weight of its class: what `fit(class_weight=)`
    does for one label an example, and refuses for masks and sequences. With
    `reduction="mean_with_sample_weight"` the sum is divided by the sum of the weights.

    Args:
        class_weight: `{class: weight}` (1 for classes left out) or a weight for each class, ≥ 0.
        loss: a `keras.losses.Loss` whose values have the shape of the labels, or its name. Default:
            `"sparse_categorical_crossentropy"`. Its own reduction is not used.
        axis: axis of the classes in the predictions. Default: -1.
        **kwargs: as for `keras.losses.Loss`.

    Raises:
        ValueError: the values of `loss` do not have the shape of the labels.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> cross = mk.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> loss = mk.losses.Weighted({1: 3.0}, cross, reduction=None)
    >>> masks, logits = np.array([[[0, 1]]]), np.zeros((1, 1, 2, 2))
    >>> np.array(loss(masks, logits)).round(4).tolist()
    [[[0.6930999755859375, 2.079400062561035]]]
    """

    def __init__(
        self,
        class_weight: Mapping[int, float] | Sequence[float],
        loss: Any = "sparse_categorical_crossentropy",
        axis: int = -1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_class_weight("class_weight", class_weight)
        check_integer("axis", axis)
        self.class_weight = class_weight
        self.loss = loss
        self.axis = axis
        self._inner = keras.losses.get(loss)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        inner = getattr(self._inner, "call", self._inner)
        values: Tensor = inner(y_true, y_pred)
        share = self._class_weights(y_true, y_pred)
        if len(values.shape) != len(share.shape):
            raise ValueError(
                "`loss` must give one value for each label. Received values of shape "
                f"{tuple(values.shape)} for labels of shape {tuple(share.shape)}"
            )
        return values * ops.cast(share, values.dtype)

    def importance(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        weights = self._class_weights(y_true, y_pred)
        return weights if self.reduction == "mean_with_sample_weight" else None

    def _class_weights(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        ignored = getattr(self._inner, "ignore_class", None)
        targets, _ = class_targets(y_true, y_pred, ignored, self.axis)
        weights = weight_vector(self.class_weight, targets.classes, "float32")
        if targets.sparse is None:
            return ops.sum(ops.cast(targets.dense, "float32") * weights, axis=-1)
        return targets.checked(ops.take(weights, targets.sparse))

    def get_config(self) -> Config:
        config = super().get_config()
        named = isinstance(self.loss, str)
        config["loss"] = self.loss if named else keras.saving.serialize_keras_object(self.loss)
        return config

    @classmethod
    def from_config(cls, config: Config) -> "Weighted":
        loss = config["loss"]
        if isinstance(loss, dict):
            loss = keras.saving.deserialize_keras_object(loss)
        return cls(**{**config, "loss": loss})
