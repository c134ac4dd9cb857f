"""Each check of initializers, regularizers and constraints fails on a part that breaks its rule."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from mlkit.testing import ConstraintSpec, InitializerSpec, RegularizerSpec
from mlkit.testing._check import checks
from mlkit.testing._run import run


@keras.saving.register_keras_serializable("tests_of_the_kit")
class Normal(keras.Initializer):
    """Normal numbers of standard deviation `width`, drawn from `seed`."""

    def __init__(self, width=1.0, seed=None):
        self.width, self.seed = width, seed

    def __call__(self, shape, dtype=None, **kwargs):
        drawn = keras.random.normal(shape, 0.0, self.width, seed=self.seed)
        return ops.cast(drawn, dtype or keras.config.floatx())

    def get_config(self):
        return {"width": self.width, "seed": self.seed}


@keras.saving.register_keras_serializable("tests_of_the_kit")
class Square(keras.Regularizer):
    """Sum of squares times `factor`, in float32."""

    def __init__(self, factor=0.1):
        self.factor = factor

    def __call__(self, x):
        return self.factor * ops.sum(ops.square(ops.cast(x, "float32")))

    def get_config(self):
        return {"factor": self.factor}


@keras.saving.register_keras_serializable("tests_of_the_kit")
class Ball(keras.constraints.Constraint):
    """Scales columns down to a norm of at most `radius`."""

    def __init__(self, radius=1.0):
        self.radius = radius

    def __call__(self, w):
        norm = ops.sqrt(ops.sum(ops.square(ops.cast(w, "float32")), 0, keepdims=True))
        return w * ops.cast(ops.minimum(1.0, self.radius / (norm + 1e-30)), w.dtype)

    def get_config(self):
        return {"radius": self.radius}


FIELDS = {
    Normal: (
        InitializerSpec,
        dict(kwargs=dict(width=0.5, seed=3), shape=(6, 5), mean=0.0, variance=0.25),
    ),
    Square: (
        RegularizerSpec,
        dict(
            kwargs=dict(factor=0.3),
            shape=(4, 3),
            reference=lambda x: 0.3 * np.sum(x * x),
            zero_at=np.zeros,
        ),
    ),
    Ball: (
        ConstraintSpec,
        dict(
            kwargs=dict(radius=0.5),
            shape=(4, 3),
            satisfied=lambda w: np.linalg.norm(w, axis=0).max() <= 0.5 * (1 + 1e-5),
            reference=lambda w: w * np.minimum(1, 0.5 / np.linalg.norm(w, axis=0)),
        ),
    ),
}


def sound(base, **fields):
    kind, defaults = FIELDS[base]
    return kind(base, **{**defaults, **fields})


def faulty(base, function, **fields):
    """A spec whose part does `function(part, argument)` when called."""
    kind, defaults = FIELDS[base]
    cls = type(
        "Faulty", (base,), {"__doc__": base.__doc__, "__call__": lambda self, *a, **k: function(*a)}
    )
    return kind(cls, **{**defaults, **fields})


@pytest.mark.parametrize("base", list(FIELDS), ids=lambda cls: cls.__name__)
def test_a_sound_part_passes(base):
    report = run(sound(base))
    assert report.ok, str(report)
    unasked = {r.check for r in report.results if r.status == "not applicable"}
    assert unasked <= {"public_path", "base_arguments", "reference"}


class _Stubborn:
    calls = 0


def _drifts(w):
    """Another projection at each call."""
    _Stubborn.calls += 1
    return w * 0.0 + float(_Stubborn.calls)


def _root(x):
    return ops.sqrt(ops.sum(ops.square(ops.cast(x, "float32"))))


def _graph_differs(x):
    return Square(0.3)(x) * (1.0 if tf.executing_eagerly() else 2.0)


def _graph_differs_too(w):
    return Ball(0.5)(w) * (1.0 if tf.executing_eagerly() else 0.5)


def _draw(shape, **kwargs):
    return keras.random.normal(shape, 0.0, 0.5, **kwargs)


FAULTS = [
    ("shape_and_dtype", faulty(Normal, lambda shape, *_: ops.ones(shape)), "float16 were asked"),
    ("shape_and_dtype", faulty(Normal, lambda shape, *_: ops.ones((2,))), "(2,) and float32 given"),
    (
        "seeded",
        faulty(Normal, lambda s, *_: _draw(s, seed=int.from_bytes(os.urandom(3), "big"))),
        "made twice under one seed",
    ),
    ("seeded", faulty(Normal, lambda s, *_: _draw(s, seed=1)), "two seeds give the same values"),
    ("seeded", sound(Normal, stochastic=False), "two seeds give other values"),
    ("moments", sound(Normal, variance=0.27), "the variance of the entries is"),
    ("moments", sound(Normal, mean=0.05), "the mean of the entries is"),
    ("reference", sound(Normal, reference=np.ones), "the values:"),
    ("in_variable", faulty(Normal, lambda s, *_: ops.full(s, np.nan)), "30 entries that are not"),
    ("scalar", faulty(Square, lambda x: ops.sum(ops.square(x), 0)), "the penalty has shape (3,)"),
    ("scalar", faulty(Square, lambda x: ops.cast(ops.sum(x), "float16")), "dtype float16"),
    ("reference", sound(Square, reference=lambda x: 0.3 * np.abs(x).sum()), "the penalty of"),
    ("zero_at", sound(Square, zero_at=np.ones), "the penalty: 3.6"),
    ("gradients", faulty(Square, _root), "at zero the gradient is"),
    ("gradients", faulty(Square, lambda x: ops.stop_gradient(ops.sum(x))), "does not exist"),
    ("float16_input", faulty(Square, lambda x: ops.sum(ops.square(x))), "float16 array"),
    ("compiled", faulty(Square, _graph_differs), "under XLA"),
    ("in_layer", faulty(Square, lambda x: _drifts(ops.sum(x))), "the layer's loss"),
    (
        "shape_and_dtype",
        faulty(Ball, lambda w: ops.sum(w, 0)),
        "a float32 weight of shape (4, 3) becomes float32 of shape (3,)",
    ),
    ("shape_and_dtype", faulty(Ball, lambda w: ops.cast(w, "float32")), "weight of shape (4, 3)"),
    ("satisfied", faulty(Ball, lambda w: w), "does not obey"),
    ("idempotent", faulty(Ball, lambda w: 0.9 * w), "projected a second time"),
    ("reference", sound(Ball, reference=np.abs), "the projection of"),
    ("at_zero", faulty(Ball, lambda w: w / ops.sum(ops.abs(w))), "zeros become [nan"),
    ("compiled", faulty(Ball, _graph_differs_too), "under XLA"),
    ("in_training", faulty(Ball, _drifts), "the weight after one step"),
]


@pytest.mark.parametrize(
    ("name", "spec", "said"),
    FAULTS,
    ids=[f"{s.kind}-{n}-{i}" for i, (n, s, _) in enumerate(FAULTS)],
)
def test_a_fault_is_found(name, spec, said):
    check = next(check for check in checks(spec.kind) if check.name == name)
    result = check(spec)
    assert result.status == "failed", str(result)
    assert said in result.what, result.what


def test_every_check_has_a_fault():
    shown = {(spec.kind, name) for name, spec, _ in FAULTS}
    common = {check.name for check in checks("schedule")} & {
        check.name for check in checks("layer")
    }
    for kind in ("initializer", "regularizer", "constraint"):
        own = {(kind, check.name) for check in checks(kind) if check.name not in common}
        assert own <= shown, own - shown
