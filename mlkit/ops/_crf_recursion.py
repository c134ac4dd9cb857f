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


def run_steps(step: Callable, first: tuple, xs: Tensor, block: int = _BLOCK) -> tuple:
    """All states of `state = step(state, x)` for x along axis 0, the first one in front.

    Args:
        step: takes a tuple of tensors and a slice of `xs`, returns such a tuple.
        first: the state before `xs`; all its tensors have their shapes known but for the batch.
        xs: `(steps, ...)`.
        block: steps in one round of the loop: a larger one takes longer to compile.

    Returns:
        The tuple, each tensor with an axis of `steps + 1` in front.
    """
    steps = ops.shape(xs)[0]
    rounds = (steps + block - 1) // block
    rounds = max(rounds, 1) if isinstance(steps, int) else ops.maximum(rounds, 1)
    rest = rounds * block - steps
    xs = ops.concatenate([xs, ops.ones((rest, *ops.shape(xs)[1:]), xs.dtype)], axis=0)
    xs = ops.reshape(xs, (rounds, block, *ops.shape(xs)[1:]))

    def a_round(carry: tuple, x: Tensor) -> tuple[tuple, tuple]:
        state, states = tuple(c[-1] for c in carry), []
        for x_t in ops.unstack(x, block, axis=0):
            state = step(state, x_t)
            states.append(state)
        made = tuple(ops.stack(part, axis=0) for part in zip(*states, strict=True))
        return made, made

    start = tuple(ops.repeat(part[None], block, axis=0) for part in first)
    _, made = ops.scan(a_round, start, xs)
    result = []
    for part, before in zip(made, first, strict=True):
        flat = ops.reshape(part, (-1, *ops.shape(part)[2:]))[:steps]
        result.append(ops.concatenate([before[None], flat], axis=0))
    return tuple(result)


