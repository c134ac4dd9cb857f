"""The sizes of gradients."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlkit._core.types import Logs
from mlkit.callbacks._logging_callback import LoggingCallback
from mlkit.callbacks._probe import gradients_of


class GradientLogger(LoggingCallback):
    """Logs the norms of gradients, of each variable and of all together.

    The gradients are those of the compiled loss on examples that stay the same, computed where they
    are logged and nowhere else: nothing is added to the training step. The pass through the model
    is one as in training (dropout, batch statistics), and what it changes is put back.

    Args:
        x: inputs of the examples, a batch.
        y: their targets.
        every: updates between two lines, ≥ 1. Default 100.
        to: where to: a path ending in `.csv` or `.jsonl`, a directory for TensorBoard, or an object
            with `write(step, values)` and `close()`. Default None: `history` only.

    Attributes:
        history: `(update, {path: norm})` of each line; `"all"` is the norm of all of them.

    Raises:
        ValueError: `every` is less than 1.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1, name="out")])
        >>> model.compile("sgd", "mse")
        >>> x = np.ones((8, 2), "float32")
        >>> log = mk.callbacks.GradientLogger(x, x[:, :1], every=1)
        >>> history = model.fit(x, x[:, :1], verbose=0, callbacks=[log])
        >>> [(update, len(norms)) for update, norms in log.history]
        [(1, 3)]
    """

    def __init__(self, x: Any, y: Any, *, every: int = 100, to: Any = None) -> None:
        super().__init__(every, to)
        self.x, self.y = x, y

    def measure(self, logs: Logs) -> Mapping[str, float]:
        norms = {
            v.path: float(np.linalg.norm(g)) for v, g in gradients_of(self.model, self.x, self.y)
        }
        return {**norms, "all": float(np.linalg.norm(list(norms.values())))}
