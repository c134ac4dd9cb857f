"""Rank correlation from pairs in the same and in opposite order, exact."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_choice
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._buffered import Buffered
from mlkit.metrics._inputs import spoiled, value_pairs
from mlkit.metrics._ranks import kendall


@register
class KendallTau(Buffered):
    """Rank correlation from pairs in the same and in opposite order, exact.

    (concordant - discordant pairs) / all pairs, corrected for ties by the variant. Pairs need all
    examples at once, so they are kept, as three numbers of float64 each; `result()` counts pairs in
    n log²(n) steps. A pair weighs the product of its weights, so that whole weights count as
    repetitions. NaN where one side is constant.

    Targets and predictions have shape `(N,)` or `(N, 1)`.

    Args:
        variant: `"b"` (default), or `"c"`, for tables with unlike numbers of rows and columns.
        capacity: how many examples there is room for, at least 1; under a strategy an equal share a
            replica. Default 65,536.
        overflow: what happens beyond `capacity`: `"error"` (default) raises outside XLA and makes
            the result NaN inside; `"latest"` keeps the newest examples.
        name: of the metric. Default `"kendall_tau"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; other shapes than these; outside XLA also NaN in
            the data, or more examples than there is room for. Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.KendallTau(capacity=100)
        >>> metric.update_state([1.0, 2.0], [1.0, 3.0])
        >>> metric.update_state([3.0, 4.0], [2.0, 100.0])
        >>> round(float(metric.result()), 4)
        0.6667

    Reference:
        Kendall, 1945, https://doi.org/10.1093/biomet/33.3.239; Stuart, 1953, for tau-c;
        `scipy.stats.kendalltau`.
        Replaces the binned `KendallsTauB` and `KendallsTauC` of TensorFlow Addons.
    """

    def __init__(
        self,
        *,
        variant: str = "b",
        capacity: int = 65_536,
        overflow: str = "error",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__({"y": (), "x": ()}, capacity, overflow, name=name, **kwargs)
        check_choice("variant", variant, ("b", "c"))
        self.variant = variant

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        y, x, weight = value_pairs(y_true, y_pred, sample_weight)
        if y.shape[-1] != 1:
            raise ValueError(
                "`y_true` and `y_pred` must have shape (N,) or (N, 1): one metric an output. "
                f"Received: y_true.shape={tuple(y.shape)}"
            )
        # Sorting puts NaN somewhere, and says nothing.
        unknown = ops.isnan(y + x)[:, 0]
        weight = spoiled(weight, unknown, "`y_true` and `y_pred` must not be NaN.")
        self._store({"y": y[:, 0], "x": x[:, 0]}, weight)

    def result(self) -> Tensor:
        y, x, weight = (self._column(name) for name in ("y", "x", "weight"))
        return self._cast(kendall(y, x, weight, self.variant) + self.poison)

    def get_config(self) -> Config:
        return {**super().get_config(), "variant": self.variant}
