"""Folders and tables: what is read, and what a damaged file does."""

import csv

import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk

RNG = np.random.default_rng(0)


def pictures(path, count=3, size=(7, 9)):
    made = {}
    for name in ("b", "a", "c"):
        (path / name).mkdir()
        for i in range(count):
            image = RNG.integers(0, 256, (*size, 3), dtype=np.uint8)
            (path / name / f"{i}.png").write_bytes(tf.io.encode_png(image).numpy())
            made[name, i] = image
    return made


def test_images(tmp_path):
    made = pictures(tmp_path)
    source = mk.data.read_images(tmp_path, (7, 9))
    assert source.classes == ["a", "b", "c"]
    found = list(source)
    assert len(found) == 9
    np.testing.assert_array_equal(found[4][0], made["b", 1])
    assert int(found[4][1]) == 1
    grey = mk.data.read_images(tmp_path, 4, labels=False, color="grayscale")
    assert grey.element_spec.shape == (4, 4, 1)
    parts = mk.data.split(source, (0.67, 0.33), stratify=1)
    assert [p.size for p in parts] == [6, 3]
    assert parts[0].classes == ["a", "b", "c"]
    x, y = next(iter(mk.data.pipeline(parts[0], 6, seed=2)))
    assert x.shape == (6, 7, 9, 3)
    assert sorted(y.numpy()) == [0, 0, 1, 1, 2, 2]


def test_image_formats(tmp_path):
    image = np.full((8, 8, 3), 200, np.uint8)
    (tmp_path / "1.jpg").write_bytes(tf.io.encode_jpeg(image).numpy())
    (tmp_path / "2.PNG").write_bytes(tf.io.encode_png(image[..., :1]).numpy())
    for picture in mk.data.read_images(tmp_path, 8, labels=False):
        np.testing.assert_allclose(picture, image, atol=2)


