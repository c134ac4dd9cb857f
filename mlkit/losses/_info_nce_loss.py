"""Contrast of matching pairs with all other pairs of a batch (InfoNCE, CLIP)."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_bool, check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._embedding_loss import EmbeddingLoss
from mlkit.losses._values import of_batch, predictions
from mlkit.losses._views import two_views
from mlkit.ops._unit_vectors import unit_vectors


@register
def info_nce_loss(
    y_true: Tensor,
    y_pred: Tensor,
    temperature: float | Tensor = 0.07,
    symmetric: bool = True,
    normalize: bool = True,
) -> Tensor:
    """Contrast of matching pairs with all other pairs of the batch (InfoNCE).

    With a_i, b_i the two views of example i and s their similarity, the cross-entropy of finding
    b_i among all b from a_i: `-log(exp(s_ii / t) / Σ_k exp(s_ik / t))`. `symmetric` averages it
    with that of finding a_i from b_i, as CLIP does.

    A temperature that is learned belongs to the model, where it is saved with it: multiply one view
    by the learned scale, and give `temperature=1, normalize=False`.

    Args:
        y_true: not used (Keras wants targets: anything with N entries).
        y_pred: two views of each example, of shape `(N, 2, width)`.
        temperature: t > 0, a number or a scalar tensor. Default: 0.07.
        symmetric: whether both directions are averaged. Default: True.
        normalize: whether embeddings are brought to unit length, so that s is the cosine. Default:
            True.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> views = np.array([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]])
    >>> np.array(mk.losses.info_nce_loss([0, 0], views, temperature=1.0)).round(4).tolist()
    [0.3133, 0.3133]

    Reference:
        van den Oord et al., 2018, https://arxiv.org/abs/1807.03748; Radford et al., 2021, CLIP,
        https://arxiv.org/abs/2103.00020.
    """
    y_pred, dtype = predictions(y_pred)
    a, b = two_views(y_pred)
    if normalize:
        a, b = unit_vectors(a), unit_vectors(b)
    logits = ops.matmul(a, ops.transpose(b)) / temperature
    values = ops.logsumexp(logits, axis=1) - ops.diagonal(logits)
    if symmetric:
        back = ops.logsumexp(logits, axis=0) - ops.diagonal(logits)
        values = 0.5 * (values + back)
    return of_batch(values, y_pred, dtype)


@register
class InfoNCELoss(EmbeddingLoss):
    """Contrast of matching pairs with all other pairs of the batch (InfoNCE, CLIP).

    See `mlkit.losses.info_nce_loss`. Under a `tf.distribute` strategy a pair is contrasted with the
    replica's own share of the batch, or with all replicas' with `across_replicas`.

    Args:
        temperature: number > 0 that similarities are divided by. Default: 0.07.
        symmetric: whether both directions are averaged. Default: True.
        normalize: whether embeddings are brought to unit length. Default: True.
        across_replicas: whether pairs are contrasted with those of all replicas. Default: False.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> views = np.array([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]])
    >>> round(float(mk.losses.InfoNCELoss(temperature=1.0)(np.zeros(2), views)), 4)
    0.3133
    """

    def __init__(
        self,
        temperature: float = 0.07,
        symmetric: bool = True,
        normalize: bool = True,
        across_replicas: bool = False,
        **kwargs: Any,
    ):
        super().__init__(across_replicas, **kwargs)
        check_number("temperature", temperature, low=0.0, open_low=True)
        check_bool("symmetric", symmetric)
        check_bool("normalize", normalize)
        self.temperature = temperature
        self.symmetric = symmetric
        self.normalize = normalize

    def compare(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return info_nce_loss(y_true, y_pred, self.temperature, self.symmetric, self.normalize)
