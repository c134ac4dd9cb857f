"""Ends a process at every named point of a save, and goes on from what is left.

    python tests/reliability/failpoints.py

The points are read from the source. Each is tried at the first save, in the midst of the run and
when old checkpoints are removed. Printed: the update being saved at the crash, the newest that can
be loaded, and whether the run that goes on ends in the bits of a run without a crash.
"""

import inspect
import json
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import jobs

import mlkit as mk
from mlkit._state import files, store

CRASHED = 70


def points():
    """The names of all points, in the order in which a save passes them."""
    passed = (store, files.directory_written_beside, files.remove_directory)
    text = "".join(inspect.getsource(part) for part in passed)
    return re.findall(r'failpoint\("([\w-]+)"\)', text)


def crash(job, folder, run, result, point, hit):
    """Run a job that ends at the `hit`-th time that a save comes to a point."""
    seen = [0]

    def failpoint(name):
        seen[0] += name == point
        if name == point and seen[0] == hit:
            jobs.os._exit(CRASHED)

    files.failpoint = failpoint
    save = store.Store._write

    def noted(self, update, *rest):
        result.with_suffix(".update").write_text(str(update))
        save(self, update, *rest)

    store.Store._write = noted
    jobs.run_and_write(job, folder, run, None, result)


def newest(run):
    """The update of the newest checkpoint that can be loaded; 0 where there is none."""
    saved = mk.training.Checkpointer(run / "checkpoints").load()
    return 0 if saved is None else saved.update


def finished(job, folder, run, result):
    status = jobs.ended(jobs.forked(jobs.run_and_write, job, folder, run, None, result))
    return json.loads(result.read_text())["sha256"] if status == jobs.FINISHED else f"{status}"


def main():
    wrong = tried = 0
    print("point              save  data      crashed at  loads  lost  end")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs.ended(jobs.forked(jobs.write_records, folder))
        for data in ("arrays", "records"):
            job = jobs.Job(data=data, execution="fused")
            whole = finished(job, folder, folder / f"whole-{data}", folder / "whole.json")
            for point in points():
                for hit in (1, 4):
                    run, result = folder / f"{data}-{point}-{hit}", folder / "result.json"
                    pid = jobs.forked(crash, job, folder, run, result, point, hit)
                    status = jobs.ended(pid)
                    at, loads = int(result.with_suffix(".update").read_text()), newest(run)
                    same = finished(job, folder, run, result) == whole
                    good = status == CRASHED and at - loads <= jobs.SAVE_EVERY and same
                    tried, wrong = tried + 1, wrong + (not good)
                    print(
                        f"{point:18s} {hit:4d}  {data:8s} {at:10d} {loads:6d} {at - loads:5d}  "
                        f"{'same bits' if same else 'DIFFERENT'}"
                        f"{'' if status == CRASHED else f' (ended with {status})'}",
                        flush=True,
                    )
    print(f"{tried} crashes, {wrong} wrong: at most {jobs.SAVE_EVERY} updates may be lost")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
