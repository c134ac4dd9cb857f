"""The parser of the command line."""

import argparse
import sys
from collections.abc import Sequence

from mlkit._version import __version__
from mlkit.cli import _checkpoints, _doctor, _launch, _quickstart, _tutorials

COMMANDS = (_quickstart, _tutorials, _launch, _checkpoints, _doctor)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mlkit", description="Keras 3 and tf.data with tested parts and training loops."
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND")
    for module in COMMANDS:
        module.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the `mlkit` command.

    Args:
        argv: the arguments after the name of the command. Default None: those of the process.

    Returns:
        The exit status: 0 in order, 1 something failed or is broken, 2 a wrong argument, 130
        interrupted.

    Example:
        >>> from mlkit.cli import main
        >>> status = main(["--version"])
        mlkit ...
        >>> status
        0
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.version:
        sys.stdout.write(f"mlkit {__version__}\n")
        return 0
    if not hasattr(arguments, "run"):
        parser.print_help(sys.stderr)
        return 2
    try:
        return arguments.run(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("mlkit: interrupted.\n")
        return 130
