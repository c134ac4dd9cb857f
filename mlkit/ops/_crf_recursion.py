"""Forward and backward recursions of a linear chain, in one loop; shared by the crf functions."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf  # Keras' scan fails over several tensors of an unknown length
from keras import ops

from mlkit._core.types import Tensor

_STABLE = 80.0  # exp(80) and exp(-80) leave float32 a factor of 1000


def sequence_mask(lengths: Any, time: Any) -> Tensor:
    """Booleans `(batch, time)`, True before the end of each sequence."""
    return ops.arange(time, dtype="int32")[None, :] < ops.cast(lengths, "int32")[:, None]


def run_steps(step: Callable, first: tuple, xs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The states `state = step(state, x)` after each x along axis 0.

    One step a round: XLA on a CPU runs a body of at most eight kernels on one thread, and hands
    those of a longer one, of several steps, from thread to thread, which takes longer than they do.

    Args:
        step: takes a tuple of tensors and one of slices of `xs`, returns a tuple of tensors.
        first: the state before `xs`; all its tensors have their shapes known but for the batch.
        xs: each `(steps, ...)`.

    Returns:
        The tuple, each tensor with an axis of `steps` in front.
    """
    steps = ops.shape(xs[0])[0]

    def body(i: Tensor, state: tuple, made: list) -> tuple[Tensor, tuple, list]:
        state = step(tuple(state), tuple(tf.gather(x, i) for x in xs))
        return i + 1, state, [m.write(i, part) for m, part in zip(made, state, strict=True)]

    made = [tf.TensorArray(f.dtype, steps, element_shape=f.shape) for f in first]
    _, _, made = tf.while_loop(
        lambda i, *_: i < steps, body, (0, first, made), maximum_iterations=steps
    )
    return tuple(part.stack() for part in made)


def log_norm_and_marginals(
    potentials: Tensor, transitions: Tensor, lengths: Tensor
) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
    """The log of the sum over all paths, and its gradients.

    Args:
        potentials: `(batch, time, tags)`, float32 or better.
        transitions: `(tags, tags)`, from the row to the column.
        lengths: `(batch,)`, int32; 0 gives zeros.

    Returns:
        `(batch,)`; the probability of each tag at each step, `(batch, time, tags)`; a function of
        weights `(batch,)` that gives the expected number of each transition in all sequences, each
        times its weight, `(tags, tags)`.
    """
    # All sums of the recursion are over other axes, and the last is the one that is vectorised.
    valid = ops.transpose(sequence_mask(lengths, ops.shape(potentials)[1]))[:, None]
    potentials = ops.where(valid, ops.transpose(potentials, (1, 2, 0)), 0)
    high = _finite(ops.max(potentials, axis=1, keepdims=True))  # no tag is allowed: -inf
    spread = ops.max(high - ops.min(potentials, axis=1, keepdims=True))
    of_transitions = ops.max(transitions) - ops.min(transitions)
    narrow = ops.maximum(spread, of_transitions) + of_transitions <= _STABLE
    # Each branch takes `high` off by itself: XLA does it in one pass with what follows.
    value, marginals, before, after = ops.cond(
        narrow,
        lambda: _in_exp_space(potentials - high, transitions, valid),
        lambda: _in_log_space(potentials - high, transitions, valid),
    )

    def counts(weights: Tensor) -> Tensor:
        pairs = before, after, ops.where(valid, weights, 0), transitions
        return ops.cond(
            narrow, lambda: _counts_in_exp_space(*pairs), lambda: _counts_in_log_space(*pairs)
        )

    # The padding has high = 0.
    value = value + ops.sum(high[:, 0], axis=0)
    return value, ops.transpose(marginals, (2, 0, 1)), counts


def _both_ways(
    x: Tensor, valid: Tensor, through: Callable, put: Callable, nothing: float
) -> tuple[Tensor, Tensor]:
    """What comes to each step from the left and from the right, `(time, tags, batch)`.

    From the right a sequence begins at its own end, which is not that of the batch. The step's own
    x is in neither: where it is large, to take it off again would cost digits.

    Args:
        x: `(time, tags, batch)`.
        valid: `(time, 1, batch)`.
        through: what makes of the state from the left and that from the right, `(2, tags, batch)`,
            the sums over the tags before and after, normalised.
        put: puts the x of a step to its state.
        nothing: that sum where nothing is before, or after.
    """
    steps = ops.shape(x)[0]
    never = ops.zeros_like(valid[:1])
    is_preceded = ops.concatenate([never, valid[:-1]], axis=0)
    is_followed = ops.concatenate([never, ops.flip(valid[1:], axis=0)], axis=0)
    goes_on = ops.stack([is_preceded, is_followed], axis=1)
    first = ops.full((2, *ops.shape(x)[1:]), nothing, x.dtype)
    made = [tf.TensorArray(x.dtype, steps, element_shape=x.shape[1:]) for _ in range(2)]

    # Eight kernels, which is as many as XLA runs on one thread: see `run_steps`.
    def body(i: Tensor, state: Tensor, made: list) -> tuple[Tensor, Tensor, list]:
        neighbours = tf.stack([tf.maximum(i - 1, 0), tf.minimum(steps - i, steps - 1)])
        come = through(put(tf.gather(x, neighbours), state))
        state = ops.where(tf.gather(goes_on, i), come, nothing)
        return i + 1, state, [made[0].write(i, state[0]), made[1].write(steps - 1 - i, state[1])]

    _, _, (left, right) = tf.while_loop(
        lambda i, *_: i < steps, body, (0, first, made), maximum_iterations=steps
    )
    return left.stack(), right.stack()


