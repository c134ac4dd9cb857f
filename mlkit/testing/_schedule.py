"""Rules for learning-rate schedules."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlkit.testing._check import check
from mlkit.testing._compare import array, must_agree, must_be_finite, worlds
from mlkit.testing._config import through_json
from mlkit.testing._report import CheckFailed, NotApplicable
from mlkit.testing._spec import ScheduleSpec

_GRAPH = (
    "Cast the step to float32 first and compute with keras.ops; choose with ops.where, not `if`."
)


def steps(spec: ScheduleSpec) -> list[int]:
    """0, 1, each knot with its neighbours, some between, the last and the one after it."""
    found = {0, 1, spec.last, spec.last + 1, *(spec.last * i // 7 for i in range(7))}
    for knot in spec.knots:
        found |= {max(0, knot - 1), knot, knot + 1}
    return sorted(found)


def rates(schedule: Any, at: list[int]) -> np.ndarray:
    return np.asarray([float(array(schedule(step))) for step in at])


def _must_be(got: np.ndarray, want: np.ndarray, at: list[int], how: str, **told: str) -> None:
    """Relative to the largest rate: rates are small numbers."""
    scale = float(np.abs(want).max(initial=0.0)) or 1.0
    for step, rate, due in zip(at, got, want, strict=True):
        if not math.isclose(rate, due, rel_tol=1e-5, abs_tol=1e-6 * scale):
            raise CheckFailed(f"{how}, step {step}: {rate:.9g}, where {due:.9g} was due", **told)


@check("schedule")
def reference(spec: ScheduleSpec) -> None:
    """The rates are those of an independent witness: at 0, around each knot, past the end."""
    if spec.reference is None:
        raise NotApplicable("no `reference` was given")
    at = steps(spec)
    _must_be(
        rates(spec.make(), at),
        np.asarray([float(spec.reference(step)) for step in at]),
        at,
        "against `reference`",
        why="The model trains at other rates than were asked for; off by one at a knot counts.",
        mend="Write down the rate at the first and the last step of each part, and compare.",
    )


@check("schedule")
def finite(spec: ScheduleSpec) -> None:
    """The rate is a finite float scalar, at least 0, at every step and long after the end."""
    at = [*steps(spec), 10 * spec.last, 2**31 - 1]
    schedule = spec.make()
    first = schedule(0)
    if np.shape(array(first)) != () or "float" not in str(getattr(first, "dtype", type(first))):
        raise CheckFailed(
            f"schedule(0) is {first!r}",
            why="The optimizer multiplies the gradient by it.",
            mend="Return one float, in float32.",
        )
    found = rates(schedule, at)
    told = {
        "why": "A run that is longer than the schedule was made for ends in NaN or goes uphill.",
        "mend": "ops.minimum(step, total): hold the last rate.",
    }
    must_be_finite(found, "the rate at one of the steps " + str(at), **told)
    if found.min() < 0:
        raise CheckFailed(f"the rate at step {at[int(found.argmin())]} is {found.min()}", **told)


@check("schedule")
def step_types(spec: ScheduleSpec) -> None:
    """A step may be a Python or NumPy number or a tensor, of integers or floats."""
    kinds = {
        "float": float,
        "np.int64": np.int64,
        "np.float32": np.float32,
        "an int32 tensor": lambda step: tf.constant(step, tf.int32),
        "an int64 tensor": lambda step: tf.constant(step, tf.int64),
        "a float32 tensor": lambda step: tf.constant(step, tf.float32),
        "a Keras variable": lambda step: keras.Variable(step, dtype="int32", trainable=False),
    }
    schedule, at = spec.make(), steps(spec)
    want = rates(schedule, at)
    for name, kind in kinds.items():
        _must_be(
            np.asarray([float(array(schedule(kind(step)))) for step in at]),
            want,
            at,
            f"the step given as {name}",
            why="Keras gives an integer variable, a hand-written loop whatever it counts with.",
            mend=_GRAPH,
        )


@check("schedule")
def compiled(spec: ScheduleSpec) -> None:
    """In a tf.function, and under XLA, the rates are those of eager mode, without a retrace."""
    schedule, at = spec.make(), steps(spec)
    want = rates(schedule, at)
    for name, way in worlds().items():
        run = way(lambda step: schedule(step))
        got = np.asarray([float(array(run(tf.constant(step, tf.int64)))) for step in at])
        told = {
            "why": "The train step is compiled: the rate there is another one, or frozen at that "
            "of the first step.",
            "mend": _GRAPH,
        }
        _must_be(got, want, at, f"under {name}", **told)


@check("schedule")
def saved(spec: ScheduleSpec) -> None:
    """Written as JSON and read again, it gives the same rates."""
    at = steps(spec)
    must_agree(
        rates(through_json(spec.make()), at),
        rates(spec.make(), at),
        0.0,
        f"the rates at {at} after a round trip",
        why="A run that is continued from a saved model goes on at other rates.",
        mend="Return every argument from get_config; serialise an inner schedule, and take it back "
        "in from_config.",
    )


@check("schedule")
def in_optimizer(spec: ScheduleSpec) -> None:
    """An optimizer steps with it: update k is made at the rate of k, also when it comes back."""
    weight = keras.Variable(np.zeros(1, np.float32))
    optimizer = keras.optimizers.SGD(spec.make())
    optimizer.build([weight])
    schedule, previous = spec.make(), 0.0
    told = {
        "why": "The rates are shifted by a step, or the optimizer refuses the schedule.",
        "mend": "Subclass keras.optimizers.schedules.LearningRateSchedule, and compute from the "
        "step alone, without a counter of its own.",
    }
    for step in range(4):
        optimizer.apply([keras.ops.ones(1)], [weight])
        now = float(array(weight)[0])
        want = np.float32(array(schedule(step)))
        must_agree(previous - now, want, 1e-6, f"update {step} moved by", **told)
        previous = now
    with keras.saving.custom_object_scope({spec.cls.__name__: spec.cls}):
        back = through_json(optimizer)
    back.build([weight])
    back.iterations.assign(7)
    must_agree(
        back.learning_rate,
        schedule(7),
        1e-7,
        "the rate at step 7 of the restored optimizer",
        **told,
    )
