"""What TensorBoard can show of a run, written as events."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

# Events are written by tf.summary: Keras has no writer of its own.
import tensorflow as tf
from keras import ops

from mlkit._core.checks import check_bool, check_integer
from mlkit._core.types import Logs
from mlkit.callbacks._model_state import rates
from mlkit.callbacks._pictures import write_examples
from mlkit.callbacks._probe import (
    classes_of,
    confusion,
    gradients_of,
    matrix_image,
    matrix_table,
    outputs_of,
)
from mlkit.callbacks._update_callback import UpdateCallback, multiple_after


class TensorBoardLogger(UpdateCallback):
    """Writes a run for TensorBoard: all of its tabs, by updates.

    Training metrics and learning rates are written each `every` updates into `directory/train`,
    validation metrics after each epoch into `directory/validation`, both with the update as their
    step. With `data` (a few examples) come histograms of weights and of the gradients of these
    examples, a confusion matrix and predictions after each `histograms` epochs. A metric of several
    values is written as one curve a value. Open it with `tensorboard --logdir directory`.

    Args:
        directory: where to; made if it is not there.
        every: updates between two points of the training curves, ≥ 1. Default 100.
        histograms: epochs between histograms, matrices and predictions, ≥ 0; 0 is never. Default 1.
        data: `(x, y)`, examples to compute gradients, matrix and predictions on. Default None.
        hparams: hyper-parameters of the run, name to number, string or bool, for the HParams tab.
            Default None.
        graph: whether to write the graph of the model's forward pass. Default True.
        embeddings: names of embedding layers (or layers whose `embeddings` is a matrix) for the
            projector, to a list of a label a row, or None. Default None.
        images: number of examples of `data` to show with their predictions; images in a frame,
            green where the prediction is right and red where it is not. Default 0.
        profile: `(first, last)` update of a profile (the tab needs the package
            `tensorboard-plugin-profile` or `xprof`). Default None.

    Raises:
        ValueError: an argument out of its range; an embedding layer that is not there.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> board = mk.callbacks.TensorBoardLogger("board", every=2)
        >>> x = np.ones((64, 2), "float32")
        >>> history = model.fit(x, x[:, :1], batch_size=8, verbose=0, callbacks=[board])
        >>> import os; sorted(os.listdir("board"))
        ['train']

    Reference:
        `keras.callbacks.TensorBoard`, 2015, https://keras.io/api/callbacks/tensorboard.
        Differs from it in gradients, rates, matrices, predictions and hyper-parameters, in a graph
        and embeddings that are really written, and in curves by updates that do not wait for each
        step.
    """

    def __init__(
        self,
        directory: str | os.PathLike,
        *,
        every: int = 100,
        histograms: int = 1,
        data: tuple[Any, Any] | None = None,
        hparams: Mapping[str, Any] | None = None,
        graph: bool = True,
        embeddings: Mapping[str, Sequence[str] | None] | None = None,
        images: int = 0,
        profile: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        check_integer("every", every, low=1)
        check_integer("histograms", histograms, low=0)
        check_bool("graph", graph)
        check_integer("images", images, low=0)
        if images and data is None:
            raise ValueError("`images` needs `data`, the examples to show.")
        if profile is not None and not 0 < profile[0] <= profile[1]:
            raise ValueError(
                f"`profile` must be two updates, (first, last). Received: profile={profile!r}"
            )
        self.directory, self.every, self.histograms = directory, every, histograms
        self.data, self.hparams, self.graph = data, hparams, graph
        self.embeddings, self.images, self.profile = embeddings, images, profile
        self._writers: dict[str, Any] = {}
        self._profiling = False
        self._mark: Any = None

    def next_update(self, update: int) -> int | None:
        due = [multiple_after(self.every, update)]
        if self.profile is not None and update < self.profile[1]:
            # Each update of the profile is a block of its own, or steps could not be told apart.
            due.append(max(update + 1, self.profile[0] - 1))
        return min(due)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self._writers, self._profiling, self._looked = {}, False, 0
        self._check_embeddings()
        if self.hparams:
            self._write_hparams()
        if self.graph:
            self._write_graph()
        if self.profile is not None and self.profile[0] == 1:
            self._start_profile()

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        if self._profiling:
            # What the profile's tab knows a step by, and its time.
            self._mark = tf.profiler.experimental.Trace("train", step_num=self.update, _r=1)
            self._mark.__enter__()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._end_mark()
        super().on_train_batch_end(batch, logs)

    def _end_mark(self) -> None:
        if self._mark is not None:
            self._mark.__exit__(None, None, None)
        self._mark = None

    def on_update(self, update: int, logs: Logs) -> None:
        before, self._looked = self._looked, update
        # Not `update % every == 0`: a call may cover several updates.
        if update // self.every > before // self.every:
            with self._writer("train").as_default(step=update):
                _scalars({**logs, **rates(self.model)}, "")
        if self.profile is not None:
            if update >= self.profile[1]:
                self._stop_profile()
            elif update >= self.profile[0] - 1 and not self._profiling:
                self._start_profile()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        logs = logs or {}
        with self._writer("train").as_default(step=self.update):
            _scalars({k: v for k, v in logs.items() if not k.startswith("val_")}, "epoch_")
        held_out = {k[4:]: v for k, v in logs.items() if k.startswith("val_")}
        if held_out:
            with self._writer("validation").as_default(step=self.update):
                _scalars(held_out, "epoch_")
        if self.histograms and (epoch + 1) % self.histograms == 0:
            with self._writer("train").as_default(step=self.update):
                self._write_histograms()
                if self.data is not None:
                    self._write_predictions()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._stop_profile()
        if self.embeddings:
            self._write_embeddings()
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self._looked = self.update

    def _writer(self, name: str) -> Any:
        if name not in self._writers:
            path = Path(self.directory) / name
            self._writers[name] = tf.summary.create_file_writer(str(path))
        return self._writers[name]

    def _write_hparams(self) -> None:
        from tensorboard.plugins.hparams import api

        with self._writer("train").as_default(step=0):
            api.hparams(dict(self.hparams or {}), trial_id=Path(self.directory).name)

    def _write_graph(self) -> None:
        model: Any = self.model
        given = getattr(model, "inputs", None)
        if not given:
            return  # a subclassed model has no graph before its first batch
        shapes = [tf.TensorSpec([None, *t.shape[1:]], t.dtype) for t in given]
        function = tf.function(lambda x: model(x, training=False))
        shapes = shapes if len(shapes) > 1 else shapes[0]
        with self._writer("train").as_default(step=0):
            tf.summary.graph(function.get_concrete_function(shapes).graph)

    def _write_histograms(self) -> None:
        model: Any = self.model
        for variable in model.weights:
            tf.summary.histogram(f"weights/{variable.path}", ops.convert_to_numpy(variable))
        if self.data is None:
            return
        for variable, gradient in gradients_of(model, *self.data):
            tf.summary.histogram(f"gradients/{variable.path}", gradient)

    def _write_predictions(self) -> None:
        x, y = self.data or (None, None)
        scores = outputs_of(self.model, x)
        if keras.tree.is_nested(scores) or scores.ndim != 2 or scores.shape[-1] < 2:
            return
        labels, found = classes_of(y), scores.argmax(-1)
        matrix = confusion(labels, found, scores.shape[-1])
        tf.summary.image("confusion matrix", matrix_image(matrix)[None])
        # Not the tag of the picture: TensorBoard would show one of the two, or none.
        tf.summary.text("confusion matrix counts", matrix_table(matrix))
        if count := min(self.images, len(labels)):
            rows = [[i, labels[i], found[i]] for i in range(count)]
            write_examples(
                np.asarray(x)[:count], labels[:count], found[:count], rows,
                ["example", "label", "found"],
            )  # fmt: skip

    def _check_embeddings(self) -> None:
        names = {layer.name for layer in self.model.layers}
        for name in self.embeddings or {}:
            if name not in names:
                raise ValueError(
                    f"`embeddings` must name layers of the model, of {sorted(names)}. "
                    f"Received: {name!r}"
                )

    def _write_embeddings(self) -> None:
        from tensorboard.plugins import projector

        folder = Path(self.directory) / "train"
        config = projector.ProjectorConfig()
        for name, labels in (self.embeddings or {}).items():
            matrix = np.asarray(self.model.get_layer(name).embeddings)
            entry = config.embeddings.add()
            entry.tensor_name, entry.tensor_path = name, f"{name}.tsv"
            np.savetxt(folder / f"{name}.tsv", matrix, delimiter="\t")
            if labels is not None:
                entry.metadata_path = f"{name}_labels.tsv"
                (folder / entry.metadata_path).write_text("\n".join(labels) + "\n", "utf-8")
        projector.visualize_embeddings(str(folder), config)

    def _start_profile(self) -> None:
        tf.profiler.experimental.start(str(Path(self.directory) / "train"))
        self._profiling = True

    def _stop_profile(self) -> None:
        self._end_mark()
        if self._profiling:
            tf.profiler.experimental.stop()
        self._profiling = False


def _scalars(logs: Mapping[str, Any], prefix: str) -> None:
    for name, value in logs.items():
        array = np.asarray(value)
        if array.ndim == 0:
            tf.summary.scalar(prefix + name, float(array))
            continue
        for i, one in enumerate(array.ravel()):
            tf.summary.scalar(f"{prefix}{name}/{i}", float(one))
