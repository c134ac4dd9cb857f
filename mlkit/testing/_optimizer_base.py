"""Rules for optimizers: the arguments of the base class, and gradients of other forms."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlkit.testing._check import check
from mlkit.testing._compare import array, must_agree
from mlkit.testing._optimizer_data import (
    Arrays,
    accepting,
    gradients,
    make,
    start,
    trajectory,
    variables,
)
from mlkit.testing._report import CheckFailed
from mlkit.testing._spec import OptimizerSpec

_FORWARD = (
    "Take the argument in `__init__` (or **kwargs), hand it to super().__init__, and leave `apply` "
    "to the base class."
)


def _must_follow(got: list[Arrays], want: list[Arrays], what: str, tolerance: float = 1e-6) -> None:
    for step, (ours, due) in enumerate(zip(got, want, strict=True)):
        for i, (one, other) in enumerate(zip(ours, due, strict=True)):
            must_agree(
                one,
                other,
                tolerance,
                f"{what}: weight {i} after step {step}",
                why="The argument is accepted, and does nothing or something else.",
                mend=_FORWARD,
            )


def _norm(arrays: Arrays) -> float:
    return float(np.sqrt(sum(np.sum(np.square(a, dtype=np.float64)) for a in arrays)))


@check("optimizer")
def clipping(spec: OptimizerSpec) -> None:
    """clipvalue, clipnorm and global_clipnorm step as if the gradients had been clipped before."""

    def shrink(arrays: Arrays, limit: float) -> Arrays:
        factor = np.float32(min(1.0, limit / _norm(arrays)))
        return [a * factor for a in arrays]

    ways = {
        "clipvalue": lambda _, g: [np.clip(a, -0.3, 0.3) for a in g],
        "clipnorm": lambda _, g: [shrink([a], 0.3)[0] for a in g],
        "global_clipnorm": lambda _, g: shrink(g, 0.3),
    }
    for name, before in ways.items():
        clipped = trajectory(accepting(spec, **{name: 0.3}), 4)
        _must_follow(clipped, trajectory(make(spec), 4, before), f"{name}=0.3", 1e-5)


def _decayed(optimizer: Any) -> Arrays:
    """The weights after two steps with gradients of zero, weight 1 excluded from decay."""
    weights = variables(start())
    optimizer.exclude_from_weight_decay(var_list=[weights[1]])
    optimizer.build(weights)
    for _ in range(2):
        optimizer.apply([tf.zeros_like(weight) for weight in start()], weights)
    return [array(weight) for weight in weights]


@check("optimizer")
def weight_decay(spec: OptimizerSpec) -> None:
    """weight_decay pulls the weights to zero, except those that are excluded."""
    plain = _decayed(accepting(spec, weight_decay=0.0))
    decayed = _decayed(accepting(spec, weight_decay=0.1))
    must_agree(
        decayed[1],
        plain[1],
        1e-6,
        "weight 1, which exclude_from_weight_decay names",
        why="Biases and scales are pulled to zero against the user's word.",
        mend="Leave the decay to the base class, which keeps the list.",
    )
    for i in (0, 2):
        if not (np.abs(decayed[i]) < np.abs(plain[i])).all():
            raise CheckFailed(
                f"weight {i} with weight_decay=0.1 and gradients of zero is not nearer to zero",
                why="The argument is accepted, and regularises nothing.",
                mend=_FORWARD,
            )


@check("optimizer")
def ema(spec: OptimizerSpec) -> None:
    """use_ema averages the weights beside the training, and puts the average in at its end."""
    want = trajectory(make(spec), 4)
    optimizer = accepting(spec, use_ema=True, ema_momentum=0.5)
    got = trajectory(optimizer, 4)
    _must_follow(got, want, "use_ema=True changes the training")
    average = want[0]
    for step in want[1:]:
        average = [np.float32(0.5) * (a + w) for a, w in zip(average, step, strict=True)]
    weights = variables(got[-1])
    optimizer.finalize_variable_values(weights)
    _must_follow([[array(w) for w in weights]], [average], "the average put in at the end", 1e-5)


@check("optimizer")
def loss_scale(spec: OptimizerSpec) -> None:
    """Under a LossScaleOptimizer it steps as without, and not at all where gradients overflow."""
    want = trajectory(make(spec), 4)
    scaled = keras.mixed_precision.LossScaleOptimizer(make(spec), initial_scale=8.0)
    got = trajectory(scaled, 4, lambda _, g: [a * np.float32(8) for a in g])
    _must_follow(got, want, "inside LossScaleOptimizer", 1e-5)
    scaled = keras.mixed_precision.LossScaleOptimizer(make(spec), initial_scale=8.0)
    overflow = trajectory(scaled, 1, lambda _, g: [a * np.float32(np.inf) for a in g])
    _must_follow(overflow, [start()], "gradients of infinity inside LossScaleOptimizer")


@check("optimizer")
def accumulation(spec: OptimizerSpec) -> None:
    """Two accumulated micro-steps are one step by the mean of their gradients."""
    optimizer = accepting(spec, gradient_accumulation_steps=2)
    got = trajectory(optimizer, 6)[1::2]

    def mean(step: int, _: Arrays) -> Arrays:
        both = zip(gradients(2 * step), gradients(2 * step + 1), strict=True)
        return [(a + b) / np.float32(2) for a, b in both]

    _must_follow(got, trajectory(make(spec), 3, mean), "gradient_accumulation_steps=2", 1e-5)


def _must_be_as_dense(spec: OptimizerSpec, rows: list[int], **told: str) -> None:
    """Steps with IndexedSlices of these rows of weight 0 are those with the same tensor, dense."""

    def slices(found: Arrays) -> Any:
        return tf.IndexedSlices(
            tf.constant(found[0][: len(rows)]), tf.constant(rows), tf.constant([4, 3])
        )

    got = trajectory(make(spec), 4, lambda _, g: [slices(g), *g[1:]])
    want = trajectory(make(spec), 4, lambda _, g: [tf.convert_to_tensor(slices(g)), *g[1:]])
    for step, (ours, due) in enumerate(zip(got, want, strict=True)):
        what = f"IndexedSlices of rows {rows}, after step {step}"
        must_agree(ours[0], due[0], 1e-5, what, **told)


@check("optimizer")
def sparse(spec: OptimizerSpec) -> None:
    """Gradients of some rows, as IndexedSlices, step as the same gradients do when dense."""
    _must_be_as_dense(
        spec,
        [3, 1],
        why="Embeddings give such gradients: they train otherwise than the rest, or not at all.",
        mend="Use the base class's operations (self.assign_add, keras.ops), which know "
        "IndexedSlices, rather than Python's operators. A lazy optimizer, which leaves the other "
        "rows alone on purpose, excuses it.",
    )


@check("optimizer")
def sparse_repeated(spec: OptimizerSpec) -> None:
    """A row that occurs twice in IndexedSlices counts with the sum of its gradients."""
    _must_be_as_dense(
        spec,
        [3, 1, 3],
        why="A word that occurs twice in a batch: the square of the sum of its gradients is not "
        "the sum of their squares. Keras' own Adam, RMSprop, Adagrad and others get it wrong.",
        mend="Sum the rows before anything that is not linear. ops.add(gradient, "
        "ops.zeros_like(variable)) makes the gradient dense and does it; "
        "ops.convert_to_tensor does not.",
    )


@check("optimizer")
def none_gradients(spec: OptimizerSpec) -> None:
    """A weight whose gradient is None stays as it was, and the others step."""
    got = trajectory(make(spec), 3, lambda _, g: [g[0], None, g[2]])
    want = trajectory(make(spec), 3)
    for ours, due in zip(got, want, strict=True):
        due[1] = start()[1]
        _must_follow([ours], [due], "the gradient of weight 1 is None")
