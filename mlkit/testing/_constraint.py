"""Rules for constraints: a projection that keeps the shape, obeys, and stays where it is."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlkit.testing._check import check
from mlkit.testing._compare import array, must_agree
from mlkit.testing._report import CheckFailed, NotApplicable
from mlkit.testing._spec import ConstraintSpec
from mlkit.testing._values import difference, not_finite

_SCALES = (1.0, 1e-3, 1e3)


def _draw(spec: ConstraintSpec, scale: float = 1.0) -> np.ndarray:
    shape = tuple(spec.shape)
    return (scale * np.random.default_rng(0).normal(size=shape)).astype(np.float32)


@check("constraint")
def shape_and_dtype(spec: ConstraintSpec) -> None:
    """The projected weight has the shape and dtype of the weight."""
    part = spec.make()
    for dtype in ("float32", "float16", "bfloat16"):
        projected = part(keras.ops.cast(_draw(spec), dtype))
        got = keras.backend.standardize_dtype(projected.dtype)
        if tuple(projected.shape) != tuple(spec.shape) or got != dtype:
            raise CheckFailed(
                f"a {dtype} weight of shape {tuple(spec.shape)} becomes {got} of shape "
                f"{tuple(projected.shape)}",
                why="The optimizer assigns the result to the weight, and fails.",
                mend="keepdims=True in the norm, and cast the result to w.dtype.",
            )


@check("constraint")
def satisfied(spec: ConstraintSpec) -> None:
    """The projected weight obeys the constraint, whatever the size of the weight."""
    if spec.satisfied is None:
        raise NotApplicable("no `satisfied` in the spec")
    part = spec.make()
    for scale in _SCALES:
        projected = array(part(tf.constant(_draw(spec, scale))))
        if not spec.satisfied(projected):
            raise CheckFailed(
                f"the projection of normal numbers times {scale:g} does not obey: "
                f"{projected.ravel()[:6]}",
                why="The constraint is not kept in training.",
                mend="Look at the axis, and at where the epsilon stands.",
            )


@check("constraint")
def idempotent(spec: ConstraintSpec) -> None:
    """Projecting a second time changes nothing."""
    if not spec.idempotent:
        raise NotApplicable("idempotent=False")
    part = spec.make()
    for scale in _SCALES:
        once = part(tf.constant(_draw(spec, scale)))
        must_agree(
            part(once),
            once,
            2e-6,
            f"projected a second time (normal numbers times {scale:g})",
            why="It is applied after every step: weights that already obey drift.",
            mend="Let what obeys pass unchanged; say idempotent=False where it is meant to move.",
        )


@check("constraint")
def reference(spec: ConstraintSpec) -> None:
    """The projection is that of the independent witness."""
    if spec.reference is None:
        raise NotApplicable("no reference")
    for scale in _SCALES:
        x = _draw(spec, scale)
        must_agree(
            spec.make()(tf.constant(x)),
            np.asarray(spec.reference(x.astype(np.float64))),
            1e-5,
            f"the projection of normal numbers times {scale:g}",
            why="Either the constraint or its witness computes something else than it says.",
            mend="Compute the formula by hand for an array of two numbers.",
        )


@check("constraint")
def at_zero(spec: ConstraintSpec) -> None:
    """A weight of zeros, as many begin, is projected to finite numbers."""
    projected = spec.make()(tf.zeros(tuple(spec.shape)))
    if not_finite(projected):
        raise CheckFailed(
            f"zeros become {array(projected).ravel()[:6]}",
            why="A weight that begins at zero is NaN after the first step.",
            mend="Add keras.config.epsilon() under the division.",
        )


@check("constraint")
def compiled(spec: ConstraintSpec) -> None:
    """Under XLA the projection is that of eager execution."""
    part, x = spec.make(), tf.constant(_draw(spec))
    found = difference(tf.function(part, jit_compile=True)(x), part(x), 1e-5)
    if found:
        raise CheckFailed(
            f"under XLA: {found}",
            why="Compiled training keeps another constraint.",
            mend="Leave out what depends on values or sizes that Python reads.",
        )


@check("constraint")
def in_training(spec: ConstraintSpec) -> None:
    """After a compiled step of an optimizer the weight is a projected one."""
    layer = keras.Layer()
    weight: Any = layer.add_weight(
        shape=tuple(spec.shape), initializer="zeros", constraint=spec.make(), name="weight"
    )
    start, gradient = _draw(spec), np.ones(tuple(spec.shape), np.float32)
    weight.assign(start)
    optimizer = keras.optimizers.SGD(0.5)
    optimizer.build([weight])
    tf.function(lambda: optimizer.apply([tf.constant(gradient)], [weight]))()
    must_agree(
        weight,
        spec.make()(tf.constant(start - 0.5 * gradient)),
        1e-5,
        "the weight after one step",
        why="The constraint is not kept in training.",
        mend="Derive from keras.constraints.Constraint, implement __call__(self, w), and keep no "
        "state.",
    )
