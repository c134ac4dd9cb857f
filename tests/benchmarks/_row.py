"""What a benchmark of a part is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Make = Callable[[], Callable[[], Any]]


@dataclass(frozen=True)
class Row:
    """One part beside what one would write without it.

    Args:
        part: name of ours, with what is special about the case.
        against: what it is compared with.
        ours, theirs: make what is measured: a function without arguments that runs once and returns
            tensors. Making (data, weights, tracing) is not measured.
        goal: smallest ratio theirs / ours that is in order: 5.0 is five times faster, 0.87 allows
            15 % more.
        updates: updates that a run times itself: it returns their seconds. If given, what counts is
            the extra time of ours, the median of all turns; `goal` is its limit in µs an update.
        measure: `"time"`, or `"memory"`: the growth of the process's peak, each side in a process
            of its own.
    """

    part: str
    against: str
    ours: Make
    theirs: Make
    goal: float = 1.0
    measure: str = "time"
    updates: int = 0
