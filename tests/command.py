"""The `mlkit` command in a process of its own, as its script starts it."""

import subprocess
import sys
from pathlib import Path

import mlkit

START = Path(mlkit.__file__).parent / "cli" / "_start.py"


def start(*arguments, show=""):
    """The command as its script starts it; then print the expression `show`."""
    code = (
        f"import runpy, sys; sys.argv = ['mlkit', *{list(arguments)!r}]\n"
        f"main = runpy.run_path({str(START)!r})['main']\n"
        f"try: print(main())\nfinally: print({show or 'None'})"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
