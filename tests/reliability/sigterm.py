"""Sends SIGTERM to training jobs at random moments.

    python tests/reliability/sigterm.py --runs 100

Every fourth signal comes in the first second of training, the others in a second after the first
epoch. Each job would go on for ever and saves at no other time. A run is good if it ended with
status 143 (128 + SIGTERM), if the optimizer in the checkpoint is, bit by bit, that of the process
when it ended, and if the lock is gone. Printed are the seconds from the signal to the end of the
process: the rest of the running block (at most one second, or the tracing of the first), the save.
"""

import argparse
import hashlib
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import jobs

import mlkit as mk

STATUS = 128 + signal.SIGTERM
SLOW = 900  # seconds that even a machine with other work does not need to begin
# No machine comes to an end of these within the seconds that a job is left alone.
FOR_EVER = {"epochs": 10**9, "save_every": 10**9, "patience": 10**9}


class Began(jobs.Kill):
    """Tells the parent that training has begun."""

    path: Path
    at_once: bool

    def on_train_begin(self, logs=None):
        if Began.at_once:
            Began.path.write_text("")

    def on_epoch_end(self, epoch, logs=None):
        Began.path.write_text("")


def hash_of(values):
    found = hashlib.sha256()
    for value in values:
        found.update(value.tobytes())
    return found.hexdigest()


def train(job, folder, run, began, ended, at_once):
    """Run a job for ever; when it is ended, write the hash of what it had then."""
    trainers = []

    class Kept(mk.Trainer):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            trainers.append(self)

    Began.path, Began.at_once, jobs.Kill = began, at_once, Began
    try:
        jobs.train(job, folder, run, trainer_class=Kept, **FOR_EVER)
    except SystemExit:
        # Not the weights: when training ends, EarlyStopping puts the best ones into the model.
        ended.write_text(hash_of([v.numpy() for v in trainers[0].optimizer.variables]))
        raise


def one(job, folder, number, rng):
    """(problem or "", seconds until the end, update)"""
    run, began, ended = (folder / f"{number}{end}" for end in ("", ".began", ".ended"))
    pid = jobs.forked(train, job, folder, run, began, ended, number % 4 == 0)
    limit = time.monotonic() + SLOW
    while not began.exists() and time.monotonic() < limit:
        time.sleep(0.005)
    time.sleep(rng.random())
    # Of a child that has ended by itself the pid is kept until `ended` asks for it.
    jobs.os.kill(pid, signal.SIGTERM)
    begin = time.monotonic()
    status = jobs.ended(pid)
    seconds = time.monotonic() - begin
    if not began.exists():
        return f"training did not begin within {SLOW} s (status {status})", seconds, 0
    if status != STATUS:
        return f"ended with status {status}", seconds, 0
    saved = mk.training.Checkpointer(run / "checkpoints").load()
    if saved is None:
        return "nothing was saved", seconds, 0
    keys = [key.split("/") for key in saved.values]
    order = sorted(int(k[1]) for k in keys if k[0] == "model" and k[2] == "adam")
    places = {int(k[1]): "/".join(k) for k in keys if k[0] == "model"}
    mine = [saved.values[places[i]] for i in order]
    problem = "" if hash_of(mine) == ended.read_text() else "the checkpoint is of another state"
    if (run / "lock").exists():
        problem += " the lock was left"
    jobs.clean(run)
    return problem, seconds, saved.update


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    cells = [jobs.Job(data=d, execution=e) for d, e in
             (("arrays", "step"), ("arrays", "epoch"), ("records", "fused"))]  # fmt: skip
    results = {str(job): [] for job in cells}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs.ended(jobs.forked(jobs.write_records, folder))
        for number in range(args.runs):
            job = cells[number % len(cells)]
            found = one(job, folder, number, jobs.rng_of(args.seed, number))
            results[str(job)].append(found)
            if found[0]:
                print(f"run {number}, {job}: {found[0]}", flush=True)
    print("job                                    runs  good  seconds: median    max  updates")
    for job, found in results.items():
        seconds, updates = [f[1] for f in found], [f[2] for f in found]
        good = sum(not f[0] for f in found)
        print(
            f"{job:38s} {len(found):4d} {good:5d} {statistics.median(seconds):16.2f} "
            f"{max(seconds):6.2f}  {min(updates)} to {max(updates)}"
        )
    good = sum(not f[0] for found in results.values() for f in found)
    print(f"{good} of {args.runs} saved, exit status {STATUS}")
    sys.exit(0 if good == args.runs else 1)


if __name__ == "__main__":
    main()
