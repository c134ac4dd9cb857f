"""Records: what is written comes back, and damage is named or skipped, never read."""

import os
import struct

import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk


def write(tmp_path, n=10, shards=3):
    path = tmp_path / "set"
    data = {"x": np.arange(n * 3, dtype="f4").reshape(n, 3), "y": np.arange(n)}
    assert mk.data.write_records(data, path, shards=shards) == n
    return path, data


def everything():
    """Elements of every kind that records hold."""

    def element(i):
        j = tf.cast(i, tf.int32)
        return {
            "z": tf.cast(tf.range(j), tf.float32),
            "image": tf.cast(tf.reshape(tf.range(60) + j, [4, 5, 3]), tf.uint8),
            "deep": (tf.strings.as_string(i), {"u": tf.cast(i, tf.uint32) + 2**31}),
            "words": tf.repeat(["wörd"], j),
            "flag": i % 2 == 0,
            "half": tf.cast(i, tf.bfloat16),
            "fixed": tf.stack([tf.strings.as_string(i), "b"]),
            "two": tf.zeros([j, 2], tf.int64) + i,
        }  # fmt: skip

    return tf.data.Dataset.range(7).map(element)


def same(a, b):
    tf.nest.assert_same_structure(a, b)
    for x, y in zip(tf.nest.flatten(a), tf.nest.flatten(b), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x.numpy(), y.numpy())


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("encode", [None, {"image": "png"}])
def test_round_trip(tmp_path, resident, encode):
    path = tmp_path / "set"
    assert mk.data.write_records(everything(), path, shards=3, encode=encode) == 7
    back = mk.data.read_records(path, resident=resident)
    assert list(back.element_spec) == list(everything().element_spec)
    assert back.element_spec["image"].shape == (4, 5, 3)
    for one, two in zip(everything(), back, strict=True):
        same(one, two)


def test_pipeline_over_records(tmp_path):
    path, data = write(tmp_path, 11)
    ds = mk.data.pipeline(mk.data.read_records(path), 4, seed=1, epochs=2)
    order = mk.data.epoch_order(11, 1, 1).numpy()
    batches = list(ds)[3:]
    np.testing.assert_array_equal(np.concatenate([b["x"] for b in batches]), data["x"][order])
    varying = tmp_path / "varying"
    mk.data.write_records(tf.data.Dataset.range(5).map(lambda i: tf.zeros([4]) + 1.0), varying)
    assert next(iter(mk.data.pipeline(mk.data.read_records(varying), 5))).shape == (5, 4)


def test_written_whole_or_not_at_all(tmp_path):
    path, _ = write(tmp_path)
    with pytest.raises(ValueError, match="exists"):
        mk.data.write_records(np.arange(3), path)
    failing = tf.data.Dataset.range(5).map(
        lambda i: tf.debugging.check_numerics(1.0 / tf.cast(3 - i, tf.float32), "x")
    )
    with pytest.raises(tf.errors.InvalidArgumentError):
        mk.data.write_records(failing, path, overwrite=True)
    assert len(list(mk.data.read_records(path))) == 10
    assert os.listdir(tmp_path) == ["set"]
    mk.data.write_records(np.arange(3), path, overwrite=True)
    assert [int(i) for i in mk.data.read_records(path)] == [0, 1, 2]
    assert os.listdir(tmp_path) == ["set"]


def damage(path, how):
    """Damages the first shard: records of equal length at known offsets."""
    file = path / "records-00000-of-00003.tfrecord"
    data = bytearray(file.read_bytes())
    step = 16 + struct.unpack("<Q", data[:8])[0]
    if how == "flip":
        data[step + 20] ^= 1
    elif how == "length":
        data[step] ^= 1
    elif how == "cut":
        del data[step + 30 :]
    elif how == "cut between":
        del data[2 * step :]
    elif how == "head":
        del data[step + 5 :]
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(data)
    return file, step


LOST = {"flip": 1, "length": 3, "cut": 3, "cut between": 2, "head": 3, "gone": 4}


@pytest.mark.parametrize("how", LOST)
def test_damage(tmp_path, how, capfd):
    path, data = write(tmp_path)
    file, step = damage(path, how)
    place = {"cut between": 2 * step, "gone": 0, "head": step + 5}.get(how, step)
    with pytest.raises(ValueError, match=rf"{file.name}, byte {place}: "):
        mk.data.read_records(path)
    if how in ("flip", "length"):  # the file has its size: found when the record is read
        stored = mk.data.read_records(path, resident=False)
        named = rf"{file.name}, byte {step}: a damaged record"
        with pytest.raises(tf.errors.InvalidArgumentError, match=named):
            list(stored)
        with pytest.raises(tf.errors.InvalidArgumentError, match=named):
            list(mk.data.pipeline(stored, 4, epochs=1, cache=False))
    else:
        place = step if how == "head" else place
        with pytest.raises(ValueError, match=rf"{file.name}, byte {place}: "):
            mk.data.read_records(path, resident=False)
    lost = 1 if how == "length" else LOST[how]  # by the index the next record is found again
    stream = list(mk.data.read_records(path, resident=False, on_error="skip"))
    assert len(stream) == 10 - lost
    assert f"Skipped {lost} of 10 records:" in capfd.readouterr().err
    for element in stream:
        np.testing.assert_array_equal(element["x"], data["x"][int(element["y"])])
    with pytest.warns(UserWarning, match=rf"Skipped 1 of 10[\s\S]*{file.name}"):
        kept = list(mk.data.read_records(path, on_error="skip"))
    assert len(kept) == 10 - LOST[how]
    for element in kept:
        np.testing.assert_array_equal(element["x"], data["x"][int(element["y"])])


