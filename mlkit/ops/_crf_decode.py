"""Linear-chain conditional random fields: the best path (Viterbi)."""

import numpy as np
from keras import ops

from mlkit._core.types import Tensor
from mlkit.ops._at_least_float32 import at_least_float32
from mlkit.ops._crf import crf_filtered_inputs
from mlkit.ops._crf_recursion import run_steps, sequence_mask


def crf_decode(
    potentials: Tensor, transition_params: Tensor, sequence_length: Tensor
) -> tuple[Tensor, Tensor]:
    """The tag sequence of the highest score, by Viterbi's algorithm.

    Args:
        potentials: `(batch, time, tags)`.
        transition_params: scores from the row's tag to the column's, `(tags, tags)`.
        sequence_length: `(batch,)`, in [0, time].

    Returns:
        The tags, int32, `(batch, time)`, zeros after the end; and their scores, `(batch,)`, in
        float32 or better. Of equal scores the lower tag wins.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x = np.array([[[2.0, 0.0], [0.0, 1.0], [0.5, 0.0]]])
        >>> tags, score = mk.ops.crf_decode(x, [[0.0, -3.0], [-3.0, 0.0]], [3])
        >>> np.asarray(tags), float(score[0])
        (array([[0, 0, 0]], dtype=int32), 2.5)

    Reference:
        Viterbi, 1967, "Error bounds for convolutional codes and an asymptotically optimum decoding
        algorithm". Differs from TensorFlow Addons in the tags after the end, which were not
        defined.
    """
    potentials, transition_params = at_least_float32(potentials, transition_params)
    time = ops.shape(potentials)[1]
    lengths = ops.clip(ops.cast(sequence_length, "int32"), 0, time)

    def forward(state: tuple, x: tuple) -> tuple[Tensor]:
        return (ops.max(state[0][..., None] + transition_params, axis=1) + x[0],)

    xs = ops.transpose(potentials, (1, 0, 2))
    (scores,) = run_steps(forward, (xs[0],), (xs[1:],))
    scores = ops.concatenate([xs[:1], scores], axis=0)  # (time, batch, tags)
    last = ops.take_along_axis(
        ops.transpose(scores, (1, 0, 2)), ops.maximum(lengths - 1, 0)[:, None, None], axis=1
    )
    best = ops.where(lengths > 0, ops.max(last[:, 0], axis=-1), 0)
    # Backwards, without pointers: which tag led to the one chosen after it, if there is one.
    follows = ops.transpose(sequence_mask(lengths - 1, time))[..., None]
    columns = ops.transpose(transition_params)

    def backward(state: tuple, x: tuple) -> tuple[Tensor]:
        own, is_followed = x
        lead = ops.take(columns, state[0], axis=0)
        scored = own + ops.where(is_followed, lead, 0)
        return (ops.cast(ops.argmax(scored, axis=-1), "int32"),)

    xs = (ops.flip(scores, axis=0), ops.flip(follows, axis=0))
    (tags,) = run_steps(backward, (ops.zeros_like(lengths),), xs)
    tags = ops.transpose(ops.flip(tags, axis=0))
    return ops.where(sequence_mask(lengths, time), tags, 0), best


def crf_constrained_decode(
    potentials: Tensor, tag_bitmap: Tensor, transition_params: Tensor, sequence_length: Tensor
) -> tuple[Tensor, Tensor]:
    """The best tag sequence among those that only use allowed tags.

    Args:
        potentials: `(batch, time, tags)`.
        tag_bitmap: booleans, True for the allowed tags, `(batch, time, tags)`.
        transition_params: `(tags, tags)`.
        sequence_length: `(batch,)`.

    Returns:
        As `mlkit.ops.crf_decode`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> allowed = np.array([[[True, True], [False, True]]])
        >>> x, a = np.array([[[2.0, 0.0], [2.0, 1.0]]]), np.zeros((2, 2))
        >>> np.asarray(mk.ops.crf_constrained_decode(x, allowed, a, [2])[0])
        array([[0, 1]], dtype=int32)
    """
    return crf_decode(
        crf_filtered_inputs(potentials, tag_bitmap), transition_params, sequence_length
    )


