"""Redundancy reduction between the features of two views."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._embedding_loss import EmbeddingLoss
from mlkit.losses._values import of_batch, predictions
from mlkit.losses._views import two_views


@register
def barlow_twins_loss(
    y_true: Tensor, y_pred: Tensor, redundancy: float = 5e-3, epsilon: float = 1e-5
) -> Tensor:
    """Redundancy reduction between the features of two views (Barlow Twins).

    With c the correlation over the batch of feature i of one view and feature j of the other, `Σ_i
    (1 - c_ii)² + λ Σ_{i≠j} c_ij²`: each feature says the same of both views, and no two say the
    same.

    Args:
        y_true: not used (Keras wants targets: anything with N entries).
        y_pred: two views of each example, of shape `(N, 2, width)`, N ≥ 2.
        redundancy: λ ≥ 0. Default: 5e-3.
        epsilon: added to the variances, > 0. Default: 1e-5.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`; every value is that of the batch.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> views = np.random.default_rng(0).normal(size=(8, 2, 4))
    >>> mk.losses.barlow_twins_loss(np.zeros(8), views).shape
    TensorShape([8])

    Reference:
        Zbontar et al., 2021, https://arxiv.org/abs/2103.03230.
    """
    y_pred, dtype = predictions(y_pred)
    a, b = (_standardised(view, epsilon) for view in two_views(y_pred))
    count = ops.cast(ops.shape(a)[0], a.dtype)
    correlation = ops.matmul(ops.transpose(a), b) / count
    diagonal = ops.diagonal(correlation)
    on = ops.sum((1.0 - diagonal) * (1.0 - diagonal))
    off = ops.sum(correlation * correlation) - ops.sum(diagonal * diagonal)
    return of_batch(on + redundancy * off, y_pred, dtype)


def _standardised(view: Tensor, epsilon: float) -> Tensor:
    centred = view - ops.mean(view, axis=0)
    return centred / ops.sqrt(ops.mean(centred * centred, axis=0) + epsilon)


@register
class BarlowTwinsLoss(EmbeddingLoss):
    """Redundancy reduction between the features of two views (Barlow Twins).

    See `mlkit.losses.barlow_twins_loss`. Under a `tf.distribute` strategy the statistics are those
    of the replica's own share of the batch, or of all replicas with `across_replicas`.

    Args:
        redundancy: weight of the correlations between features, ≥ 0. Default: 5e-3.
        epsilon: added to the variances, > 0. Default: 1e-5.
        across_replicas: whether statistics are taken over all replicas. Default: False.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> views = np.random.default_rng(0).normal(size=(8, 2, 4))
    >>> mk.losses.BarlowTwinsLoss()(np.zeros(8), views).shape
    TensorShape([])
    """

    def __init__(
        self,
        redundancy: float = 5e-3,
        epsilon: float = 1e-5,
        across_replicas: bool = False,
        **kwargs: Any,
    ):
        super().__init__(across_replicas, **kwargs)
        check_number("redundancy", redundancy, low=0.0)
        check_number("epsilon", epsilon, low=0.0, open_low=True)
        self.redundancy = redundancy
        self.epsilon = epsilon

    def compare(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return barlow_twins_loss(y_true, y_pred, self.redundancy, self.epsilon)
