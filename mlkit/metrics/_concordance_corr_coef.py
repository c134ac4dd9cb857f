"""Agreement of targets and predictions on one scale, over all batches."""

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.metrics._pair_moments import PairMoments
from mlkit.metrics._streaming import ratio


@register
class ConcordanceCorrCoef(PairMoments):
    """Agreement of targets and predictions on one scale, over all examples.

    2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))²), between -1 and 1, for each output: a
    correlation that a wrong offset or scale lowers. Variances are those of the population (1 / N).
    NaN where both sides are one and the same constant.

    Targets and predictions have shape `(N,)`, `(N, 1)` or `(N, outputs)`; weights may be a number,
    `(N,)` or `(N, 1)`.

    Args:
        multioutput: `"uniform_average"` (default), the mean over outputs; or `"raw_values"`, a dict
            with one entry an output, `"<name>_<output>"`.
        num_outputs: size of the last axis. Default None: taken from the first batch. Give it under
            a strategy, where variables cannot be made inside of a step.
        name: of the metric. Default `"concordance_corr_coef"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; shapes that differ or have more than 2 axes;
            outside XLA also NaN in the data. Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.ConcordanceCorrCoef()
        >>> metric.update_state([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
        >>> round(float(metric.result()), 4)
        0.5714

    Reference:
        Lin, 1989, https://doi.org/10.2307/2532051.
        Differs from `keras.metrics.ConcordanceCorrelation`, which takes each row by itself and
        averages: (N, 1) inputs give 0 there. torchmetrics divides by N - 1, not by N.
    """

    def _scores(self) -> tuple[Tensor, Tensor]:
        mean_x, mean_y, var_x, var_y, cov = self._spreads()
        score = ratio(2.0 * cov, var_x + var_y + (mean_x - mean_y) ** 2)
        return score, ops.ones_like(score)
