"""Which classes are taken for which."""

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np

# Events are written by tf.summary: Keras has no writer of its own.
import tensorflow as tf

from mlkit._core.checks import check_integer
from mlkit._core.types import Logs
from mlkit.callbacks._probe import classes_of, confusion, matrix_image, matrix_table
from mlkit.callbacks._update_callback import UpdateCallback


class ConfusionMatrix(UpdateCallback):
    """Computes a confusion matrix after epochs, for TensorBoard and as an array.

    Args:
        x: inputs to predict.
        y: their labels, integers or one-hot rows.
        every: epochs between two matrices, ≥ 1. Default 1.
        directory: TensorBoard's directory; a picture and a table are written there, with the update
            as their step. Default None: `matrix` and `history` only.
        batch_size: examples a batch. Default 32.

    Attributes:
        matrix: the last counts, `[label, prediction]`.
        history: `(update, matrix)` of each.

    Raises:
        ValueError: an argument is less than 1; the model's output is not (N, classes).

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(3)])
        >>> model.compile("sgd", mk.losses.SparseCategoricalCrossentropy(from_logits=True))
        >>> x, y = np.ones((8, 2), "float32"), np.arange(8) % 3
        >>> table = mk.callbacks.ConfusionMatrix(x, y)
        >>> history = model.fit(x, y, verbose=0, callbacks=[table])
        >>> table.matrix.sum(axis=1).tolist()
        [3, 3, 2]
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        *,
        every: int = 1,
        directory: str | os.PathLike | None = None,
        batch_size: int = 32,
    ) -> None:
        super().__init__()
        check_integer("every", every, low=1)
        check_integer("batch_size", batch_size, low=1)
        self.x, self.y, self.every = x, y, every
        self.directory, self.batch_size = directory, batch_size
        self.matrix: np.ndarray | None = None
        self.history: list[tuple[int, np.ndarray]] = []

    def next_update(self, update: int) -> int | None:
        """None: the matrix belongs to the end of an epoch."""
        return None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self.matrix, self.history = None, []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        if (epoch + 1) % self.every:
            return
        scores = self.model.predict(self.x, batch_size=self.batch_size, verbose=0)
        if keras.tree.is_nested(scores) or scores.ndim != 2 or scores.shape[-1] < 2:
            raise ValueError("ConfusionMatrix needs a model whose output is (N, classes).")
        self.matrix = confusion(classes_of(self.y), scores.argmax(-1), scores.shape[-1])
        self.history.append((self.update, self.matrix))
        if self.directory is not None:
            writer = tf.summary.create_file_writer(str(Path(self.directory)))
            with writer.as_default(step=self.update):
                tf.summary.image("confusion matrix", matrix_image(self.matrix)[None])
                # Not the tag of the picture: TensorBoard would show one of the two, or none.
                tf.summary.text("confusion matrix counts", matrix_table(self.matrix))
            writer.close()

    def get_state(self) -> dict[str, Any]:
        rows = [[update, matrix] for update, matrix in self.history]
        return {**super().get_state(), "history": rows}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self.history = [(int(update), np.asarray(matrix)) for update, matrix in state["history"]]
        self.matrix = self.history[-1][1] if self.history else None
