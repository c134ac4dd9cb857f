"""Restores iterators of every data helper at every position, and of random compositions.

    python tests/reliability/data_resume.py --compositions 200

Each pipeline is read to the end once. Then, for each position, an iterator is saved there, another
one is made from a pipeline that was built anew, restored, and read to the end: every tensor must
have the same bits. Printed: differences, and the largest checkpoint in bytes (of the compositions,
without those over plain tf.data, whose buffers hold elements).
"""

import argparse
import glob
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import tensorflow as tf

import mlkit as mk

A = mk.data.augment
N = 23
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (N, 8, 8, 3), dtype=np.uint8)
LABELS = (np.arange(N) % 3).astype("i4")
WORDS = [np.arange(1, 2 + i * 7 % 11) for i in range(N)]
FOLDER = Path(tempfile.mkdtemp())


def floats(x, y):
    return tf.cast(x, tf.float32) / 255.0, tf.one_hot(y, 3)


def classes():
    return (IMAGES, LABELS)


def records(resident):
    path = FOLDER / "records"
    if not path.exists():
        mk.data.write_records({"x": IMAGES, "y": LABELS}, path, encode={"x": "png"})
    return mk.data.read_records(path, resident=resident)


def damaged_records():
    path = FOLDER / "damaged"
    if not path.exists():
        mk.data.write_records({"x": IMAGES, "y": LABELS}, path, shards=2)
        file = sorted(path.glob("*.tfrecord"))[1]
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    return mk.data.read_records(path, resident=False, on_error="skip")


def folder():
    path = FOLDER / "images"
    if not path.exists():
        for i in range(N):
            (path / f"class {LABELS[i]}").mkdir(parents=True, exist_ok=True)
            file = path / f"class {LABELS[i]}" / f"{i}.png"
            file.write_bytes(tf.io.encode_png(IMAGES[i]).numpy())
    return mk.data.read_images(path, 8)


def other_files(ending, write):
    path = FOLDER / ending
    if not path.exists():
        for i in range(N):
            place = path / f"class {LABELS[i]}"
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{i}.{ending}").write_bytes(write(i))
    return path


def sounds():
    def write(i):
        return tf.audio.encode_wav(RNG_WAVES[i, :, :1], 8000).numpy()

    return mk.data.read_audio(other_files("wav", write), 20)


def texts():
    return mk.data.read_text(other_files("txt", lambda i: f"text {i}".encode()))


def table(kind):
    import pandas

    path = FOLDER / f"table.{kind}"
    frame = pandas.DataFrame({"a": np.arange(N), "b": [f"w{i}" for i in range(N)]})
    if kind == "csv":
        frame.to_csv(path, index=False)
        return mk.data.read_csv(path)
    frame.to_parquet(path)
    return mk.data.read_parquet(path)


def array_records():
    from array_record.python import array_record_module

    path = FOLDER / "a.array_record"
    if not path.exists():
        writer = array_record_module.ArrayRecordWriter(str(path), "group_size:1")
        for i in range(N):
            writer.write(f"record {i}".encode())
        writer.close()
    return mk.data.read_array_record(path)


def line():
    return mk.data.windows(np.arange(40.0), 5, horizon=2, stride=2)


