"""`python -m mlkit.testing [tests]`: the matrix of parts and checks, with every excuse."""

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

from mlkit.testing._check import checks
from mlkit.testing._gather import gather
from mlkit.testing._report import Report
from mlkit.testing._run import run
from mlkit.testing._spec import Spec

_SIGNS = {"passed": ".", "failed": "F", "excused": "e", "not applicable": "-", "not run": "?"}


def two_devices() -> None:
    """Ask for two logical devices, which the check of replicas needs, before the runtime starts."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


def print_matrix(specs: list[Spec]) -> list[Report]:
    """Run all, a line a part, then the legend, the excuses and the failures."""
    reports = []
    for kind in dict.fromkeys(spec.kind for spec in specs):
        names = [c.name for c in checks(kind)]
        print(f"\n{kind}: " + "  ".join(f"{i}={name}" for i, name in enumerate(names, 1)))
        print(" " * 34 + "".join(f"{i:3d}" for i in range(1, len(names) + 1)))
        for spec in (s for s in specs if s.kind == kind):
            report = run(spec)
            reports.append(report)
            row = "".join(f"{_SIGNS[result.status]:>3s}" for result in report.results)
            print(f"{spec.id[:33]:34s}{row}", flush=True)
    return reports


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m mlkit.testing", description=__doc__)
    parser.add_argument("tests", nargs="?", default="tests", help="folder with the SPECS")
    parser.add_argument("-k", default="", help="only parts whose name holds this")
    args = parser.parse_args()
    two_devices()
    specs = [s for s in gather(args.tests) if args.k in s.id]
    reports = print_matrix(specs)
    print("\n. passed   F failed   e excused   - not applicable   ? not run here")
    excused = [(s.id, name, reason) for s in specs for name, reason in s.excuse.items()]
    print(f"\nExcuses: {len(excused)}")
    for part, name, reason in excused:
        print(f"  {part}-{name}: {reason}")
    failed = [report for report in reports if not report.ok]
    for report in failed:
        print(f"\n{report}")
    total = sum(len(report.results) for report in reports)
    print(f"\n{len(reports)} parts, {total} checks, {len(failed)} parts fail.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
