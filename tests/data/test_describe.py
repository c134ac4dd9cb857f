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


def test_describe_labels_out_of_range(tmp_path):
    y = np.r_[np.arange(8), 11, -1]
    found = mk.data.describe((np.random.default_rng(0).normal(size=(10, 2)), y), classes=8)
    assert found.suspicious == ["1 is out of the range 0 to 7 2 times, such as 11"]
    many = mk.data.describe({"label": np.arange(100), "x": np.arange(100)}, classes=99)
    assert many.suspicious == ["label is out of the range 0 to 98 1 times, such as 99"]
    assert many.columns["label"]["classes"] == "100, 1 to 1 times each"
    with pytest.raises(ValueError, match="`classes` needs a label"):
        mk.data.describe(np.zeros(3), classes=2)
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text(name)
    part = mk.data.read_text(tmp_path).select([0, 2])  # the folder knew three classes
    assert mk.data.describe(part).suspicious == ["1 never takes [1]"]


def test_describe_a_pipeline_is_its_first_epoch_as_a_model_gets_it():
    x = np.arange(23 * 4, dtype="f4").reshape(23, 4)
    ds = mk.data.pipeline((x, np.arange(23) % 2), 5, map=lambda x, y: (x * 2.0 + 1e6, y))
    found = mk.data.describe(ds)
    assert (found.count, found.complete) == (23, True)
    assert found.columns["0"]["from"] == f"{1e6:g} to {1e6 + 182:g}"
    assert float(found.columns["0"]["std"]) == pytest.approx((x * 2).std(), rel=1e-4)
    assert found.columns["1"]["classes"] == {0: 12, 1: 11}
    assert not mk.data.describe(ds, limit=7).complete


def test_describe_gathers_over_batches():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1000, 6)) + 1e6
    x[:, 3], x[700:, 4] = 5.0, 5.0
    pictures = rng.integers(0, 256, (1000, 4, 4), dtype=np.uint8)
    pictures[[300, 900]] = 7
    found = mk.data.describe({"x": x, "p": pictures})
    assert found.suspicious == [
        "column 3 of x is constant: 5",
        "2 of p are of one colour, such as element 300",
    ]
    assert found.columns["x"]["std"] == f"{x.std():g}"
    flags = mk.data.describe(np.tile([True, False], (5, 1)))
    assert flags.suspicious[:2] == [
        "column 0 of value is constant: 1",
        "column 1 of value is constant: 0",
    ]
    half = mk.data.describe(tf.constant([1.0, np.nan, 3.0], tf.bfloat16))
    assert (half.columns["value"]["mean"], half.columns["value"]["missing"]) == ("2", 1)
    cancels = mk.data.describe(x[:, :1])
    assert float(cancels.columns["value"]["std"]) == pytest.approx(x[:, 0].std(), rel=1e-4)


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
