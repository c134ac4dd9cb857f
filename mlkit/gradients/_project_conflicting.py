"""Gradients of several tasks, each projected so that it does not undo another."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf  # keras.random takes no seed that is a pair of tensors
from keras import ops

from mlkit._core.checks import check_choice
from mlkit._core.precision import wide
from mlkit._core.types import Tensor, Variable
from mlkit.gradients._seeds import Counter
from mlkit.gradients._transform import Gradients, Transform, written
from mlkit.ops._slices import dense


def project_conflicting(
    reduction: str = "sum", *, shuffle: bool = True, seed: int | None = None
) -> Transform:
    """Join the gradients of several tasks without their conflicts (PCGrad).

    The result takes the gradients of each task, one list a task, in the place of one list of
    gradients, and returns one list. For each task i and every other task j in random order, where
    `g_i · g_j < 0` (over all variables together), `g_i ← g_i - (g_i · g_j / ‖g_j‖²) g_j`, with the
    `g_j` as they were at first; then the sum over the tasks.

    Only the products of pairs of tasks are formed: no copy of the gradients is made for each task.

    Args:
        reduction: `"sum"` of the tasks, as in the paper, or `"mean"`. Default `"sum"`.
        shuffle: whether the order of the other tasks is random. It matters from three tasks on.
            Default True.
        seed: of the orders, an integer ≥ 0; default: from Python's `random`, and so from
            `keras.utils.set_random_seed`. The count of calls and the seed are variables
            (`state_variables`).

    Returns:
        A function `(gradients of each task, variables) -> gradients`. A variable that no task
        reaches has None; gradients of embeddings become dense.

    Raises:
        ValueError: `reduction` is another word; when called, a task's list has another length.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> tasks = [[keras.ops.array([1.0, 0.0])], [keras.ops.array([-1.0, 1.0])]]
        >>> w = keras.Variable([0.0, 0.0])
        >>> mk.gradients.project_conflicting()(tasks, [w])[0].numpy().tolist()
        [0.5, 1.5]

    Reference:
        Yu et al., 2020, https://arxiv.org/abs/2001.06782.
    """
    check_choice("reduction", reduction, ["sum", "mean"])
    counter = Counter("project_conflicting", seed)
    text = written("project_conflicting", reduction, shuffle=shuffle, seed=seed)

    def project(tasks: Sequence[Gradients], variables: Sequence[Variable]) -> list[Any]:
        tasks = [[None if g is None else dense(g) for g in task] for task in tasks]
        products = _products(tasks)
        count = len(tasks)
        orders = _orders(count, counter.key() if shuffle else None)
        shares = sum(_project(i, orders[i], products) for i in range(count))
        counter.advance()
        if reduction == "mean":
            shares = shares / count
        return [_combine(column, shares) for column in zip(*tasks, strict=True)]

    return _ForTasks(project, text, counter.variables)


class _ForTasks(Transform):
    """A transform whose gradients are lists, one for each task."""

    def __call__(self, gradients: Gradients, variables: Sequence[Variable]) -> list[Any]:
        tasks, variables = [list(task) for task in gradients], list(variables)
        lengths = [len(task) for task in tasks]
        if not tasks or any(length != len(variables) for length in lengths):
            raise ValueError(
                f"{self.text} needs, for each task, a list with a gradient (or None) for each "
                f"variable. Received: lists of {lengths} gradients, {len(variables)} variables"
            )
        return list(self.function(tasks, variables))


def _products(tasks: Sequence[Gradients]) -> Tensor:
    """The inner products of each pair of tasks: (tasks, tasks) in at least float32."""

    def product(a: Gradients, b: Gradients) -> Tensor:
        terms = [
            ops.sum(wide(x) * wide(y))
            for x, y in zip(a, b, strict=True)
            if x is not None and y is not None
        ]
        return sum((ops.cast(t, "float32") for t in terms), ops.zeros(()))

    size = len(tasks)
    pairs = {(i, j): product(tasks[i], tasks[j]) for i in range(size) for j in range(i + 1)}
    rows = [[pairs[max(i, j), min(i, j)] for j in range(size)] for i in range(size)]
    return ops.stack([ops.stack(row) for row in rows])


def _orders(count: int, key: Any) -> Tensor:
    """For each task the order in which it looks at all tasks: (count, count)."""
    if key is None:
        return ops.tile(ops.arange(count)[None], (count, 1))
    return ops.argsort(tf.random.stateless_uniform((count, count), key, alg="philox"), axis=-1)


def _project(task: int, order: Tensor, products: Tensor) -> Tensor:
    """What the projected gradient of a task holds of each task's own gradient: (tasks,)."""
    count = products.shape[0]
    share = ops.one_hot(task, count, dtype="float32")
    for k in range(count):
        other = order[k]
        row = ops.take(products, other, axis=0)
        square = ops.take(row, other)
        conflict = ops.minimum(ops.sum(share * row), 0.0)
        conflict = ops.where(ops.equal(other, task) | (square <= 0), 0.0, conflict)
        amount = conflict / ops.where(square > 0, square, 1.0)
        share = share - amount * ops.one_hot(other, count, dtype="float32")
    return share


def _combine(gradients: Gradients, shares: Tensor) -> Any:
    """The sum of one variable's gradients with their shares; None if there are none."""
    there = [(i, g) for i, g in enumerate(gradients) if g is not None]
    if not there:
        return None
    total = sum(wide(g) * ops.cast(shares[i], wide(g).dtype) for i, g in there)
    return ops.cast(total, there[0][1].dtype)
