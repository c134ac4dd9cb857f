"""Measures mlkit.data beside what one would otherwise use, in one run, against its goals.

    python tests/benchmarks/data.py            (some minutes; --quick for a look, --only ROW)

Rates are medians over rounds in which the candidates take turns.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parents[2]))

import keras
import numpy as np
import tensorflow as tf

import mlkit as mk
from data_state import different_batches, largest_checkpoint

PARTS = ("", "pictures", "files", "buckets", "shuffle", "stored", "checkpoints", "same")
BATCH = 128
MEAN, STD = np.float32(120.0), np.float32(60.0)
A = mk.data.augment


def rate(iterator, seconds):
    """Examples in a second from an endless iterator of batches."""
    next(iterator)
    count, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        count += len(next(iterator)[1])
    return count / spent


def compare(candidates, seconds, rounds):
    """Median rate of each candidate, measured in turns."""
    iterators = {name: iter(make()) for name, make in candidates.items()}
    rates = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, iterator in iterators.items():
            rates[name].append(rate(iterator, seconds))
    return {name: statistics.median(values) for name, values in rates.items()}


def row(what, value, goal, met):
    print(f"{what:66s} {value:>18s} {goal:>16s}  {'met' if met else 'NOT MET'}", flush=True)
    return met


class Pictures:
    """A data set of torch: crop and flip for each example, as torchvision does them."""

    def __init__(self, x, y):
        self.images, self.labels = x.transpose(0, 3, 1, 2).copy(), y

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        import torch

        image = torch.from_numpy(self.images[i]).float()
        padded = torch.nn.functional.pad(image, (4, 4, 4, 4), mode="reflect")
        top, left = torch.randint(0, 9, (2,)).tolist()
        image = padded[:, top : top + 32, left : left + 32]
        if torch.rand(()) < 0.5:
            image = image.flip(-1)
        return (image - MEAN.item()) / STD.item(), self.labels[i]


def torch_loader(x, y):
    import torch

    torch.set_num_threads(1)
    loader = torch.utils.data.DataLoader(
        Pictures(x, y),
        BATCH,
        shuffle=True,
        num_workers=2,
        drop_last=True,
        persistent_workers=True,
        multiprocessing_context="spawn",  # a fork of a process with TensorFlow's threads may hang
    )
    while True:
        yield from loader


def normalise(x, y):
    return (tf.cast(x, tf.float32) - MEAN) / STD, y


def small_pictures(seconds, rounds, size):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (size, 32, 32, 3), dtype=np.uint8)
    y = rng.integers(0, 10, size)
    auto = tf.data.AUTOTUNE

    def ours():
        augment = [A.crop(padding=4), A.flip(), lambda batch, key: normalise(*batch)]
        return mk.data.pipeline((x, y), BATCH, augment=augment, drop_remainder=True)

    def by_example():
        def change(image, label):
            image = tf.pad(image, [[4, 4], [4, 4], [0, 0]], mode="REFLECT")
            image = tf.image.random_flip_left_right(tf.image.random_crop(image, (32, 32, 3)))
            return normalise(image, label)

        ds = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(size).repeat()
        return ds.map(change, auto).batch(BATCH, drop_remainder=True).prefetch(auto)

    def keras_layers():
        crop, flip = keras.layers.RandomCrop(32, 32), keras.layers.RandomFlip("horizontal")

        def change(images, labels):
            images = tf.pad(images, [[0, 0], [4, 4], [4, 4], [0, 0]], mode="REFLECT")
            return normalise(flip(crop(images, training=True), training=True), labels)

        ds = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(size).repeat()
        return ds.batch(BATCH, drop_remainder=True).map(change, auto).prefetch(auto)

    rates = compare(
        {
            "ours": ours,
            "map for each example": by_example,
            "Keras preprocessing layers": keras_layers,
            "torch DataLoader, 2 workers": lambda: torch_loader(x, y),
        },
        seconds,
        rounds,
    )
    good = True
    print(
        f"uint8 32x32x3, crop + flip + normalise, batch {BATCH}: ours {rates['ours']:,.0f} images/s"
    )
    for name, goal in zip(list(rates)[1:], (4.0, 2.5, 2.5), strict=True):
        ratio = rates["ours"] / rates[name]
        text = f"  against {name} ({rates[name]:,.0f}/s)"
        good &= row(text, f"{ratio:.1f} x", f"≥ {goal} x", ratio >= goal)
    return good


def photographs(rng, size):
    """Pictures that compress as photographs do: soft shapes and a little noise, about 2 kB."""
    coarse = rng.integers(0, 256, (size, 5, 5, 3)).astype("f4")
    for first in range(0, size, 1000):
        part = tf.image.resize(coarse[first : first + 1000], (32, 32), "bicubic").numpy()
        part += rng.normal(0.0, 6.0, part.shape)
        yield from part.clip(0, 255).astype("u1")


def write_files(folder, rng, size):
    """The same pictures as PNG files in folders of classes, and as records."""
    images = np.stack(list(photographs(rng, size)))
    labels = rng.integers(0, 10, size)
    for label in range(10):
        (folder / "files" / str(label)).mkdir(parents=True)
    encoded = tf.data.Dataset.from_tensor_slices(images).map(tf.io.encode_png, tf.data.AUTOTUNE)
    total = 0
    for i, (data, label) in enumerate(zip(encoded.as_numpy_iterator(), labels, strict=True)):
        (folder / "files" / str(label) / f"{i}.png").write_bytes(data)
        total += len(data)
    mk.data.write_records((images, labels), folder / "records", encode={"0": "png"})
    return total / size


def files_of_pictures(seconds, rounds, size):
    rng = np.random.default_rng(0)
    change = A.crop(padding=4), A.flip()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        mean = write_files(folder, rng, size)

        def ours(cache):
            source = mk.data.read_records(folder / "records", resident=True)
            return mk.data.pipeline(source, BATCH, augment=change, cache=cache)

        def keras_directory(cache):
            ds = keras.utils.image_dataset_from_directory(
                folder / "files", image_size=(32, 32), batch_size=BATCH, verbose=False
            )

            def augment(step, batch):  # the very same functions
                key = mk.data.keys(0, step, tf.range(tf.shape(batch[1])[0]))
                for one in change:
                    batch = one(batch, key)
                return batch

            ds = (ds.cache() if cache else ds).repeat().enumerate()
            return ds.map(augment, tf.data.AUTOTUNE).prefetch(2)

        decoded = compare(
            {"ours": lambda: ours(False), "keras": lambda: keras_directory(False)}, seconds, rounds
        )
        held = compare({"ours": lambda: ours(True), "keras": lambda: keras_directory(True)}, 0.5, 3)
    ratio = decoded["ours"] / decoded["keras"]
    what = f"records of {size:,} PNG of {mean:,.0f} bytes, decoded each time"
    print(f"{what}, with the same augmentation: ours {decoded['ours']:,.0f} images/s")
    text = f"  against image_dataset_from_directory ({decoded['keras']:,.0f}/s)"
    good = row(text, f"{ratio:.1f} x", "≥ 3.0 x", ratio >= 3.0)
    print(
        f"  both decoded once and kept in memory: {held['ours']:,.0f}/s against "
        f"{held['keras']:,.0f}/s, {held['ours'] / held['keras']:.1f} x"
    )
    return good


STORED = """
import resource, sys, time
import tensorflow as tf
import mlkit as mk
next(iter(mk.data.pipeline(mk.data.Indexed(range(99), load_row=lambda i: i), 9, cache=False)))
def held():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20
before, start = held(), time.perf_counter()
source = mk.data.read_records(sys.argv[1], resident=False)
iterator = iter(mk.data.pipeline(source, 128, cache=False))
next(iterator)
spent, start = time.perf_counter() - start, time.perf_counter()
for _ in range(300):
    next(iterator)
