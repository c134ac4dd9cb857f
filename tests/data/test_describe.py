"""Descriptions and measurements."""

import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk


def test_describe():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype("f4")
    x[:, 2] = 7.0
    x[3, 1] = np.nan
    x[10] = x[9]
    y = np.r_[np.zeros(55, int), [1, 1, 1, 3, 3]]
    y[10] = y[9]
    found = mk.data.describe({"x": x, "y": y, "s": ["a"] * 60})
    assert found.count == 60
    assert found.complete
    assert found.columns["y"]["classes"] == {0: 55, 1: 3, 3: 2}
    text = str(found)
    for words in (
        "x has 1 values that are not finite",
        "column 2 of x is constant: 7",
        "y never takes [2]",
        "y is 28 times as often 0 as 3",
        "1 elements are equal to an earlier one, such as to 9",
        "s is constant: b'a'",
        "float32 (4,)",
    ):
        assert words in text
    clean = mk.data.describe((rng.normal(size=(20, 3)), np.arange(20) % 2))
    assert clean.suspicious == []


def test_describe_pictures_and_sequences():
    images = np.random.default_rng(0).integers(0, 256, (6, 5, 5, 3), dtype=np.uint8)
    images[4] = 9
    assert mk.data.describe(images).suspicious == [
        "1 of value are of one colour, such as element 4"
    ]
    endless = mk.data.describe(tf.data.Dataset.range(40).repeat(), limit=40)
    assert (endless.count, endless.complete) == (40, False)
    varying = mk.data.describe([[1.0, 2.0], [3.0]])
    assert "lengths from 1 to 2" in str(varying)
    negative = mk.data.describe(np.array([-1, 0, 1, 2]))
    assert "out of range" in negative.suspicious[0]
    with pytest.raises(ValueError, match="is empty"):
        mk.data.describe(tf.data.Dataset.range(0))


def test_benchmark():
    x = np.zeros((256, 8, 8, 3), "u1")
    ds = mk.data.pipeline(
        x, 32, map=lambda x: tf.cast(x, tf.float32), augment=mk.data.augment.flip(), epochs=1
    )
    timing = mk.data.benchmark(ds, seconds=0.05, step=lambda batch: tf.reduce_sum(batch))
    assert list(timing.stages) == ["source", "map", "augment"]
    assert timing.rate > 100
    assert "examples/s" in str(timing)
    plain = mk.data.benchmark(tf.data.Dataset.range(100).batch(10), seconds=0.02)
    assert list(plain.stages) == ["whole"]
    assert "4 times the bytes: scale after it" in str(timing)
    assert "step" in str(timing)
    loaded = mk.data.Indexed(range(64), load_row=lambda i: tf.fill([4], i))
    hints = mk.data.benchmark(
        mk.data.pipeline(loaded, 8, cache=False, parallel=1, prefetch=0), seconds=0.02
    ).hints
    assert [text.split("`")[1] for text in hints] == ["cache=True", "parallel=1", "prefetch=0"]
    slow = mk.data.Timing({"source": 1e-6, "map": 1e-3})
    assert "`map` takes longest" in slow.advice
    with pytest.raises(ValueError, match="is empty"):
        mk.data.benchmark(tf.data.Dataset.range(0))


def test_fits_in_memory(monkeypatch):
    from mlkit.data import _memory

    monkeypatch.setattr(_memory, "free_memory", lambda: 1000)
    assert mk.data.fits_in_memory(np.zeros(60))
    assert not mk.data.fits_in_memory((np.zeros(60), np.zeros(10)))
    assert mk.data.fits_in_memory(tf.data.Dataset.range(60))
    assert not mk.data.fits_in_memory(tf.data.Dataset.range(70))
    assert not mk.data.fits_in_memory(tf.data.Dataset.range(7).repeat())
    monkeypatch.setattr(_memory, "free_memory", lambda: None)
    assert not mk.data.fits_in_memory(np.zeros(1))
