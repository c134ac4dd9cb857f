"""Kills and stops workers of a job at random moments, and compares what is learned.

    python tests/distributed/faults.py --kills 20 --stops 5

A job of two workers under `mlkit launch --max-restarts`: once without faults, then each time with
one SIGKILL (or SIGSTOP) of worker 0 or 1 at a random moment. The final weights must be the same
bits, and from the fault to the next step of the restarted workers it may take 60 s.
"""

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TESTS = Path(__file__).parent.parent
LAUNCH = (
    "import runpy, sys; sys.argv = ['mlkit', 'launch', *sys.argv[1:]]\n"
    f"sys.exit(runpy.run_path({str(TESTS.parent / 'mlkit/cli/_start.py')!r})['main']())"
)


def job(folder):
    """What each worker runs: prints its process and each epoch, and at last a hash."""
    import hashlib
    import time

    import keras
    import tensorflow as tf
    from loop_subjects import compiled, digits_like, state

    import mlkit as mk

    print("pid", os.getpid(), flush=True)

    class Told(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            print("epoch", epoch + 1, flush=True)
            time.sleep(0.1)  # so that a fault at a random moment finds a job that runs

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    keras.utils.set_random_seed(1)
    dropout = keras.layers.Dropout(0.3)
    trainer = mk.Trainer(compiled(dropout), strategy=strategy, ema=0.9, seed=3)
    x, y = digits_like(151)
    trainer.fit(
        x, y, batch_size=32, epochs=60, run=folder, save_every=7, verbose=0, callbacks=[Told()]
    )
    print("hash", hashlib.sha256(state(trainer.model).tobytes()).hexdigest()[:16], flush=True)


class Job:
    """One run of the launcher, watched line by line."""

    def __init__(self, folder, restarts):
        command = [sys.executable, "-c", LAUNCH, "-n", "2", "--max-restarts", str(restarts)]
        self.process = subprocess.Popen(
            [*command, __file__, "--job", folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines, self.pids, self.epoch = [], {}, 0
        self.moved = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append((time.monotonic(), line.rstrip()))
            if found := re.match(r"\[(\d)\] pid (\d+)", line):
                self.pids[int(found[1])] = int(found[2])
            if "] epoch" in line:
                self.epoch += 1
                self.moved.set()

    def hashes(self):
        return {line.split()[-1] for _, line in self.lines if "] hash" in line}

    def end(self, seconds=400):
        self.process.wait(seconds)
        time.sleep(0.2)
        return self.process.returncode


def one_fault(number, kind, expected, rng):
    """Returns whether the result is the expected one, and the seconds to the next step."""
    with tempfile.TemporaryDirectory() as folder:
        run = Job(f"{folder}/run", 2)
        run.moved.wait(300)
        time.sleep(rng.uniform(0, 5))
        worker = rng.randrange(2)
        at, epoch = time.monotonic(), run.epoch
        try:
            os.kill(run.pids[worker], kind)
        except ProcessLookupError:
            epoch = None  # the job was over already
        status = run.end()
        restarted = any("all begin again" in line for _, line in run.lines)
        after = [t - at for t, line in run.lines if "] epoch" in line and t > at + 2]
        again = after[0] if after else float("nan")
        same = run.hashes() == expected and status == 0
        print(
            f"{number:3}  {signal.Signals(kind).name}  worker {worker}  after epoch {epoch}  "
            f"restarted {'yes' if restarted else 'no '}  next epoch after {again:5.1f} s  "
            f"{'same weights' if same else 'OTHER WEIGHTS, status ' + str(status)}",
            flush=True,
        )
        if not same:
            print("\n".join(line for _, line in run.lines[-30:]))
        return same and restarted and not again > 60


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--stops", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        return job(arguments.job)
    with tempfile.TemporaryDirectory() as folder:
        whole = Job(f"{folder}/run", 0)
        if whole.end() or len(whole.hashes()) != 1:
            sys.exit("\n".join(line for _, line in whole.lines))
        expected = whole.hashes()
    print(f"without faults: {expected}", flush=True)
    rng = random.Random(arguments.seed)
    kinds = [signal.SIGKILL] * arguments.kills + [signal.SIGSTOP] * arguments.stops
    good = [one_fault(i + 1, kind, expected, rng) for i, kind in enumerate(kinds)]
    print(f"{sum(good)} of {len(good)} ended with the same weights, restarted within 60 s")
    return int(not all(good))


if __name__ == "__main__":
    sys.path[:0] = [str(TESTS), str(TESTS.parent)]
    sys.exit(main())
