"""What `import mlkit` costs beside `import tensorflow`: alternated runs, each in a new process.

    python tests/benchmarks/imports.py --runs 5

Exit status 1 when mlkit costs more than 5 % or 100 ms (the larger) on top.
"""

import argparse
import compileall
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def seconds(module: str) -> float:
    """Time of `import module` in a new process, without the start of the interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(module)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    # As after an installation, also where the environment forbids Python to write bytecode.
    compileall.compile_dir(ROOT / "mlkit", quiet=1)
    for module in ("tensorflow", "mlkit"):
        seconds(module)  # the first run reads the files from the disk
    times: dict[str, list[float]] = {"tensorflow": [], "mlkit": []}
    for _ in range(runs):
        for module, measured in times.items():
            measured.append(seconds(module))
    for module, measured in times.items():
        listed = " ".join(f"{value:.3f}" for value in measured)
        print(f"import {module:11s} {statistics.median(measured):.3f} s   ({listed})")
    base, ours = (statistics.median(measured) for measured in times.values())
    print(f"ratio {ours / base:.3f}, difference {1000 * (ours - base):+.0f} ms")
    sys.exit(ours - base > max(0.05 * base, 0.1))


if __name__ == "__main__":
    main()
