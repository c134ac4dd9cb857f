"""Variance, invariance and covariance of two views."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._embedding_loss import EmbeddingLoss
from mlkit.losses._values import of_batch, predictions
from mlkit.losses._views import two_views


@register
def vicreg_loss(
    y_true: Tensor,
    y_pred: Tensor,
    invariance: float = 25.0,
    variance: float = 25.0,
    covariance: float = 1.0,
    epsilon: float = 1e-4,
) -> Tensor:
    """Variance, invariance and covariance of two views (VICReg).

    `invariance · mean (a - b)² + variance · ½ Σ_views mean_j max(1 - √(Var_j + ε), 0) + covariance
    · Σ_views Σ_{i≠j} Cov_ij² / width`: views agree, no feature dies, no two are the same.

    Args:
        y_true: not used (Keras wants targets: anything with N entries).
        y_pred: two views of each example, of shape `(N, 2, width)`, N ≥ 2.
        invariance: weight ≥ 0 of the difference of the views. Default: 25.
        variance: weight ≥ 0 of the features' missing spread. Default: 25.
        covariance: weight ≥ 0 of the covariances between features. Default: 1.
        epsilon: ε > 0 inside the root. Default: 1e-4.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`; every value is that of the batch.

    Raises:
        ValueError: a batch of one example, which has no variance.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> views = np.random.default_rng(0).normal(size=(8, 2, 4))
    >>> mk.losses.vicreg_loss(np.zeros(8), views).shape
    TensorShape([8])

    Reference:
        Bardes et al., 2022, https://arxiv.org/abs/2105.04906.
    """
    y_pred, dtype = predictions(y_pred)
    a, b = two_views(y_pred)
    if a.shape[0] == 1:
        raise ValueError("`y_pred` must hold at least two examples: one has no variance.")
    near = ops.mean((a - b) * (a - b))
    (spread_a, mixed_a), (spread_b, mixed_b) = (_moments(view, epsilon) for view in (a, b))
    value = invariance * near + variance * 0.5 * (spread_a + spread_b)
    return of_batch(value + covariance * (mixed_a + mixed_b), y_pred, dtype)


def _moments(view: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """The missing spread and the sum of squared covariances over the width."""
    count, width = ops.cast(ops.shape(view)[0], view.dtype), view.shape[1]
    centred = view - ops.mean(view, axis=0)
    matrix = ops.matmul(ops.transpose(centred), centred) / (count - 1.0)
    variances = ops.sum(centred * centred, axis=0) / (count - 1.0)
    missing = ops.mean(ops.relu(1.0 - ops.sqrt(variances + epsilon)))
    off = ops.where(ops.eye(width, dtype="bool"), 0.0, matrix)
    return missing, ops.sum(off * off) / width


@register
class VICRegLoss(EmbeddingLoss):
    """Variance, invariance and covariance of two views (VICReg).

    See `mlkit.losses.vicreg_loss`. Under a `tf.distribute` strategy the statistics are those of the
    replica's own share of the batch, or of all replicas with `across_replicas`.

    Args:
        invariance: weight ≥ 0 of the difference of the views. Default: 25.
        variance: weight ≥ 0 of the features' missing spread. Default: 25.
        covariance: weight ≥ 0 of the covariances between features. Default: 1.
        epsilon: number > 0 inside the root. Default: 1e-4.
        across_replicas: whether statistics are taken over all replicas. Default: False.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> views = np.random.default_rng(0).normal(size=(8, 2, 4))
    >>> mk.losses.VICRegLoss()(np.zeros(8), views).shape
    TensorShape([])
    """

    def __init__(
        self,
        invariance: float = 25.0,
        variance: float = 25.0,
        covariance: float = 1.0,
        epsilon: float = 1e-4,
        across_replicas: bool = False,
        **kwargs: Any,
    ):
        super().__init__(across_replicas, **kwargs)
        check_number("invariance", invariance, low=0.0)
        check_number("variance", variance, low=0.0)
        check_number("covariance", covariance, low=0.0)
        check_number("epsilon", epsilon, low=0.0, open_low=True)
        self.invariance = invariance
        self.variance = variance
        self.covariance = covariance
        self.epsilon = epsilon

    def compare(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return vicreg_loss(
            y_true, y_pred, self.invariance, self.variance, self.covariance, self.epsilon
        )
