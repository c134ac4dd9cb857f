"""README's commands, copied from README, in fresh clones and fresh environments.

    python tests/fresh_clone.py train    # the command that trains
    python tests/fresh_clone.py test     # the command that tests, then the linter and type checker
    python tests/fresh_clone.py wheel    # the same quickstart from the wheel, without the source

Several words run several of them. Each clones what is committed, so that nothing of this folder,
its environments or its caches takes part. A script and not a test: `test` runs the whole suite,
which would run itself, and each step installs TensorFlow once more.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import readme

ROOT = Path(__file__).resolve().parents[1]


def run(command: str | list[str], cwd: Path) -> None:
    """Run a command without input, show it, and end with its status if it fails."""
    print(f"$ {command if isinstance(command, str) else shlex.join(command)}", flush=True)
    inherited = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    begin = time.monotonic()
    done = subprocess.run(
        command,
        cwd=cwd,
        shell=isinstance(command, str),
        executable="/bin/bash" if isinstance(command, str) else None,
        stdin=subprocess.DEVNULL,
        env=inherited,
    )
    print(f"  status {done.returncode}, {time.monotonic() - begin:.0f} s", flush=True)
    if done.returncode:
        sys.exit(f"failed: {command}")


def clone(folder: Path) -> Path:
    run(["git", "clone", "--quiet", str(ROOT), str(folder / "clone")], folder)
    return folder / "clone"


def train(folder: Path) -> None:
    where = clone(folder)
    run(readme.commands()["train"], where)
    run([".venv/bin/mlkit", "doctor"], where)


def test(folder: Path) -> None:
    where = clone(folder)
    run(readme.commands()["test"], where)
    python = ".venv-test/bin/python"
    run([python, "-m", "pip", "install", "-q", "-e", ".[dev]"], where)
    run([".venv-test/bin/ruff", "check", "."], where)
    run([".venv-test/bin/ruff", "format", "--check", "."], where)
    # Without it the checker takes whichever Python is on the path, which has none of our needs.
    run([".venv-test/bin/basedpyright", "--pythonpath", python], where)


def wheel(folder: Path) -> None:
    where = clone(folder)
    bare = folder / "bare"
    bare.mkdir()
    run([sys.executable, "-m", "venv", str(folder / "venv")], folder)
    python = str(folder / "venv" / "bin" / "python")
    run([python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(bare), str(where)], bare)
    (built,) = bare.glob("*.whl")
    run([python, "-m", "pip", "install", "-q", f"{built}[plot]"], bare)
    run(["rm", "-rf", str(where)], folder)
    run([str(folder / "venv" / "bin" / "mlkit"), "quickstart"], bare)


STEPS = {step.__name__: step for step in (train, test, wheel)}


def main() -> None:
    wanted = sys.argv[1:]
    if not wanted or set(wanted) - set(STEPS):
        sys.exit(__doc__)
    for name in wanted:
        with tempfile.TemporaryDirectory(prefix=f"mlkit-{name}-") as folder:
            STEPS[name](Path(folder))
    print(f"all of it works: {', '.join(wanted)}")


if __name__ == "__main__":
    main()
