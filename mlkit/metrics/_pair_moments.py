"""What correlations and determination share: the moments of targets and predictions."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_choice, check_integer
from mlkit._core.types import Config, Tensor
from mlkit.metrics._inputs import value_pairs
from mlkit.metrics._streaming import Streaming, ratio

# A variance below this share of the raw second moment is rounding, not spread: data in float32
# whose mean is a million times the spread have no digits left themselves.
ROUNDING = 1e-12


class PairMoments(Streaming):
    """Weighted sums of x, y, x², y², xy, (x - y)² and 1, and the number of examples.

    Args:
        multioutput: how the values of several outputs become one.
        num_outputs: size of the last axis; None to take it from the first batch.
        name: of the metric.
        **kwargs: as for `keras.Metric`.
    """

    _AVERAGES: tuple[str, ...] = ("uniform_average", "raw_values")

    def __init__(
        self,
        *,
        multioutput: str = "uniform_average",
        num_outputs: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        check_choice("multioutput", multioutput, self._AVERAGES)
        self.multioutput = multioutput
        self.num_outputs = num_outputs
        self.moments = None
        if num_outputs is not None:
            check_integer("num_outputs", num_outputs, low=1)
            self.moments = self.add_sum("moments", (8, num_outputs))

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        y, x, weight = value_pairs(y_true, y_pred, sample_weight)
        outputs = y.shape[-1]
        if self.moments is None and outputs is not None:
            self.moments = self.add_sum("moments", (8, outputs))
        if self.moments is None or outputs != self.moments.shape[-1]:
            wanted = "a known" if self.moments is None else self.moments.shape[-1]
            raise ValueError(
                f"`y_true` and `y_pred` must have a last axis of {wanted} size, one value an "
                f"output. Received: y_true.shape={tuple(y.shape)}"
            )
        w = weight[:, None]
        one = ops.ones_like(y)
        present = ops.cast(w != 0, "float64") * one
        rows = (w * one, w * x, w * y, w * x * x, w * y * y, w * x * y, w * ops.square(x - y))
        sums = [ops.sum(row, axis=0) for row in (*rows, present)]
        self.moments.assign_add(ops.stack(sums))

    def _spreads(self) -> tuple[Tensor, ...]:
        """Means of x and y, their variances, their covariance: a vector each, over outputs."""
        n, sx, sy, sxx, syy, sxy = (self.moments[i] for i in range(6))
        mean_x, mean_y = ratio(sx, n), ratio(sy, n)
        var_x, var_y = ratio(sxx, n) - mean_x**2, ratio(syy, n) - mean_y**2
        var_x = ops.where(var_x <= ROUNDING * mean_x**2, ops.zeros_like(var_x), var_x)
        var_y = ops.where(var_y <= ROUNDING * mean_y**2, ops.zeros_like(var_y), var_y)
        return mean_x, mean_y, var_x, var_y, ratio(sxy, n) - mean_x * mean_y

    def _scores(self) -> tuple[Tensor, Tensor]:
        """The value of each output, and its weight in the average."""
        raise NotImplementedError

    def result(self) -> Any:
        if self.moments is None:
            return self._cast(float("nan"))
        scores, shares = self._scores()
        if self.multioutput == "raw_values":
            return self._per_class(scores, self.moments.shape[-1])
        return self._cast(ratio(ops.sum(scores * shares), ops.sum(shares)))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "multioutput": self.multioutput,
            "num_outputs": self.num_outputs,
        }
