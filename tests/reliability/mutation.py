"""Leaves out one kind of state at a time, and looks whether the check of resuming notices.

    python tests/reliability/mutation.py

A job is broken off and gone on with. With all of its state it ends in the bits of the unbroken run
(the first line, green). With one kind left out of the checkpoint it must not, or be refused: one
red line a kind. A kind that is left out and not noticed is printed as MISSED, with exit status 1.
"""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import jobs

from mlkit._state import callbacks, variables
from mlkit.training import _keeper

# Kind: (the data of the job, its precision, what to look for in the keys of variables).
KINDS = {
    "nothing": ("records", "float32", None),
    "model": ("records", "float32", "kernel"),
    "optimizer": ("records", "float32", "momentum"),
    "seed": ("records", "float32", "seed"),
    "iterator": ("records", "float32", None),
    "order of arrays": ("arrays", "float32", None),
    "EMA": ("records", "float32", "_average/"),
    "callback": ("records", "float32", None),
    "loss scale": ("records", "mixed_float16", "loss_scale_optimizer"),
    "metric": ("records", "float32", "total"),
    "history": ("records", "float32", None),
    "position": ("records", "float32", None),
}


def leave_out(kind):
    """Change what this process saves and puts back."""
    pattern = KINDS[kind][2]
    keeper = _keeper.Keeper
    if pattern is not None:
        whole = variables.collect

        def some(owner):
            # Both when saving and when putting back, or the check of the names would notice.
            return {k: v for k, v in whole(owner).items() if pattern not in k}

        _keeper.collect = some
        if len(some(SEEN)) == len(whole(SEEN)):
            raise ValueError(f"no variable has {pattern!r} in its key: {sorted(whole(SEEN))}")
    elif kind == "callback":
        callbacks._state = lambda callback: {}
    elif kind == "iterator":

        class Nothing:
            def assert_consumed(self):
                return self

        jobs.tf.train.Checkpoint.read = lambda self, path: Nothing()
    elif kind in ("history", "position", "order of arrays"):
        load = keeper.look

        def look(self, resume):
            load(self, resume)
            if self._saved is not None:
                forget(kind, self._saved.facts["user"], self)

        keeper.look = look


def forget(kind, facts, keeper):
    if kind == "history":
        facts["history"], facts["epochs"] = {}, []
    elif kind == "position":
        facts["position"]["step"] = 0
    else:
        facts["seed"] = 99


class SeenTrainer:
    """Filled with the attributes of the trainer, for the keys of its variables."""


SEEN = SeenTrainer()


def child(kind, job, folder, run, kill, result):
    class Trainer(jobs.mk.Trainer):
        def _run(self, *args, **kwargs):
            vars(SEEN).update(vars(self))
            leave_out(kind)
            super()._run(*args, **kwargs)

    if kind in ("callback", "iterator", "history", "position", "order of arrays"):
        leave_out(kind)
        trainer_class = jobs.mk.Trainer
    else:
        trainer_class = Trainer if KINDS[kind][2] else jobs.mk.Trainer
    parts = jobs.digest(*jobs.train(job, folder, run, kill, trainer_class=trainer_class))
    result.write_text(json.dumps(parts))


def end_of(kind, job, folder, name, kill=None):
    """The parts of the state at the end of a run, or the status that it ended with."""
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    status = jobs.ended(jobs.forked(child, kind, job, folder, folder / name, kill, result))
    return json.loads(result.read_text()) if status == jobs.FINISHED else status


def main():
    missed, whole = [], {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        jobs.ended(jobs.forked(jobs.write_records, folder))
        for number, (kind, (data, policy, _)) in enumerate(KINDS.items()):
            job = jobs.Job(policy=policy, data=data, execution="fused")
            if job not in whole:
                whole[job] = end_of("nothing", job, folder, f"whole-{number}")
            # Broken off in the midst of the third epoch, three updates after the last save.
            kill = {"moment": "callback", "at": 14}
            broken = end_of(kind, job, folder, f"{number}", kill)
            ended = end_of(kind, job, folder, f"{number}")
            if not isinstance(broken, int) or broken >= 0:
                raise RuntimeError(f"{kind}: the run was not broken off: {broken}")
            if not isinstance(ended, dict):
                found = f"refused (exit status {ended})"
            else:
                parts = [k for k in whole[job] if ended.get(k) != whole[job][k]]
                found = f"{len(parts)} of {len(whole[job])} parts differ: {parts[:2]}" * bool(parts)
            good = bool(found) != (kind == "nothing")
            colour = "green" if kind == "nothing" and good else "red" if good else "MISSED"
            missed += [] if good else [kind]
            print(f"{colour:6s} without {kind:16s} {found or 'the same bits'}", flush=True)
    print(f"{len(KINDS) - 1} kinds left out, {len(missed)} missed {missed}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
