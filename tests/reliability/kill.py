"""Kills training jobs at random moments, starts them again, and compares the bits at the end.

    python tests/reliability/kill.py --kills 100

Each cell of the matrix is run once without a kill. Then it is run in another directory, killed by
SIGKILL, started again with the same arguments, killed again, ... and left to end. Compared is the
SHA-256 of the full state: every variable of model, optimizer, averages, loss scale, seeds and
metrics, the history, and what the callbacks remember. Exit status 1 if any differs.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import jobs


def finish(job, folder, run, result):
    """Run a job to its end; returns what it wrote, and how long it took."""
    begin = time.monotonic()
    status = jobs.ended(jobs.forked(jobs.run_and_write, job, folder, run, None, result))
    if status != jobs.FINISHED:
        return {"sha256": f"ended with status {status}", "parts": {}}, 0.0
    return json.loads(result.read_text()), time.monotonic() - begin


def kill_once(job, folder, run, result, rng, kind, seconds):
    """Start a job and kill it; whether that came before its end."""
    anywhere = kind == "anywhere"
    plan = None if anywhere else jobs.moment(rng, kind)
    pid = jobs.forked(jobs.run_and_write, job, folder, run, plan, result)
    status = jobs.ended(pid, kill_after=rng.random() * seconds if anywhere else None)
    if status not in (-signal.SIGKILL, jobs.FINISHED):
        raise RuntimeError(f"{job}: a job that was to be killed ended with status {status}")
    return status == -signal.SIGKILL


def run_cell(job, folder, kills, seed, kinds):
    """(hash without kills, hash with kills, number of variables, moments of the kills)."""
    rng = jobs.rng_of(seed, job)
    whole, seconds = finish(job, folder, folder / "whole", folder / "whole.json")
    done, tries = [], 0
    while len(done) < kills and tries < 4 * kills:
        kind = kinds[tries % len(kinds)]
        tries += 1
        if kill_once(job, folder, folder / "killed", folder / "killed.json", rng, kind, seconds):
            done.append(kind)
        else:
            # It ended before its moment: begin anew, or nothing is left to be killed.
            jobs.clean(folder / "killed")
    broken, _ = finish(job, folder, folder / "killed", folder / "killed.json")
    jobs.clean(folder / "whole")
    jobs.clean(folder / "killed")
    return whole, broken, done


def different(one, other):
    """The parts of the state that are not the same."""
    return [key for key in sorted({*one, *other}) if one.get(key) != other.get(key)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="over all cells")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", default="1/1", help="I/N: every N-th cell, from the I-th on")
    parser.add_argument("--replicas", type=int, nargs="*", default=[1, 2], choices=[1, 2])
    args = parser.parse_args()
    number, parts = (int(part) for part in args.part.split("/"))
    cells = [job for job in jobs.matrix() if job.replicas in args.replicas]
    # What does not go round is spread over the matrix, not given to its first rows.
    spread = [i * 17 % len(cells) for i in range(len(cells))]
    every = [args.kills // len(cells) + (i < args.kills % len(cells)) for i in spread]
    chosen = [(job, n) for i, (job, n) in enumerate(zip(cells, every, strict=True))
              if n and i % parts == number - 1]  # fmt: skip
    begin, total, wrong, moments = time.monotonic(), 0, 0, Counter()
    print(
        "replicas, precision, parts, data, program: kills, parts of the state, hash without / with"
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        jobs.ended(jobs.forked(jobs.write_records, folder))
        for job, kills in chosen:
            first = total
            kinds = [jobs.MOMENTS[(first + i) % len(jobs.MOMENTS)] for i in range(kills + 6)]
            whole, broken, done = run_cell(job, folder, kills, args.seed, kinds)
            same = whole == broken and bool(whole["parts"])
            wrong += not same
            total += len(done)
            moments.update(done)
            print(
                f"{job!s:42s} {len(done):3d} {len(whole['parts']):4d}  {whole['sha256'][:12]} "
                f"{broken['sha256'][:12]}  {'same' if same else 'DIFFERENT'}  {', '.join(done)}",
                flush=True,
            )
            if not same:
                print("    " + "\n    ".join(different(whole["parts"], broken["parts"])))
    print(
        f"{total} kills in {len(chosen)} cells: {wrong} differences. Moments: {dict(moments)}. "
        f"{time.monotonic() - begin:.0f} s"
    )
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
