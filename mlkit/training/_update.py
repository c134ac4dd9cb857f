"""One optimizer update: the gradients of a batch, in parts if asked, and their application."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from mlkit._core.checks import check_integer
from mlkit._core.types import Tensor, Variable
from mlkit.gradients._slices import all_finite
from mlkit.training._replica import (
    Share,
    clips,
    known_part,
    once_in_all,
    part_of,
    replica_count,
    summed,
    sums_first,
)

Gradients = list[Any]
Transform = Callable[[Gradients, Sequence[Variable]], Gradients]
LossScale = keras.mixed_precision.LossScaleOptimizer


def examples(batch: Any) -> Tensor:
    """The number of examples of a batch: a Python integer where the shape is static."""
    first = next(leaf for leaf in keras.tree.flatten(batch) if leaf is not None)
    static = first.shape[0]
    return tf.shape(first)[0] if static is None else int(static)


def value_and_grad(
    loss_fn: Callable[[Any], Tensor],
    variables: Sequence[Variable],
    batch: Any,
    *,
    accumulate: int = 1,
    optimizer: keras.Optimizer | None = None,
    share: Share | None = None,
) -> tuple[Tensor, Gradients]:
    """The loss of a batch and its gradients, in one part or several.

    The batch is cut into `accumulate` parts. They run one after the other, so that the memory of
    activations is that of one part. With a loss that is a mean over examples, the result is that
    of the whole batch in one part, up to rounding, also where the batch does not divide. What
    depends on the batch otherwise (the statistics of batch normalisation, dropout masks) is that
    of the parts.

    Inside of `strategy.run` the gradients are those of this replica's share of the batch in the
    loss of all replicas: their sum is the gradient of the whole batch, also where one replica has
    more examples than another. `loss_fn` returns a plain mean there as well; a `keras.losses`
    object divides its mean by the number of replicas, which must be undone.

    Args:
        loss_fn: from a batch (or a part of it) to its scalar loss: the mean over its examples.
        variables: what to differentiate with respect to.
        batch: nest of tensors with one batch axis.
        accumulate: number of parts, ≥ 1. Micro-batches exist only here: steps are updates.
        optimizer: the one that will apply the gradients; needed for a `LossScaleOptimizer` only,
            which expects the gradients of the scaled loss.
        share: `(part, batch) -> weight` of a part's loss in the sum; default: its share of the
            examples.

    Returns:
        The loss, a scalar, and one gradient for each variable: a dense tensor, `tf.IndexedSlices`
        (never with `accumulate > 1`), or None for a variable that the loss does not depend on.

    Raises:
        ValueError: `accumulate` is less than 1; or no gradient reaches any variable.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> x, y = keras.random.normal((8, 2)), keras.random.normal((8, 1))
        >>> loss_fn = lambda batch: keras.ops.mean((model(batch[0]) - batch[1]) ** 2)
        >>> loss, grads = mk.training.value_and_grad(
        ...     loss_fn, model.trainable_variables, (x, y), accumulate=4)
        >>> [tuple(g.shape) for g in grads]
        [(2, 1), (1,)]
    """
    check_integer("accumulate", accumulate, low=1)
    variables = list(variables)
    replica = part_of(batch, examples)
    if replica is not None:
        share = replica.weight_by(share or _share_of_examples)
    if accumulate == 1:
        weight = None if replica is None or share is None else share(batch, batch)
        loss, gradients = _differentiate(loss_fn, variables, batch, optimizer, weight)
    else:
        loss, gradients = _in_parts(loss_fn, variables, batch, accumulate, optimizer, share)
    if replica is not None:
        loss = tf.math.divide_no_nan(loss, tf.cast(replica.portion, loss.dtype))
    if variables and all(g is None for g in gradients):
        raise ValueError(
            "No gradient reaches any of the trainable variables. The loss must be computed from "
            "them by differentiable operations inside `loss_fn`: look for `.numpy()`, a cast to "
            "integers, `argmax`, or a model whose output the loss does not use."
        )
    return loss, gradients


def _differentiate(
    loss_fn: Any, variables: Any, batch: Any, optimizer: Any, weight: Any = None
) -> tuple[Tensor, Gradients]:
    with tf.GradientTape() as tape:
        loss = loss_fn(batch)
        if weight is not None:
            loss = loss * tf.cast(weight, loss.dtype)
        scaled = loss if optimizer is None else optimizer.scale_loss(loss)
    return loss, tape.gradient(scaled, variables)


def _in_parts(
    loss_fn: Any, variables: Any, batch: Any, accumulate: int, optimizer: Any, share: Any
) -> tuple[Tensor, Gradients]:
    total = examples(batch)
    size = -(-total // accumulate)  # the last part may be smaller, or be missing
    if share is None:
        share = _share_of_examples
    missing: list[bool] = []

    def add(start: Any, count: Any, loss: Any, sums: list[Any]) -> tuple[Any, list[Any]]:
        part = keras.tree.map_structure(lambda t: piece(t, start, count), batch)
        value, gradients = _differentiate(loss_fn, variables, part, optimizer, share(part, batch))
        missing[:] = [g is None for g in gradients]
        sums = [
            s if g is None else s + tf.convert_to_tensor(g)
            for s, g in zip(sums, gradients, strict=True)
        ]
        return loss + tf.cast(value, tf.float32), sums

    whole = total // size
    loss, sums = tf.while_loop(
        lambda i, *_: i < whole,
        lambda i, loss, sums: (i + 1, *add(i * size, size, loss, sums)),
        (0, tf.constant(0.0), [tf.zeros(v.shape, v.dtype) for v in variables]),
        parallel_iterations=1,
    )[1:]
    if not isinstance(total, int):
        rest = whole * size
        loss, sums = tf.cond(
            rest < total, lambda: add(rest, total - rest, loss, sums), lambda: (loss, sums)
        )
    elif whole * size < total:
        loss, sums = add(whole * size, total - whole * size, loss, sums)
    return loss, [None if m else s for m, s in zip(missing, sums, strict=True)]


def piece(values: Any, start: Any, count: Any) -> Any:
    """`count` examples from `start` on; None (no sample weights) stays None."""
    if values is None:
        return None
    values = tf.convert_to_tensor(values)
    if not isinstance(count, int):
        return values[start : start + count]
    # Not values[start:start + count], whose size XLA cannot see.
    begin = tf.concat([[start], tf.zeros([values.shape.rank - 1], tf.int32)], 0)
    found = tf.slice(values, begin, [count, *(-1 for _ in values.shape[1:])])
    return tf.ensure_shape(found, [count, *values.shape[1:]])


def _share_of_examples(part: Any, batch: Any) -> Tensor:
    return tf.cast(examples(part), tf.float32) / tf.cast(examples(batch), tf.float32)


def apply_gradients(
    optimizer: keras.Optimizer,
    gradients: Gradients,
    variables: Sequence[Variable],
    transforms: Sequence[Transform] = (),
) -> None:
    """Transform the gradients and apply them, once.

    Inside of `strategy.run` they are summed over replicas first.

    Args:
        optimizer: a Keras optimizer. With a `LossScaleOptimizer` the gradients must be those of the
            scaled loss (`value_and_grad(..., optimizer=optimizer)`): the transforms see them in
            their true size, and a step with a gradient that is not finite is skipped.
        gradients: one for each variable, or None.
        variables: the variables.
        transforms: functions `(gradients, variables) -> gradients`, in order.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> w = keras.Variable([3.0, 4.0])
        >>> half = lambda gradients, variables: [g / 2 for g in gradients]
        >>> mk.training.apply_gradients(
        ...     keras.optimizers.SGD(1.0), [keras.ops.ones(2)], [w], [half])
        >>> keras.ops.convert_to_numpy(w).tolist()
        [2.5, 3.5]
    """
    variables = list(variables)
    replicas = replica_count()
    reduced = replicas > 1 and (bool(transforms) or not sums_first(optimizer))
    if reduced:
        _refuse_clipping(optimizer)
        gradients = summed(gradients)
    given = gradients
    if transforms:
        scale = _scale(optimizer)
        if scale is not None:
            # The scale is a power of two: dividing by it and multiplying again is exact.
            gradients = [_times(g, 1.0 / scale) for g in gradients]
        for transform in transforms:
            gradients = list(transform(gradients, variables))
        if isinstance(optimizer, LossScale):
            # A transform can hide an overflow (clipping by value does), and the scale would stay.
            scale = tf.where(all_finite(given), scale, float("nan"))
        if scale is not None:
            gradients = [_times(g, scale) for g in gradients]
    if reduced:
        gradients = [once_in_all(g, by_parts=clips(optimizer)) for g in gradients]
    with warnings.catch_warnings():
        if not any(g is None for g in given):
            # What is None now a transform froze on purpose.
            warnings.filterwarnings("ignore", "Gradients do not exist for variables")
        optimizer.apply(gradients, variables)


def _refuse_clipping(optimizer: keras.Optimizer) -> None:
    if known_part() is None and clips(optimizer):
        raise ValueError(
            f"{type(optimizer).__name__} clips gradients before it sums them over replicas. In a "
            "loop of your own give `transforms=[mk.gradients.clip_by_global_norm(...)]` in the "
            "place of the optimizer's `clipnorm`, `global_clipnorm` or `clipvalue`."
        )


def updates_of(optimizer: keras.Optimizer) -> Tensor:
    """How many updates an optimizer has applied; one that was skipped does not count."""
    inner: Any = optimizer.inner_optimizer if isinstance(optimizer, LossScale) else optimizer
    return tf.identity(inner.iterations.value)


def _scale(optimizer: keras.Optimizer) -> Any:
    """What the loss was multiplied by, or None."""
    if isinstance(optimizer, LossScale):
        return optimizer.dynamic_scale.value if optimizer.built else optimizer.initial_scale
    return optimizer.loss_scale_factor


def _times(gradient: Any, factor: Any) -> Any:
    if gradient is None:
        return None
    factor = tf.cast(factor, gradient.dtype)
    if isinstance(gradient, tf.IndexedSlices):
        return tf.IndexedSlices(gradient.values * factor, gradient.indices, gradient.dense_shape)
    return gradient * factor