AUGMENTED = {
    "crop": A.crop(padding=2), "flip": A.flip(), "affine": A.affine(10), "color": A.color(0.3),
    "cutout": A.cutout(), "mixup": A.mixup(), "cutmix": A.cutmix(),
}  # fmt: skip
HELPERS = {
    "pipeline": lambda: mk.data.pipeline(classes(), 5, seed=1, epochs=2),
    "pipeline, dropped remainder": lambda: mk.data.pipeline(
        classes(), 5, seed=1, epochs=2, drop_remainder=True
    ),
    "pipeline, no training": lambda: mk.data.pipeline(classes(), 5, training=False),
    "pipeline.at": lambda: mk.data.pipeline(classes(), 5, epochs=3).at(1, 2),
    "pipeline, no end": lambda: mk.data.pipeline(classes(), 5, seed=3).take(12),
    "rand_augment": lambda: mk.data.pipeline(classes(), 5, augment=A.rand_augment(), epochs=1),
    "time_mask": lambda: mk.data.pipeline(RNG_WAVES, 5, augment=A.time_mask(3), epochs=1),
    "frequency_mask": lambda: mk.data.pipeline(RNG_WAVES, 5, augment=A.frequency_mask(3), epochs=1),
    "shuffle": lambda: mk.data.shuffle(classes(), seed=2, epochs=2),
    "split": lambda: mk.data.split(as_dataset(), (0.7, 0.3))[0],
    "split, by hash": lambda: mk.data.split(as_dataset(), (0.5, 0.5), by="hash")[1],
    "split, streamed": lambda: mk.data.split(
        as_dataset(), (0.5, 0.5), by="hash", key=lambda x, y: x
    )[0],
    "records, resident": lambda: mk.data.pipeline(records(True), 5, epochs=2),
    "records, not cached": lambda: mk.data.pipeline(records(True), 5, epochs=2, cache=False),
    "records, read": lambda: records(True),
    "records, on disk": lambda: records(False),
    "records, on disk, in a pipeline": lambda: mk.data.pipeline(
        records(False), 5, epochs=2, cache=False
    ),
    "records, on disk, damaged ones skipped": damaged_records,
    "images": lambda: mk.data.pipeline(folder(), 5, epochs=2),
    "images, read": folder,
    "audio": lambda: mk.data.pipeline(sounds(), 5, epochs=2, cache=False),
    "audio, read": sounds,
    "text": lambda: mk.data.pipeline(texts(), 5, epochs=2),
    "csv": lambda: mk.data.pipeline(table("csv"), 5, epochs=2),
    "parquet": lambda: mk.data.pipeline(table("parquet"), 5, epochs=2),
    "array_record": lambda: mk.data.pipeline(array_records(), 5, epochs=2),
    "digits": lambda: mk.data.load("digits", as_dataset=True)[1].take(30),
    "augment_batches": lambda: mk.data.augment_batches(
        as_dataset().batch(5).repeat(), [A.crop(padding=2), A.flip()], seed=3
    ).take(12),
    "bucket": lambda: mk.data.bucket(WORDS_RAGGED, [3, 6, 12], 4, seed=1, epochs=2),
    "bucket, no training": lambda: mk.data.bucket(WORDS_RAGGED, [3, 6, 12], 4, training=False),
    "pad": lambda: mk.data.pad(tf.data.Dataset.range(N).map(lambda i: tf.range(i % 5)), 5),
    "pack": lambda: mk.data.pack(WORDS_RAGGED, 16),
    "windows": line,
    "windows in a pipeline": lambda: mk.data.pipeline(line(), 4, epochs=2),
    "oversample": lambda: mk.data.pipeline(mk.data.oversample(classes(), 1), 5, epochs=1),
    "mix": lambda: mk.data.mix(
        [mk.data.shuffle(LABELS, 1, 2), mk.data.shuffle(LABELS + 9, 2, 2)], [2, 1], seed=4
    ),
    **{
        name: lambda f=f: mk.data.pipeline(classes(), 5, map=floats, augment=f, seed=2, epochs=1)
        for name, f in AUGMENTED.items()
    },
}
PLAIN = ("augment_batches",)  # over plain tf.data, whose buffers a checkpoint holds
RNG_WAVES = RNG.normal(size=(N, 12, 9)).astype("f4")
WORDS_RAGGED = tf.ragged.stack(WORDS)


def as_dataset():
    return tf.data.Dataset.from_tensor_slices(classes())


