"""Linear correlation of targets and predictions over all batches."""

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.metrics._pair_moments import PairMoments
from mlkit.metrics._streaming import ratio


@register
class PearsonCorrCoef(PairMoments):
    """Linear correlation of targets and predictions over all examples.

    cov(x, y) / (sd(x) sd(y)), between -1 and 1, for each output; NaN where one side is constant.
    From sums in float64 over all batches: the value of one call however the data are split.

    Targets and predictions have shape `(N,)`, `(N, 1)` or `(N, outputs)`; weights may be a number,
    `(N,)` or `(N, 1)`.

    Args:
        multioutput: `"uniform_average"` (default), the mean over outputs; or `"raw_values"`, a dict
            with one entry an output, `"<name>_<output>"`.
        num_outputs: size of the last axis. Default None: taken from the first batch. Give it under
            a strategy, where variables cannot be made inside of a step.
        name: of the metric. Default `"pearson_corr_coef"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; shapes that differ or have more than 2 axes;
            outside XLA also NaN in the data. Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.PearsonCorrCoef()
        >>> metric.update_state([1.0, 2.0], [10001.0, 10003.0])
        >>> metric.update_state([3.0, 4.0], [10002.0, 10005.0])
        >>> round(float(metric.result()), 4)
        0.8315

    Reference:
        Virtanen et al., 2020, https://doi.org/10.1038/s41592-019-0686-2:
        Pearson, 1895, https://doi.org/10.1098/rspl.1895.0041; `scipy.stats.pearsonr`.
        Differs from `keras.metrics.PearsonCorrelation`, which correlates within each row and
        averages: (N, 1) inputs give NaN there. Replaces the binned `PearsonsCorrelation` of
        TensorFlow Addons, which was off by a tenth.
    """

    def _scores(self) -> tuple[Tensor, Tensor]:
        _, _, var_x, var_y, cov = self._spreads()
        score = ratio(cov, ops.sqrt(var_x) * ops.sqrt(var_y))
        # Rounding may leave the last bit above 1. Not ops.clip: it would turn NaN into a bound.
        score = ops.where(ops.abs(score) > 1.0, ops.sign(score), score)
        return score, ops.ones_like(score)
