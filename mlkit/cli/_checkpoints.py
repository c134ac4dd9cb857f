"""`mlkit checkpoints RUN`: what a run has saved, whether it is good, and one of it as a file."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from mlkit._state import manifest
from mlkit.cli import _package


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "checkpoints",
        help="list and verify the checkpoints of a run, and export one to .keras",
        description="Lists the checkpoints of a run and verifies every byte of them. Exit status 1 "
        "if one is damaged.",
    )
    parser.add_argument("directory", type=Path, metavar="RUN", help="directory of the run")
    parser.add_argument("--export", type=Path, metavar="FILE.keras", help="write a model file")
    parser.add_argument("--update", type=int, help="which to export; default: the newest good one")
    parser.add_argument(
        "--averaged", action="store_true", help="export the averages that ema= keeps"
    )
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List, verify, and export if asked for."""
    folder = arguments.directory / "checkpoints"
    if not folder.is_dir():
        sys.stderr.write(f"mlkit: {arguments.directory} is not a run: it has no {folder.name}.\n")
        return 2
    found = [describe(path) for path in sorted(folder.glob("checkpoint-*"))]
    if arguments.export is not None:
        return export(arguments, found)
    if arguments.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in table(found)))
    return 1 if any(not entry["good"] for entry in found) else 0


def describe(path: Path) -> dict[str, Any]:
    """What one checkpoint holds, read and verified."""
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    entry = {"name": path.name, "update": int(path.name[-10:]), "bytes": size}
    try:
        facts = manifest.read(path)
    except manifest.Damaged as damage:
        return {**entry, "good": False, "damage": str(damage)}
    saved = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(facts["time"]))
    variables = len(facts["variables"])
    return {
        **entry, "good": True, "saved": saved, "variables": variables, "metrics": facts["metrics"]
    }  # fmt: skip


def table(found: list[dict[str, Any]]) -> list[str]:
    """The list for a person to read."""
    lines = ["    update        kB  saved                metrics"]
    for entry in found:
        head = f"{entry['update']:10d} {entry['bytes'] / 1e3:9.1f}"
        if entry["good"]:
            metrics = ", ".join(f"{k} {v:.4g}" for k, v in entry["metrics"].items())
            lines.append(f"{head}  {entry['saved']}  {metrics}".rstrip())
        else:
            lines.append(f"{head}  DAMAGED: {entry['damage']}")
    good = sum(entry["good"] for entry in found)
    return [*lines, f"{good} of {len(found)} are good."]


def export(arguments: argparse.Namespace, found: list[dict[str, Any]]) -> int:
    """Write the model of a checkpoint to a `.keras` file."""
    good = [e["update"] for e in found if e["good"] and arguments.update in (None, e["update"])]
    described = arguments.directory / "model.json"
    problem = None
    if arguments.export.suffix != ".keras":
        problem = f"--export must name a .keras file. Received: {arguments.export}"
    elif arguments.export.exists():
        problem = f"{arguments.export} is there already. Nothing was written."
    elif not good:
        problem = "there is no good checkpoint" + (
            f" of update {arguments.update}." if arguments.update is not None else "."
        )
    elif not described.exists():
        problem = f"{described} is missing: the class of this model cannot be made from a config."
    if problem is not None:
        sys.stderr.write(f"mlkit: {problem}\n")
        return 2
    with _package.hushed():
        mk = _package.load()
        model = mk.saving.deserialize_keras_object(json.loads(described.read_text()))
        from mlkit.training._load_weights import load_in_order

        load_in_order(model, arguments.directory, good[-1], arguments.averaged)
        model.save(arguments.export)
    sys.stdout.write(f"{arguments.export}: {model.name} after update {good[-1]}\n")
    return 0
