"""CRFLoss: negative log-likelihood of tag sequences under a CRF layer."""

from typing import Any

import keras
from keras import ops

from mlkit._core.guard import refuse_empty, refuse_nan
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.losses._values import check_rank
from mlkit.ops._crf import crf_log_likelihood
from mlkit.ops._crf_padding import is_valid, newest, valid_first


@register
class CRFLoss(keras.losses.Loss):
    """Negative log-likelihood of tag sequences, for the potentials of a CRF layer.

    See `mlkit.ops.crf_log_likelihood`; the transitions are the layer's. One value a sequence, the
    sum over its steps; steps that the layer has marked as padding do not count, and a sequence
    without a step is 0. A model is saved and loaded with this loss, which then finds the layer of
    the model by its name.

    Args:
        layer: the `mlkit.layers.CRF` that makes the potentials.
        **kwargs: as for `keras.losses.Loss`.

    Raises:
        TypeError: `layer` has no `chain_kernel`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> crf = mk.layers.CRF(2, use_kernel=False, chain_initializer="zeros")
        >>> _, potentials, _, _ = crf(np.zeros((1, 3, 2), "float32"))
        >>> loss = mk.losses.CRFLoss(crf)(np.array([[0, 1, 0]]), potentials)
        >>> round(float(np.exp(-loss)), 3)  # one of 2 ** 3 equal paths
        0.125

    Reference:
        Lafferty et al., 2001, "Conditional Random Fields".
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not hasattr(layer, "chain_kernel"):
            raise TypeError(
                "`layer` must be the CRF layer that makes the potentials. "
                f"Received: layer={layer!r}"
            )
        self.layer = layer

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Negative log-likelihoods, `(batch,)`.

        Args:
            y_true: tags, integers `(batch, time)`; any value at padded steps.
            y_pred: the layer's potentials, `(batch, time, tags)`.
        """
        y_pred = ops.convert_to_tensor(y_pred)
        y_true = ops.cast(y_true, "int32")
        if len(y_true.shape) == 3 and y_true.shape[-1] == 1:  # Keras may add an axis
            y_true = ops.squeeze(y_true, -1)
        check_rank("y_true", y_true, 2, "tags of shape (batch, time)")
        check_rank("y_pred", y_pred, 3, "potentials of shape (batch, time, tags)")
        refuse_empty("y_pred", y_pred)
        refuse_nan("y_pred", y_pred)
        valid = is_valid(y_pred)
        value, _ = crf_log_likelihood(
            valid_first(y_pred, valid),
            valid_first(y_true, valid),
            ops.sum(ops.cast(valid, "int32"), axis=1),
            ops.convert_to_tensor(self.layer.chain_kernel),
        )
        return -value

    def get_config(self) -> Config:
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**super().get_config(), "layer": layer}

    @classmethod
    def from_config(cls, config: Config) -> "CRFLoss":
        layer = newest(config["layer"]["config"]["name"])
        if layer is None:
            layer = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**{**config, "layer": layer})
