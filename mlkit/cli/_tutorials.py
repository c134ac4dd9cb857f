"""`mlkit tutorials`: the notebooks that come with mlkit, listed, copied and checked."""

import argparse
import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
# In the wheel they lie in the package, in a checkout beside it.
FOLDERS = (_PACKAGE / "_notebooks", _PACKAGE.parent / "notebooks")


@dataclass(frozen=True)
class Tutorial:
    """One notebook: its number and name, and what its metadata say of it."""

    file: Path
    line: str
    seconds: int
    data: str

    @property
    def number(self) -> str:
        return self.file.name.partition("_")[0]


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "tutorials",
        help="list the numbered notebooks, or copy one here and open it",
        description="Without a number: the list of the notebooks. With one: copies that notebook "
        "to the working directory, never over one that was changed, and opens it in Jupyter if "
        "that is installed. Exit status 1 if a notebook is not there, was changed, or fails.",
    )
    parser.add_argument("number", nargs="?", help="the number of a notebook, such as 01")
    parser.add_argument(
        "--check", action="store_true", help="run it (or all) from top to bottom, and copy nothing"
    )
    parser.add_argument("--no-open", action="store_true", help="copy it, but open nothing")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List, copy or check."""
    found = tutorials()
    chosen = [one for one in found if arguments.number in (None, one.number, one.file.stem)]
    if not chosen:
        known = ", ".join(one.number for one in found) or "none"
        wanted = "any notebook" if arguments.number is None else arguments.number
        sys.stderr.write(f"mlkit tutorials: {wanted} is not there. There are: {known}.\n")
        return 1
    if arguments.check:
        return max([check(one) for one in chosen])
    if arguments.number is None:
        sys.stdout.write(listing(found))
        return 0
    return copy(chosen[0], Path.cwd(), show=not arguments.no_open)


def tutorials() -> list[Tutorial]:
    """The notebooks in the order of their numbers."""
    folder = next((folder for folder in FOLDERS if folder.is_dir()), None)
    found = []
    for file in sorted(folder.glob("[0-9][0-9]_*.ipynb")) if folder else ():
        about = json.loads(file.read_text(encoding="utf-8"))["metadata"]["mlkit"]
        found.append(Tutorial(file, about["line"], about["seconds"], about["data"]))
    return found


def listing(found: list[Tutorial]) -> str:
    """The list for a person to read."""
    lines = []
    for one in found:
        lines.append(f"{one.file.stem:18s} {one.line}")
        lines.append(f"{'':18s} about {one.seconds} s; data: {one.data}")
    lines += ["", f"mlkit tutorials {found[0].number} copies one here and opens it."]
    return "\n".join(lines) + "\n"


def copy(one: Tutorial, folder: Path, show: bool) -> int:
    """Copy a notebook into a folder unless one that was changed is there, and open it."""
    target, content = folder / one.file.name, one.file.read_bytes()
    if target.exists() and target.read_bytes() != content:
        sys.stderr.write(
            f"mlkit tutorials: {target.name} is here already and differs from the one that comes "
            "with mlkit. It is left as it is: move it, or go to another directory.\n"
        )
        return 1
    if not target.exists():
        target.write_bytes(content)
    sys.stdout.write(f"{target.name} is here.\n")
    return open_in_jupyter(target) if show else 0


def open_in_jupyter(file: Path) -> int:
    """Start JupyterLab, or the classic notebook; say how to install it if neither is there."""
    for module in ("jupyterlab", "notebook"):
        if importlib.util.find_spec(module) is not None:
            return subprocess.call([sys.executable, "-m", module, str(file)])
    sys.stdout.write("To open it: pip install jupyterlab, then jupyter lab " + file.name + "\n")
    return 0


def check(one: Tutorial) -> int:
    """Run a notebook in a directory of its own, and say how it went."""
    from mlkit.cli import _tutorials_run

    try:
        result = _tutorials_run.execute(one.file.read_text(encoding="utf-8"))
    except ImportError as error:
        sys.stderr.write(f"mlkit tutorials: {error}\n")
        return 1
    sys.stdout.write(f"{one.file.stem:18s} {result}\n")
    return 0 if result.error is None else 1
