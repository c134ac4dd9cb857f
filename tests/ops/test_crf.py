import itertools

import numpy as np
import pytest
import tensorflow as tf
from numeric import check_gradients

import mlkit as mk
from mlkit.ops import _crf_recursion


def paths(x, a, length, allowed=None):
    """Each tag sequence with its score, one by one."""
    tags = range(x.shape[1])
    for path in itertools.product(tags, repeat=length):
        if allowed is None or all(allowed[t, tag] for t, tag in enumerate(path)):
            score = sum(x[t, tag] for t, tag in enumerate(path))
            yield path, score + sum(a[i, j] for i, j in itertools.pairwise(path))


def log_norm(x, a, lengths, allowed=None):
    values = []
    for row, length in enumerate(lengths):
        scores = [s for _, s in paths(x[row], a, length, None if allowed is None else allowed[row])]
        top = max(scores)
        values.append(top + np.log(np.sum(np.exp(np.array(scores) - top))) if length else 0.0)
    return np.array(values)


def draw(time=4, tags=3, spread=1.0, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, spread, size=(4, time, tags)).astype("float32")
    a = rng.normal(0, spread, size=(tags, tags)).astype("float32")
    lengths = np.array([time, max(time - 1, 0), 1, 0], "int32")
    return x, a, lengths, rng


@pytest.mark.parametrize("time", [1, 2, 4])
@pytest.mark.parametrize("space", ["exp", "log"])
def test_log_norm_by_enumeration(time, space, monkeypatch):
    monkeypatch.setattr(_crf_recursion, "_STABLE", 80.0 if space == "exp" else -1.0)
    x, a, lengths, _ = draw(time)
    check_gradients(
        lambda x, a: mk.ops.crf_log_norm(x, lengths, a),
        lambda x, a: log_norm(x, a, lengths),
        [x, a],
    )