def log_norm_and_marginals(
    potentials: Tensor, transitions: Tensor, lengths: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The log of the sum over all paths, and its gradients.

    Args:
        potentials: `(batch, time, tags)`, float32 or better.
        transitions: `(tags, tags)`, from the row to the column.
        lengths: `(batch,)`, int32; 0 gives zeros.

    Returns:
        `(batch,)`; the probability of each tag at each step, `(batch, time, tags)`; the expected
        number of each transition, `(batch, tags, tags)`.
    """
    time = ops.shape(potentials)[1]
    valid = sequence_mask(lengths, time)[..., None]
    potentials = ops.where(valid, potentials, 0)
    high = ops.max(potentials, axis=-1, keepdims=True)
    spread = ops.max(high - ops.min(potentials, axis=-1, keepdims=True))
    spread = spread + ops.max(transitions) - ops.min(transitions)
    arguments = (potentials - high, transitions, valid)
    value, marginals, counts = ops.cond(
        spread <= _STABLE, lambda: _in_exp_space(*arguments), lambda: _in_log_space(*arguments)
    )
    # The padding has high = 0.
    return value + ops.sum(high[..., 0], axis=1), marginals, counts


def _both_ways(x: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Slices for a loop that goes forwards and backwards at once.

    Returns:
        The first, `(2, tags, batch)`, and the others, `(time - 1, 2, tags + 1, batch)`. The last
        entry of the tags is 0 where a direction begins anew: at the end of a sequence, which is
        not that of the batch. The batch is last: all sums of the loop are over other axes.
    """
    x = ops.transpose(x, (1, 2, 0))
    goes_on = ops.transpose(ops.cast(valid, x.dtype), (1, 2, 0))[1:]
    forwards = ops.concatenate([x[1:], ops.ones_like(goes_on)], axis=1)
    backwards = ops.concatenate([x[:-1], goes_on], axis=1)
    return ops.stack([x[0], x[-1]]), ops.stack([forwards, ops.flip(backwards, axis=0)], axis=1)


def _one_way(states: Tensor) -> tuple[Tensor, Tensor]:
    """`(batch, time, tags)` of each direction, both in the order of time."""
    states = ops.transpose(states, (1, 3, 0, 2))
    return states[0], ops.flip(states[1], axis=1)


def _in_exp_space(
    potentials: Tensor, transitions: Tensor, valid: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Probabilities, normalised at each step: matrix products in place of log-sum-exp.

    No entry underflows if the spread of the potentials of a step and of the transitions together is
    at most 80: an entry is at least exp(-80) / tags of the largest.
    """
    top = ops.max(transitions)
    factors = ops.exp(transitions - top)
    both = ops.stack([ops.transpose(factors), factors])

    def normalised(q: Tensor) -> tuple[Tensor, Tensor]:
        total = ops.sum(q, axis=1, keepdims=True)
        return q * (1 / total), total

    def step(state: tuple, x: Tensor) -> tuple[Tensor, Tensor]:
        q = ops.where(x[:, -1:] > 0, ops.matmul(both, state[0]), 1)
        return normalised(q * x[:, :-1])

    first, rest = _both_ways(ops.exp(potentials), valid)
    states, totals = run_steps(step, normalised(first), rest)
    before, after = _one_way(states)
    # A path to a tag from the left, the tag's own factor and all that follows in `after`.
    reach = ops.matmul(before[:, :-1], factors)
    reach = ops.concatenate([ops.ones_like(before[:, :1]), reach], axis=1)
    joint = reach * after
    weight = ops.where(valid, 1 / ops.sum(joint, axis=-1, keepdims=True), 0)
    pairs = ops.matmul(ops.transpose(before[:, :-1], (0, 2, 1)), after[:, 1:] * weight[:, 1:])
    steps = ops.transpose(ops.log(totals[:, 0, 0]))
    steps = ops.concatenate([steps[:, :1], steps[:, 1:] + top], axis=1)
    return ops.sum(ops.where(valid[..., 0], steps, 0), axis=1), joint * weight, pairs * factors


def _in_log_space(
    potentials: Tensor, transitions: Tensor, valid: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The same for any spread, forbidden transitions of -inf among them."""
    both = ops.stack([transitions, ops.transpose(transitions)])[..., None]

    def normalised(q: Tensor) -> tuple[Tensor, Tensor]:
        top = ops.max(q, axis=1, keepdims=True)
        top = ops.where(ops.isfinite(top), top, 0)  # where no path is allowed
        return q - top, top

    def step(state: tuple, x: Tensor) -> tuple[Tensor, Tensor]:
        q = ops.where(x[:, -1:] > 0, _log_sum_exp(state[0][:, :, None] + both, 1), 0)
        return normalised(q + x[:, :-1])

    first, rest = _both_ways(potentials, valid)
    states, tops = run_steps(step, normalised(first), rest, block=4)
    before, after = _one_way(states)
    reach = _log_sum_exp(before[..., None] + transitions, 2)[:, :-1]
    reach = ops.concatenate([ops.zeros_like(before[:, :1]), reach], axis=1)
    marginals = ops.where(valid, ops.softmax(reach + after, axis=-1), 0)
    pairs = before[:, :-1, :, None] + transitions + after[:, 1:, None, :]
    total = ops.logsumexp(reach + after, axis=-1)[:, 1:, None, None]
    pairs = ops.where(valid[:, 1:, :, None], ops.exp(pairs - total), 0)
    steps = ops.where(valid[..., 0], ops.transpose(tops[:, 0, 0]), 0)
    # The sum over the tags of the last step, whose top is among the steps'.
    follows = ops.concatenate([valid[:, 1:], ops.zeros_like(valid[:, :1])], axis=1)
    end = ops.logical_and(valid, ops.logical_not(follows))[..., 0]
    steps = ops.where(end, steps + _log_sum_exp(before, -1), steps)
    return ops.sum(steps, axis=1), marginals, ops.sum(pairs, axis=1)


def _log_sum_exp(x: Tensor, axis: int) -> Tensor:
    """Also where all are -inf, which is then the result."""
    top = ops.max(x, axis=axis, keepdims=True)
    top = ops.where(ops.isfinite(top), top, 0)
    return ops.log(ops.sum(ops.exp(x - top), axis=axis)) + ops.squeeze(top, axis)
