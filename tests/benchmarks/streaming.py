"""One million samples in random batch sizes, for every metric, against a witness on the whole.

    python tests/benchmarks/streaming.py --samples 1000000 -k Pearson

The witness (scikit-learn, scipy, or numpy in float64) sees all samples at once; the metric sees
batches of 1 to 20,000. Regressions have an offset of 1e4. Retrieval is at most 10,000 examples.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np


def batches(rng, count):
    """Random sizes, small and large, that add up to `count`."""
    sizes = []
    while sum(sizes) < count:
        size = min(10 ** rng.uniform(0, 4.3), count / 4 + 1, count - sum(sizes))
        sizes.append(int(size))
    return np.split(np.arange(count), np.cumsum(sizes)[:-1])


def stream(metric, y_true, y_pred, weight, rng):
    """The result after random batches, as an array, and the number of batches."""
    parts = batches(rng, len(y_true))
    for part in parts:
        if y_pred is None:
            metric.update_state(y_true[part], weight[part])
        else:
            metric.update_state(y_true[part], y_pred[part], weight[part])
    result = metric.result()
    values = result.values() if isinstance(result, dict) else [result]
    return np.array([float(value) for value in values]), len(parts)


def difference(ours, theirs):
    theirs = np.atleast_1d(np.asarray(theirs, np.float64))
    if ours.shape != theirs.shape or not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        return float("inf")
    return float(np.max(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-12)))


def main():
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import witnesses.metrics_streaming as cases

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("-k", default="", help="only metrics whose name holds this")
    args = parser.parse_args()
    print(f"{'metric':52s} {'witness':34s} {'samples':>9s} {'batches':>7s}  difference  seconds")
    bad = 0
    for case in (c for c in cases.STREAMS if args.k in c.name):
        rng = np.random.default_rng(0)
        count = min(args.samples, case.most)
        y_true, y_pred, weight = case.data(rng, count)
        start = time.perf_counter()
        got, parts = stream(case.metric(count), y_true, y_pred, weight, rng)
        seconds = time.perf_counter() - start
        worst = difference(got, case.reference(y_true, y_pred, weight))
        over = not worst <= case.goal
        bad += over
        note = f"  OVER {case.goal:.0e}" if over else f"  ({case.reason})" if case.reason else ""
        print(
            f"{case.name:52s} {case.witness:34s} {count:9d} {parts:7d}  {worst:10.1e} "
            f"{seconds:8.1f}{note}",
            flush=True,
        )
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
