"""Every metric beside scikit-learn, scipy or numpy, on all samples at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.stats as st
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import brentq
from sklearn import metrics as sk

import mlkit as mk
from witnesses import Case

NEVER = 10**9


@dataclass(frozen=True)
class Stream:
    """One metric and its witness on the whole.

    Args:
        name: of the metric, with what is special about the case.
        witness: what it is compared with.
        metric: from the number of samples, a new metric.
        data: from a generator and a number, targets, predictions and weights.
        reference: the witness's value (or values) from these.
        most: largest number of samples.
        goal: largest relative difference.
        reason: why `goal` is above 1e-6, where it is.
    """

    name: str
    witness: str
    metric: Callable[[int], Any]
    data: Callable[[np.random.Generator, int], tuple]
    reference: Callable[..., Any]
    most: int = NEVER
    goal: float = 1e-6
    reason: str = ""


def classes(rng, n, count=5):
    true = rng.integers(0, count, n)
    scores = (rng.normal(size=(n, count)) + 2 * np.eye(count)[true]).astype("float32")
    return true, scores, rng.uniform(size=n)


def labels(rng, n, count=3):
    true = rng.integers(0, 2, (n, count))
    scores = np.round(1 / (1 + np.exp(-rng.normal(size=(n, count)) - true)), 4)
    return true, scores.astype("float32"), rng.uniform(size=n)


def one_label(rng, n):
    true, scores, weight = labels(rng, n, 1)
    return true[:, 0], scores[:, 0], weight


def probabilities(rng, n):
    true, scores, weight = classes(rng, n)
    raised = np.exp(scores.astype("float64"))
    return true, (raised / raised.sum(-1, keepdims=True)).astype("float32"), weight


def offset(rng, n, outputs=1):
    true = (1e4 + rng.normal(size=(n, outputs))).astype("float32")
    pred = (true + 0.3 * rng.normal(size=(n, outputs))).astype("float32")
    return true, pred, rng.uniform(size=n)


def unweighted(rng, n):
    true, pred, _ = offset(rng, n)
    return true[:, 0], pred[:, 0], np.ones(n)


def intervals(rng, n):
    true, pred, weight = offset(rng, n)
    return true[:, 0], pred + np.array([-0.4, 0.4], "float32"), weight


def images(rng, n):
    true = rng.uniform(100, 200, (n, 12, 12, 1)).astype("float32")
    return true, true + rng.normal(0, 9, true.shape).astype("float32"), rng.uniform(size=n)


def positive(rng, n):
    return rng.uniform(0.5, 1e4, n), None, rng.uniform(size=n)


def points(rng, n):
    true = rng.integers(0, max(n // 20, 1), n)
    middle = rng.normal(size=(n, 8))
    return true, (middle[true] + 0.7 * rng.normal(size=(n, 8))).astype("float32"), np.ones(n)


def of_classes(function, **more):
    return lambda t, p, w: function(t, p.argmax(-1), sample_weight=w, **more)


def specificity(t, p, w):
    chosen = p.argmax(-1)
    return np.mean([sk.recall_score(t != c, chosen != c, sample_weight=w) for c in range(5)])


def moments(t, p, w):
    t, p = t[:, 0].astype("float64"), p[:, 0].astype("float64")
    mt, mp = np.average(t, weights=w), np.average(p, weights=w)
    vt, vp = np.average((t - mt) ** 2, weights=w), np.average((p - mp) ** 2, weights=w)
    return mt, mp, vt, vp, np.average((t - mt) * (p - mp), weights=w)


def pearson(t, p, w):
    _, _, vt, vp, cov = moments(t, p, w)
    return cov / np.sqrt(vt * vp)


def concordance(t, p, w):
    mt, mp, vt, vp, cov = moments(t, p, w)
    return 2 * cov / (vt + vp + (mt - mp) ** 2)


def binned(confidence, hit, weight, bins=15):
    """Gap of each bin times its weight, and the weight."""
    where = np.digitize(confidence, np.linspace(0, 1, bins + 1).astype("float32")[1:-1], right=True)
    gap = weight * (hit - confidence.astype("float64"))
    return np.abs(np.bincount(where, gap, bins)).sum() / weight.sum()


def adaptive(t, p, w, bins=15):
    confidence, hit = p.max(-1), p.argmax(-1) == t
    order = np.argsort(confidence, kind="stable")
    key, weight = confidence[order], w[order]
    below = (np.cumsum(weight) - weight)[np.searchsorted(key, key, side="left")] / w.sum()
    where = np.minimum(np.floor(below * bins), bins - 1).astype(int)
    gap = weight * (hit[order] - key.astype("float64"))
    return np.abs(np.bincount(where, gap, bins)).sum() / w.sum()


def classwise(t, p, w):
    return np.mean([binned(p[:, c], t == c, w) for c in range(5)])


def brier(t, p, w):
    return np.average(((p.astype("float64") - np.eye(5)[t]) ** 2).sum(-1), weights=w)


def smape(t, p, w):
    t, p = t[:, 0].astype("float64"), p[:, 0].astype("float64")
    return np.average(2 * np.abs(t - p) / (np.abs(t) + np.abs(p)), weights=w)


def cosine(t, p, w):
    t, p = t.astype("float64"), p.astype("float64")
    lengths = np.linalg.norm(t, axis=-1) * np.linalg.norm(p, axis=-1)
    return np.average((t * p).sum(-1) / lengths, weights=w)


def equal_error(t, p, w):
    fpr, tpr, _ = sk.roc_curve(t, p, sample_weight=w, drop_intermediate=False)
    return brentq(lambda x: 1 - x - np.interp(x, fpr, tpr), 0, 1, xtol=1e-14)


def tpr_at_fpr(t, p, w):
    fpr, tpr, _ = sk.roc_curve(t, p, sample_weight=w, drop_intermediate=False)
    return tpr[fpr <= 0.05].max()


def psnr(t, p, w):
    error = ((t.astype("float64") - p) ** 2).mean((1, 2, 3))
    return np.average(10 * np.log10(255**2 / error), weights=w)


def ssim(t, p, w):
    def blur(z):
        for axis in (1, 2):
            z = gaussian_filter1d(z, 1.5, axis=axis, radius=5)
        return z[:, 5:-5, 5:-5]

    x, y, c1, c2 = t.astype("float64"), p.astype("float64"), 2.55**2, 7.65**2
    mx, my = blur(x), blur(y)
    vx, vy, cov = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    places = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return np.average(places.mean((1, 2, 3)), weights=w)


def ranked(t, p):
    """Of each query, whether each other example is relevant, nearest first."""
    p = p.astype("float64")
    squares = (p**2).sum(-1)
    for i in range(len(t)):
        apart = squares - 2 * p @ p[i]
        apart[i] = np.inf
        hits = (t == t[i])[np.argsort(apart, kind="stable")[:-1]]
        if hits.any():
            yield hits


def retrieval(value):
    return lambda t, p, w: np.mean([value(hits) for hits in ranked(t, p)])


def map_at_r(hits):
    r = hits.sum()
    return np.mean((np.cumsum(hits) / np.arange(1, len(hits) + 1) * hits)[:r])


def ndcg(hits):
    discount = 1 / np.log2(np.arange(2, 12))
    return (hits[:10] @ discount) / discount[: min(hits.sum(), 10)].sum()


M = mk.metrics
STREAMS = [
    Stream("MatthewsCorrelationCoefficient", "sklearn.matthews_corrcoef",
           lambda n: M.MatthewsCorrelationCoefficient(5), classes,
           of_classes(sk.matthews_corrcoef)),
    *(Stream(f"CohenKappa({w})", "sklearn.cohen_kappa_score",
             lambda n, w=w: M.CohenKappa(5, weightage=w, sparse_labels=True), classes,
             of_classes(sk.cohen_kappa_score, weights=w)) for w in (None, "linear", "quadratic")),
    Stream("ConfusionMatrix", "sklearn.accuracy_score", lambda n: M.ConfusionMatrix(5), classes,
           of_classes(sk.accuracy_score)),
    Stream("MultiLabelConfusionMatrix", "sklearn.multilabel_confusion_matrix",
           lambda n: M.MultiLabelConfusionMatrix(3), labels,
           lambda t, p, w: sk.multilabel_confusion_matrix(t, p > 0.5, sample_weight=w)
           .sum(0).ravel()),
    *(Stream(f"{name}({a})", f"sklearn.{f.__name__}",
             lambda n, name=name, a=a: getattr(M, name)(5, average=a), classes,
             of_classes(f, average=a, **more))
      for name, f, more in (("PrecisionScore", sk.precision_score, {}),
                            ("RecallScore", sk.recall_score, {}),
                            ("FScore", sk.fbeta_score, {"beta": 1.0}),
                            ("JaccardIndex", sk.jaccard_score, {}))
      for a in ("micro", "macro", "weighted")),
    Stream("DiceScore", "sklearn.f1_score", lambda n: M.DiceScore(5), classes,
           of_classes(sk.f1_score, average="macro")),
    Stream("SpecificityScore", "sklearn.recall_score of the rest", lambda n: M.SpecificityScore(5),
           classes, specificity),
    Stream("BalancedAccuracy", "sklearn.balanced_accuracy_score", lambda n: M.BalancedAccuracy(5),
           classes, of_classes(sk.balanced_accuracy_score)),
    Stream("GeometricMeanScore", "scipy.gmean of recall_score", lambda n: M.GeometricMeanScore(5),
           classes, lambda t, p, w: st.gmean(of_classes(sk.recall_score, average=None)(t, p, w))),
    Stream("HammingLoss", "sklearn.hamming_loss", lambda n: M.HammingLoss("multilabel"), labels,
           lambda t, p, w: sk.hamming_loss(t, p > 0.5, sample_weight=w)),
    Stream("ExactMatch", "sklearn.accuracy_score", lambda n: M.ExactMatch(), labels,
           lambda t, p, w: sk.accuracy_score(t, p > 0.5, sample_weight=w)),
    Stream("ExpectedCalibrationError", "numpy", lambda n: M.ExpectedCalibrationError(),
           probabilities, lambda t, p, w: binned(p.max(-1), p.argmax(-1) == t, w)),
    Stream("ClasswiseCalibrationError", "numpy", lambda n: M.ClasswiseCalibrationError(5),
           probabilities, classwise),
    Stream("AdaptiveCalibrationError", "numpy", lambda n: M.AdaptiveCalibrationError(capacity=n),
           probabilities, adaptive),
    Stream("BrierScore", "numpy", lambda n: M.BrierScore(), probabilities, brier),
    Stream("BrierScore(single)", "sklearn.brier_score_loss", lambda n: M.BrierScore(), one_label,
           lambda t, p, w: sk.brier_score_loss(t, p.astype("float64"), sample_weight=w)),
    Stream("RSquare, offset 1e4", "sklearn.r2_score", lambda n: M.RSquare(), offset,
           lambda t, p, w: sk.r2_score(t.astype("float64"), p.astype("float64"), sample_weight=w)),
    Stream("PearsonCorrCoef, offset 1e4, weighted", "numpy", lambda n: M.PearsonCorrCoef(), offset,
           pearson),
    Stream("PearsonCorrCoef, offset 1e4", "scipy.stats.pearsonr", lambda n: M.PearsonCorrCoef(),
           unweighted,
           lambda t, p, w: st.pearsonr(t.astype("float64"), p.astype("float64")).statistic),
    Stream("ConcordanceCorrCoef, offset 1e4", "numpy", lambda n: M.ConcordanceCorrCoef(), offset,
           concordance),
    Stream("SpearmanCorrCoef", "scipy.stats.spearmanr", lambda n: M.SpearmanCorrCoef(capacity=n),
           unweighted, lambda t, p, w: st.spearmanr(t, p).statistic),
    *(Stream(f"KendallTau({v})", "scipy.stats.kendalltau",
             lambda n, v=v: M.KendallTau(variant=v, capacity=n), unweighted,
             lambda t, p, w, v=v: st.kendalltau(t, p, variant=v).statistic) for v in "bc"),
    *(Stream(f"MeanAveragePrecision({a})", "sklearn.average_precision_score",
             lambda n, a=a: M.MeanAveragePrecision(3, average=a, capacity=n), labels,
             lambda t, p, w, a=a: sk.average_precision_score(t, p, average=a, sample_weight=w))
      for a in ("macro", "micro", "weighted")),
    Stream("EqualErrorRate", "sklearn.roc_curve, scipy.brentq",
           lambda n: M.EqualErrorRate(capacity=n), one_label, equal_error),
    Stream("TPRAtFPR", "sklearn.roc_curve", lambda n: M.TPRAtFPR(fpr=0.05, capacity=n), one_label,
           tpr_at_fpr),
    Stream("QuantileCoverage, offset 1e4", "numpy", lambda n: M.QuantileCoverage([0.1, 0.9]),
           intervals, lambda t, p, w: np.average(t[:, None] <= p, 0, weights=w)),
    Stream("IntervalCoverage, offset 1e4", "numpy", lambda n: M.IntervalCoverage(), intervals,
           lambda t, p, w: np.average((p[:, 0] <= t) & (t <= p[:, 1]), weights=w)),
    Stream("IntervalWidth, offset 1e4", "numpy", lambda n: M.IntervalWidth(), intervals,
           lambda t, p, w: np.average(p[:, 1].astype("float64") - p[:, 0], weights=w)),
    Stream("SymmetricMeanAbsolutePercentageError, offset 1e4", "numpy",
           lambda n: M.SymmetricMeanAbsolutePercentageError(), offset, smape),
    Stream("MeanAbsoluteScaledError, offset 1e4", "sklearn.mean_absolute_error",
           lambda n: M.MeanAbsoluteScaledError(scale=2.0), offset,
           lambda t, p, w: sk.mean_absolute_error(
               t.astype("float64"), p.astype("float64"), sample_weight=w) / 2),
    Stream("MeanCosineSimilarity, offset 1e4", "numpy", lambda n: M.MeanCosineSimilarity(),
           lambda rng, n: offset(rng, n, 3), cosine),
    Stream("GeometricMean", "scipy.stats.gmean", lambda n: M.GeometricMean(), positive,
           lambda t, p, w: st.gmean(t, weights=w)),
    Stream("HarmonicMean", "scipy.stats.hmean", lambda n: M.HarmonicMean(), positive,
           lambda t, p, w: st.hmean(t, weights=w)),
    Stream("PeakSignalNoiseRatio", "numpy", lambda n: M.PeakSignalNoiseRatio(max_val=255), images,
           psnr, most=50_000),
    Stream("StructuralSimilarity", "scipy.ndimage", lambda n: M.StructuralSimilarity(max_val=255),
           images, ssim, most=20_000),
    *(Stream(name, "numpy, query by query",
             lambda n, name=name: getattr(M, name)(8, distance="euclidean", capacity=n), points,
             retrieval(value), most=10_000)
      for name, value in (
          ("RetrievalHitRate", lambda hits: float(hits[0])),
          ("RetrievalRecall", lambda hits: hits[:10].sum() / hits.sum()),
          ("RetrievalMRR", lambda hits: 1 / (1 + np.argmax(hits))),
          ("RetrievalNDCG", ndcg),
          ("RetrievalMAPAtR", map_at_r))),
]  # fmt: skip


def draw(case):
    """3,000 samples in random batches, for the table of accuracies."""

    def values(rng):
        count = min(3_000, case.most)
        y_true, y_pred, weight = case.data(rng, count)
        metric = case.metric(count)
        for part in np.array_split(rng.permutation(count), 7):
            first = () if y_pred is None else (y_pred[part],)
            metric.update_state(y_true[part], *first, weight[part])
        result = metric.result()
        ours = list(result.values()) if isinstance(result, dict) else [result]
        theirs = np.atleast_1d(case.reference(y_true, y_pred, weight))
        return {"value": np.array([float(v) for v in ours])}, {"value": theirs}

    return values


CASES = [Case(s.name, s.witness, draw(s)) for s in STREAMS]
