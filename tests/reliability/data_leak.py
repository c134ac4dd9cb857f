"""Counts the examples that leak from training into validation, with the usual recipe and with ours.

    python tests/reliability/data_leak.py

The usual recipe is `ds.shuffle(n)`, then `take` for training and `skip` for validation: shuffled
anew in each epoch, both parts are drawn anew too. Counted: examples of a validation part that were
trained on in that epoch or an earlier one.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import tensorflow as tf

import mlkit as mk

N, EPOCHS = 1000, 5


def leaked(train, held_out):
    """For each epoch: examples held out now that were trained on so far."""
    seen, counts = set(), []
    for _ in range(EPOCHS):
        seen |= {int(i) for i in train}
        counts.append(len({int(i) for i in held_out} & seen))
    return counts


def main():
    numbers = tf.data.Dataset.range(N)
    shuffled = numbers.shuffle(N)
    cut = int(0.8 * N)
    rows = {
        "shuffle, take, skip": (shuffled.take(cut), shuffled.skip(cut)),
        "split by index": mk.data.split(numbers, (0.8, 0.2)),
        "split by index, of what was shuffled": mk.data.split(shuffled, (0.8, 0.2)),
        "split by hash": mk.data.split(numbers, (0.8, 0.2), by="hash"),
        "split by hash, of what was shuffled": mk.data.split(shuffled, (0.8, 0.2), by="hash"),
        "split by hash, in a stream": mk.data.split(
            shuffled, (0.8, 0.2), by="hash", key=lambda i: i
        ),
        "split by groups": mk.data.split(numbers, (0.8, 0.2), groups=np.arange(N) // 10),
        "split by class": mk.data.split(numbers, (0.8, 0.2), stratify=np.arange(N) % 7),
    }
    found = {name: leaked(*parts) for name, parts in rows.items()}
    print(f"{N} examples, leaked of those held out in epochs 1 to {EPOCHS}")
    for name, counts in found.items():
        print(f"{name:40s}", *(f"{count:5d}" for count in counts))
    ours = sum(sum(counts) for name, counts in found.items() if name.startswith("split"))
    sys.exit(1 if ours or not sum(found["shuffle, take, skip"]) else 0)


if __name__ == "__main__":
    main()