print(spent, held() - before, 300 * 128 / (time.perf_counter() - start))
"""


def stored_records(size):
    """Records on the disk, shuffled globally: the set is larger than what may be held."""
    with tempfile.TemporaryDirectory() as folder:
        numbers = tf.data.Dataset.range(size).map(
            lambda i: {"i": i, "x": tf.cast(tf.fill([4096], i % 251), tf.uint8)}
        )
        mk.data.write_records(numbers, Path(folder) / "records")
        command = [sys.executable, "-c", STORED, str(Path(folder) / "records")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        start, memory, speed = (float(v) for v in done.stdout.split())
    what = f"{size:,} records on disk ({size * 4.2 / 1000:,.0f} MB), shuffled globally"
    text = f"{what}: {speed:,.0f}/s; memory"
    good = row(text, f"{memory:.0f} MB", "≤ 50 MB", memory <= 50)
    print(f"  first batch after {start:.2f} s, with tracing")
    return good


def buckets():
    rng = np.random.default_rng(0)
    lengths = rng.lognormal(3.2, 0.8, 5000).astype(int).clip(4, 512)
    words = tf.ragged.range(1, lengths + 1)
    longest = int(lengths.max())
    traces = []

    @tf.function
    def step(x):
        traces.append(x.shape)
        return tf.reduce_sum(x)

    edges = sorted({int(q) for q in np.quantile(lengths, np.linspace(0.1, 1.0, 10))})
    ds = mk.data.bucket(words, edges, 32, epochs=3)
    steps = int(ds.cardinality()) // 3
    padded, after = 0, 0
    for i, batch in enumerate(ds):
        step.get_concrete_function(tf.TensorSpec(batch.shape, batch.dtype))
        padded += int(tf.reduce_sum(tf.cast(batch == 0, tf.int32)))
        after = len(traces) if i + 1 == steps else after
    naive = 3 * (longest * len(lengths) - int(lengths.sum()))
    share = padded / naive
    good = row(
        "bucketed text: padded tokens, of those when padded to the longest",
        f"{share:.3f}",
        "≤ 0.25",
        share <= 0.25,
    )
    new = len(traces) - after
    return good & row(
        f"  new shapes after the first epoch ({after} in it)", str(new), "0", new == 0
    )


SHUFFLE = """
import resource, sys, time
import tensorflow as tf
import mlkit as mk
ds = tf.data.Dataset.range(10_000_000)
next(iter(ds.take(1)))
next(iter(mk.data.pipeline(mk.data.Indexed(range(99), load_rows=lambda i: i), 9, cache=False)))
def held():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20
before, start = held(), time.perf_counter()
if sys.argv[1] == "index":
    source = mk.data.Indexed(range(10_000_000), load_rows=lambda i: i)
    ds = mk.data.pipeline(source, 128, cache=False)
