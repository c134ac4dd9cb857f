"""What the model says of the same few examples, epoch after epoch."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

# Events are written by tf.summary: Keras has no writer of its own.
import tensorflow as tf

from mlkit._core.checks import check_integer
from mlkit._core.types import Logs
from mlkit.callbacks._pictures import write_examples
from mlkit.callbacks._probe import classes_of, outputs_of
from mlkit.callbacks._update_callback import UpdateCallback


class PredictionLogger(UpdateCallback):
    """Keeps the predictions for a few examples, and shows them in TensorBoard.

    Where the output is (N, classes), the table has the label, the class that is found and its
    share of the softmax (of the scores themselves, if they are shares already); images get a green
    frame where the class is right and a red one where it is not. Of any other output, the table has
    the target and the prediction. Looking leaves no trace in the training.

    Args:
        x: inputs of the examples, an array; a dozen of them is much.
        y: their targets.
        every: epochs between two looks, ≥ 1. Default 1.
        directory: TensorBoard's directory; the update is the step. Default None: `history` only.
        names: name of each class, for the table. Default None: numbers.

    Attributes:
        history: `(update, predictions)` of each look, predictions as `model(x)` gives them.

    Raises:
        ValueError: an argument out of its range; `x` and `y` differ in length.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(3, "softmax")])
        >>> model.compile("sgd", "sparse_categorical_crossentropy")
        >>> x, y = np.ones((8, 2), "float32"), np.arange(8) % 3
        >>> look = mk.callbacks.PredictionLogger(x[:4], y[:4])
        >>> history = model.fit(x, y, epochs=2, verbose=0, callbacks=[look])
        >>> [(update, found.shape) for update, found in look.history]
        [(1, (4, 3)), (2, (4, 3))]
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        *,
        every: int = 1,
        directory: str | os.PathLike | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        check_integer("every", every, low=1)
        sizes = {len(part) for part in [*keras.tree.flatten(x), *keras.tree.flatten(y)]}
        if len(sizes) != 1:
            raise ValueError(f"`x` and `y` must be of one length. Received: {sorted(sizes)}")
        self.x, self.y, self.every = x, y, every
        self.directory, self.names = directory, names
        self.history: list[tuple[int, Any]] = []

    def next_update(self, update: int) -> int | None:
        """None: predictions belong to the end of an epoch."""
        return None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self.history = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        if (epoch + 1) % self.every:
            return
        found = outputs_of(self.model, self.x)
        self.history.append((self.update, found))
        if self.directory is not None:
            writer = tf.summary.create_file_writer(str(Path(self.directory)))
            with writer.as_default(step=self.update):
                self._write(found)
            writer.close()

    def _write(self, found: Any) -> None:
        if not keras.tree.is_nested(found) and found.ndim == 2 and found.shape[-1] > 1:
            labels, classes, shares = classes_of(self.y), found.argmax(-1), _shares(found).max(-1)
            rows = [
                [i, self._name(label), self._name(best), f"{share:.3f}"]
                for i, (label, best, share) in enumerate(zip(labels, classes, shares, strict=True))
            ]
            write_examples(self.x, labels, classes, rows, ["example", "label", "found", "share"])
            return
        targets, outputs = (keras.tree.flatten(part) for part in (self.y, found))
        rows = [
            [i, *(_short(part[i]) for part in targets), *(_short(part[i]) for part in outputs)]
            for i in range(len(outputs[0]))
        ]
        head = ["target"] * len(targets) + ["predicted"] * len(outputs)
        write_examples(self.x, None, None, rows, ["example", *head])

    def _name(self, number: Any) -> str:
        known = self.names is not None and 0 <= number < len(self.names)
        return self.names[number] if self.names is not None and known else str(number)

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "history": [list(row) for row in self.history]}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self.history = [(int(update), found) for update, found in state["history"]]


def _shares(scores: np.ndarray) -> np.ndarray:
    """Rows that sum to 1: as they are, or by a softmax."""
    scores = scores.astype("float64")
    if (scores >= 0).all() and np.allclose(scores.sum(-1), 1, atol=1e-3):
        return scores
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def _short(value: Any) -> str:
    """A few numbers of a target or a prediction."""
    flat = np.ravel(value)
    text = ", ".join(f"{number:.4g}" for number in flat[:8])
    return text + (", ..." if len(flat) > 8 else "")
