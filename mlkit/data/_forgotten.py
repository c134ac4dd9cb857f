"""Orders that TensorFlow forgets: a `shuffle` whose epoch is over when an iterator is saved.

`Dataset.shuffle` draws the order of each epoch from a generator, whose position is saved with the
iterator of the shuffle alone. A stage that drops this iterator with its last element leaves nothing
to save until the next epoch begins: restored there, the epochs that follow come in the orders of
others. `batch` does so for a short last batch, and one that leaves it out does so too where a
`prefetch` behind it reads ahead (TensorFlow 2.21, 12 and 28 of 80 positions).
"""

from collections.abc import Iterator
from typing import Any

# Stages that keep what they read from until somebody begins the next epoch: tried at all positions.
_KEEP = ("MapDataset", "ParallelMapDatasetV2", "PrefetchDataset", "OptionsDataset")
_INSTEAD = (
    "`mk.data.pipeline` or `mk.data.shuffle`; or, of what is not of `mk.data`, "
    "`shuffle(...).repeat()` before it, with `steps_per_epoch`"
)


def forgotten(graph: Any) -> Iterator[tuple[str, str]]:
    """(what, instead) of every shuffle in a graph whose order is forgotten as an epoch ends."""
    readers: dict[str, Any] = {}
    for node in graph.node:
        if "Dataset" in node.op:
            readers |= {name.partition(":")[0]: node for name in node.input}
    for node in graph.node:
        if node.op.startswith("ShuffleDataset") and node.attr["reshuffle_each_iteration"].b:
            stage = _between(node, readers)
            if stage is not None:
                what = f"`shuffle`, {_called(stage)}, and then `repeat` (or the next epoch)"
                yield what, _INSTEAD


def _between(node: Any, readers: dict[str, Any]) -> str | None:
    """The first stage after a shuffle that may drop it, where a repetition follows; or None."""
    found = None
    while node.name in readers:
        node = readers[node.name]
        if node.op == "RepeatDataset":
            if found is not None:
                return found
        elif found is None and node.op not in _KEEP:
            found = node.op
    return None


def _called(op: str) -> str:
    if op == "ConcatenateDataset":
        return "the mark of an end that is not known before (or `concatenate`)"
    return "`batch`" if "Batch" in op else f"`{op}`"
