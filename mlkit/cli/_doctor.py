"""`mlkit doctor`: what is installed, what works, and what mends the rest."""

import argparse
import json
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlkit._version import __version__
from mlkit.cli import _gpu, _health
from mlkit.cli._finding import Finding

_MARKS = {"ok": "ok    ", "note": "note  ", "broken": "BROKEN"}
_PATIENCE = 180  # seconds that TensorFlow may take to start on a slow disk


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "doctor",
        help="say what is installed, what works, and what mends the rest",
        description="Says what is installed, which devices TensorFlow sees and why not the "
        "others, and what works. Exit status 1 if something is broken.",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Look at everything, print it, and return 1 if something is broken."""
    findings = examine()
    broken = [finding for finding in findings if finding.status == "broken"]
    if arguments.json:
        record = {"ok": not broken, "findings": [asdict(finding) for finding in findings]}
        sys.stdout.write(json.dumps(record, indent=2) + "\n")
    else:
        sys.stdout.write(report(findings))
    return 1 if broken else 0


def examine() -> list[Finding]:
    """All findings, in the order in which one stands on the other."""
    needed = [_health.package(name, least) for name, least in _health.NEEDED.items()]
    found = [Finding("mlkit", "ok", __version__), _health.python(), *needed, _health.backend()]
    if all(finding.status == "ok" for finding in needed[:2]):
        found += judge(*probe())
    return [*found, *_health.optional(), *_health.folders()]


def report(findings: list[Finding]) -> str:
    """The findings for a person to read."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{_MARKS[finding.status]}  {finding.name:{width}s}  {finding.found}")
        if finding.mend:
            lines.append(f"{'':{8 + width}s}  -> {finding.mend}")
    broken = sum(finding.status == "broken" for finding in findings)
    lines.append("")
    lines.append(f"{broken} of {len(findings)} broken." if broken else "Nothing is broken.")
    return "\n".join(lines) + "\n"


def probe() -> tuple[dict[str, Any], str]:
    """The answers of TensorFlow, or why there are none, and what it wrote on the way."""
    command = [sys.executable, "-P", str(Path(__file__).with_name("_probe.py"))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        return {"died": f"it did not answer within {_PATIENCE} seconds"}, ""
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        hint = " (does this CPU have AVX?)" if name == "SIGILL" else ""
        return {"died": f"it died of {name}{hint}"}, done.stderr
    try:
        return json.loads(done.stdout.strip().splitlines()[-1]), done.stderr
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"died": f"it ended with status {done.returncode}: {last}"}, done.stderr


def judge(answers: dict[str, Any], log: str) -> list[Finding]:
    """What the answers of TensorFlow mean."""
    again = "pip install --force-reinstall tensorflow keras"
    if "died" in answers:
        return [Finding("TensorFlow", "broken", f"starts, and {answers['died']}.", again)]
    if "error" in answers["devices"]:
        return [Finding("TensorFlow", "broken", answers["devices"]["error"], again)]
    seen = answers["devices"]["value"]
    found = [Finding("devices", "ok", ", ".join(seen["others"] + seen["gpus"]))]
    found.append(_gpu.explain(seen["gpus"], seen["cuda"], _gpu.look(), log))
    found.append(_of("XLA", answers["xla"], "compiles ({seconds} s)", again))
    found.append(_of("mixed precision", answers["mixed_precision"], "{works}; now {policy}", again))
    found.append(_of("import mlkit", answers["import_mlkit"], "works", 'pip install "mlkit-tf"'))
    return found


def _of(name: str, answer: dict[str, Any], text: str, mend: str) -> Finding:
    if "error" in answer:
        return Finding(name, "broken", answer["error"], mend)
    value = answer["value"]
    if value is False:
        return Finding(name, "broken", "gives a wrong result.", mend)
    words = {**value, "works": ", ".join(value["works"])} if isinstance(value, dict) else {}
    return Finding(name, "ok", text.format(seconds=answer["seconds"], **words))
