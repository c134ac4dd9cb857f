"""Forward and backward recursions of a linear chain, in one loop; shared by the crf functions."""

from collections.abc import Callable
from typing import Any

from keras import ops

from mlkit._core.types import Tensor

_BLOCK = 16  # steps in one round of the loop, whose own cost is that of about ten small products
_STABLE = 80.0  # exp(-80) is above the smallest normal float32 by a factor of 1000


def sequence_mask(lengths: Any, time: Any) -> Tensor:
    """Booleans `(batch, time)`, True before the end of each sequence."""
    return ops.arange(time, dtype="int32")[None, :] < ops.cast(lengths, "int32")[:, None]


def run_steps(
    step: Callable, first: tuple, xs: tuple[Tensor, ...], block: int = _BLOCK
) -> tuple[Tensor, ...]:
    """All states of `state = step(state, x)` for x along axis 0, the first one in front.

    Args:
        step: takes a tuple of tensors and one of slices of `xs`, returns a tuple of tensors.
        first: the state before `xs`; all its tensors have their shapes known but for the batch.
        xs: each `(steps, ...)`.
        block: most steps in one round of the loop: a larger one takes longer to compile.

    Returns:
        The tuple, each tensor with an axis of `steps + 1` in front.
    """
    steps = ops.shape(xs[0])[0]
    rounds = (steps + block - 1) // block
    if isinstance(steps, int):
        rounds = max(rounds, 1)
        block = max(-(-steps // rounds), 1)  # no longer than needed: the rest is computed in vain
    else:
        rounds = ops.maximum(rounds, 1)
    rest = rounds * block - steps

    def in_rounds(x: Tensor) -> Tensor:
        x = ops.concatenate([x, ops.ones((rest, *ops.shape(x)[1:]), x.dtype)], axis=0)
        return ops.reshape(x, (rounds, block, *ops.shape(x)[1:]))

    xs = tuple(in_rounds(x) for x in xs)

    def a_round(carry: tuple, i: Tensor) -> tuple[tuple, tuple]:
        state, states = tuple(c[-1] for c in carry), []
        for x in zip(*[ops.unstack(part[i], block, axis=0) for part in xs], strict=True):
            state = step(state, x)
            states.append(state)
        made = tuple(ops.stack(part, axis=0) for part in zip(*states, strict=True))
        return made, made

    start = tuple(ops.repeat(part[None], block, axis=0) for part in first)
    # Over the rounds' numbers: Keras' scan fails over several tensors of an unknown length.
    _, made = ops.scan(a_round, start, ops.arange(rounds, dtype="int32"))
    result = []
    for part, before in zip(made, first, strict=True):
        flat = ops.reshape(part, (-1, *ops.shape(part)[2:]))[:steps]
        result.append(ops.concatenate([before[None], flat], axis=0))
    return tuple(result)


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
    valid = sequence_mask(lengths, ops.shape(potentials)[1])[..., None]
    potentials = ops.where(valid, potentials, 0)
    high = ops.max(potentials, axis=-1, keepdims=True)
    spread = ops.max(high - ops.min(potentials, axis=-1, keepdims=True))
    narrow = spread + ops.max(transitions) - ops.min(transitions) <= _STABLE
    # The batch is last: all sums of the loop are over other axes.
    x, valid = (ops.transpose(t, (1, 2, 0)) for t in (potentials - high, valid))
    value, marginals, before, after = ops.cond(
        narrow,
        lambda: _in_exp_space(x, transitions, valid),
        lambda: _in_log_space(x, transitions, valid),
    )

    def counts(weights: Tensor) -> Tensor:
        pairs = before[:-1], after[1:], ops.where(valid[1:], weights, 0), transitions
        return ops.cond(
            narrow, lambda: _counts_in_exp_space(*pairs), lambda: _counts_in_log_space(*pairs)
        )

    # The padding has high = 0.
    value = value + ops.sum(high[..., 0], axis=1)
    return value, ops.transpose(marginals, (2, 0, 1)), counts


def _both_ways(
    x: Tensor, valid: Tensor, space: tuple[Callable, ...], nothing: float, block: int
) -> tuple[Tensor, Tensor, Tensor]:
    """States from the left, their scales `(time, 1, batch)`, and states from the right.

    A state from the left has its own step of `x` in it, one from the right has not. From the right
    a sequence begins at its own end, which is not that of the batch.

    Args:
        x: `(time, tags, batch)`.
        valid: `(time, 1, batch)`.
        space: what makes a sum over the tags before, one over the tags after, puts `x` to it, and
            gives the state and its scale.
        nothing: the state from the right where nothing follows.
        block: as for `run_steps`.
    """
    from_left, from_right, put, normalised = space

    def step(state: tuple, x: tuple) -> tuple[Tensor, Tensor, Tensor]:
        left, _, right = state
        own, following, is_followed = x
        left, scale = normalised(put(from_left(left), own))
        right = from_right(normalised(put(right, following))[0])
        return left, scale, ops.where(is_followed, right, nothing)

    first = (*normalised(x[0]), ops.full_like(x[0], nothing))
    xs = (x[1:], ops.flip(x[1:], axis=0), ops.flip(valid[1:], axis=0))
    left, scales, right = run_steps(step, first, xs, block)
    return left, scales, ops.flip(right, axis=0)


def _in_exp_space(
    x: Tensor, transitions: Tensor, valid: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Probabilities, normalised at each step: matrix products in place of log-sum-exp.

    No entry underflows if the spread of the potentials of a step and of the transitions together is
    at most 80: an entry is at least exp(-80) / tags of the largest.

    Returns:
        `(batch,)`; the marginals `(time, tags, batch)`; two factors of that shape, so that
        `before[t, i] exp(transitions[i, j] - top) after[t + 1, j]` is that of a transition.
    """
    top = ops.max(transitions)
    factors = ops.exp(transitions - top)

    def normalised(q: Tensor) -> tuple[Tensor, Tensor]:
        total = ops.sum(q, axis=0, keepdims=True)
        return q * (1 / total), total

    turned = ops.transpose(factors)
    x = ops.exp(x)
    space = (lambda q: ops.matmul(turned, q), lambda q: ops.matmul(factors, q), ops.multiply)
    left, totals, right = _both_ways(x, valid, (*space, normalised), 1.0, _BLOCK)
    joint = left * right
    weight = ops.where(valid, 1 / ops.sum(joint, axis=1, keepdims=True), 0)
    steps = ops.log(totals[:, 0])
    steps = ops.concatenate([steps[:1], steps[1:] + top], axis=0)
    value = ops.sum(ops.where(valid[:, 0], steps, 0), axis=0)
    # In this order: the weight and 1 / totals can both be near exp(80), which float32 holds once.
    return value, joint * weight, left, (right * weight) * (x * (1 / totals))


def _counts_in_exp_space(
    before: Tensor, after: Tensor, weights: Tensor, transitions: Tensor
) -> Tensor:
    pairs = ops.matmul(before, ops.transpose(after * weights, (0, 2, 1)))
    return ops.sum(pairs, axis=0) * ops.exp(transitions - ops.max(transitions))


def _in_log_space(
    x: Tensor, transitions: Tensor, valid: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The same for any spread, forbidden transitions of -inf among them; factors are logarithms."""
    pairs = transitions[..., None]

    def normalised(q: Tensor) -> tuple[Tensor, Tensor]:
        top = ops.max(q, axis=0, keepdims=True)
        top = ops.where(ops.isfinite(top), top, 0)  # where no path is allowed
        return q - top, top

    space = (
        lambda q: _log_sum_exp(q[:, None] + pairs, 0),
        lambda q: _log_sum_exp(q[None] + pairs, 1),
        ops.add,
    )
    left, tops, right = _both_ways(x, valid, (*space, normalised), 0.0, block=4)
    joint = left + right
    marginals = ops.where(valid, ops.softmax(joint, axis=1), 0)
    steps = ops.where(valid, tops, 0)
    # The sum over the tags of the last step, whose top is among the steps'.
    follows = ops.concatenate([valid[1:], ops.zeros_like(valid[:1])], axis=0)
    end = ops.logical_and(valid, ops.logical_not(follows))
    steps = ops.where(end, steps + _log_sum_exp(left, 1)[:, None], steps)
    after = right + x - (tops + ops.logsumexp(joint, axis=1, keepdims=True))
    return ops.sum(steps[:, 0], axis=0), marginals, left, after


def _counts_in_log_space(
    before: Tensor, after: Tensor, weights: Tensor, transitions: Tensor
) -> Tensor:
    pairs = ops.exp(before[:, :, None] + transitions[..., None] + after[:, None])
    return ops.sum(ops.where(weights[:, None] == 0, 0, pairs * weights[:, None]), axis=(0, 3))


def _log_sum_exp(x: Tensor, axis: int) -> Tensor:
    """Also where all are -inf, which is then the result."""
    top = ops.max(x, axis=axis, keepdims=True)
    top = ops.where(ops.isfinite(top), top, 0)
    return ops.log(ops.sum(ops.exp(x - top), axis=axis)) + ops.squeeze(top, axis)
