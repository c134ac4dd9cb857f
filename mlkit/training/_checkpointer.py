"""Checkpoints in a directory: saved whole, verified before use, kept by a rule."""

from collections.abc import Mapping
from typing import Any

from mlkit._state.replicas import put_back
from mlkit._state.store import Store, check_same


class Checkpointer(Store):
    """Saves variables into a directory, whole or not at all, and checks them.

    Each checkpoint is a directory of its own: written beside, synced to the disk, renamed; with a
    manifest of the sizes and SHA-256 checksums of its files and the path, shape and type of every
    variable. Loading scans the newest first, verifies, and falls back to the newest good one with
    a warning that names the bad one and what is wrong with it. Nothing is unpickled.

    Args:
        path: directory of the checkpoints; made if it is not there.
        keep: number of the newest checkpoints that are kept, ≥ 1. Default 3.
        keep_best: name of a value given to `save(metrics=...)` by which the best are kept too.
            Default: none.
        mode: `"min"` or `"max"`: which value of `keep_best` is the best. Default `"min"`.
        best_count: number of the best that are kept, ≥ 1. Default 1.
        keep_every: checkpoints of multiples of this many updates are kept for good. Default: none.
        background: whether `save` returns once it has a snapshot, and a thread writes it. An error
            of the thread is raised by the next `save` or by `wait`. Default False.

    Raises:
        ValueError: an argument is out of range.
        OSError: the directory cannot be made.

    Example:
        >>> import tempfile
        >>> import keras
        >>> import mlkit as mk
        >>> w = keras.Variable([1.0, 2.0])
        >>> checkpoints = mk.training.Checkpointer(tempfile.mkdtemp())
        >>> checkpoints.save(100, {"w": w}, facts={"epoch": 3})
        >>> w.assign([0.0, 0.0]) is None
        False
        >>> checkpoints.restore({"w": w})["epoch"]
        3
        >>> w.numpy().tolist()
        [1.0, 2.0]
    """

    def restore(
        self, variables: Mapping[str, Any], *, update: int | None = None
    ) -> dict[str, Any] | None:
        """Put the newest good checkpoint, or that of an update, into the variables.

        Args:
            variables: as they were given to `save`.
            update: of the checkpoint; default: the newest good one.

        Returns:
            The facts that were saved with it; None where there is no checkpoint.

        Raises:
            ValueError: the variables are not those of the checkpoint; none was changed.
        """
        saved = self.load(update)
        if saved is None:
            return None
        check_same(variables, saved.values)
        put_back(variables, saved.values)
        return saved.facts["user"]