def test_bad_arguments(tmp_path):
    with pytest.raises(ValueError, match=r"No schema\.json"):
        mk.data.read_records(tmp_path)
    with pytest.raises(ValueError, match="is empty"):
        mk.data.write_records(tf.data.Dataset.range(0), tmp_path / "a")
    with pytest.raises(ValueError, match="dense tensors"):
        mk.data.write_records(tf.ragged.constant([[[1], [2, 3]], [[4]]]), tmp_path / "a")
    with pytest.raises(ValueError, match="`encode` names"):
        mk.data.write_records(np.zeros((2, 4, 4, 3), "u1"), tmp_path / "a", encode={"i": "png"})
    with pytest.raises(ValueError, match="uint8 or uint16"):
        mk.data.write_records(np.zeros((2, 4, 4, 3)), tmp_path / "a", encode={"value": "png"})
    path, _ = write(tmp_path)
    (path / "schema.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        mk.data.read_records(path)
    with pytest.raises(ValueError, match="`on_error` must be one of"):
        mk.data.read_records(path, on_error="ignore")


@pytest.mark.parametrize(("n", "shards"), [(10, 3), (2, 8), (101, 4)])
def test_records_on_disk_are_read_by_number(tmp_path, n, shards):
    path, data = write(tmp_path, n, shards)
    stored = mk.data.read_records(path, resident=False)
    assert int(stored.cardinality()) == stored.size == n
    assert stored.nbytes == 0
    np.testing.assert_array_equal([e["y"] for e in stored], data["y"])
    assert int(stored.element_at(tf.constant(1))["y"]) == 1
    held = mk.data.read_records(path, resident=True)
    for one, two in zip(
        mk.data.pipeline(stored, 4, seed=3, epochs=2, cache=False),
        mk.data.pipeline(held, 4, seed=3, epochs=2, cache=False),
        strict=True,
    ):
        same(one, two)


def test_parts_of_a_split_do_not_depend_on_where_records_lie(tmp_path):
    path = tmp_path / "set"
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 3), dtype=np.uint8)
    labels = np.arange(40) % 2
    mk.data.write_records({"x": images, "y": labels}, path, encode={"x": "png"})
    wanted = mk.data.split({"x": images, "y": labels}, (0.5, 0.5), by="hash")
    for resident in (True, False):
        source = mk.data.read_records(path, resident=resident)
        parts = mk.data.split(source, (0.5, 0.5), by="hash")
        for part, want in zip(parts, wanted, strict=True):
            np.testing.assert_array_equal(np.stack([e["x"] for e in part]), want["x"])
        train, _ = mk.data.split(source, (0.75, 0.25), stratify="y")
        assert sorted(int(e["y"]) for e in train) == [0] * 15 + [1] * 15


def flip_bits(path, shard, places):
    file = sorted(path.glob("*.tfrecord"))[shard]
    data = bytearray(file.read_bytes())
    offsets = np.frombuffer(file.with_suffix(".index").read_bytes(), "<i8")
    for place in places:
        data[offsets[place] + 20] ^= 1
    file.write_bytes(data)
    return file, offsets


def test_damage_on_disk_is_skipped_counted_and_told_at_the_end(tmp_path, capfd):
    path, _ = write(tmp_path, 100, 3)
    file, offsets = flip_bits(path, 0, [3, 20])
    stream = mk.data.read_records(path, resident=False, on_error="skip")
    mk.data.check_resumable(stream)
    capfd.readouterr()
    for _ in range(2):  # once for each pass
        assert [int(e["y"]) for e in stream] == [i for i in range(100) if i not in (9, 60)]
        told = capfd.readouterr().err
        assert told.count("Skipped 2 of 100 records:") == 1
        assert f"{file}, byte {offsets[3]}: a damaged record" in told
        assert f"byte {offsets[20]}" in told
    iterator = iter(stream)
    for _ in range(50):
        next(iterator)
    saved = tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "at 50"))
    again = iter(stream)
    tf.train.Checkpoint(iterator=again).read(saved)
    assert [int(e["y"]) for e in again] == [i for i in range(51, 100) if i != 60]
    assert "Skipped 2 of 100 records:" in capfd.readouterr().err
    flip_bits(path, 1, range(8))
    list(stream)
    told = capfd.readouterr().err
    assert "Skipped 10 of 100 records:" in told
    assert "- and 5 more" in told
    assert told.count("byte") == 5


def test_an_index_that_is_damaged_or_gone(tmp_path):
    path, _ = write(tmp_path, 10, 2)
    file = path / "records-00001-of-00002.index"
    good = file.read_bytes()
    file.write_bytes(good[:-1] + b"\x07")
    with pytest.raises(ValueError, match=r"records-00001-of-00002\.index is damaged or gone"):
        mk.data.read_records(path, resident=False)
    file.unlink()
    with pytest.raises(ValueError, match="index is damaged or gone"):
        mk.data.read_records(path, resident=False)
    assert len(list(mk.data.read_records(path, resident=True))) == 10