else:
    ds = ds.shuffle(10_000_000).batch(128)
iterator = iter(ds)
next(iterator)
spent = time.perf_counter() - start
for _ in range(2000):
    next(iterator)
print(spent, held() - before)
"""


def big_shuffle():
    found = {}
    for how in ("index", "buffer"):
        done = subprocess.run(
            [sys.executable, "-c", SHUFFLE, how], capture_output=True, text=True, check=True
        )
        found[how] = [float(v) for v in done.stdout.split()]
    (start, memory), (slow, large) = found["index"], found["buffer"]
    text = "shuffle of 10,000,000: first batch after"
    good = row(f"{text} (buffer: {slow:.1f} s)", f"{start:.3f} s", "≤ 0.1 s", start <= 0.1)
    text = f"  memory (buffer: {large:,.0f} MB)"
    return good & row(text, f"{memory:.0f} MB", "≤ 50 MB", memory <= 50)


def checkpoints():
    sizes, buffer = largest_checkpoint()
    name = max(sizes, key=sizes.__getitem__)
    text = f"largest checkpoint of {len(sizes)} pipelines: {name} (buffer: {buffer / 1e6:,.1f} MB)"
    return row(text, f"{sizes[name]:,} bytes", "≤ 10,000 bytes", sizes[name] <= 10_000)


def same():
    compared, different = different_batches()
    text = "for a seed, 1 and 2 replicas, parallel calls, restarts: batches that"
    print(f"{compared} batches against those of one replica and one call, never restarted")
    return row(f"{text} differ", str(different), "0", different == 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="short rounds, small sets")
    parser.add_argument("--only", default="", choices=PARTS, help="one part")
    args = parser.parse_args()
    seconds, rounds = (0.3, 3) if args.quick else (0.8, 5)
    parts = {
        "pictures": lambda: small_pictures(seconds, rounds, 20_000),
        "files": lambda: files_of_pictures(seconds, rounds, 5_000 if args.quick else 50_000),
        "buckets": buckets,
        "shuffle": big_shuffle,
        "stored": lambda: stored_records(10_000 if args.quick else 50_000),
        "checkpoints": checkpoints,
        "same": same,
    }
    good = [run() for name, run in parts.items() if args.only in ("", name)]
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"largest memory of this process {used:,.0f} MB")
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
