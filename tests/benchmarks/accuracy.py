"""Prints, for each part, the witness and the largest difference over random draws.

    python tests/benchmarks/accuracy.py layers losses --draws 20

The difference is relative to the largest entry of the witness's array (or to 1, if that is less):
an entry that is nearly zero by cancellation does not blow the figure up.
"""

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import witnesses


def cases(kind: str) -> list[witnesses.Case]:
    """All cases of the modules whose name begins with the kind."""
    names = [m.name for m in pkgutil.iter_modules(witnesses.__path__) if m.name.startswith(kind)]
    if not names:
        sys.exit(f"No witness of the kind {kind!r} in {witnesses.__path__[0]}.")
    return [c for name in sorted(names) for c in importlib.import_module(f"witnesses.{name}").CASES]


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference, relative to the larger of 1 and the witness's largest entry."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if ours.shape != theirs.shape:
        raise ValueError(f"shapes differ: ours {ours.shape}, the witness's {theirs.shape}")
    if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        return float("inf")
    scale = max(1.0, float(np.nanmax(np.abs(theirs), initial=0.0)))
    return float(np.nanmax(np.abs(ours - theirs), initial=0.0)) / scale


def parting(ours: np.ndarray, theirs: np.ndarray, goal: float) -> int | None:
    """The first step (the first axis) at which they are further apart than the goal."""
    for step in range(len(ours)):
        if not difference(ours[step], theirs[step]) <= goal:
            return step
    return None


def measure(case: witnesses.Case, draws: int) -> dict[str, float]:
    """The largest difference of each quantity over all draws."""
    worst: dict[str, float] = {}
    for seed in range(draws):
        ours, theirs = case.draw(np.random.default_rng(seed))
        if ours.keys() != theirs.keys():
            raise ValueError(f"{case.part}: compared {sorted(ours)} with {sorted(theirs)}")
        for key in ours:
            worst[key] = max(worst.get(key, 0.0), difference(ours[key], theirs[key]))
            if key.startswith("every "):
                step = parting(ours[key], theirs[key], case.goal)
                if step is not None:
                    print(f"{case.part}, draw {seed}: they part at step {step} (from 0)")
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="+")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("-k", default="", help="only parts whose name holds this")
    args = parser.parse_args()
    bad = 0
    print(f"{'part':44s} {'witness':44s} draws  largest relative difference")
    for case in [c for kind in args.kinds for c in cases(kind) if args.k in c.part]:
        try:
            worst = measure(case, args.draws)
        except ModuleNotFoundError as error:
            print(f"{case.part:44s} {case.witness:44s} {'-':>5s}  {error.name} is not installed")
            continue
        over = max(worst.values()) > case.goal
        bad += over
        text = "  ".join(f"{key} {value:.1e}" for key, value in worst.items())
        note = f"  OVER {case.goal:.0e}" if over else f"  ({case.reason})" if case.reason else ""
        print(f"{case.part:44s} {case.witness:44s} {args.draws:5d}  {text}{note}", flush=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