def composition(seed):
    """A random helper with random stages of tf.data after it, as a function that builds it."""
    rng = np.random.default_rng(seed)
    name = str(rng.choice(sorted(HELPERS)))
    size, part = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    tails = {
        "map": lambda d: d.map(lambda *e: tf.nest.map_structure(tf.identity, e), size),
        "prefetch": lambda d: d.prefetch(size),
        "take": lambda d: d.take(20),
        "skip": lambda d: d.skip(part),
        "enumerate": lambda d: d.enumerate(),
        "repeat": lambda d: d.repeat(2).take(25),
        "shard": lambda d: d.shard(2, 1),
        "concatenate": lambda d: d.concatenate(d).take(25),
        "filter": lambda d: d.enumerate().filter(lambda i, _: i % size != 0),
        "ragged_batch": lambda d: d.ragged_batch(size),
        "zip": lambda d: tf.data.Dataset.zip((d, tf.data.Dataset.range(30))),
        "noise": lambda d: d.enumerate().map(
            lambda i, e: (e, tf.random.stateless_uniform([2], tf.stack([i, 1]))), 2
        ),
    }
    chosen = [str(n) for n in rng.choice(sorted(tails), rng.integers(1, 5), replace=False)]
    if "ragged_batch" in chosen:  # strings and ragged parts stay as they are after it
        chosen = [*(c for c in chosen if c != "ragged_batch"), "ragged_batch"]

    def build():
        dataset = HELPERS[name]()
        for tail in chosen:
            dataset = tails[tail](dataset)
        return dataset

    return name, f"{name} | {' | '.join(chosen)}", build


def leaves(element):
    flat = tf.nest.flatten(element, expand_composites=True)
    return [
        (t.dtype, t.shape, t.numpy().tobytes()) if t.dtype != tf.string else t.numpy().tolist()
        for t in flat
    ]


def check(build, positions=None):
    """(positions tried, positions with a difference, largest checkpoint)."""
    whole = [leaves(e) for e in build()]
    iterator, tried, bad, largest = iter(build()), 0, 0, 0
    wanted = range(len(whole) + 1) if positions is None else positions(len(whole))
    place = tempfile.mkdtemp()
    for position in range(len(whole) + 1):
        if position in wanted:
            path = tf.train.Checkpoint(iterator=iterator).write(f"{place}/{position}")
            largest = max(largest, sum(os.path.getsize(f) for f in glob.glob(f"{path}.*")))
            again = iter(build())
            tf.train.Checkpoint(iterator=again).read(path)
            tried += 1
            bad += [leaves(e) for e in again] != whole[position:]
        if position < len(whole):
            next(iterator)
    shutil.rmtree(place)
    return tried, bad, largest


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compositions", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first composition")
    parser.add_argument("-k", default="", help="only helpers whose name holds this")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    total = wrong = large = 0
    print(f"{'helper':36s} positions  different  largest checkpoint")
    for name, build in HELPERS.items():
        if args.k not in name:
            continue
        tried, bad, size = check(build)
        total, wrong = total + tried, wrong + bad
        large += size > 10_000 and name not in PLAIN
        print(f"{name:36s} {tried:9d} {bad:10d} {size:12d} bytes", flush=True)
    print(f"{total} positions, {wrong} different, {large} checkpoints above 10 kB\n")
    tried_all = bad_all = biggest = 0
    for seed in range(args.first, args.first + args.compositions):
        helper, name, build = composition(seed)
        rng = np.random.default_rng(seed + 1_000_000)
        tried, bad, size = check(build, lambda n, r=rng: set(r.integers(0, n + 1, 4).tolist()))
        size *= helper not in PLAIN
        tried_all, bad_all, biggest = tried_all + tried, bad_all + bad, max(biggest, size)
        if bad or size > 10_000:
            print(f"composition {seed}: {name}: {bad} of {tried} different, {size} bytes")
    print(
        f"{args.compositions} compositions, {tried_all} positions, {bad_all} different, "
        f"largest checkpoint {biggest} bytes"
    )
    shutil.rmtree(FOLDER)
    sys.exit(1 if wrong or bad_all or large or biggest > 10_000 else 0)


if __name__ == "__main__":
    main()
