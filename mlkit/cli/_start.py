"""Where the command starts. The wheel holds this file beside the package.

Python runs `mlkit/__init__.py`, and with it TensorFlow, before any module inside. So the script
starts outside, and puts a package in place that has its path but has not run yet. A command that
needs the rest calls `mlkit.cli._package.load`.
"""

import importlib.util
import sys


def main() -> int:
    """Run the command without importing what it may not need."""
    spec = importlib.util.find_spec("mlkit")
    if spec is None:
        raise ModuleNotFoundError("mlkit is not on the path of this Python. Install it again.")
    sys.modules["mlkit"] = importlib.util.module_from_spec(spec)
    from mlkit.cli import main as command

    return command()
