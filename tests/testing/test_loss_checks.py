"""Each check of losses fails on a loss that breaks its rule, and only on such."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from mlkit.testing import LossSpec
from mlkit.testing._check import checks
from mlkit.testing._run import run


def normal(*shape):
    return lambda rng: rng.normal(size=shape).astype("float32")


def labels(*shape):
    return lambda rng: rng.integers(0, 2, shape)


def squared(y_true, y_pred):
    return ops.mean(ops.square(y_pred - ops.cast(y_true, y_pred.dtype)), -1)


class Sound(keras.Loss):
    """Squared error as it should be."""

    def call(self, y_true, y_pred):
        return squared(*_aligned(y_true, y_pred))

    def get_config(self):
        return {**super().get_config(), "dtype": self.dtype}


def _aligned(y_true, y_pred):
    if len(y_true.shape) != len(y_pred.shape):
        raise ValueError("`y_true` and `y_pred` must have the same rank.")
    return y_true, y_pred


def spec(cls=Sound, **fields):
    data = {"y_true": normal(8, 3), "y_pred": normal(8, 3), **fields}
    return LossSpec(cls, **data)


def variant(**methods):
    return type("Faulty", (Sound,), {"__doc__": "A faulty loss.", **methods})


def calling(function):
    return variant(call=lambda self, y_true, y_pred: function(y_true, y_pred))


@ops.custom_gradient
def _wrong_slope(x):
    return (
        ops.sum(x * x, -1),
        lambda *args, upstream=None: (
            x * ops.expand_dims(args[0] if upstream is None else upstream, -1)
        ),
    )


class LogitsOrNot(Sound):
    """Forgets the sigmoid."""

    def __init__(self, from_logits=False, **kwargs):
        super().__init__(**kwargs)
        self.from_logits = from_logits

    def call(self, y_true, y_pred):
        p = ops.clip(y_pred, 1e-7, 1 - 1e-7)
        return -ops.mean(y_true * ops.log(p) + (1 - y_true) * ops.log(1 - p), -1)


class Forgets(Sound):
    """An argument that does not come back."""

    def __init__(self, delta=1.0, **kwargs):
        super().__init__(**kwargs)
        self.delta = delta

    def call(self, y_true, y_pred):
        return self.delta * squared(y_true, y_pred)


def _only_eager(y_true, y_pred):
    return squared(y_true, y_pred) * (1.0 if tf.executing_eagerly() else 2.0)


FAULTS = {
    "per_sample": spec(calling(lambda t, p: ops.mean(squared(t, p)))),
    "function_equals_class": spec(function=lambda t, p: 2 * squared(t, p)),
    "reference": spec(reference=lambda t, p: ((t - p) ** 2).sum(-1)),
    "rows_independent": spec(calling(lambda t, p: squared(t, p) + ops.mean(p))),
    "reductions": spec(
        variant(
            __call__=lambda self, t, p, w=None: (
                Sound.__call__(self, t, p, w) * (8 if self.reduction == "mean" else 1)
            )
        )
    ),
    "zero_weight": spec(variant(__call__=lambda self, t, p, w=None: Sound.__call__(self, t, p))),
    "mask": spec(
        variant(__call__=lambda self, t, p, w=None: Sound.__call__(self, t, tf.identity(p), w))
    ),
    "properties": spec(calling(lambda t, p: squared(t, p) - 1), properties=["nonnegative"]),
    "saturated": spec(calling(lambda t, p: ops.sqrt(ops.sum(ops.square(t - p), -1)))),
    "gradient_exists": spec(calling(lambda t, p: ops.cast(ops.argmax(p, -1), "float32"))),
    "numeric_gradient": spec(calling(lambda t, p: _wrong_slope(p))),
    "from_logits": spec(LogitsOrNot, kwargs={"from_logits": True}, y_true=labels(8, 3)),
    "half_precision": spec(
        variant(
            __call__=lambda self, t, p, w=None: ops.cast(
                ops.sum(1e5 * ops.cast(squared(t, p), ops.dtype(p))), "float32"
            )
        )
    ),
    "target_dtypes": spec(
        function=lambda t, p: squared(t // 2 if t.dtype.kind == "u" else t, p),
        y_true=labels(8, 3),
    ),
    "broadcasting": spec(calling(lambda t, p: squared(t, p)), y_true=normal(8), y_pred=normal(8)),
    "compiled": spec(calling(_only_eager)),
    "fit": spec(calling(_only_eager)),
    "saved_model": spec(Forgets, kwargs={"delta": 3.0}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name):
    (check,) = (c for c in checks("loss") if c.name == name)
    result = check(FAULTS[name])
    assert result.status == "failed", result
    assert "raised" not in result.what, result


def test_every_check_of_losses_has_its_fault():
    own = [c for c in checks("loss") if c.function.__module__.startswith("mlkit.testing._loss")]
    assert {c.name for c in own} == set(FAULTS)


def test_a_sound_loss_passes():
    report = run(
        spec(
            function=lambda t, p: squared(*_aligned(np.asarray(t), p)),
            reference=lambda t, p: ((t - p) ** 2).mean(-1),
            properties=["nonnegative", "zero_at_target", "symmetric"],
        )
    )
    assert [r.check for r in report.failures] == ["registered"]


@pytest.mark.parametrize(
    ("cls", "kwargs", "check", "word"),
    [
        (keras.losses.Huber, {"delta": 3.0}, "saved_model", "loss of the loaded model"),
        (keras.losses.Huber, {"delta": 3.0}, "config_complete", "delta"),
        (keras.losses.CosineSimilarity, {"axis": 1}, "config_complete", "axis"),
        (keras.losses.SparseCategoricalCrossentropy, {"axis": 1}, "config_complete", "axis"),
    ],
)
def test_known_defects_of_keras_are_found(cls, kwargs, check, word):
    sparse = cls is keras.losses.SparseCategoricalCrossentropy
    y_true = (lambda rng: rng.integers(0, 3, 8)) if sparse else normal(8, 3)
    (one,) = (c for c in checks("loss") if c.name == check)
    result = one(LossSpec(cls, kwargs, y_true=y_true, y_pred=normal(8, 3)))
    assert result.status == "failed", "Keras has mended it: say so, and take the case out"
    assert word in result.what


@pytest.mark.parametrize(
    "fields",
    [
        {"cls": keras.losses.MeanSquaredError},
        {"cls": keras.losses.LogCosh, "y_true": normal(8, 1), "y_pred": normal(8, 1)},
        {
            "cls": keras.losses.MeanAbsoluteError,
            "y_true": normal(6, 4, 2),
            "y_pred": normal(6, 4, 2),
        },
        {
            "cls": keras.losses.BinaryCrossentropy,
            "kwargs": {"from_logits": True, "label_smoothing": 0.1, "axis": 1},
            "y_true": labels(8, 3),
        },
    ],
    ids=lambda fields: fields["cls"].__name__,
)
def test_sound_losses_of_keras_pass(fields):
    report = run(spec(**fields))
    assert report.ok, str(report)
