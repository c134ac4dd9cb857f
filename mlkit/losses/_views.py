"""Two views of each example in one tensor."""

from keras import ops

from mlkit._core.types import Tensor
from mlkit.losses._values import check_rank
from mlkit.ops._unit_vectors import unit_vectors


def two_views(y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """The halves of a tensor of shape (N, 2, width)."""
    check_rank("y_pred", y_pred, 3, "two views of each example, of shape (N, 2, width)")
    if y_pred.shape[1] not in (None, 2):
        raise ValueError(
            "`y_pred` must hold two views of each example, of shape (N, 2, width): "
            f"keras.ops.stack([a, b], axis=1). Received: y_pred of shape {tuple(y_pred.shape)}"
        )
    return y_pred[:, 0], y_pred[:, 1]


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Cosine similarity along the last axis, 0 where a vector is zero."""
    product = unit_vectors(a) * unit_vectors(b)
    return ops.sum(product, axis=-1)
