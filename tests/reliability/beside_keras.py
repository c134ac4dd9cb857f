"""Kills a plain `model.fit` in the midst of epochs, with `Resume` and with Keras' own callback.

    python tests/reliability/beside_keras.py --kills 10

One job, with dropout and data in another order in each epoch, 20 updates. Each kill is a SIGKILL
after a random update that is not the last of an epoch; then the script is started again, and left
to end. Printed for `mk.callbacks.Resume(every=3)` and `keras.callbacks.BackupAndRestore(
save_freq=3)`: how many ended in the SHA-256 (weights, optimizer, seeds, history) of the same job
without a kill, and how many updates the optimizer did. Exit status 1 if one of Resume differs.
"""

import argparse
import hashlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import jobs
import keras
import numpy as np

import mlkit as mk

EVERY = 3
KEEPERS = {
    "Resume": lambda run, data: mk.callbacks.Resume(run, data, every=EVERY),
    "BackupAndRestore": lambda run, data: keras.callbacks.BackupAndRestore(run, save_freq=EVERY),
}


class KillAfter(keras.callbacks.Callback):
    """Kills its process after so many updates of the run."""

    def __init__(self, updates):
        super().__init__()
        self.updates, self.epoch = updates, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch * jobs.STEPS + batch + 1 == self.updates:
            os.kill(os.getpid(), signal.SIGKILL)


def train(name, run, kill_after, result):
    """The job; writes what it ended with."""
    data = mk.data.pipeline(jobs.images(), jobs.BATCH, seed=5)
    model = jobs.make_model()
    callbacks = [KEEPERS[name](str(run), data), KillAfter(kill_after)]
    history = model.fit(
        data, epochs=jobs.EPOCHS, steps_per_epoch=jobs.STEPS, shuffle=False, verbose=0,
        callbacks=callbacks,
    )  # fmt: skip
    found = hashlib.sha256(repr(history.history).encode())
    for variable in [*model.variables, *model.optimizer.variables]:
        found.update(np.asarray(variable.numpy()).tobytes())
    facts = {"sha256": found.hexdigest(), "updates": int(model.optimizer.iterations)}
    result.write_text(json.dumps(facts))


def ended(name, run, result, kill_after=None):
    """What a job ended with; None where it was killed."""
    status = jobs.ended(jobs.forked(train, name, run, kill_after, result))
    if kill_after is not None and status == -signal.SIGKILL:
        return None
    if status != jobs.FINISHED or kill_after is not None:
        raise RuntimeError(f"{name}: ended with status {status}")
    return json.loads(result.read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng, steps = jobs.rng_of(args.seed), jobs.STEPS
    within = [u for u in range(EVERY + 1, jobs.EPOCHS * steps) if u % steps]
    moments = [rng.choice(within) for _ in range(args.kills)]
    same = dict.fromkeys(KEEPERS, 0)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in KEEPERS:
            result, updates = folder / "result.json", []
            whole = ended(name, folder / f"{name}-whole", result)
            print(f"{name}: without a kill {whole['sha256'][:12]}, {whole['updates']} updates")
            for number, update in enumerate(moments):
                run = folder / f"{name}-{number}"
                ended(name, run, result, update)
                again = ended(name, run, result)
                same[name] += again["sha256"] == whole["sha256"]
                updates.append(again["updates"])
                print(
                    f"    killed after update {update:2d}: {again['sha256'][:12]}, "
                    f"{again['updates']} updates",
                    flush=True,
                )
            print(
                f"{name}: {same[name]} of {args.kills} ended in the same bits, after "
                f"{min(updates)} to {max(updates)} updates in place of {whole['updates']}"
            )
    sys.exit(same["Resume"] != args.kills)


if __name__ == "__main__":
    main()
