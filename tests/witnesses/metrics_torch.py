"""Metrics beside torchmetrics and pytorch-metric-learning, in seven batches."""

from collections.abc import Callable
from typing import Any

import numpy as np

from witnesses import Case, _torchvision

COUNT = 600


def ours(name: str, y_true: Any, y_pred: Any, *args: Any, **kwargs: Any) -> dict[str, np.ndarray]:
    import mlkit as mk

    metric = getattr(mk.metrics, name)(*args, **kwargs)
    for part in np.array_split(np.arange(len(y_true)), 7):
        metric.update_state(y_true[part], y_pred[part])
    result = metric.result()
    values = list(result.values()) if isinstance(result, dict) else [result]
    return {"value": np.array([float(v) for v in values])}


def theirs(function: Callable, *arrays: np.ndarray, **kwargs: Any) -> dict[str, np.ndarray]:
    import torch

    value = function(*(torch.tensor(a) for a in arrays), **kwargs)
    return {"value": np.atleast_1d(value.numpy())}


def classes(rng: np.random.Generator, count: int = 5) -> tuple[np.ndarray, np.ndarray]:
    true = rng.integers(0, count, COUNT)
    return true, (rng.normal(size=(COUNT, count)) + np.eye(count)[true]).astype("float32")


def of_classes(name: str, function: str, mine: dict, other: dict) -> Callable:
    def draw(rng):
        _torchvision.load()
        from torchmetrics.functional import classification

        true, scores = classes(rng)
        found = theirs(getattr(classification, function), scores, true, num_classes=5, **other)
        return ours(name, true, scores, 5, **mine), found

    return draw


def calibration(rng):
    _torchvision.load()
    from scipy.special import softmax
    from torchmetrics.functional.classification import multiclass_calibration_error

    true, scores = classes(rng)
    prob = softmax(scores, -1)
    found = theirs(multiclass_calibration_error, prob, true, num_classes=5, n_bins=15)
    return ours("ExpectedCalibrationError", true, prob), found


def of_labels(rng):
    _torchvision.load()
    from torchmetrics.functional.classification import multilabel_average_precision

    true = rng.integers(0, 2, (COUNT, 4))
    score = np.round(rng.uniform(size=(COUNT, 4)), 2).astype("float32")
    found = theirs(multilabel_average_precision, score, true, num_labels=4)
    return ours("MeanAveragePrecision", true, score, 4), found


def regression(name: str, function: str, **other: Any) -> Callable:
    def draw(rng):
        _torchvision.load()
        from torchmetrics.functional import regression

        true = rng.normal(size=COUNT)
        pred = true + rng.normal(size=COUNT)
        return ours(name, true, pred), theirs(getattr(regression, function), pred, true, **other)

    return draw


def images(name: str, function: str, **other: Any) -> Callable:
    def draw(rng):
        _torchvision.load()
        from torchmetrics.functional import image

        true, pred = rng.uniform(size=(2, 20, 16, 18, 3)).astype("float32")
        swapped = [np.moveaxis(a, -1, 1).copy() for a in (pred, true)]
        found = theirs(getattr(image, function), *swapped, data_range=1.0, **other)
        return ours(name, true, pred), found

    return draw


def similarity(rng):
    """Where the window fits: the mean of torchmetrics takes reflected borders in."""
    _torchvision.load()
    from torchmetrics.functional.image import structural_similarity_index_measure

    true, pred = rng.uniform(size=(2, 20, 16, 18, 3)).astype("float32")

    def inner(a, b):
        options = {"data_range": 1.0, "return_full_image": True}
        return structural_similarity_index_measure(a, b, **options)[1][..., 5:-5, 5:-5].mean()

    swapped = [np.moveaxis(a, -1, 1).copy() for a in (pred, true)]
    return ours("StructuralSimilarity", true, pred), theirs(inner, *swapped)


def embeddings(name: str, key: str) -> Callable:
    def draw(rng):
        _torchvision.load()
        import torch
        from pytorch_metric_learning.distances import LpDistance
        from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
        from pytorch_metric_learning.utils.inference import CustomKNN

        true = rng.integers(0, 30, COUNT)
        points = (rng.normal(size=(30, 8))[true] + rng.normal(size=(COUNT, 8))).astype("float32")
        calculator = AccuracyCalculator(
            include=("precision_at_1", "mean_reciprocal_rank", "mean_average_precision_at_r"),
            k=COUNT - 1,
            device=torch.device("cpu"),
            knn_func=CustomKNN(LpDistance(normalize_embeddings=False)),
        )
        found = calculator.get_accuracy(torch.tensor(points), torch.tensor(true))[key]
        return ours(name, true, points, 8, distance="euclidean"), {"value": np.array([found])}

    return draw


TM, PML = "torchmetrics", "pytorch-metric-learning"
CASES = [
    *(
        Case(f"CohenKappa({w})", TM, of_classes(
            "CohenKappa", "multiclass_cohen_kappa", {"weightage": w, "sparse_labels": True},
            {"weights": w}))
        for w in (None, "linear", "quadratic")
    ),
    *(
        Case(f"{name}({average})", TM, of_classes(
            name, f"multiclass_{other}", {"average": average}, {"average": average}))
        for name, other in (
            ("PrecisionScore", "precision"), ("RecallScore", "recall"),
            ("SpecificityScore", "specificity"), ("FScore", "f1_score"),
            ("JaccardIndex", "jaccard_index"))
        for average in ("micro", "macro", "weighted")
    ),
    Case("RecallScore(top_k=2)", TM, of_classes(
        "RecallScore", "multiclass_recall", {"top_k": 2}, {"top_k": 2, "average": "macro"})),
    Case("ConfusionMatrix", TM, of_classes(
        "ConfusionMatrix", "multiclass_accuracy", {}, {"average": "micro"})),
    Case("ExpectedCalibrationError", TM, calibration),
    Case("MeanAveragePrecision(macro)", TM, of_labels),
    Case("PearsonCorrCoef", TM, regression("PearsonCorrCoef", "pearson_corrcoef")),
    Case("SpearmanCorrCoef", TM, regression("SpearmanCorrCoef", "spearman_corrcoef")),
    Case("KendallTau(b)", TM, regression("KendallTau", "kendall_rank_corrcoef")),
    Case("RSquare", TM, regression("RSquare", "r2_score")),
    Case("SymmetricMeanAbsolutePercentageError", TM, regression(
        "SymmetricMeanAbsolutePercentageError", "symmetric_mean_absolute_percentage_error")),
    Case("PeakSignalNoiseRatio", TM, images(
        "PeakSignalNoiseRatio", "peak_signal_noise_ratio", dim=(1, 2, 3),
        reduction="elementwise_mean")),
    Case("StructuralSimilarity", TM, similarity),
    Case("RetrievalHitRate(1)", PML, embeddings("RetrievalHitRate", "precision_at_1")),
    Case("RetrievalMRR", PML, embeddings("RetrievalMRR", "mean_reciprocal_rank")),
    Case("RetrievalMAPAtR", PML, embeddings("RetrievalMAPAtR", "mean_average_precision_at_r")),
]  # fmt: skip
