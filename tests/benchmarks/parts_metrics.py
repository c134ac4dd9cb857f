"""Updates of each streaming metric beside Keras' `Mean` of the same predictions, in an XLA loop.

Both sides make 500 updates with batches of 256 in one compiled `tf.while_loop`, as the training
programs do; the batch is sliced in the loop, so that nothing can be computed before it.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from _row import Row

import mlkit as mk

M = mk.metrics
UPDATES, BATCHES, SIZE = 500, 20, 256
GOAL = 1 / 1.5


def loop(metric: keras.Metric, *arrays: np.ndarray) -> Callable[[], Any]:
    """A run of all updates."""
    tensors = [tf.constant(a) for a in arrays]
    metric.update_state(*(a[0] for a in tensors))

    @tf.function(jit_compile=True)
    def run(*tensors: Any) -> Any:
        def body(i: Any) -> Any:
            metric.update_state(*(a[i % BATCHES] for a in tensors))
            return (i + 1,)

        tf.while_loop(lambda i: i < UPDATES, body, (tf.constant(0),))
        return tf.add_n([tf.reduce_sum(tf.cast(v.value, "float32")) for v in metric.variables])

    return lambda: run(*tensors)


def data(kind: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    shape = (BATCHES, SIZE)
    if kind == "classes":
        scores = rng.dirichlet(np.ones(10), shape).astype("float32")
        return rng.integers(0, 10, shape).astype("int32"), scores
    if kind == "labels":
        scores = rng.uniform(size=(*shape, 10)).astype("float32")
        return rng.integers(0, 2, scores.shape).astype("float32"), scores
    if kind == "intervals":
        ends = np.sort(rng.normal(size=(*shape, 2)), -1).astype("float32")
        return rng.normal(size=shape).astype("float32"), ends
    if kind == "images":
        pixels = rng.uniform(size=(2, BATCHES, 16, 16, 16, 3)).astype("float32")
        return pixels[0], pixels[1]
    values = rng.normal(size=(2, *shape, 10)).astype("float32")
    return values[0], values[1]


def row(make: Callable[[], keras.Metric], kind: str, *, goal: float = GOAL) -> Row:
    def ours() -> Callable[[], Any]:
        return loop(make(), *data(kind))

    def theirs() -> Callable[[], Any]:
        return loop(keras.metrics.Mean(), data(kind)[1])

    part = f"{type(make()).__name__} ({kind})"
    return Row(part, "keras.metrics.Mean of the predictions", ours, theirs, goal=goal)


ROWS = [
    row(lambda: M.MatthewsCorrelationCoefficient(10), "classes"),
    row(lambda: M.CohenKappa(10, sparse_labels=True), "classes"),
    row(lambda: M.ConfusionMatrix(10), "classes"),
    row(lambda: M.PrecisionScore(10), "classes"),
    row(lambda: M.FScore(10, threshold=0.5), "labels"),
    row(lambda: M.JaccardIndex(10), "classes"),
    row(lambda: M.BalancedAccuracy(10), "classes"),
    row(lambda: M.MultiLabelConfusionMatrix(10), "labels"),
    row(lambda: M.HammingLoss("multilabel"), "labels"),
    row(lambda: M.ExactMatch(), "labels"),
    row(lambda: M.ExpectedCalibrationError(), "classes"),
    row(lambda: M.ClasswiseCalibrationError(10), "classes"),
    row(lambda: M.BrierScore(), "classes"),
    row(lambda: M.RSquare(num_outputs=10), "values"),
    row(lambda: M.PearsonCorrCoef(num_outputs=10), "values"),
    row(lambda: M.ConcordanceCorrCoef(num_outputs=10), "values"),
    row(lambda: M.SymmetricMeanAbsolutePercentageError(), "values"),
    row(lambda: M.MeanAbsoluteScaledError(scale=2.0), "values"),
    row(lambda: M.MeanCosineSimilarity(), "values"),
    row(lambda: M.QuantileCoverage([0.1, 0.9]), "intervals"),
    row(lambda: M.IntervalCoverage(), "intervals"),
    row(lambda: M.PeakSignalNoiseRatio(), "images"),
]
