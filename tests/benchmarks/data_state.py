"""What data.py measures of state: sizes of checkpoints, and whether a seed decides everything."""

import glob
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

import mlkit as mk

A = mk.data.augment
ROOT = Path(__file__).parents[2]
BATCHES = 14  # of the script
RUNS = [  # (parallel calls, restarts at these batches)
    *((1, []), (2, []), (-1, [])),
    *((1, list(range(BATCHES))), (3, [0, 5, 6, 13]), (4, [1, 2, 11])),
]


def checkpoint_size(dataset, steps=20):
    """Bytes of a saved iterator after some batches."""
    iterator = iter(dataset)
    for _ in range(steps):
        next(iterator)
    with tempfile.TemporaryDirectory() as folder:
        path = tf.train.Checkpoint(iterator=iterator).write(f"{folder}/here")
        return sum(os.path.getsize(file) for file in glob.glob(f"{path}.*"))


def largest_checkpoint():
    """(bytes by pipeline of ours, bytes of a shuffle buffer over the same pictures)."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (20_000, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, 20_000)
    words = tf.ragged.range(rng.integers(5, 60, 5000))
    change = [A.crop(), A.flip(), A.rand_augment(), A.mixup(classes=10)]
    with tempfile.TemporaryDirectory() as folder:
        mk.data.write_records((x[:2000], y[:2000]), Path(folder) / "records", encode={"0": "png"})
        stored = mk.data.read_records(Path(folder) / "records", resident=False)
        made = {
            "arrays": mk.data.pipeline((x, y), 128, augment=change),
            "records on disk": mk.data.pipeline(stored, 128, cache=False, augment=change[:2]),
            "buckets": mk.data.bucket(words, [20, 40, 60], 64),
            "packed": mk.data.pipeline(mk.data.pack(words, 128), 32),
            "windows": mk.data.pipeline(mk.data.windows(np.arange(1e5), 64), 128),
            "mixed": mk.data.mix([mk.data.pipeline((x, y), 128, seed=s) for s in (1, 2)]),
        }
        sizes = {name: checkpoint_size(dataset) for name, dataset in made.items()}
    buffer = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(20_000, seed=0).batch(128)
    return sizes, checkpoint_size(buffer)


def different_batches():
    """(batches compared, batches that differ) over replicas, parallel calls and restarts."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    found = []
    for replicas in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            script = ROOT / "tests" / "data" / "replicas_script.py"
            command = [sys.executable, str(script), str(replicas), json.dumps(RUNS), folder]
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, env=environment
            )
        lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        found += [json.loads(line[7:]) for line in lines]
    compared = sum(len(hashes) for hashes in found[1:])
    different = sum(a != b for hashes in found[1:] for a, b in zip(found[0], hashes, strict=True))
    return compared, different + (len(found) != 2 * len(RUNS)) + (len(set(found[0])) != BATCHES)
