"""What is in memory, and what would fit."""

import os
from pathlib import Path
from typing import Any

import tensorflow as tf

from mlkit._core.checks import check_number

_LIMITS = (  # where containers say what they may use, and what they use: version 2 and 1
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


def free_memory() -> int | None:
    """Bytes of main memory that are free, the limit of a container included; None if unknown."""
    found = []
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
    elif "SC_AVPHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for limit, used in _LIMITS:
        if Path(limit).is_file() and (text := Path(limit).read_text().strip()).isdigit():
            found.append(max(0, int(text) - int(Path(used).read_text())))
    return min(found) if found else None


def bytes_of(tensors: Any) -> int:
    """Bytes that a structure of tensors holds; strings count with their length."""
    total = 0
    for tensor in tf.nest.flatten(tensors, expand_composites=True):
        if tensor.dtype == tf.string:
            total += int(tf.reduce_sum(tf.cast(tf.strings.length(tensor), tf.int64)))
            total += 24 * int(tf.size(tensor))
        else:
            total += int(tf.size(tensor, out_type=tf.int64)) * tensor.dtype.size
    return total


def fits_in_memory(source: Any, fraction: float = 0.5) -> bool:
    """Whether a source fits into a fraction of the memory that is free now.

    Arrays are counted as they are. Of a `tf.data.Dataset` of known length the first eight elements
    are read and taken as typical. A source whose length or whose free memory cannot be known does
    not fit.

    Args:
        source: arrays, a structure of arrays, or a `tf.data.Dataset`.
        fraction: share of the free memory that it may take, in (0, 1]. The default leaves room
            for one copy in another order.

    Returns:
        bool.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> mk.data.fits_in_memory(np.zeros((100, 8)))
        True
    """
    check_number("fraction", fraction, low=0.0, high=1.0, open_low=True)
    free = free_memory()
    if free is None:
        return False
    if not isinstance(source, tf.data.Dataset):
        leaves = tf.nest.flatten(source, expand_composites=False)
        total = sum(getattr(leaf, "nbytes", None) or bytes_of(leaf) for leaf in leaves)
        return total <= fraction * free
    size = int(source.cardinality())
    if size < 0:
        return False
    head = [bytes_of(element) for element in source.take(8)]
    return not head or size * sum(head) / len(head) <= fraction * free
