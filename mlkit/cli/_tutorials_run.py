"""Executes a notebook, and measures how long it took and how much memory."""

import contextlib
import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlkit._core.optional import require

PATIENCE = 90  # seconds that a notebook may take on two idle cores, at the very most

# What TensorFlow says of the machine while it starts: no message of a cell, another one each time.
_START = re.compile(
    r"WARNING: All log messages before absl.*\n|[IWE]0000 .*\n|To enable the following instr.*\n"
)
_PEAK = "import resource\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


@dataclass(frozen=True)
class Executed:
    """A notebook after its cells were run.

    Args:
        notebook: with its outputs.
        seconds: wall time, the start of the kernel included.
        megabytes: peak memory of the kernel; None where the system does not tell.
        error: what was raised, if anything was.
    """

    notebook: Any
    seconds: float
    megabytes: float | None
    error: str | None

    def __str__(self) -> str:
        memory = "" if self.megabytes is None else f"  {self.megabytes:5.0f} MB"
        verdict = "runs" if self.error is None else f"FAILED\n{self.error}"
        return f"{self.seconds:5.1f} s{memory}  {verdict}"


def execute(
    text: str, *, environment: Mapping[str, str] | None = None, patience: int = 10 * PATIENCE
) -> Executed:
    """Run the cells of a notebook in an empty directory; those to be skipped are skipped.

    Args:
        text: the notebook as JSON.
        environment: of the kernel. Default None: that of this process.
        patience: seconds that one cell may take before it counts as hung.

    Raises:
        ImportError: nbclient is not installed.
    """
    nbclient: Any = require("nbclient", extra="tutorials", purpose="Running a notebook")
    nbformat: Any = require("nbformat", extra="tutorials", purpose="Running a notebook")
    notebook = nbformat.reads(text, as_version=4)
    cells = len(notebook.cells)
    notebook.cells.append(nbformat.v4.new_code_cell(_PEAK))
    error = None
    with tempfile.TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(
            notebook,
            timeout=patience,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
        )
        begin = time.perf_counter()
        try:
            client.execute(**({} if environment is None else {"env": dict(environment)}))
        except nbclient.exceptions.CellExecutionError as raised:
            error = str(raised)
        seconds = time.perf_counter() - begin
    megabytes = _number(notebook.cells[cells]) if error is None else None
    del notebook.cells[cells:]
    for cell in notebook.cells:
        _hush(cell)
    return Executed(notebook, seconds, megabytes, error)


def _number(cell: Any) -> float | None:
    """Kilobytes that the last cell has printed, as megabytes."""
    with contextlib.suppress(IndexError, KeyError, ValueError):  # a system without `resource`
        return int(cell.outputs[0]["text"]) / 1024
    return None


def _hush(cell: Any) -> None:
    """Take out what TensorFlow says of the machine while it starts."""
    if cell.cell_type != "code":
        return
    for output in cell.outputs:
        if output.get("name") == "stderr":
            output["text"] = _START.sub("", output["text"])
    cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr" or o["text"].strip()]
