"""Prints, for each part, its time or memory beside the obvious composition, as ratios of one run.

    python tests/benchmarks/parts.py layers -k CRF

Modules named `parts_<kind>*.py` beside this file hold `ROWS`. The two sides of a row take turns, in
random order: what runs first finds other things in the cache than what runs second, and one part
beside itself was 0.91 of its own speed in a fixed order. The ratio is that of the medians, with
its 95 % interval beside it: a goal is missed where the whole of the interval lies below it.
"""

import argparse
import importlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import _memory
import numpy as np
from _row import Row


def rows(kind: str) -> list[tuple[str, int, Row]]:
    """Module, index and row of all modules of the kind."""
    names = sorted(p.stem for p in Path(__file__).parent.glob(f"parts_{kind}*.py"))
    if not names:
        sys.exit(f"No benchmark of the kind {kind!r} in {Path(__file__).parent}.")
    return [
        (name, i, row) for name in names for i, row in enumerate(importlib.import_module(name).ROWS)
    ]


def finished(result: Any) -> None:
    """Wait for the result: fetch it."""
    for leaf in result if isinstance(result, (list, tuple)) else [result]:
        if isinstance(leaf, (list, tuple)):
            finished(leaf)
        elif leaf is not None:
            leaf.detach() if hasattr(leaf, "detach") else np.asarray(leaf)


def seconds(row: Row, budget: float) -> np.ndarray:
    """Seconds of ours and of theirs, taken in turns: (turn, side, whole run or what it timed)."""
    sides = (row.ours(), row.theirs())
    for run in sides:
        finished(run())
        finished(run())
    times: list[list[tuple[float, float]]] = []
    end, order = time.perf_counter() + budget, np.random.default_rng(0)
    while len(times) < 5 or (time.perf_counter() < end and len(times) < 500):
        turn = [(0.0, 0.0)] * 2
        for side in order.permutation(2):
            start = time.perf_counter()
            result = sides[side]()
            finished(result)
            whole = time.perf_counter() - start
            turn[side] = (whole, result if row.updates else whole)
        times.append(turn)
    return np.array(times)


def interval(times: np.ndarray) -> tuple[float, float]:
    """Where 95 of 100 ratios of medians lie, if the turns are drawn anew."""
    turns = np.random.default_rng(0).integers(len(times), size=(2_000, len(times)))
    ours, theirs = np.moveaxis(np.median(times[..., 0][turns], axis=1), -1, 0)
    low, high = np.quantile(theirs / ours, [0.025, 0.975])
    return float(low), float(high)


def per_update(row: Row, times: np.ndarray) -> tuple[bool, str]:
    """Whether the goal is missed, and the extra time an update and of what is not timed."""
    whole, own = np.moveaxis(times[:, 0] - times[:, 1], -1, 0)
    cost, ends = np.median(own) / row.updates * 1e6, np.median(whole - own) * 1e3
    told = f"  {cost:+.2f} µs an update (at most {row.goal:g}), {ends:+.1f} ms a run beside"
    return bool(cost > row.goal), told


def megabytes(module: str, index: int, side: str) -> float:
    """Growth of the peak of a new process by two runs of one side."""
    command = [sys.executable, __file__, "layers", "--peak", module, str(index), side]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def peak(module: str, index: str, side: str) -> None:
    """In the new process: print the growth."""
    run = getattr(importlib.import_module(module).ROWS[int(index)], side)()
    _memory.forget_peak()
    before = _memory.held()
    for _ in range(2):
        finished(run())
    print(_memory.peak() - before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="+")
    parser.add_argument("-k", default="", help="only parts whose name holds this")
    parser.add_argument("--seconds", type=float, default=2.0, help="budget of a row")
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        peak(*args.peak)
        return
    missed = 0
    print(f"{'part':40s} {'against':44s} {'ours':>10s} {'theirs':>10s} {'ratio':>7s} {'goal':>6s}")
    for module, index, row in [r for kind in args.kinds for r in rows(kind) if args.k in r[2].part]:
        try:
            if row.measure == "memory":
                ours, theirs = (megabytes(module, index, side) for side in ("ours", "theirs"))
                shown = f"{ours:7.0f} MB {theirs:7.0f} MB"
            else:
                times = seconds(row, args.seconds)
                ours, theirs = np.median(times[..., 0], axis=0)
                shown = f"{ours * 1e3:7.2f} ms {theirs * 1e3:7.2f} ms"
        except ModuleNotFoundError as error:
            print(f"{row.part:40s} {row.against:44s} {error.name} is not installed")
            continue
        ratio, told = theirs / max(ours, 1e-9), ""
        bad = ratio < row.goal
        if row.updates:
            bad, told = per_update(row, times)
        elif row.measure == "time":
            low, high = interval(times)
            bad, told = high < row.goal, f"  [{low:.2f}, {high:.2f}]"
        missed += bad
        goal = " " * 6 if row.updates else f"{row.goal:6.2f}"
        note = "  MISSED" if bad else ""
        print(
            f"{row.part:40s} {row.against:44s} {shown} {ratio:7.2f} {goal}{told}{note}", flush=True
        )
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
