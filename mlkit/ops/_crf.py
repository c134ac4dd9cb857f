"""Linear-chain conditional random fields: scores of paths, and sums over all of them."""

from typing import Any

import keras
from keras import ops

from mlkit._core.types import Tensor
from mlkit.ops._at_least_float32 import at_least_float32
from mlkit.ops._crf_recursion import (
    log_norm_and_marginals,
    run_steps,
    sequence_mask,
)


def crf_log_likelihood(
    inputs: Tensor,
    tag_indices: Tensor,
    sequence_lengths: Tensor,
    transition_params: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Log-probability of tag sequences in a linear-chain conditional random field.

    `log p(y | x) = score(x, y) - log sum_y' exp(score(x, y'))` with
    `score(x, y) = sum_t x[t, y[t]] + sum_t A[y[t - 1], y[t]]`. Its negative is the loss of a tagger
    whose tags depend on their neighbours.

    The sum over all paths is found in time `time * tags ** 2`, by matrix products of probabilities
    where the spread of potentials and transitions allows and by log-sum-exp elsewhere. Its
    gradients are the marginal probabilities, computed in the same loop.

    Args:
        inputs: potentials x, `(batch, time, tags)`.
        tag_indices: tags y, integers in [0, tags), `(batch, time)`; any value after the end.
        sequence_lengths: `(batch,)`, in [0, time]; 0 gives the log-likelihood 0.
        transition_params: scores A from the row's tag to the column's, `(tags, tags)`; None draws
            them (Glorot uniform), which is of use in a graph that is made once only.

    Returns:
        The log-likelihoods, `(batch,)`, in float32 or better, and `transition_params`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x, tags = np.zeros((1, 3, 2), "float32"), np.array([[0, 1, 0]])
        >>> value, _ = mk.ops.crf_log_likelihood(x, tags, [3], np.zeros((2, 2), "float32"))
        >>> round(float(np.exp(value[0])), 3)  # one of 2 ** 3 equal paths
        0.125

    Reference:
        Lafferty et al., 2001, "Conditional Random Fields". Differs from TensorFlow Addons in that
        float16 inputs are summed in float32.
    """
    inputs = ops.convert_to_tensor(inputs)
    if transition_params is None:
        tags = inputs.shape[2]
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        transition_params = keras.initializers.GlorotUniform()((tags, tags), dtype=dtype)
    score = crf_sequence_score(inputs, tag_indices, sequence_lengths, transition_params)
    return score - crf_log_norm(inputs, sequence_lengths, transition_params), transition_params


def crf_log_norm(inputs: Tensor, sequence_lengths: Tensor, transition_params: Tensor) -> Tensor:
    """Logarithm of the sum of `exp(score)` over all tag sequences.

    Args:
        inputs: potentials, `(batch, time, tags)`.
        sequence_lengths: `(batch,)`; 0 gives 0.
        transition_params: `(tags, tags)`; entries may be -inf.

    Returns:
        `(batch,)`, in float32 or better.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> zeros = np.zeros((1, 3, 2), "float32")
        >>> round(float(mk.ops.crf_log_norm(zeros, [3], zeros[0, :2])[0]), 3)  # 3 ln 2
        2.079
    """
    inputs, transition_params = at_least_float32(inputs, transition_params)
    lengths = _lengths(sequence_lengths, inputs)

    @ops.custom_gradient
    def log_norm(inputs: Tensor, transitions: Tensor) -> Any:
        value, marginals, counts = log_norm_and_marginals(inputs, transitions, lengths)

        def gradient(*upstream: Tensor) -> tuple[Tensor, Tensor]:
            return upstream[0][:, None, None] * marginals, counts(upstream[0])

        return value, gradient

    return log_norm(inputs, transition_params)


def crf_sequence_score(
    inputs: Tensor, tag_indices: Tensor, sequence_lengths: Tensor, transition_params: Tensor
) -> Tensor:
    """Unnormalised score of tag sequences: their potentials and their transitions.

    Args:
        inputs: potentials, `(batch, time, tags)`.
        tag_indices: integers in [0, tags), `(batch, time)`; any value after the end.
        sequence_lengths: `(batch,)`.
        transition_params: `(tags, tags)`.

    Returns:
        `(batch,)`, in float32 or better.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x, a = np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.array([[0.0, 0.5], [0.0, 0.0]])
        >>> float(mk.ops.crf_sequence_score(x, [[0, 1]], [2], a)[0])  # 1 + 4 + 0.5
        5.5
    """
    inputs, transition_params = at_least_float32(inputs, transition_params)
    unary = crf_unary_score(tag_indices, sequence_lengths, inputs)
    return unary + crf_binary_score(tag_indices, sequence_lengths, transition_params)


def crf_unary_score(tag_indices: Tensor, sequence_lengths: Tensor, inputs: Tensor) -> Tensor:
    """Sum of the potentials of the given tags.

    Args:
        tag_indices: integers in [0, tags), `(batch, time)`; any value after the end.
        sequence_lengths: `(batch,)`.
        inputs: potentials, `(batch, time, tags)`.

    Returns:
        `(batch,)`, in float32 or better.

    Example:
        >>> import mlkit as mk
        >>> float(mk.ops.crf_unary_score([[0, 1]], [2], [[[1.0, 2.0], [3.0, 4.0]]])[0])
        5.0
    """
    (inputs,) = at_least_float32(inputs)
    tags = ops.cast(tag_indices, "int32")
    valid = sequence_mask(sequence_lengths, ops.shape(inputs)[1])
    own = ops.logical_and(tags[..., None] == ops.arange(ops.shape(inputs)[2]), valid[..., None])
    # Not a gather: its gradient is a scatter, which XLA does one entry at a time.
    return ops.sum(ops.where(own, inputs, 0), axis=(1, 2))


def crf_binary_score(
    tag_indices: Tensor, sequence_lengths: Tensor, transition_params: Tensor
) -> Tensor:
    """Sum of the transition scores between the given tags.

    Args:
        tag_indices: integers in [0, tags), `(batch, time)`; any value after the end.
        sequence_lengths: `(batch,)`.
        transition_params: `(tags, tags)`.

    Returns:
        `(batch,)`, in float32 or better.

    Example:
        >>> import mlkit as mk
        >>> float(mk.ops.crf_binary_score([[0, 1, 1]], [3], [[0.0, 0.5], [0.0, 0.25]])[0])
        0.75
    """
    (transition_params,) = at_least_float32(transition_params)
    tags = ops.cast(tag_indices, "int32")
    valid = sequence_mask(sequence_lengths, ops.shape(tags)[1])
    tags = ops.where(valid, tags, 0)
    count = transition_params.shape[1]

    @ops.custom_gradient
    def score(transitions: Tensor) -> Any:
        pairs = tags[:, :-1] * count + tags[:, 1:]
        scores = ops.take(ops.reshape(transitions, (-1,)), pairs, axis=0)

        def gradient(*upstream: Tensor) -> Tensor:
            # How often each pair occurs, as products: a scatter goes one entry at a time in XLA.
            weights = ops.where(valid[:, 1:], upstream[0][:, None], 0)
            steps = ops.transpose(tags)[:, None]  # the batch last, the axis that is vectorised
            is_tag = steps == ops.arange(count)[:, None]
            before = ops.where(is_tag[:-1], ops.transpose(weights)[:, None], 0)
            after = ops.cast(is_tag[1:], transitions.dtype)
            return ops.sum(ops.matmul(before, ops.transpose(after, (0, 2, 1))), axis=0)

        return ops.sum(ops.where(valid[:, 1:], scores, 0), axis=1), gradient

    return score(transition_params)


def crf_multitag_sequence_score(
    inputs: Tensor, tag_bitmap: Tensor, sequence_lengths: Tensor, transition_params: Tensor
) -> Tensor:
    """Log of the sum of `exp(score)` over all sequences that only use allowed tags.

    For partial labels: where a step has one allowed tag it is labelled, where all are it is not.
    Minus `crf_log_norm` it is the log-probability of the set of sequences.

    Args:
        inputs: potentials, `(batch, time, tags)`.
        tag_bitmap: booleans, True for the allowed tags, `(batch, time, tags)`.
        sequence_lengths: `(batch,)`.
        transition_params: `(tags, tags)`.

    Returns:
        `(batch,)`, in float32 or better.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x, a = np.zeros((1, 3, 2), "float32"), np.zeros((2, 2), "float32")
        >>> allowed = np.array([[[True, True], [True, False], [True, True]]])
        >>> value = mk.ops.crf_multitag_sequence_score(x, allowed, [3], a)
        >>> round(float(np.exp(value[0])), 3)  # four paths
        4.0
    """
    return crf_log_norm(
        crf_filtered_inputs(inputs, tag_bitmap), sequence_lengths, transition_params
    )


def crf_filtered_inputs(inputs: Tensor, tag_bitmap: Tensor) -> Tensor:
    """Potentials with -inf in place of those of tags that are not allowed.

    Args:
        inputs: potentials, `(batch, time, tags)`.
        tag_bitmap: booleans, True for the allowed tags, `(batch, time, tags)`.

    Returns:
        `(batch, time, tags)`, the dtype of the inputs.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> np.asarray(mk.ops.crf_filtered_inputs([[[1.0, 2.0]]], [[[True, False]]]))
        array([[[  1., -inf]]], dtype=float32)
    """
    inputs = ops.convert_to_tensor(inputs)
    return ops.where(ops.cast(tag_bitmap, "bool"), inputs, -float("inf"))


def crf_forward(
    inputs: Tensor, state: Tensor, transition_params: Tensor, sequence_lengths: Tensor
) -> Tensor:
    """Forward log-sums (alpha) at the last step of each sequence.

    Args:
        inputs: potentials of all steps but the first, `(batch, time - 1, tags)`.
        state: log-sums at the first step: its potentials, `(batch, tags)`.
        transition_params: `(tags, tags)`.
        sequence_lengths: `(batch,)`, the first step counted.

    Returns:
        `(batch, tags)`, in float32 or better; its log-sum-exp is `crf_log_norm`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x, a = np.zeros((1, 3, 2), "float32"), np.zeros((2, 2), "float32")
        >>> np.round(mk.ops.crf_forward(x[:, 1:], x[:, 0], a, [3]), 3)  # 2 ln 2
        array([[1.386, 1.386]], dtype=float32)
    """
    inputs, state, transition_params = at_least_float32(inputs, state, transition_params)

    def step(previous: tuple, x: tuple) -> tuple[Tensor]:
        return (ops.logsumexp(previous[0][..., None] + transition_params, axis=1) + x[0],)

    (alphas,) = run_steps(step, (state,), (ops.transpose(inputs, (1, 0, 2)),))
    last = ops.clip(ops.cast(sequence_lengths, "int32") - 1, 0, ops.shape(inputs)[1])
    alphas = ops.transpose(ops.concatenate([state[None], alphas], axis=0), (1, 0, 2))
    return ops.take_along_axis(alphas, last[:, None, None], axis=1)[:, 0]


def _lengths(sequence_lengths: Tensor, inputs: Tensor) -> Tensor:
    return ops.clip(ops.cast(sequence_lengths, "int32"), 0, ops.shape(inputs)[1])