def crf_decode_forward(
    inputs: Tensor, state: Tensor, transition_params: Tensor, sequence_lengths: Tensor
) -> tuple[Tensor, Tensor]:
    """The forward half of Viterbi's algorithm.

    Args:
        inputs: potentials of all steps but the first, `(batch, time - 1, tags)`.
        state: scores at the first step: its potentials, `(batch, tags)`.
        transition_params: `(tags, tags)`.
        sequence_lengths: number of valid steps of `inputs`, `(batch,)`.

    Returns:
        Pointers to the best tag before, int32, `(batch, time - 1, tags)`, each tag to itself after
        the end; and the scores at the last valid step, `(batch, tags)`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x, a = np.array([[[2.0, 0.0], [0.0, 1.0]]]), np.array([[0.0, -3.0], [-3.0, 0.0]])
        >>> pointers, scores = mk.ops.crf_decode_forward(x[:, 1:], x[:, 0], a, [1])
        >>> np.asarray(pointers)[0, 0], np.asarray(scores)[0]
        (array([0, 1], dtype=int32), array([2., 1.]))
    """
    inputs, state, transition_params = at_least_float32(inputs, state, transition_params)
    own = ops.zeros_like(state, dtype="int32") + ops.arange(ops.shape(state)[-1], dtype="int32")
    valid = ops.transpose(sequence_mask(sequence_lengths, ops.shape(inputs)[1]))[..., None]

    def step(previous: tuple, x: tuple) -> tuple[Tensor, Tensor]:
        own_score, is_valid = x
        paths = previous[0][..., None] + transition_params
        scores = ops.where(is_valid, ops.max(paths, axis=1) + own_score, previous[0])
        pointers = ops.cast(ops.argmax(paths, axis=1), "int32")
        return scores, ops.where(is_valid, pointers, own)

    xs = (ops.transpose(inputs, (1, 0, 2)), valid)
    scores, pointers = run_steps(step, (state, own), xs)
    last = ops.concatenate([state[None], scores], axis=0)[-1]  # there may be no further step
    return ops.transpose(pointers, (1, 0, 2)), last


def crf_decode_backward(inputs: Tensor, state: Tensor) -> Tensor:
    """The backward half of Viterbi's algorithm: follow the pointers.

    Args:
        inputs: pointers of `mlkit.ops.crf_decode_forward`, the last step first,
            `(batch, time - 1, tags)`.
        state: the best tag of the last step, `(batch, 1)`.

    Returns:
        The tags before it, the last first, int32, `(batch, time - 1, 1)`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> np.asarray(mk.ops.crf_decode_backward([[[1, 0], [1, 1]]], [[0]]))[0, :, 0]
        array([1, 1], dtype=int32)
    """
    pointers = ops.transpose(ops.cast(inputs, "int32"), (1, 0, 2))
    first = ops.cast(state, "int32")

    def step(previous: tuple, x: tuple) -> tuple[Tensor]:
        return (ops.take_along_axis(x[0], previous[0], axis=1),)

    (tags,) = run_steps(step, (first,), (pointers,))
    return ops.transpose(tags, (1, 0, 2))


def viterbi_decode(score: np.ndarray, transition_params: np.ndarray) -> tuple[list[int], float]:
    """The best tag sequence of one sequence, in numpy, outside of TensorFlow.

    Args:
        score: potentials, `(time, tags)`.
        transition_params: `(tags, tags)`.

    Returns:
        The tags, a list of integers of length `time`, and their score.

    Example:
        >>> import mlkit as mk
        >>> mk.ops.viterbi_decode([[2.0, 0.0], [0.0, 1.0]], [[0.0, -3.0], [-3.0, 0.0]])
        ([0, 0], 2.0)
    """
    score, transitions = np.asarray(score), np.asarray(transition_params)
    trellis, pointers = score[0], []
    for row in score[1:]:
        paths = trellis[:, None] + transitions
        pointers.append(np.argmax(paths, axis=0))
        trellis = row + np.max(paths, axis=0)
    tags = [int(np.argmax(trellis))]
    for pointer in reversed(pointers):
        tags.append(int(pointer[tags[-1]]))
    return tags[::-1], float(np.max(trellis))
