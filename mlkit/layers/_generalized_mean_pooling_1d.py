"""GeneralizedMeanPooling1D: between average and maximum over time."""

from mlkit._core.registry import register
from mlkit.layers._generalized_mean_pooling import GeneralizedMeanPooling


@register
class GeneralizedMeanPooling1D(GeneralizedMeanPooling):
    """Generalised mean over time, with a learnt exponent.

    `y = mean(max(x, epsilon) ** p) ** (1 / p)` for each channel: the average at p = 1, towards the
    maximum for large p. For retrieval and for classification of small, local features.

    Computed through logarithms in float32 or better, so that no power overflows. A mask restricts
    the mean to the valid positions (zeros where there is none) and is consumed.

    Args:
        p: exponent, > 0; where it begins, if it is learnt. Default 3.
        epsilon: smaller inputs count as this, > 0. Default 1e-6.
        learnable: whether p is trained (as its logarithm, so that it stays positive).
            Default True.
        keepdims: whether the pooled axes are kept with size 1. Default False.
        data_format: `"channels_last"`, `"channels_first"` or None for Keras' setting.
            Default None.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: features, positive for the most part (after a ReLU, say).
        mask: booleans `(batch, time)`, True where valid. Default None.

    Input shape:
        `(batch, time, channels)`, or `(batch, channels, time)`.

    Output shape:
        `(batch, channels)`; with `keepdims` `(batch, 1, channels)`.

    Raises:
        ValueError: an argument out of its range; at build, not 3 axes or an unknown number
            of channels.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x = np.array([[[1.0], [2.0], [3.0]]], "float32")  # (batch, time, channels)
        >>> [round(float(mk.layers.GeneralizedMeanPooling1D(p)(x)[0, 0]), 2) for p in (1, 3, 99)]
        [2.0, 2.29, 2.97]

    Reference:
        Radenović et al., 2018, "Fine-tuning CNN Image Retrieval with No Human Annotation",
        https://arxiv.org/abs/1711.02512. Differs in that the logarithm of p is trained.
    """

    positions = 1
