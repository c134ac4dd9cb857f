"""Injects NaN into one example at a random update, and looks how training ends.

    python tests/reliability/nan.py --runs 50

In plain `model.fit`, in each program of `mk.Trainer`, and on two replicas, of which the example's
place in its batch chooses the faulty one. Good: rolled back once an epoch, every variable finite,
and the final loss on clean data no further above that of the clean run with the same seed than
clean runs with different seeds are apart.
"""

import argparse
import contextlib
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import keras
import numpy as np
import tensorflow as tf

import mlkit as mk

MARK = 1e6
BATCH = 32
# The loop (None: model.fit) and the number of replicas.
CASES = [
    (None, 1),
    ("step", 1),
    ("fused", 1),
    ("epoch", 1),
    ("step", 2),
    ("fused", 2),
    ("epoch", 2),
]


def to_nan(x):
    """`fit` refuses data with NaN: a mark in them becomes NaN inside the model."""
    return keras.ops.where(x > MARK / 2, float("nan"), x)


def fit(x, y, seed, loop, recovery, strategy=None):
    """(model, loss on clean data after three epochs)"""
    keras.utils.set_random_seed(seed)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with contextlib.nullcontext() if strategy is None else strategy.scope():
        model = keras.Sequential([keras.Input((12,)), keras.layers.Lambda(to_nan)])
        model.add(keras.layers.Dense(16, "relu"))
        model.add(keras.layers.Dense(3))
        model.compile(keras.optimizers.Adam(0.01), loss)
    options = {"epochs": 3, "batch_size": BATCH, "verbose": 0, "shuffle": False}
    options["callbacks"] = [] if recovery is None else [recovery]
    if loop is None:
        model.fit(x, y, **options)
    else:
        mk.Trainer(model, execution=loop, seed=0, strategy=strategy).fit(x, y, **options)
    clean = np.where(x == MARK, 0, x)
    return model, float(loss(y, model(clean)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    args = parser.parse_args()
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    rng, data = random.Random(0), np.random.default_rng(0)
    x = data.normal(size=(1280, 12)).astype("float32")
    y = np.argmax(x[:, :3], axis=1)
    clean = [fit(x, y, seed, "epoch", None)[1] for seed in range(args.runs)]
    margin = max(clean) - min(clean)
    worse, table = [], {case: [0, 0] for case in CASES}
    for number in range(args.runs):
        case = loop, replicas = CASES[number % len(CASES)]
        example = rng.randrange(len(x))
        faulty = x.copy()
        faulty[example] = MARK
        recovery = mk.callbacks.NaNRecovery(every=rng.choice([1, 2, 4]), tries=9)
        strategy = two if replicas == 2 else None
        model, loss = fit(faulty, y, number, loop, recovery, strategy)
        held = [*model.variables, *model.optimizer.variables]
        finite = all(np.isfinite(v.numpy()).all() for v in held)
        fine = finite and recovery.rollbacks == 3 and loss - clean[number] <= margin
        worse.append(loss - clean[number])
        table[case][0] += 1
        table[case][1] += fine
        if not fine:
            place = f"replica {example % BATCH // (BATCH // replicas)}, update {example // BATCH}"
            told = f"{recovery.rollbacks} rollbacks, loss {loss:.4f}, clean {clean[number]:.4f}"
            print(f"run {number}, {case}, {place}: {told}")
    for (loop, replicas), (runs, good) in table.items():
        print(f"{loop or 'model.fit':10s} {replicas} replicas: {good} of {runs} rolled back")
    good = sum(entry[1] for entry in table.values())
    print(
        f"clean runs: loss {min(clean):.4f} to {max(clean):.4f}; with NaN and the same seed "
        f"{min(worse):+.4f} to {max(worse):+.4f}"
    )
    print(f"{good} of {args.runs} rolled back")
    sys.exit(0 if good == args.runs else 1)


if __name__ == "__main__":
    main()
