"""Prints how far the weights of two replicas, and of two processes, are from one device's.

    python tests/distributed/parity.py            # none, each, each pair and all of the features
    python tests/distributed/parity.py --full     # every combination of them
    python tests/distributed/parity.py -k clip    # those with a word in their name

The largest difference after three epochs, by the largest weight of each array. Without dropout:
replicas draw masks of their own.
"""

import argparse
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

GOAL = 1e-5


def child(kind, out, combinations):
    """Run the jobs one way and keep their results."""
    import tensorflow as tf

    strategy = None
    if kind == "replicas":
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )
        strategy = tf.distribute.MirroredStrategy(
            ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
        )
    if kind == "processes":
        strategy = tf.distribute.MultiWorkerMirroredStrategy()

    import replica_cases as cases

    results = {cases.name(*c): cases.run(*c, strategy) for c in combinations}
    Path(out).write_bytes(pickle.dumps(results))


def start(kind, out, arguments, environment=None):
    command = [sys.executable, __file__, "--child", kind, "--out", str(out), *arguments]
    return subprocess.Popen(command, env={**os.environ, **(environment or {})})


def results(kind, folder, arguments):
    """What the jobs give when they are run one way."""
    out = Path(folder) / kind
    if kind == "processes":
        from mlkit.cli._group import configurations

        processes = [
            start(kind, f"{out}{i}", arguments, {"TF_CONFIG": text})
            for i, text in enumerate(configurations(2))
        ]
        out = Path(f"{out}0")
    else:
        processes = [start(kind, out, arguments)]
    for process in processes:
        if process.wait():
            sys.exit(f"{kind}: exit status {process.returncode}")
    return pickle.loads(out.read_bytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="every combination")
    parser.add_argument("-k", default="", help="only combinations with this in their name")
    parser.add_argument("--kinds", nargs="+", default=["replicas", "processes"])
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    import replica_cases as cases

    chosen = [c for c in cases.combinations(arguments.full) if arguments.k in cases.name(*c)]
    if arguments.child:
        return child(arguments.child, arguments.out, chosen)
    options = [*(["--full"] if arguments.full else []), "-k", arguments.k]
    with tempfile.TemporaryDirectory() as folder:
        one = results("one", folder, options)
        found = {kind: results(kind, folder, options) for kind in arguments.kinds}
    print(f"{'combination':34}" + "".join(f"{kind:>12}" for kind in arguments.kinds))
    worst = 0.0
    for combination in one:
        row = [cases.difference(found[k][combination][0], one[combination][0]) for k in found]
        worst = max(worst, *row)
        print(f"{combination:34}" + "".join(f"{value:12.1e}" for value in row))
    held = "held" if worst <= GOAL else "NOT held"
    print(f"{len(one)} combinations, largest {worst:.1e}; goal {GOAL:.0e}: {held}")
    return int(worst > GOAL)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    sys.exit(main())
