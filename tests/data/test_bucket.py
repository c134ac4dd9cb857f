"""Buckets: nothing lost, few shapes, no retrace; packing: nothing lost, rows nearly full."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk

quick = hypothesis.settings(max_examples=25, deadline=None)


def sequences(lengths, start=1):
    ends = np.cumsum(lengths)
    return [list(range(start + e - n, start + e)) for e, n in zip(ends, lengths, strict=True)]


@quick
@hypothesis.given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=60),
    sizes=st.sampled_from([4, [8, 4, 2]]),
    training=st.booleans(),
)
def test_every_sequence_once_in_an_epoch(lengths, sizes, training):
    data = sequences(lengths)
    tokens = tf.ragged.constant(data, dtype=tf.int64)
    ds = mk.data.bucket(
        (tokens, np.arange(len(data))), [5, 10, 20], sizes, training=training, epochs=2, seed=3
    )
    seen, shapes = [], []
    for x, y in ds:
        assert x.shape[1] in (5, 10, 20)
        for row, number in zip(x.numpy(), y.numpy(), strict=True):
            assert row[row > 0].tolist() == data[number]
            seen.append(number)
        longest = max(len(data[i]) for i in y.numpy())
        assert x.shape[1] == min(b for b in (5, 10, 20) if b >= longest)
        shapes.append(x.shape)
    assert sorted(seen) == sorted([*range(len(data))] * 2)
    half = len(shapes) // 2
    assert set(shapes[:half]) == set(shapes[half:])
    assert int(ds.cardinality()) == len(shapes)


def test_shapes_are_few_and_nothing_retraces():
    rng = np.random.default_rng(0)
    data = tf.ragged.range(rng.geometric(0.05, 500).clip(1, 64))
    traces = []

    @tf.function(reduce_retracing=False)
    def step(x):
        traces.append(x.shape)
        return tf.reduce_sum(x)

    ds = mk.data.bucket(data, [8, 16, 32, 64], 16, epochs=4)
    for i, batch in enumerate(ds):
        step(batch)
        if i == 500 // 16:
            after = len(traces)
    assert len(traces) == after <= 5
    first = [b.numpy().tobytes() for b in ds.take(32)]
    second = [b.numpy().tobytes() for b in ds.skip(32).take(32)]
    assert first != second
    assert first == [b.numpy().tobytes() for b in ds.take(32)]


def test_bucket_errors():
    data = [[1, 2, 3], [4]]
    with pytest.raises(ValueError, match="1 sequences are longer than the last boundary, 2"):
        mk.data.bucket(data, [1, 2], 2)
    batches = list(mk.data.bucket(data, [1, 2], 2, truncate=True, training=False))
    assert batches[0].numpy().tolist() == [[4, 0], [1, 2]]
    with pytest.raises(ValueError, match="that increase"):
        mk.data.bucket(data, [3, 3], 2)
    with pytest.raises(ValueError, match="one for each boundary"):
        mk.data.bucket(data, [3, 4], [2])
    with pytest.raises(ValueError, match="different lengths"):
        mk.data.bucket(np.zeros((3, 3)), [3], 2)
    strings = mk.data.bucket(tf.ragged.constant([["a"], ["b", "c"]]), [2], 2, training=False)
    assert next(iter(strings)).numpy().tolist() == [[b"a", b""], [b"b", b"c"]]


@quick
@hypothesis.given(
    lengths=st.lists(st.integers(0, 30), min_size=1, max_size=60), length=st.integers(1, 40)
)
def test_packing_loses_nothing(lengths, length):
    data = sequences(lengths)
    tags = tf.ragged.constant(data, dtype=tf.int32) * 10
    source = {"tokens": tf.ragged.constant(data, dtype=tf.int32), "tags": tags}
    packed = mk.data.pack(source, length, long="split")
    found = []
    for row in packed:
        tokens, segments = row["tokens"].numpy(), row["segments"].numpy()
        np.testing.assert_array_equal(row["tags"], tokens * 10)
        np.testing.assert_array_equal(tokens > 0, segments > 0)
        numbers = segments[segments > 0]
        assert (np.diff(numbers) >= 0).all()
        assert set(numbers) == set(range(1, numbers.max() + 1))
        for i in range(1, numbers.max() + 1):
            np.testing.assert_array_equal(
                row["positions"].numpy()[segments == i], np.arange((segments == i).sum())
            )
            found.append(tokens[segments == i].tolist())
    pieces = [d[i : i + length] for d in data for i in range(0, len(d), length)]
    assert sorted(found) == sorted(pieces)


def test_rows_are_nearly_full():
    lengths = np.random.default_rng(0).integers(5, 100, 2000)
    packed = mk.data.pack(tf.ragged.range(lengths) + 1, 128)
    assert lengths.sum() / (packed.size * 128) > 0.95
    batch = next(iter(mk.data.pipeline(packed, 8)))
    assert batch["tokens"].shape == (8, 128)
    with pytest.raises(ValueError, match=r"longer than `length`=9"):
        mk.data.pack(tf.ragged.range(lengths), 9)
    with pytest.raises(ValueError, match="same lengths"):
        mk.data.pack({"a": [[1], [2, 3]], "b": [[1, 2], [3]]}, 9)
    with pytest.raises(ValueError, match="which `pack` adds"):
        mk.data.pack({"segments": [[1], [2, 3]]}, 9)
    with pytest.raises(ValueError, match="one ragged dimension"):
        mk.data.pack({"a": [[1], [2, 3]], "b": np.zeros(2)}, 9)
