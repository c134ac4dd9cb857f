"""The pipeline: its order, its batches, its position."""

import glob
import os

import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk

N = 23
X = np.arange(N * 4, dtype=np.float32).reshape(N, 4)
Y = np.arange(N, dtype=np.int32)


def jitter(batch, key):
    x, y = batch
    noise = tf.cast(key[:, None] % tf.constant(1000, tf.uint64), tf.float32) / 1000.0
    return x + noise, y


def double(x, y):
    return x * 2.0, y


def loaded():
    from mlkit.data._source import Indexed

    return Indexed(
        (tf.constant(X), tf.constant(Y)), load_row=lambda x, y: (x, y), title="rows to load"
    )


def make(source, *args, **kwargs):
    """Not kept: examples that are loaded are to be loaded each time."""
    return mk.data.pipeline(SOURCES[source](), *args, cache=False, **kwargs)


SOURCES = {"arrays": lambda: (X, Y), "loaded": loaded}


def values(dataset, count=None):
    return [
        [np.asarray(t) for t in tf.nest.flatten(e)]
        for e in (dataset if count is None else dataset.take(count))
    ]


def same(a, b):
    assert len(a) == len(b)
    for left, right in zip(a, b, strict=True):
        for x, y in zip(left, right, strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("drop", [False, True])
def test_batches_follow_the_order_of_the_epoch(source, drop):
    ds = make(source, 5, seed=4, epochs=3, drop_remainder=drop)
    assert ds.steps_per_epoch == (4 if drop else 5)
    assert int(ds.cardinality()) == 3 * ds.steps_per_epoch
    batches = values(ds)
    for epoch in range(3):
        part = batches[epoch * ds.steps_per_epoch : (epoch + 1) * ds.steps_per_epoch]
        order = mk.data.epoch_order(N, 4, epoch).numpy()[: 20 if drop else N]
        np.testing.assert_array_equal(np.concatenate([b[1] for b in part]), Y[order])
        np.testing.assert_array_equal(np.concatenate([b[0] for b in part]), X[order])


@pytest.mark.parametrize("source", SOURCES)
def test_batches_do_not_depend_on_how_they_are_made(source):
    made = [
        values(
            mk.data.pipeline(
                SOURCES[source](),
                5,
                cache=False,
                map=double,
                augment=jitter,
                seed=1,
                epochs=2,
                parallel=p,
            )
        )
        for p in (1, 2, 5)
    ]
    same(made[0], made[1])
    same(made[0], made[2])
    # The same example in two epochs gets another picture.
    first, second = made[0][:5], made[0][5:]
    x = {int(y): b[0][i] for b in first for i, y in enumerate(b[1])}
    assert any(not np.array_equal(x[int(y)], b[0][i]) for b in second for i, y in enumerate(b[1]))


def test_pure_functions_give_the_same_batches():
    ds = mk.data.pipeline((X, Y), 5, map=double, augment=jitter, seed=1)
    order = ds.order(0)
    got = [ds.batch_of(order[i * 5 : i * 5 + 5], 0) for i in range(5)]
    same(values(ds, 5), [[np.asarray(t) for t in b] for b in got])
    by_load = mk.data.pipeline(loaded(), 5, cache=False, map=double, augment=jitter, seed=1)
    same(
        values(ds, 5),
        [[np.asarray(t) for t in by_load.batch_of(order[i * 5 : i * 5 + 5])] for i in range(5)],
    )


@pytest.mark.parametrize("source", SOURCES)
def test_restores_at_every_position_from_a_small_file(source, tmp_path):
    def again_from_scratch():
        return make(source, 5, map=double, augment=jitter, seed=2, epochs=2)

    whole = values(again_from_scratch())
    iterator, other = iter(again_from_scratch()), again_from_scratch()
    for position in range(len(whole) + 1):
        path = tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / f"{position}"))
        assert sum(os.path.getsize(f) for f in glob.glob(f"{path}.*")) < 10_000
        again = iter(other)
        tf.train.Checkpoint(iterator=again).read(path)
        same([[np.asarray(t) for t in e] for e in again], whole[position:])
        if position < len(whole):
            next(iterator)


