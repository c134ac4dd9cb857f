"""Which program is the fastest for this job: measured, on a snapshot that is put back.

The plain program comes first and its measured steps count, so that a short job pays nothing. XLA is
tried when what it can save, at the best, is more than what compiling costs; then everything is put
back to the snapshot, and the winner runs the job from its first step as it would have alone.
"""

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

# Seconds that XLA takes on a CPU beside tracing, measured on nets of 300 to 4,000 operations.
COMPILE_BASE, COMPILE_PER_OP = 0.6, 0.0008
# Part of a step that XLA saves on a CPU where there is no convolution: 0.55 to 0.75 where an
# operation takes up to 6 microseconds (MLPs), 0.4 at 8 to 12 (LSTM), 0.16 to 0.3 at 17 and more
# (transformers).
SAVED_SMALL, SAVED_LARGE, SMALL_OPERATION = 0.6, 0.25, 12e-6
# A convolution in an XLA loop on a CPU takes 50 to 80 times as long as outside.
CONVOLUTIONS = ("Conv2D", "Conv3D", "DepthwiseConv2dNative")
# Operations without a kernel in XLA that models and losses use.
NO_KERNEL = (
    "PyFunc", "EagerPyFunc", "Print", "PrintV2", "StringFormat", "ImageProjectiveTransformV3",
    "MaxPoolWithArgmax", "HistogramFixedWidth", "SparseTensorDenseMatMul", "StaticRegexReplace",
    "StringSplitV2", "StringToHashBucketFast", "LookupTableFindV2", "DecodeJpeg", "DecodePng",
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """The program of a job, and why."""

    name: str
    xla: bool
    reason: str
    seconds_a_step: float | None = None

    def __str__(self) -> str:
        return f"{self.name}{'+xla' if self.xla else ''} ({self.reason})"


def operations(function: Any) -> dict[str, int]:
    """How often each operation stands in a traced function and in those that it calls."""
    graph = function.graph.as_graph_def()
    counts: dict[str, int] = {}
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    for node in nodes:
        counts[node.op] = counts.get(node.op, 0) + 1
    return counts


def on_cpu() -> bool:
    return not tf.config.list_logical_devices("GPU") and not tf.config.list_logical_devices("TPU")


def without_kernel(counts: dict[str, int]) -> str | None:
    """The first operation among these that XLA has no kernel for, or None."""
    return next((op for op in NO_KERNEL if op in counts), None)


def obstacle(counts: dict[str, int]) -> str | None:
    """Why XLA is out of the question for a step with these operations, or None."""
    missing = without_kernel(counts)
    if missing is not None:
        return f"{missing} has no XLA kernel"
    if on_cpu() and any(op.startswith(CONVOLUTIONS) for op in counts):
        return "convolutions in an XLA loop are slow on a CPU"
    return None


def worth_trying(counts: dict[str, int], seconds_a_step: float, tracing: float, steps: int) -> bool:
    """Whether what XLA may save on the steps to come is more than trying it costs."""
    total = sum(counts.values())
    small = seconds_a_step < SMALL_OPERATION * total
    saved = SAVED_SMALL if small else SAVED_LARGE
    return saved * seconds_a_step * steps > 1.5 * (tracing + COMPILE_BASE + COMPILE_PER_OP * total)


def job_key(counts: dict[str, int], signature: Any, steps: int) -> str:
    """The same for the same job on the same machine with the same versions."""
    length = max(steps, 1).bit_length()
    facts = [
        platform.machine(), platform.node(), os.cpu_count(), tf.__version__, keras.__version__,
        [d.device_type for d in tf.config.list_logical_devices()],
        sorted(counts.items()), repr(signature), length,
    ]  # fmt: skip
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:24]


def cache_file() -> Path:
    """Where choices are kept: `$MLKIT_CACHE` or the user's cache directory."""
    base = os.environ.get("MLKIT_CACHE") or Path.home() / ".cache" / "mlkit"
    return Path(base) / "programs.json"


def remembered(key: str) -> Choice | None:
    """The choice that was made for this job before, or None."""
    try:
        entry = json.loads(cache_file().read_text(encoding="utf-8")).get(key)
    except (OSError, ValueError):
        return None  # nothing was kept, or it cannot be read: measure again
    return None if entry is None else Choice(**entry)


def remember(key: str, choice: Choice) -> None:
    """Keep a choice for the next time; where nothing can be written, nothing is kept."""
    path = cache_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        known[key] = asdict(choice)
        beside = path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(known, indent=1), encoding="utf-8")
        beside.replace(path)
    except (OSError, ValueError):
        return


def time_steps(run: Callable[[int, int], Any], steps: int, budget: float) -> tuple[float, int]:
    """Seconds a step, by blocks that grow until `budget` seconds are spent.

    Returns:
        Seconds a step of the last block, and the steps done.
    """
    done, size, pace, spent = 0, 1, 0.0, 0.0
    while done < steps and spent < budget:
        stop = min(done + size, steps)
        start = time.perf_counter()
        run(done, stop)
        spent += time.perf_counter() - start
        pace, done = (time.perf_counter() - start) / (stop - done), stop
        size *= 4
    return pace, done
