"""Windows, padding, classes, statistics, mixtures, and the shuffle alone."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk

D = tf.data.Dataset
quick = hypothesis.settings(max_examples=40, deadline=None)


@quick
@hypothesis.given(
    length=st.integers(1, 6),
    horizon=st.integers(0, 4),
    gap=st.integers(0, 3),
    stride=st.integers(1, 4),
    steps=st.lists(st.integers(13, 30), min_size=1, max_size=3),
)
def test_windows_never_look_ahead(length, horizon, gap, stride, steps):
    time = np.concatenate([np.arange(n) for n in steps])
    series = np.repeat(np.arange(len(steps)), steps)
    source = np.stack([series, time], axis=1)
    made = mk.data.windows(source, length, horizon=horizon, gap=gap, stride=stride, series=series)
    reach = length + (gap + horizon if horizon else 0)
    assert made.size == sum((n - reach) // stride + 1 for n in steps)
    for element in made:
        x, y = element if horizon else (element, None)
        assert x.shape == (length, 2)
        np.testing.assert_array_equal(np.diff(x[:, 1]), 1)
        if horizon:
            assert int(y[0, 1]) == int(x[-1, 1]) + 1 + gap
            np.testing.assert_array_equal(y[:, 1], y[0, 1] + np.arange(horizon))
            assert len(set(x[:, 0].numpy()) | set(y[:, 0].numpy())) == 1


def test_windows_of_inputs_and_targets():
    x, y = np.arange(20.0).reshape(10, 2), np.arange(10) * 100
    made = mk.data.windows((x, y), 3)
    first = next(iter(made))
    np.testing.assert_array_equal(first[0], x[:3])
    np.testing.assert_array_equal(first[1], [300])
    batch = next(iter(mk.data.pipeline(made, 4, seed=1)))
    order = mk.data.epoch_order(7, 1, 0)[:4].numpy()
    np.testing.assert_array_equal(batch[1][:, 0], y[order + 3])
    with pytest.raises(ValueError, match="reaches over 11 steps"):
        mk.data.windows(x, 10)
    with pytest.raises(ValueError, match="must follow each other"):
        mk.data.windows(x, 2, series=[0, 1] * 5)
    with pytest.raises(ValueError, match="series of each of the 10"):
        mk.data.windows(x, 2, series=[0, 1])


def test_pad():
    ds = D.range(1, 5).map(lambda i: (tf.range(i), tf.fill([i], "a"), i))
    padded = mk.data.pad(ds, 4, value=-1)
    assert [s.shape.as_list() for s in tf.nest.flatten(padded.element_spec)] == [[4], [4], []]
    rows = [(x.numpy().tolist(), s.numpy().tolist(), int(i)) for x, s, i in padded]
    assert rows[1] == ([0, 1, -1, -1], [b"a", b"a", b"", b""], 2)
    with pytest.raises(tf.errors.InvalidArgumentError, match="longer than length=3"):
        list(mk.data.pad(ds, 3))
    cut = [x.numpy().tolist() for x, _, _ in mk.data.pad(ds, 3, truncate=True)]
    assert cut[3] == [0, 1, 2]
    with pytest.raises(ValueError, match="No component varies"):
        mk.data.pad(D.range(3), 3)


def test_class_weights():
    sklearn = pytest.importorskip("sklearn.utils.class_weight")
    y = np.random.default_rng(0).integers(0, 4, 200) ** 2
    names = np.unique(y)
    expected = sklearn.compute_class_weight("balanced", classes=names, y=y)
    ours = mk.data.class_weights(y)
    np.testing.assert_allclose([ours[n] for n in names], expected)
    hot = np.eye(3)[[0, 0, 1, 2]]
    assert mk.data.class_weights(hot) == mk.data.class_weights([0, 0, 1, 2])
    smooth = mk.data.class_weights([0] * 9 + [1], smoothing=1e9)
    np.testing.assert_allclose(list(smooth.values()), 1.0, atol=1e-6)
    with pytest.raises(ValueError, match="integers or one-hot"):
        mk.data.class_weights([0.5])


@quick
@hypothesis.given(
    counts=st.lists(st.integers(1, 40), min_size=2, max_size=5),
    ratio=st.sampled_from([0.3, 0.5, 1.0]),
)
def test_oversample(counts, ratio):
    y = np.repeat(np.arange(len(counts)), counts)
    made = mk.data.oversample((np.arange(len(y)), y), 1, ratio)
    index, labels = (t.numpy() for t in made.rows)
    np.testing.assert_array_equal(index[: len(y)], np.arange(len(y)))
    for label, count in enumerate(counts):
        assert (labels == label).sum() == max(count, round(ratio * max(counts)))
        times = np.unique(index[labels == label], return_counts=True)[1]
        assert times.max() - times.min() <= 1


def test_statistics_do_not_cancel():
    x = (np.random.default_rng(0).normal(size=(1000, 5, 4, 3)) + 1e4).astype("f4")
    streamed = D.from_tensor_slices({"x": x})
    for source, on in ((x, None), ((x, np.zeros(1000)), None), (streamed, "x")):
        s = mk.data.statistics(source, on=on)
        flat = x.reshape(-1, 3).astype(np.float64)
        np.testing.assert_allclose(s.mean, flat.mean(0), rtol=1e-12)
        np.testing.assert_allclose(s.std, flat.std(0), rtol=1e-9)
        np.testing.assert_array_equal(s.min, flat.min(0))
        np.testing.assert_array_equal(s.max, flat.max(0))
        assert s.count == 20_000
    whole = mk.data.statistics(x, axis=None)
    np.testing.assert_allclose(whole.std, x.astype(np.float64).std(), rtol=1e-9)
    first = mk.data.statistics(x, axis=0)
    np.testing.assert_allclose(first.mean, x.astype(np.float64).mean((0, 2, 3)), rtol=1e-12)
    varying = mk.data.statistics(
        D.range(1, 5).map(lambda i: tf.zeros([i, 2]) + tf.cast(i, tf.float32))
    )
    np.testing.assert_allclose(varying.mean, [3.0, 3.0])
    normal = s.normalize(x).numpy()
    assert abs(normal.std() - 1) < 1e-2
    np.testing.assert_array_equal(mk.data.statistics(np.ones((4, 2))).normalize(np.ones(2)), 0.0)
    with pytest.raises(ValueError, match="not finite"):
        mk.data.statistics(np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="is empty"):
        mk.data.statistics(np.zeros((0, 3)))


def test_mix():
    sets = [D.from_tensors(i).repeat() for i in range(3)]
    drawn = np.asarray([int(i) for i in mk.data.mix(sets, [5, 0, 15], seed=1).take(8000)])
    np.testing.assert_allclose(np.bincount(drawn) / 8000, [0.25, 0, 0.75], atol=0.02)
    again = [int(i) for i in mk.data.mix(sets, [5, 0, 15], seed=1).take(100)]
    assert again == drawn[:100].tolist()
    assert again != [int(i) for i in mk.data.mix(sets, [5, 0, 15], seed=2).take(100)]
    ends = [int(i) for i in mk.data.mix([D.range(3), D.range(100).map(lambda i: i + 10)], seed=3)]
    assert sorted(ends)[:3] == [0, 1, 2]
    assert len(ends) < 20
    for weights, message in (([1], "each of the 2"), ([0, 0], "not all 0"), ([-1, 2], "weights")):
        with pytest.raises(ValueError, match=message):
            mk.data.mix(sets[:2], weights)
    with pytest.raises(ValueError, match="at least one"):
        mk.data.mix([])


def test_shuffle():
    ds = mk.data.shuffle((np.arange(20), np.arange(20) * 2), seed=5, epochs=2)
    got = np.asarray([(int(a), int(b)) for a, b in ds])
    orders = [mk.data.epoch_order(20, 5, e).numpy() for e in range(2)]
    np.testing.assert_array_equal(got[:, 0], np.concatenate(orders))
    np.testing.assert_array_equal(got[:, 1], got[:, 0] * 2)
    assert int(ds.cardinality()) == 40