@pytest.mark.parametrize("jit", [False, True])
def test_both_spaces_agree_in_a_compiled_graph(jit, monkeypatch):
    x, a, _, _ = draw(23, 5)
    lengths = np.array([23, 17, 1, 0])

    def run():
        @tf.function(jit_compile=jit)
        def both(x, a):
            with tf.GradientTape() as tape:
                tape.watch([x, a])
                y = mk.ops.crf_log_norm(x, lengths, a)
            return y, *tape.gradient(y, [x, a])

        return both(tf.constant(x), tf.constant(a))

    exp = run()
    monkeypatch.setattr(_crf_recursion, "_STABLE", -1.0)
    for one, other in zip(exp, run(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_large_spread_and_forbidden_transitions():
    x, a, lengths, _ = draw(4, spread=50.0)  # passes exp space
    a[0, 1] = -np.inf
    expected = log_norm(x.astype(float), a.astype(float), lengths)
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = mk.ops.crf_log_norm(tensor, lengths, a)
    np.testing.assert_allclose(y, expected, rtol=1e-5)
    marginals = np.asarray(tape.gradient(y, tensor))
    valid = np.arange(4) < lengths[:, None]
    np.testing.assert_allclose(marginals.sum(-1), valid, atol=1e-4)


def test_float16_potentials_of_1e4():
    x = np.full((1, 50, 3), 1e4, "float16")
    y = mk.ops.crf_log_norm(x, [50], np.zeros((3, 3), "float16"))
    np.testing.assert_allclose(y, [50 * (1e4 + np.log(3))], rtol=1e-6)


def test_padding_is_without_effect():
    x, a, lengths, rng = draw(4)
    tags = rng.integers(0, 3, size=(4, 4))
    valid = np.arange(4) < lengths[:, None]
    dirty = np.where(valid[..., None], x, 65504.0).astype("float32")
    clean, _ = mk.ops.crf_log_likelihood(x, tags, lengths, a)
    same, _ = mk.ops.crf_log_likelihood(dirty, np.where(valid, tags, -7), lengths, a)
    np.testing.assert_allclose(same, clean, rtol=1e-5)
    assert float(clean[3]) == 0.0


def test_log_likelihood_and_scores():
    x, a, lengths, rng = draw(4)
    tags = rng.integers(0, 3, size=(4, 4))

    def score(x, a):
        rows = []
        for row, length in enumerate(lengths):
            path = tags[row, :length]
            unary = sum((x[row, t, tag] for t, tag in enumerate(path)), 0.0)
            rows.append(unary + sum(a[i, j] for i, j in itertools.pairwise(path)))
        return np.array(rows)

    check_gradients(
        lambda x, a: mk.ops.crf_log_likelihood(x, tags, lengths, a)[0],
        lambda x, a: score(x, a) - log_norm(x, a, lengths),
        [x, a],
    )
    check_gradients(lambda x, a: mk.ops.crf_sequence_score(x, tags, lengths, a), score, [x, a])
    parts = mk.ops.crf_unary_score(tags, lengths, x) + mk.ops.crf_binary_score(tags, lengths, a)
    np.testing.assert_allclose(parts, score(x, a), rtol=1e-5)


def test_likelihoods_of_all_sequences_add_up_to_one():
    x, a, _, _ = draw(3)
    every = np.array(list(itertools.product(range(3), repeat=3)))
    repeated = np.repeat(x[:1], len(every), axis=0)
    value, same = mk.ops.crf_log_likelihood(repeated, every, np.full(len(every), 3), a)
    assert same is a
    np.testing.assert_allclose(np.sum(np.exp(value)), 1.0, rtol=1e-5)


def test_transitions_are_drawn_if_not_given():
    _, drawn = mk.ops.crf_log_likelihood(np.zeros((1, 2, 5), "float32"), [[0, 1]], [2])
    assert drawn.shape == (5, 5)


def test_several_allowed_tags():
    x, a, lengths, rng = draw(4)
    allowed = rng.uniform(size=x.shape) < 0.6
    allowed[..., 0] = True
    check_gradients(
        lambda x, a: mk.ops.crf_multitag_sequence_score(x, allowed, lengths, a),
        lambda x, a: log_norm(x, a, lengths, allowed),
        [x, a],
    )


def test_forward_ends_in_the_log_norm():
    x, a, lengths, _ = draw(4)
    alphas = mk.ops.crf_forward(x[:, 1:], x[:, 0], a, lengths)
    total = np.log(np.sum(np.exp(alphas), axis=1))
    np.testing.assert_allclose(total[:3], log_norm(x, a, lengths)[:3], rtol=1e-5)


@pytest.mark.parametrize("time", [1, 2, 5])
@pytest.mark.parametrize("jit", [False, True])
def test_decode_by_enumeration(time, jit):
    x, a, lengths, _ = draw(time)
    run = tf.function(mk.ops.crf_decode, jit_compile=jit)
    tags, best = run(tf.constant(x), tf.constant(a), tf.constant(lengths))
    for row, length in enumerate(lengths):
        path, score = max(paths(x[row], a, length), key=lambda item: item[1])
        np.testing.assert_array_equal(np.asarray(tags)[row], [*path, *[0] * (time - length)])
        np.testing.assert_allclose(best[row], score, rtol=1e-5)
        if length:
            alone, value = mk.ops.viterbi_decode(x[row, :length], a)
            assert alone == list(path)
            assert value == pytest.approx(score, rel=1e-5)


def test_constrained_decode():
    x, a, lengths, rng = draw(4)
    allowed = rng.uniform(size=x.shape) < 0.5
    allowed[..., 2] = True
    tags, best = mk.ops.crf_constrained_decode(x, allowed, a, lengths)
    for row, length in enumerate(lengths[:3]):
        path, score = max(paths(x[row], a, length, allowed[row]), key=lambda item: item[1])
        np.testing.assert_array_equal(np.asarray(tags)[row, :length], path)
        np.testing.assert_allclose(best[row], score, rtol=1e-5)


def test_the_halves_of_decoding():
    x, a, lengths, _ = draw(5)
    lengths = np.array([5, 4, 2, 1])
    pointers, scores = mk.ops.crf_decode_forward(x[:, 1:], x[:, 0], a, lengths - 1)
    last = np.argmax(scores, axis=1)[:, None]
    before = mk.ops.crf_decode_backward(np.flip(pointers, axis=1), last)
    found = np.flip(np.concatenate([last[..., None], before], axis=1), axis=1)[..., 0]
    tags, best = mk.ops.crf_decode(x, a, lengths)
    np.testing.assert_allclose(np.max(scores, axis=1), best, rtol=1e-5)
    for row, length in enumerate(lengths):
        np.testing.assert_array_equal(found[row, :length], np.asarray(tags)[row, :length])


def gradients_of_log_norm(potentials, transitions, lengths):
    x, a = tf.constant(potentials), tf.constant(transitions)
    with tf.GradientTape() as tape:
        tape.watch([x, a])
        value = mk.ops.crf_log_norm(x, lengths, a)
    return value, *tape.gradient(value, [x, a])


# Spreads of the potentials and the transitions: beyond exp space, and up to its limits.
@pytest.mark.parametrize("spreads", [(19, 60), (40, 40), (0, 40), (79, 1)])
def test_the_scales_of_a_step_may_be_far_apart(spreads, monkeypatch):
    # The tag that the potentials prefer is one that the transitions do not come from, or go to.
    a = np.array([[-1, -1], [0, -1]], "float32") * spreads[1]
    potentials = np.array([[[-1, 0], [0, -1], [0, -1], [-1, 0], [0, -1]]], "float32") * spreads[0]
    found = gradients_of_log_norm(potentials, a, [5])
    monkeypatch.setattr(_crf_recursion, "_STABLE", -1.0)  # the same in log space
    for one, other in zip(found, gradients_of_log_norm(potentials, a, [5]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def counts_by_enumeration(x, a, lengths):
    """Expected number of each transition in all sequences, in float64."""
    total = np.zeros(a.shape)
    x, a = x.astype("float64"), a.astype("float64")
    for row, norm in enumerate(log_norm(x, a, lengths)):
        for path, score in paths(x[row], a, lengths[row]):
            for pair in itertools.pairwise(path):
                total[pair] += np.exp(score - norm)
    return total


@pytest.mark.parametrize("seed", [0, 2, 12, 13])
def test_the_gradient_of_transitions_keeps_its_digits_at_a_large_spread(seed):
    x, a, lengths, _ = draw(time=6, spread=40.0, seed=seed)
    found = gradients_of_log_norm(x, a, lengths)[2]
    np.testing.assert_allclose(found, counts_by_enumeration(x, a, lengths), atol=5e-6)


def test_a_step_at_which_no_tag_is_allowed():
    x, a, lengths, _ = draw(4)
    expected = gradients_of_log_norm(x[1:], a, lengths[1:])
    x[0, 1] = -np.inf
    value, to_x, to_a = gradients_of_log_norm(x, a, lengths)
    assert float(value[0]) == -np.inf
    np.testing.assert_array_equal(to_x[0], 0)
    found = value[1:], to_x[1:], to_a  # the others are as they were without it
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_unknown_batch_and_time():
    x, a, lengths, rng = draw(4)
    tags = rng.integers(0, 3, size=(4, 4))
    run = tf.function(
        lambda x, y, n: (
            mk.ops.crf_log_likelihood(x, y, n, a)[0],
            mk.ops.crf_decode(x, a, n)[0],
        ),
        input_signature=[
            tf.TensorSpec((None, None, 3)),
            tf.TensorSpec((None, None), tf.int64),
            tf.TensorSpec((None,), tf.int64),
        ],
    )
    for time in (4, 2):
        n = np.minimum(lengths, time).astype("int64")
        value, decoded = run(x[:, :time], tags[:, :time], n)
        expected, _ = mk.ops.crf_log_likelihood(x[:, :time], tags[:, :time], n, a)
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(decoded, mk.ops.crf_decode(x[:, :time], a, n)[0])
