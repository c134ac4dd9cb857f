"""`mlkit launch`: several workers of one job on this machine, ended and restarted together."""

import argparse
import sys
from pathlib import Path
from typing import Any

from mlkit.cli._group import Group
from mlkit.cli._launch_templates import rendered
from mlkit.cli._served_group import ServedGroup

COMMAND = "mlkit launch"


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "launch",
        help="run a script as several workers on this machine",
        description="Runs a script N times with TF_CONFIG set, for strategy='auto' or "
        "tf.distribute.MultiWorkerMirroredStrategy. Each line of the output begins with the number "
        "of its worker. If one dies or is stopped, all are ended; with --max-restarts they begin "
        "again, and a script that trains with run=... goes on from its last checkpoint. With "
        "--template nothing is run: a job for a cluster is printed.",
    )
    parser.add_argument("-n", "--workers", type=int, default=2, help="workers (%(default)s)")
    parser.add_argument(
        "--servers",
        type=int,
        default=0,
        help="parameter servers, beside the workers and a chief that coordinates (%(default)s)",
    )
    parser.add_argument(
        "--max-restarts", type=int, default=0, metavar="N", help="restarts of all (%(default)s)"
    )
    parser.add_argument(
        "--template", choices=("slurm", "kubernetes", "tfjob"), help="print a job for a cluster"
    )
    parser.add_argument("--name", default="train", help="of that job (%(default)s)")
    parser.add_argument("--image", help="a container image for it, on Kubernetes")
    parser.add_argument("script", help="a Python file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="given to the script")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the workers, restarting them as often as is allowed; returns the exit status."""
    if arguments.workers < 1 or min(arguments.max_restarts, arguments.servers) < 0:
        sys.stderr.write(f"{COMMAND}: --workers must be ≥ 1, --servers and --max-restarts ≥ 0.\n")
        return 2
    if arguments.template:
        return _print_template(arguments)
    if not Path(arguments.script).is_file():
        sys.stderr.write(f"{COMMAND}: there is no file {arguments.script}.\n")
        return 2
    command = [sys.executable, "-u", arguments.script, *arguments.arguments]
    for attempt in range(arguments.max_restarts + 1):
        group = (
            ServedGroup(command, arguments.workers, arguments.servers, arguments.max_restarts)
            if arguments.servers
            else Group(command, arguments.workers)
        )
        try:
            failure = group.wait()
        finally:
            group.end()
        if failure is None:
            return 0
        left = arguments.max_restarts - attempt
        then = f"all begin again, {left - 1} restarts left" if left else "no restarts are left"
        sys.stderr.write(f"{COMMAND}: {failure}; {then}.\n")
    return 1


def _print_template(arguments: argparse.Namespace) -> int:
    try:
        sys.stdout.write(rendered(arguments))
    except ValueError as error:
        sys.stderr.write(f"{COMMAND}: {error}.\n")
        return 2
    return 0