@pytest.mark.parametrize("source", SOURCES)
def test_at_starts_in_the_middle(source):
    ds = make(source, 5, seed=2, augment=jitter)
    same(values(ds.at(1, 2), 6), values(ds, 13)[7:])
    assert int(ds.cardinality()) == mk.data.INFINITE_CARDINALITY


def test_evaluation_is_one_epoch_in_order():
    ds = mk.data.pipeline((X, Y), 5, training=False, augment=jitter)
    assert int(ds.cardinality()) == 5
    np.testing.assert_array_equal(np.concatenate([b[1] for b in values(ds)]), Y)
    np.testing.assert_array_equal(np.concatenate([b[0] for b in values(ds)]), X)


def test_is_a_plain_dataset_and_prints_its_stages():
    ds = mk.data.pipeline((X, Y), 5, map=double, augment=jitter, seed=9)
    assert isinstance(ds, tf.data.Dataset)
    assert ds.map(lambda x, y: x).take(3).cardinality() == 3
    text = str(ds)
    for word in (
        "23 examples",
        "seed 9",
        "for ever",
        "double",
        "jitter",
        "last batch of an epoch 3",
    ):
        assert word in text
    assert text.index("shuffle") < text.index("repeat") < text.index("batch  ") < text.index("map")


def test_sources_of_all_kinds():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
    batch = next(iter(mk.data.pipeline(frame, 3, training=False)))
    np.testing.assert_array_equal(batch["a"], [1, 2, 3])
    assert batch["b"].numpy().tolist() == [b"x", b"y", b"z"]
    ragged = [[1, 2, 3], [4], []]
    batch = next(iter(mk.data.pipeline(ragged, 3, training=False)))
    assert batch.to_list() == ragged
    from_dataset = mk.data.pipeline(tf.data.Dataset.range(7).map(lambda i: (i, i * 2)), 7, seed=3)
    np.testing.assert_array_equal(next(iter(from_dataset))[0], mk.data.epoch_order(7, 3, 0))
    varying = tf.data.Dataset.range(4).map(lambda i: tf.range(i))
    assert next(iter(mk.data.pipeline(varying, 4, training=False))).to_list() == [
        [], [0], [0, 1], [0, 1, 2]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ((X, Y[:5]), "same number of examples"),
        ((), "at least one array"),
        (np.zeros((0, 3)), "is empty"),
        (tf.data.Dataset.range(3).repeat(), "repeats for ever"),
        (tf.data.Dataset.range(0), "is empty"),
        ((X, 3.0), "scalar"),
    ],
)
def test_bad_sources(source, message):
    with pytest.raises(ValueError, match=message):
        mk.data.pipeline(source, 2)


def test_bad_arguments():
    with pytest.raises(ValueError, match="no batch is left"):
        mk.data.pipeline((X, Y), 100, drop_remainder=True)
    with pytest.raises(ValueError, match="`batch_size` must be an integer ≥ 1"):
        mk.data.pipeline((X, Y), 0)
    with pytest.raises(ValueError, match=r"tf.random.uniform.* in a map"):
        mk.data.pipeline((X, Y), 2, map=lambda x, y: x + tf.random.uniform([4]))
    mk.data.pipeline((X, Y), 2, map=lambda x, y: x + tf.random.uniform([4]), resumable=False)


def test_in_fit():
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    ds = mk.data.pipeline((X / 100, Y / 100), 5, map=None)
    history = model.fit(ds, epochs=2, steps_per_epoch=ds.steps_per_epoch, shuffle=False, verbose=0)
    assert len(history.history["loss"]) == 2


def test_cache_changes_nothing_but_the_speed():
    def build(cache):
        return mk.data.pipeline(loaded(), 5, augment=jitter, seed=3, epochs=2, cache=cache)

    same(values(build(True)), values(build(False)))
    assert build(None).source.resident
    assert "decoded once and kept" in str(build(None))
    assert not build(False).source.resident
