"""Share of the variance of the targets that the predictions explain."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_integer
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._pair_moments import PairMoments
from mlkit.metrics._streaming import ratio


@register
class RSquare(PairMoments):
    """Share of the variance of the targets that the predictions explain.

    R² = 1 - Σ w (y - ŷ)² / Σ w (y - mean(y))² for each output; 1 is perfect, 0 the mean, and there
    is no lower end. Where the targets are constant it is 1 for a perfect prediction and 0 for any
    other. With p regressors and n examples of a weight other than 0, the adjusted form is
    1 - (1 - R²) (n - 1) / (n - p - 1), NaN for n ≤ p + 1.

    Targets and predictions have shape `(N,)`, `(N, 1)` or `(N, outputs)`; weights may be a number,
    `(N,)` or `(N, 1)`.

    Args:
        name: of the metric. Default `"r_square"`.
        dtype: of the result. Default float32.
        multioutput: `"uniform_average"` (default), the mean over outputs; `"variance_weighted"`,
            the mean weighted by the variances of the targets; or `"raw_values"`, a dict with one
            entry an output, `"<name>_<output>"`.
        num_regressors: p, for the adjusted form. Default 0: the plain one.
        num_outputs: size of the last axis. Default None: taken from the first batch. Give it under
            a strategy, where variables cannot be made inside of a step.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; shapes that differ or have more than 2 axes;
            outside XLA also NaN in the data. Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.RSquare()
        >>> metric.update_state([1.0, 4.0, 3.0], [2.0, 4.0, 4.0])
        >>> round(float(metric.result()), 4)
        0.5714

    Reference:
        Pedregosa et al., 2011, https://jmlr.org/papers/v12/pedregosa11a.html:
        `sklearn.metrics.r2_score`.
        Differs from `keras.metrics.R2Score` and TensorFlow Addons in its sums, in float64, where a
        mean far from 0 costs no digits, and in the adjusted form, where both count each output of
        an example as an example of its own. The result may be NaN there; they fall back silently.
    """

    _AVERAGES = ("uniform_average", "variance_weighted", "raw_values")

    def __init__(
        self,
        name: str = "r_square",
        dtype: Any = None,
        multioutput: str = "uniform_average",
        num_regressors: int = 0,
        *,
        num_outputs: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            multioutput=multioutput, num_outputs=num_outputs, name=name, dtype=dtype, **kwargs
        )
        check_integer("num_regressors", num_regressors, low=0)
        self.num_regressors = num_regressors

    def _scores(self) -> tuple[Tensor, Tensor]:
        _, _, _, spread, _ = self._spreads()
        error = ratio(self.moments[6], self.moments[0])
        constant = ops.where(error == 0, ops.ones_like(error), ops.zeros_like(error))
        constant = ops.where(ops.isnan(error), error, constant)
        score = ops.where(spread == 0, constant, 1.0 - ratio(error, spread))
        if self.num_regressors:
            n = self.moments[7]
            free = n - self.num_regressors - 1.0
            left = ops.where(free > 0, free, ops.zeros_like(free))
            score = 1.0 - (1.0 - score) * ratio(n - 1.0, left)
        if self.multioutput == "variance_weighted":
            # All targets constant: no variance to weigh by, so all count the same.
            flat = ops.all(spread == 0)
            return score, ops.where(flat, ops.ones_like(spread), spread)
        return score, ops.ones_like(score)

    def get_config(self) -> Config:
        return {**super().get_config(), "num_regressors": self.num_regressors}
