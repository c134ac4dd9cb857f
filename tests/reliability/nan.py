"""Injects NaN into one example at a random update, and looks how training ends.

    python tests/reliability/nan.py --runs 50

Good: rolled back once an epoch, every variable finite, and the final loss on clean data within the
spread of clean runs with other seeds.
"""

import argparse
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import keras
import numpy as np

import mlkit as mk

MARK = 1e6
LOOPS = (None, "step", "fused", "epoch")


def to_nan(x):
    """`fit` refuses data with NaN: a mark in them becomes NaN inside the model."""
    return keras.ops.where(x > MARK / 2, float("nan"), x)


def fit(x, y, seed, loop, recovery):
    """(model, loss on clean data after three epochs)"""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((12,)), keras.layers.Lambda(to_nan)])
    model.add(keras.layers.Dense(16, "relu"))
    model.add(keras.layers.Dense(3))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    options = {"epochs": 3, "batch_size": 32, "verbose": 0, "shuffle": False}
    options["callbacks"] = [] if recovery is None else [recovery]
    if loop is None:
        model.fit(x, y, **options)
    else:
        mk.Trainer(model, execution=loop, seed=0).fit(x, y, **options)
    clean = np.where(x == MARK, 0, x)
    return model, float(loss(y, model(clean)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    args = parser.parse_args()
    rng, data = random.Random(0), np.random.default_rng(0)
    x = data.normal(size=(1280, 12)).astype("float32")
    y = np.argmax(x[:, :3], axis=1)
    clean = [fit(x, y, seed, "epoch", None)[1] for seed in range(100, 110)]
    low, high = min(clean), max(clean)
    margin = high - low
    good, losses = 0, []
    for number in range(args.runs):
        example, loop = rng.randrange(len(x)), LOOPS[number % len(LOOPS)]
        faulty = x.copy()
        faulty[example] = MARK
        recovery = mk.callbacks.NaNRecovery(every=rng.choice([1, 2, 4]), tries=9)
        model, loss = fit(faulty, y, number, loop, recovery)
        finite = all(np.isfinite(v.numpy()).all() for v in model.variables)
        fine = finite and recovery.rollbacks == 3 and low - margin <= loss <= high + margin
        good, losses = good + fine, [*losses, loss]
        if not fine:
            print(
                f"run {number}, {loop}, example {example}: {recovery.rollbacks} rollbacks, {loss}"
            )
    print(
        f"clean runs: loss {low:.4f} to {high:.4f}; with NaN {min(losses):.4f} to {max(losses):.4f}"
    )
    print(f"{good} of {args.runs} rolled back")
    sys.exit(0 if good == args.runs else 1)


if __name__ == "__main__":
    main()