@pytest.mark.parametrize("how", ["torn", "empty", "text"])
def test_damaged_images(tmp_path, how):
    pictures(tmp_path)
    file = tmp_path / "b" / "1.png"
    data = file.read_bytes()
    file.write_bytes({"torn": data[: len(data) // 2], "empty": b"", "text": b"hello"}[how])
    with pytest.raises(
        ValueError, match=r"Cannot read 1 of 9 pictures:\n- .*b/1\.png, byte \d+: cannot be"
    ):
        mk.data.read_images(tmp_path, 8)
    with pytest.warns(UserWarning, match=r"Skipped 1 of 9 pictures:\n- .*b/1\.png"):
        source = mk.data.read_images(tmp_path, 8, on_error="skip")
    assert [int(y) for _, y in source] == [0, 0, 0, 1, 1, 2, 2, 2]


def test_folders_that_cannot_be_used(tmp_path):
    with pytest.raises(ValueError, match="must be a folder"):
        mk.data.read_images(tmp_path / "no", 8)
    with pytest.raises(ValueError, match="at least two class folders"):
        mk.data.read_images(tmp_path, 8)
    with pytest.raises(ValueError, match="No file in"):
        mk.data.read_images(tmp_path, 8, labels=False)
    (tmp_path / "a").mkdir()
    with pytest.raises(ValueError, match=r"class folder .*a has no file"):
        mk.data.read_images(tmp_path, 8)


def test_audio(tmp_path):
    for name, frequency in (("high", 0.5), ("low", 0.05)):
        (tmp_path / name).mkdir()
        wave = np.sin(np.arange(300) * frequency).astype("f4")[:, None]
        (tmp_path / name / "1.wav").write_bytes(tf.audio.encode_wav(wave, 8000).numpy())
    source = mk.data.read_audio(tmp_path, 400)
    (high, _), (low, label) = source
    np.testing.assert_allclose(low[:300], np.sin(np.arange(300) * 0.05), atol=1e-4)
    np.testing.assert_array_equal(high[300:], 0.0)
    assert int(label) == 1
    assert mk.data.read_audio(tmp_path, 100).element_spec[0].shape == (100,)
    (tmp_path / "low" / "2.wav").write_bytes(b"RIFF0000")
    with pytest.raises(ValueError, match=r"2\.wav, byte 8"):
        mk.data.read_audio(tmp_path, 100)


def test_text(tmp_path):
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text(f"wörds of {name}")
    assert [(t.numpy().decode(), int(y)) for t, y in mk.data.read_text(tmp_path)] == [
        ("wörds of x", 0),
        ("wörds of y", 1),
    ]
    (tmp_path / "x" / "2.txt").write_bytes(b"ok \xff\xfe")
    with pytest.raises(ValueError, match=r"2\.txt, byte 3: not UTF-8"):
        mk.data.read_text(tmp_path)
    with pytest.warns(UserWarning, match="Skipped 1 of 3 texts"):
        assert mk.data.read_text(tmp_path, on_error="skip").size == 2


def test_csv(tmp_path):
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["whole", "part", "word", "code", "none"])
        for i in range(5):
            writer.writerow([i, "" if i == 2 else i / 2, f'say "{i}",\nso', f"00{i}x", ""])
    rows = mk.data.read_csv(path).rows
    assert {k: v.dtype.name for k, v in rows.items()} == {
        "whole": "int64", "part": "float32", "word": "string", "code": "string", "none": "string",
    }  # fmt: skip
    np.testing.assert_array_equal(rows["part"], [0, 0.5, np.nan, 1.5, 2])
    assert rows["word"][1].numpy() == b'say "1",\nso'
    features, label = mk.data.read_csv(path, columns=["part"], label="whole").rows
    assert list(features) == ["part"]
    assert label.dtype == tf.int64
    asked = mk.data.read_csv(path, types={"whole": "string", "part": "float32"}).rows
    assert asked["whole"].dtype == tf.string
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(path)
    np.testing.assert_array_equal(frame["part"], rows["part"])
    assert frame["word"].tolist() == [w.decode() for w in rows["word"].numpy()]


def test_damaged_csv(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n3\n4,x\n5,6,7\n8,9\n")
    with pytest.raises(
        ValueError, match=r"2 of 5 rows:\n- .*line 3: 1 fields, the header has 2\n.*line 5: 3"
    ):
        mk.data.read_csv(path)
    with pytest.warns(UserWarning, match="Skipped 2 of 5 rows"):
        rows = mk.data.read_csv(path, on_error="skip").rows
    assert rows["a"].numpy().tolist() == [1, 4, 8]
    with pytest.warns(UserWarning, match=r"line 4: b is 'x', not float32"):
        rows = mk.data.read_csv(path, types={"b": "float32"}, on_error="skip").rows
    assert rows["b"].numpy().tolist() == [2.0, 9.0]
    for text, message in (
        ("", "is empty"),
        ("a,b\n", "no rows below"),
        ("a,a\n1,2\n", "each column, once"),
        ("a,b\n1,\0\n", "zero byte"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            mk.data.read_csv(path)
    path.write_bytes(b"a,b\n1,\xff\n")
    with pytest.raises(ValueError, match="byte 6: not UTF-8"):
        mk.data.read_csv(path)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="has no column 'c'"):
        mk.data.read_csv(path, label="c")
    with pytest.raises(ValueError, match="must be a file"):
        mk.data.read_csv(tmp_path)


def test_parquet(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    for i in range(3):
        (tmp_path / f"k={i}").mkdir()
        frame = pandas.DataFrame({"a": [i, i + 10], "b": ["x", "y"]})
        frame.to_parquet(tmp_path / f"k={i}" / "t.parquet", write_page_checksum=True)
    one = tmp_path / "k=1" / "t.parquet"
    rows = mk.data.read_parquet(one, columns=["b"]).rows
    assert rows["b"].numpy().tolist() == [b"x", b"y"]
    whole = mk.data.read_parquet(tmp_path).rows
    assert whole["a"].numpy().tolist() == [0, 10, 1, 11, 2, 12]
    one.write_bytes(b"PAR1xxxx")
    for path, total in ((one, 1), (tmp_path, 3)):
        match = rf"Cannot read 1 of {total} Parquet files:\n- .*k=1/t\.parquet, byte 8: cannot be"
        with pytest.raises(ValueError, match=match):
            mk.data.read_parquet(path)
    with pytest.warns(UserWarning, match=r"Skipped 1 of 3 Parquet files:\n- .*k=1"):
        rows = mk.data.read_parquet(tmp_path, on_error="skip").rows
    assert rows["a"].numpy().tolist() == [0, 10, 2, 12]
    assert "k" in rows  # the column that the names of the folders make
    with (
        pytest.warns(UserWarning, match="Skipped 1 of 1"),
        pytest.raises(ValueError, match="No Parquet file"),
    ):
        mk.data.read_parquet(one, on_error="skip")
    with pytest.raises(ValueError, match="No file or directory"):
        mk.data.read_parquet(tmp_path / "none")


def test_array_record(tmp_path):
    module = pytest.importorskip("array_record.python.array_record_module")
    path = tmp_path / "r.array_record"
    writer = module.ArrayRecordWriter(str(path), "group_size:1,uncompressed")
    written = [f"record {i} ".encode() * 10_000 for i in range(6)]
    for record in written:
        writer.write(record)
    writer.close()
    assert mk.data.read_array_record(path).rows.numpy().tolist() == written
    bad = tmp_path / "bad.array_record"
    bad.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"bad\.array_record: cannot be read as array_record"):
        mk.data.read_array_record([path, bad])
    with pytest.warns(UserWarning, match=r"Skipped 1 of 7 array records:\n- .*bad"):
        assert mk.data.read_array_record([path, bad], on_error="skip").size == 6
    data = bytearray(path.read_bytes())
    data[data.index(b"record 3") + 5000] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"Cannot read 1 of 6 .*\n- .*r\.array_record, record 3"):
        mk.data.read_array_record(path)
    with pytest.warns(UserWarning, match=r"Skipped 1 of 6"):
        kept = mk.data.read_array_record(path, on_error="skip").rows.numpy().tolist()
    assert kept == written[:3] + written[4:]
