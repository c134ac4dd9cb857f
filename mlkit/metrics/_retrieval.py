"""What the retrieval metrics share: embeddings with labels, searched block by block."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_choice, check_integer
from mlkit._core.types import Config, Tensor
from mlkit.metrics._buffered import Buffered
from mlkit.metrics._inputs import class_targets, example_weights, mask_of, spoiled
from mlkit.metrics._streaming import ratio

BLOCK = 256  # queries at a time: 256 x 10,000 similarities in float64 are 20 MB


class Retrieval(Buffered):
    """Mean over queries, where each example searches all the others.

    Args:
        dim: size of the embeddings.
        distance: `"cosine"`, `"euclidean"` or `"dot"`.
        capacity: number of examples.
        overflow: `"error"` or `"latest"`.
        name: of the metric.
        **kwargs: as for `keras.Metric`.
    """

    def __init__(
        self,
        dim: int,
        *,
        distance: str = "cosine",
        capacity: int = 10_000,
        overflow: str = "error",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        check_integer("dim", dim, low=1)
        check_choice("distance", distance, ("cosine", "euclidean", "dot"))
        columns = {"embedding": (dim,), "label": ()}
        super().__init__(columns, capacity, overflow, name=name, **kwargs)
        self.dim = dim
        self.distance = distance

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        mask = mask_of(y_pred)
        y_pred = ops.convert_to_tensor(y_pred)
        if len(y_pred.shape) != 2 or y_pred.shape[-1] != self.dim:
            raise ValueError(
                f"`y_pred` must be embeddings of shape (N, {self.dim}). "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        # Any number is a label here; the impossible count of classes leaves one-hot rows out.
        label = class_targets(y_true, y_pred.shape[:1], -1)
        weight = example_weights(sample_weight, label, mask)
        weight = spoiled(
            weight,
            ops.any(ops.isnan(y_pred), axis=-1),
            "`y_pred` must not be NaN where the weight is not 0.",
        )
        self._store({"embedding": y_pred, "label": label}, weight)

    def result(self) -> Tensor:
        label, weight = self._column("label"), self._column("weight")
        points, bias = _coordinates(self._column("embedding"), self.distance)
        block, number = min(BLOCK, self.capacity), ops.arange(self.capacity, dtype="int32")

        def body(i: Tensor, sums: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            # The last block begins early; what it repeats has no weight.
            start = ops.minimum(i * block, self.capacity - block)
            place = start + ops.arange(block, dtype="int32")
            fresh = ops.cast(place >= i * block, "float64") * ops.take(weight, place)
            closeness = ops.matmul(ops.take(points, place, axis=0), ops.transpose(points)) + bias
            others = ops.logical_and(weight != 0, number != place[:, None])
            closeness = ops.where(others, closeness, ops.full_like(closeness, float("-inf")))
            same = ops.logical_and(others, label == ops.take(label, place)[:, None])
            relevant = ops.sum(ops.cast(same, "int32"), axis=-1)
            asked = ops.where(relevant > 0, fresh, ops.zeros_like(fresh))
            score = ops.cast(self._score(closeness, same, relevant), "float64")
            score = ops.where(asked != 0, score, ops.zeros_like(score))
            return sums[0] + ops.sum(score * asked), sums[1] + ops.sum(asked)

        blocks, zero = -(-self.capacity // block), ops.zeros((), "float64")
        total, asked = ops.fori_loop(0, blocks, body, (zero, zero))
        return self._cast(ratio(total, asked) + self.poison)

    def _score(self, closeness: Tensor, same: Tensor, relevant: Tensor) -> Tensor:
        """One value a query, `(block,)`.

        Args:
            closeness: larger is nearer, `(block, capacity)`, -inf for what may not be found.
            same: what is relevant, boolean.
            relevant: how many are, `(block,)`, int32.
        """
        raise NotImplementedError

    def get_config(self) -> Config:
        return {**super().get_config(), "dim": self.dim, "distance": self.distance}


def _coordinates(embedding: Tensor, distance: str) -> tuple[Tensor, Tensor]:
    """Points and a bias, so that a product plus the bias orders by closeness.

    In float64: in float32 one query in some thousand has two neighbours in the wrong order.
    """
    if distance == "cosine":
        length = ops.sqrt(ops.sum(embedding * embedding, axis=-1, keepdims=True))
        embedding = ratio(embedding, length, 0.0)
    if distance == "euclidean":
        # Distances do not change; a common offset would cost the product its digits.
        embedding = embedding - ops.mean(embedding, axis=0)
    if distance != "euclidean":
        return embedding, ops.zeros((), "float64")
    # |a - b|² = |a|² - 2 (ab - |b|²/2), and |a|² is the same for all that a query may find.
    return embedding, -0.5 * ops.sum(embedding * embedding, axis=-1)


def nearest(closeness: Tensor, same: Tensor, k: int) -> Tensor:
    """Whether each of the k nearest is relevant, `(block, k)` in float32; ties in order of age."""
    _, index = ops.top_k(closeness, min(k, closeness.shape[-1]))
    return ops.cast(ops.take_along_axis(same, index, axis=-1), "float32")
