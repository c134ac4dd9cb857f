"""Rules for regularizers: one finite number, with a slope everywhere, in float32."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlkit.testing._check import check
from mlkit.testing._compare import must_agree
from mlkit.testing._report import CheckFailed, NotApplicable
from mlkit.testing._spec import RegularizerSpec
from mlkit.testing._values import difference, not_finite


def _draw(spec: RegularizerSpec, scale: float = 1.0) -> np.ndarray:
    shape = tuple(spec.shape)
    return (scale * np.random.default_rng(0).normal(size=shape)).astype(np.float32)


@check("regularizer")
def scalar(spec: RegularizerSpec) -> None:
    """The penalty is one finite number in float32."""
    penalty: Any = keras.ops.convert_to_tensor(spec.make()(tf.constant(_draw(spec))))
    dtype = keras.backend.standardize_dtype(penalty.dtype)
    if tuple(penalty.shape) != () or dtype != "float32" or not_finite(penalty):
        raise CheckFailed(
            f"the penalty has shape {tuple(penalty.shape)} and dtype {dtype}: {penalty}",
            why="Keras adds it to the loss, which becomes a vector, or NaN, or half as exact.",
            mend="Sum (or average) over all axes, in float32.",
        )


@check("regularizer")
def reference(spec: RegularizerSpec) -> None:
    """The penalty is that of the independent witness."""
    if spec.reference is None:
        raise NotApplicable("no reference")
    for scale in (1.0, 0.0, 30.0):
        x = _draw(spec, scale)
        must_agree(
            spec.make()(tf.constant(x)),
            np.float64(spec.reference(x.astype(np.float64))),
            1e-5,
            f"the penalty of normal numbers times {scale:g}",
            why="Either the regularizer or its witness computes something else than it says.",
            mend="Compute the formula by hand for an array of two numbers.",
        )


@check("regularizer")
def zero_at(spec: RegularizerSpec) -> None:
    """The penalty is zero where it is said to be."""
    if spec.zero_at is None:
        raise NotApplicable("no zero is declared")
    x = np.asarray(spec.zero_at(tuple(spec.shape)), np.float32)
    must_agree(
        spec.make()(tf.constant(x)),
        np.float32(0),
        1e-5,
        "the penalty",
        why="The weights are drawn to another place than was promised.",
        mend="Look at the constant terms.",
    )


@check("regularizer")
def gradients(spec: RegularizerSpec) -> None:
    """The gradient exists and is finite: for normal numbers, at zero, for numbers of size 1e4."""
    part = spec.make()
    for scale, when in ((1.0, "for normal numbers"), (0.0, "at zero"), (1e4, "at size 1e4")):
        x = tf.convert_to_tensor(_draw(spec, scale))
        with tf.GradientTape() as tape:
            tape.watch(x)
            penalty = part(x)
        gradient = tape.gradient(penalty, x)
        if gradient is None or not_finite(gradient) or not_finite(penalty):
            what = (
                "does not exist" if gradient is None else f"is {np.asarray(gradient).ravel()[:4]}"
            )
            raise CheckFailed(
                f"{when} the gradient {what}, the penalty {float(penalty):g}",
                why="Weights that begin at zero, as biases do, become NaN at the first step.",
                mend="Put the epsilon inside the root; choose the argument before the function "
                "with keras.ops.where, not its result.",
            )


@check("regularizer")
def float16_input(spec: RegularizerSpec) -> None:
    """Activations in float16 are penalised as in float32."""
    half = keras.ops.cast(_draw(spec, 300.0), "float16")
    full = keras.ops.cast(half, "float32")
    found = difference(spec.make()(half), spec.make()(full), 1e-2)
    if found:
        raise CheckFailed(
            f"the penalty of a float16 array with numbers of size 300: {found}",
            why="As an activity_regularizer in mixed precision it is handed float16, whose "
            "largest number is 65504: the loss becomes infinite.",
            mend='x = keras.ops.cast(x, "float32") first.',
        )


@check("regularizer")
def compiled(spec: RegularizerSpec) -> None:
    """Under XLA the penalty is that of eager execution."""
    part, x = spec.make(), tf.constant(_draw(spec))
    found = difference(tf.function(part, jit_compile=True)(x), part(x), 1e-5)
    if found:
        raise CheckFailed(
            f"under XLA: {found}",
            why="Compiled training minimises something else.",
            mend="Leave out what depends on values or sizes that Python reads.",
        )


@check("regularizer")
def in_layer(spec: RegularizerSpec) -> None:
    """A layer whose weight it is given adds the penalty to its losses."""
    layer = keras.Layer()
    start = _draw(spec)
    weight: Any = layer.add_weight(
        shape=start.shape, initializer="zeros", regularizer=spec.make(), name="weight"
    )
    weight.assign(start)
    if len(layer.losses) != 1:
        raise CheckFailed(
            f"layer.losses has {len(layer.losses)} entries, one was due",
            why="The penalty never reaches the loss.",
            mend="Derive from keras.Regularizer and implement __call__(self, x).",
        )
    must_agree(
        layer.losses[0],
        spec.make()(tf.constant(start)),
        1e-6,
        "the layer's loss",
        why="In a model the penalty is another than by hand.",
        mend="Keep no state in the regularizer.",
    )
