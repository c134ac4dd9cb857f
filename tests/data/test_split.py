"""Splits: disjoint, complete, in proportion, stable; and what two data sets share."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk

D = tf.data.Dataset
quick = hypothesis.settings(max_examples=40, deadline=None)


def ids(dataset):
    return np.asarray([np.asarray(tf.nest.flatten(e)[0]) for e in dataset])


@quick
@hypothesis.given(
    n=st.integers(20, 300),
    fractions=st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.5), (0.7, 0.3), (0.25,) * 4]),
    seed=st.integers(-(2**40), 2**40),
)
def test_by_index(n, fractions, seed):
    parts = mk.data.split(np.arange(n), fractions, seed=seed)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(n))
    for part, fraction in zip(parts, fractions, strict=True):
        assert abs(len(part) - fraction * n) <= 1
        assert (np.diff(part) > 0).all()


@quick
@hypothesis.given(n=st.integers(300, 600), more=st.integers(1, 300), seed=st.integers(0, 99))
def test_by_hash_stays_when_data_are_added(n, more, seed):
    keys = np.asarray([f"name {i}" for i in range(n + more)])
    before = mk.data.split(keys[:n], by="hash", seed=seed)
    after = mk.data.split(keys, by="hash", seed=seed)
    assert sum(map(len, after)) == n + more
    for small, large in zip(before, after, strict=True):
        assert set(small) <= set(large)
        assert not set(large) & set(keys[:n]) - set(small)


def test_by_hash_proportions_and_duplicates():
    x = np.random.default_rng(0).normal(size=(20_000, 2)).astype("f4")
    x = np.concatenate([x, x[:500]])
    parts = mk.data.split(x, (0.8, 0.2), by="hash")
    assert abs(len(parts[0]) / len(x) - 0.8) < 0.012
    assert not {tuple(r) for r in parts[0]} & {tuple(r) for r in parts[1]}
    other = mk.data.split(x, (0.8, 0.2), by="hash", seed=1)
    assert len({tuple(r) for r in parts[1]} & {tuple(r) for r in other[1]}) < 0.3 * len(parts[1])


@quick
@hypothesis.given(
    counts=st.lists(st.integers(3, 60), min_size=2, max_size=5), seed=st.integers(0, 99)
)
def test_stratified(counts, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    x = np.arange(len(y))
    parts = mk.data.split((x, y), stratify=1, seed=seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([p[0] for p in parts])), x)
    for (_, labels), fraction in zip(parts, (0.8, 0.1, 0.1), strict=True):
        for label, count in enumerate(counts):
            share = (labels == label).sum()
            assert share >= 1
            assert abs(share - fraction * count) <= 2


@quick
@hypothesis.given(seed=st.integers(0, 99), by=st.sampled_from(["index", "hash"]))
def test_groups_are_never_divided(seed, by):
    groups = np.random.default_rng(seed).integers(0, 60, 600)
    parts = mk.data.split((np.arange(600), groups), (0.6, 0.4), by=by, groups=1, seed=seed)
    assert not set(parts[0][1]) & set(parts[1][1])
    assert len(parts[0][0]) + len(parts[1][0]) == 600
    if by == "index":
        assert abs(len(parts[0][0]) - 360) <= 20


def test_kinds_of_sources_come_back():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": range(50), "name": [f"n{i}" for i in range(50)]})
    train, test = mk.data.split(frame, (0.8, 0.2), by="hash", key="name")
    assert list(train.columns) == ["a", "name"]
    assert len(train) + len(test) == 50
    train, test = mk.data.split({"a": np.arange(10), "b": list(range(10))}, (0.8, 0.2))
    assert (train["a"] == train["b"]).all()
    train, test = mk.data.split(D.range(10), (0.8, 0.2))
    assert isinstance(train, tf.data.Dataset)
    assert sorted([*ids(train), *ids(test)]) == list(range(10))
    ragged, _ = mk.data.split(tf.ragged.range([1, 2, 3, 4, 5]), (0.6, 0.4))
    assert ragged.shape[0] == 3


def test_streams_and_arrays_agree():
    ds = D.range(400).map(lambda i: {"id": i, "x": tf.cast(i, tf.float32)})
    streamed = mk.data.split(ds, by="hash", key=lambda e: e["id"])
    held = mk.data.split({"id": np.arange(400)}, by="hash", key="id")
    for one, two in zip(streamed, held, strict=True):
        np.testing.assert_array_equal([int(e["id"]) for e in one], two["id"])
    whole = [ids(p) for p in mk.data.split(D.range(300), by="hash")]
    assert sorted(np.concatenate(whole)) == list(range(300))


def leak(parts, epochs):
    """Examples of the last part that were in the first in an epoch so far."""
    seen, leaked = set(), set()
    for _ in range(epochs):
        seen |= set(ids(parts[0]))
        leaked |= set(ids(parts[-1])) & seen
    return len(leaked)


def test_the_leak_of_take_and_skip():
    shuffled = D.range(500).shuffle(500)
    assert leak((shuffled.take(400), shuffled.skip(400)), 5) > 100
    assert leak(mk.data.split(D.range(500), (0.8, 0.2)), 5) == 0
    # Also when the source itself comes in another order each time it is read.
    assert leak(mk.data.split(shuffled, (0.8, 0.2)), 5) == 0
    assert leak(mk.data.split(shuffled, (0.8, 0.2), by="hash"), 5) == 0


@pytest.mark.parametrize(
    ("source", "kwargs", "message"),
    [
        (np.arange(9), {"fractions": (0.8, 0.1)}, "must sum to 1"),
        (np.arange(9), {"fractions": (1.2, -0.2)}, r"in \(0, 1\]"),
        (np.arange(3), {"fractions": (0.9, 0.05, 0.05)}, "is empty"),
        (np.arange(9), {"key": 0}, 'needs by="hash"'),
        (
            {"k": np.array([1, 1, 2])},
            {"by": "hash", "key": "k"},
            "must be unique: 1 .* 2 examples",
        ),
        ({"k": np.arange(3)}, {"by": "hash", "key": "q"}, "not among the components"),
        ((np.arange(9), np.zeros(9)), {"stratify": np.zeros(3)}, "one value for each of the 9"),
        ((np.arange(9), np.r_[np.zeros(8), 1]), {"stratify": 1}, r"class 1.0 has 1 examples"),
        (np.arange(9), {"groups": np.zeros(9)}, "1 different groups, fewer than the 3"),
        ((np.arange(9), np.zeros(8)), {}, "same number of examples"),
        (np.arange(9), {"stratify": np.zeros(9), "groups": np.zeros(9)}, "pick one"),
    ],
)
def test_bad_arguments(source, kwargs, message):
    with pytest.raises(ValueError, match=message):
        mk.data.split(source, **kwargs)


def test_overlap_exact():
    x = np.random.default_rng(0).normal(size=(50, 4)).astype("f4")
    found = mk.data.overlap((x[:30], np.zeros(30)), (x[25:], np.ones(25)))
    assert (found.exact, found.near) == (5, 0)
    np.testing.assert_array_equal(found.exact_pairs, [[25 + i, i] for i in range(5)])
    words = [["a", "b"], ["c"], ["a b"]]
    assert mk.data.overlap(tf.ragged.constant(words), tf.ragged.constant([["a"], ["c"]])).exact == 1
    assert mk.data.overlap({"x": x, "y": x}, {"x": x, "y": x + 1}, on="x").exact == 50
    assert mk.data.overlap({"x": x, "y": x}, {"x": x, "y": x + 1}).exact == 0


def test_overlap_of_pictures():
    rng = np.random.default_rng(1)
    coarse = tf.constant(rng.uniform(0, 255, (60, 6, 6, 3)), tf.float32)
    images = tf.image.resize(coarse, (48, 48), method="bicubic").numpy().clip(0, 255).astype("u1")
    changed = [tf.io.decode_jpeg(tf.io.encode_jpeg(i, quality=40)).numpy() for i in images[:20]]
    brighter = (images[20:30] * 0.7 + 40).astype("u1")
    others = images[50:]
    found = mk.data.overlap(images[:50], np.concatenate([changed, brighter, others]), distance=8)
    assert found.exact == 0
    assert found.near == 30
    np.testing.assert_array_equal(found.near_pairs[:, 0], np.arange(30))
    flat = np.full((3, 48, 48, 3), [[[[9]]], [[[99]]], [[[200]]]], "u1")
    assert mk.data.overlap(flat[:1], flat[1:], distance=8).near == 0
    with pytest.raises(ValueError, match="images of shape"):
        mk.data.overlap(np.zeros((3, 4)), np.ones((3, 4)), distance=3)