def _in_exp_space(
    own: Tensor, transitions: Tensor, valid: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Probabilities, normalised at each step: matrix products in place of log-sum-exp.

    With the spreads `u` of the potentials of a step and `a` of the transitions, an entry of a
    state is at least exp(-u - a), and no scale is above exp(2a): float32 holds both while these
    are at most 80.

    Returns:
        `(batch,)`; the marginals `(time, tags, batch)`; two factors of that shape, so that
        `before[t, i] exp(transitions[i, j] - top) after[t + 1, j]` is that of a transition.
    """
    top = ops.max(transitions)
    factors = ops.exp(transitions - top)
    both = ops.stack([ops.transpose(factors), factors])

    def through(q: Tensor) -> Tensor:
        return ops.matmul(both, q) * (1 / ops.sum(q, axis=1, keepdims=True))

    x = ops.exp(own)
    left, right = _both_ways(x, valid, through, ops.multiply, 1.0)
    left = left * x
    totals = ops.sum(left, axis=1, keepdims=True)
    joint = left * right
    weight = ops.where(valid, 1 / ops.sum(joint, axis=1, keepdims=True), 0)
    steps = ops.log(totals[:, 0])
    steps = ops.concatenate([steps[:1], steps[1:] + top], axis=0)
    value = ops.sum(ops.where(valid[:, 0], steps, 0), axis=0)
    scales = ops.concatenate([ops.ones_like(totals[:1]), 1 / totals[:-1]], axis=0)
    return value, joint * weight, left, right * x * weight * scales


def _counts_in_exp_space(
    before: Tensor, after: Tensor, weights: Tensor, transitions: Tensor
) -> Tensor:
    def tags_first(x: Tensor) -> Tensor:
        return ops.reshape(ops.transpose(x, (1, 0, 2)), (transitions.shape[0], -1))

    # One product over time and batch together.
    after = tags_first(after[1:] * weights[1:])
    pairs = ops.matmul(tags_first(before[:-1]), ops.transpose(after))
    return pairs * ops.exp(transitions - ops.max(transitions))


def _in_log_space(
    own: Tensor, transitions: Tensor, valid: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The same for any spread, forbidden transitions of -inf among them; factors are logarithms."""
    pairs = ops.stack([transitions, ops.transpose(transitions)])[..., None]

    def normalised(q: Tensor) -> tuple[Tensor, Tensor]:
        total = _log_sum_exp(q, 1)
        return q - _finite(total)[:, None], total  # no path is allowed: -inf

    def through(q: Tensor) -> Tensor:
        # Normalised first: what counts is near 0 then, where float32 is finest.
        return _log_sum_exp(normalised(q)[0][:, :, None] + pairs, 1)

    come, right = _both_ways(own, valid, through, ops.add, 0.0)
    left, steps = normalised(come + own)
    joint, _ = normalised(left + right)
    value = ops.sum(ops.where(valid[:, 0], steps, 0), axis=0)
    marginals = ops.where(valid, ops.exp(joint), 0)
    # Of what came to a tag the share of one transition, times the tag's marginal: no long sums.
    return value, marginals, left, joint - _finite(come)


def _counts_in_log_space(
    before: Tensor, after: Tensor, weights: Tensor, transitions: Tensor
) -> Tensor:
    pairs = ops.exp(before[:-1, :, None] + transitions[..., None] + after[1:, None])
    weights = weights[1:, None]
    return ops.sum(ops.where(weights == 0, 0, pairs * weights), axis=(0, 3))


def _log_sum_exp(x: Tensor, axis: int) -> Tensor:
    """Also where all are -inf, which is then the result."""
    top = _finite(ops.max(x, axis=axis, keepdims=True))
    return ops.log(ops.sum(ops.exp(x - top), axis=axis)) + ops.squeeze(top, axis)


def _finite(x: Tensor) -> Tensor:
    return ops.where(ops.isfinite(x), x, 0)
