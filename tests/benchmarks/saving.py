"""What a save every 500 updates costs, on the MLP 784-256-128-10 with batches of 128.

    python tests/benchmarks/saving.py

Two runs of the same updates in turn, with and without `run=`, after one to trace. Printed: medians
of the runs, the difference, and how long the training thread is held by a save.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[2]))

import keras
import numpy as np

import mlkit as mk
from mlkit.training import _keeper


def model():
    keras.utils.set_random_seed(0)
    made = keras.Sequential([keras.Input((784,))])
    made.add(keras.layers.Dense(256, activation="relu"))
    made.add(keras.layers.Dense(128, activation="relu"))
    made.add(keras.layers.Dense(10))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile("adam", loss)
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=3000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--execution", default="epoch")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(128 * 500, 784)).astype("float32")
    y = rng.integers(0, 10, len(x))
    held, save = [], _keeper.Keeper.save

    def timed(self, *rest, **kwargs):
        begin = time.perf_counter()
        save(self, *rest, **kwargs)
        held.append(time.perf_counter() - begin)

    _keeper.Keeper.save = timed
    trainer = mk.Trainer(model(), execution=args.execution, seed=0)
    epochs = args.updates // 500

    def run(saving):
        folder = tempfile.mkdtemp()
        options = {"run": folder, "save_every": 500} if saving else {}
        begin = time.perf_counter()
        trainer.fit(x, y, batch_size=128, epochs=epochs, verbose=0, **options)
        seconds = time.perf_counter() - begin
        shutil.rmtree(folder)
        return seconds

    run(True), run(False)
    held.clear()
    pairs = [(run(False), run(True)) for _ in range(args.repeats)]
    plain, saving = (statistics.median(p[i] for p in pairs) for i in (0, 1))
    share = statistics.median(b / a - 1 for a, b in pairs)
    size = sum(v.numpy().nbytes for v in [*trainer.model.variables, *trainer.optimizer.variables])
    print(f"{epochs * 500} updates, {size / 1e6:.1f} MB of state, program {args.execution}")
    print(f"without run= {plain:.3f} s, with a save every 500 updates {saving:.3f} s: {share:+.2%}")
    print(
        f"a save holds the training thread {statistics.median(held) * 1e3:.2f} ms (median of "
        f"{len(held)}), at most {max(held) * 1e3:.2f} ms"
    )


if __name__ == "__main__":
    main()
