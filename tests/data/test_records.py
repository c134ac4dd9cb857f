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
def test_damage(tmp_path, how):
    path, data = write(tmp_path)
    file, step = damage(path, how)
    place = {"cut between": 2 * step, "gone": 0, "head": step + 5}.get(how, step)
    with pytest.raises(ValueError, match=rf"{file.name}, byte {place}: "):
        mk.data.read_records(path)
    if how != "flip":
        place = step if how == "head" else place
        with pytest.raises(ValueError, match=rf"{file.name}, byte {place}: "):
            mk.data.read_records(path, resident=False)
    else:
        with pytest.raises(tf.errors.DataLossError, match="corrupted record"):
            list(mk.data.read_records(path, resident=False))
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
    with pytest.raises(ValueError, match="needs the records in memory"):
        mk.data.read_records(write(tmp_path / "b")[0], on_error="skip", resident=False)
    with pytest.raises(ValueError, match="`on_error` must be one of"):
        mk.data.read_records(path, on_error="ignore")
