"""Each check of metrics fails on a metric that breaks its rule, and only on such."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from mlkit.testing import MetricSpec
from mlkit.testing._check import checks
from mlkit.testing._run import run


def normal(*shape):
    return lambda rng: rng.normal(size=shape).astype("float32")


@keras.saving.register_keras_serializable("metric_checks")
class Sound(keras.Metric):
    """Mean squared error, weighted.

    Args:
        factor: of the result.
    """

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def values(self, y_true, y_pred):
        y_true, y_pred = (ops.convert_to_tensor(y, self.dtype) for y in (y_true, y_pred))
        return ops.mean(ops.square(ops.reshape(y_true, ops.shape(y_pred)) - y_pred), -1)

    def weights(self, sample_weight, values):
        weight = ops.convert_to_tensor(1.0 if sample_weight is None else sample_weight, self.dtype)
        weight = ops.reshape(weight, (-1,)) if len(weight.shape) > 1 else weight
        return ops.broadcast_to(weight, ops.shape(values))

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = self.values(y_true, y_pred)
        weight = self.weights(sample_weight, values)
        self.total.assign_add(ops.sum(values * weight))
        self.count.assign_add(ops.sum(weight))

    def merge_state(self, metrics):
        for metric in metrics:
            self.total.assign_add(metric.total)
            self.count.assign_add(metric.count)

    def result(self):
        return self.factor * ops.divide_no_nan(self.total, self.count)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def mse(y_true, y_pred, sample_weight):
    squares = (y_true.astype("float64") - y_pred) ** 2
    return 2.0 * np.average(squares.mean(-1), weights=sample_weight)


def spec(cls=Sound, **fields):
    data = {"kwargs": {"factor": 2.0}, "y_true": normal(20, 3), "y_pred": normal(20, 3), **fields}
    return MetricSpec(cls, **data)


def variant(**methods):
    return type("Faulty", (Sound,), {"__doc__": "A faulty metric. factor", **methods})


def mean_of_batches(self, y_true, y_pred, sample_weight=None):
    values = self.values(y_true, y_pred)
    self.total.assign_add(ops.mean(values * self.weights(sample_weight, values)))
    self.count.assign_add(1.0)


def unweighted_count(self, y_true, y_pred, sample_weight=None):
    values = self.values(y_true, y_pred)
    self.total.assign_add(ops.sum(values * self.weights(sample_weight, values)))
    self.count.assign_add(ops.cast(ops.size(values), "float32"))


def in_python(self, y_true, y_pred, sample_weight=None):
    Sound.update_state(self, y_true, y_pred, sample_weight)
    self.factor = 2.0 + len(y_pred)


def only_eager(self, y_true, y_pred, sample_weight=None):
    Sound.update_state(self, y_true, y_pred, sample_weight)
    if not tf.executing_eagerly():
        self.count.assign_add(1.0)


def running_mean(self, y_true, y_pred, sample_weight=None):
    """Right on one device; but means of two replicas must not be added."""
    values = self.values(y_true, y_pred)
    weight = self.weights(sample_weight, values)
    count = self.count + ops.sum(weight)
    change = ops.divide_no_nan(ops.sum(weight * (values - self.total)), count)
    self.total.assign_add(change)
    self.count.assign(count)


def in_half(self, y_true, y_pred):
    squares = ops.square(ops.cast(y_true, ops.dtype(y_pred)) - y_pred)
    return ops.cast(ops.mean(squares, -1), "float32")


class Forgets(Sound):
    """An argument that does not come back: factor."""

    def get_config(self):
        return keras.Metric.get_config(self)


class Variance(Sound):
    """Mean square minus squared mean. factor"""

    def values(self, y_true, y_pred):
        both = [ops.convert_to_tensor(y, "float32") for y in (y_true, y_pred)]
        true, pred = both
        return ops.mean(true * true - 2 * true * pred + pred * pred, -1)


FAULTS = {
    "result_form": spec(variant(result=lambda self: ops.stack([self.total + 0, self.count + 0]))),
    "reference": spec(reference=lambda t, p, w: ((t - p) ** 2).mean()),
    "batches": spec(variant(update_state=mean_of_batches)),
    "reset": spec(variant(reset_state=lambda self: self.total.assign(0.0))),
    "zero_weight": spec(variant(update_state=unweighted_count)),
    "weight_shapes": spec(
        variant(
            weights=lambda self, w, v: ops.ones_like(v) if w is None else ops.convert_to_tensor(w)
        )
    ),
    "merge": spec(
        variant(merge_state=lambda self, metrics: self.total.assign_add(metrics[0].total))
    ),
    "state": spec(variant(update_state=in_python)),
    "cancellation": spec(Variance, reference=mse),
    "half_precision": spec(variant(values=in_half)),
    "target_dtypes": spec(
        variant(
            values=lambda self, t, p: Sound.values(self, t // 2 if t.dtype.kind == "u" else t, p)
        ),
        y_true=lambda rng: rng.integers(0, 2, (20, 3)),
    ),
    "broadcasting": spec(
        variant(
            values=lambda self, t, p: ops.reshape(
                ops.square(ops.cast(t, "float32") - ops.cast(p, "float32")), (-1,)
            )
        ),
        y_true=normal(20),
        y_pred=normal(20),
    ),
    "compiled": spec(variant(update_state=only_eager)),
    "evaluate": spec(Forgets),
    "replicas": spec(variant(update_state=running_mean, result=lambda self: 2.0 * self.total)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name):
    (check,) = (c for c in checks("metric") if c.name == name)
    result = check(FAULTS[name])
    assert result.status == "failed", result
    assert "raised" not in result.what, result


def test_every_check_of_metrics_has_its_fault():
    own = [c for c in checks("metric") if c.function.__module__.startswith("mlkit.testing._metric")]
    assert {c.name for c in own} == set(FAULTS)


def test_a_sound_metric_passes():
    report = run(spec(reference=mse))
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("cls", "kwargs", "shape", "check"),
    [
        (keras.metrics.R2Score, {}, (20, 1), "cancellation"),
        (keras.metrics.PearsonCorrelation, {"axis": 0}, (20, 1), "batches"),
        (keras.metrics.ConcordanceCorrelation, {"axis": 0}, (20, 1), "batches"),
        (keras.metrics.F1Score, {"average": "macro", "threshold": 0.4}, (20, 3), "weight_shapes"),
        (keras.metrics.F1Score, {"threshold": 0.4}, (20, 3), "result_form"),
    ],
)
def test_known_defects_of_keras_are_found(cls, kwargs, shape, check):
    def r2(t, p, w):
        t, p = t.astype("float64"), p.astype("float64")
        return 1 - ((t - p) ** 2).sum() / ((t - t.mean()) ** 2).sum()

    labels = lambda rng: rng.integers(0, 2, shape)  # noqa: E731
    classify = cls is keras.metrics.F1Score
    (one,) = (c for c in checks("metric") if c.name == check)
    result = one(
        MetricSpec(
            cls,
            kwargs,
            y_true=labels if classify else normal(*shape),
            y_pred=normal(*shape),
            reference=r2,
        )
    )
    assert result.status == "failed", "Keras has mended it: say so, and take the case out"


@pytest.mark.parametrize(
    "spec",
    [
        MetricSpec(keras.metrics.RootMeanSquaredError, y_true=normal(20, 1), y_pred=normal(20, 1)),
        MetricSpec(
            keras.metrics.SparseCategoricalAccuracy,
            y_true=lambda rng: rng.integers(0, 4, 20),
            y_pred=normal(20, 4),
        ),
    ],
    ids=lambda spec: spec.id,
)
def test_sound_metrics_of_keras_pass(spec):
    report = run(spec)
    assert report.ok, str(report)
