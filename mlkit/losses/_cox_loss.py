"""Negative log of Cox's partial likelihood."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_choice
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._embedding_loss import EmbeddingLoss, spread
from mlkit.losses._values import check_rank, check_same_shape, of_batch, predictions
from mlkit.ops._masked_logsumexp import masked_logsumexp


@register
def cox_loss(y_true: Tensor, y_pred: Tensor, ties: str = "breslow") -> Tensor:
    """Negative log of Cox's partial likelihood, for times to an event.

    For each example with an event `log Σ_{t_j ≥ t_i} exp(h_j) - h_i`: those still at risk compete
    for it. `"breslow"` lets tied events all compete in full; with `"efron"` k / m of the
    hazard of m tied events is gone when the k-th of them happens (k = 0, ..., m - 1), and each gets
    the mean of the m terms. The values are scaled so that their mean is the mean over all events.

    Args:
        y_true: of shape `(N, 2)`: time, and 1 for an event or 0 where the example was only seen
            until then.
        y_pred: log hazards h of shape `(N,)` or `(N, 1)`.
        ties: `"breslow"` or `"efron"`. Default: `"breslow"`.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`; 0 in a batch without events.

    Raises:
        ValueError: shapes do not match.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> times = np.array([[1.0, 1.0], [2.0, 0.0], [3.0, 1.0]])
    >>> np.array(mk.losses.cox_loss(times, np.zeros(3))).round(4).tolist()
    [1.6479, 0.0, 0.0]

    Reference:
        Cox, 1972, https://doi.org/10.1111/j.2517-6161.1972.tb00899.x; Efron, 1977,
        https://doi.org/10.1080/01621459.1977.10480613.
    """
    y_pred, dtype = predictions(y_pred)
    hazard = ops.squeeze(y_pred, axis=1) if len(y_pred.shape) == 2 else y_pred
    check_rank("y_pred", hazard, 1, "one log hazard an example, of shape (N,) or (N, 1)")
    y_true = ops.cast(ops.convert_to_tensor(y_true), hazard.dtype)
    expected = (*hazard.shape, 2)
    check_same_shape("y_true", y_true.shape, "y_pred with time and event", expected)
    time, event = y_true[:, 0], y_true[:, 1] > 0
    at_risk = time[None, :] >= time[:, None]
    log_risk = masked_logsumexp(ops.broadcast_to(hazard[None, :], ops.shape(at_risk)), at_risk)
    if ties == "efron":
        tied = ops.logical_and(ops.equal(time[None, :], time[:, None]), event[None, :])
        earlier = ops.arange(ops.shape(time)[0])[None, :] < ops.arange(ops.shape(time)[0])[:, None]
        rank = ops.sum(ops.cast(ops.logical_and(tied, earlier), hazard.dtype), axis=1)
        number = ops.maximum(ops.sum(ops.cast(tied, hazard.dtype), axis=1), 1.0)
        shifted = hazard[None, :] - log_risk[:, None]
        gone = ops.sum(ops.where(tied, ops.exp(ops.where(tied, shifted, 0.0)), 0.0), axis=1)
        log_rest = ops.log(ops.where(event, 1.0 - rank / number * gone, 1.0))
        shared = ops.sum(ops.where(tied, log_rest[None, :], 0.0), axis=1) / number
        log_risk = log_risk + shared
    values = ops.where(event, log_risk - hazard, 0.0)
    return of_batch(spread(values, ops.sum(ops.cast(event, "float32"))), y_pred, dtype)


@register
class CoxLoss(EmbeddingLoss):
    """Negative log of Cox's partial likelihood, for times to an event.

    See `mlkit.losses.cox_loss`. Those at risk are those of the batch: large batches are better
    ones. Under a `tf.distribute` strategy they are the replica's own share, or those of all
    replicas with `across_replicas`.

    Args:
        ties: `"breslow"` or `"efron"`. Default: `"breslow"`.
        across_replicas: whether those at risk are taken from all replicas. Default: False.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> times = np.array([[1.0, 1.0], [2.0, 0.0], [3.0, 1.0]])
    >>> round(float(mk.losses.CoxLoss()(times, np.zeros((3, 1)))), 4)
    0.5493
    """

    def __init__(self, ties: str = "breslow", across_replicas: bool = False, **kwargs: Any):
        super().__init__(across_replicas, **kwargs)
        check_choice("ties", ties, ("breslow", "efron"))
        self.ties = ties

    def compare(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return cox_loss(y_true, y_pred, self.ties)
