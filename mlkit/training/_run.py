"""The run directory: what a training run leaves for people and for tools.

model.json       how the model is made
config.json      versions, the model, the arguments of the run
metrics.jsonl    a line an epoch
tensorboard/     the same as events: `tensorboard --logdir DIR`
"""

import json
import math
import os
import platform
import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from mlkit._version import __version__


class RunLog(keras.callbacks.Callback):
    """Writes the configuration and the metrics of a run into its directory.

    Args:
        path: the directory; made if it is not there.
        epochs: number of the last epoch.
        data: what the run trains on.
    """

    def __init__(self, path: str | os.PathLike, epochs: int, data: Any) -> None:
        super().__init__()
        self.path = Path(path)
        self.data = data
        self.config = {"epochs": epochs, "steps_per_epoch": data.steps}

    def on_train_begin(self, logs: Any = None) -> None:
        make_directory(self.path)
        facts = {
            "versions": {
                "mlkit": __version__,
                "tensorflow": tf.__version__,
                "keras": keras.__version__,
                "python": platform.python_version(),
            },
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "model": {
                "name": self.model.name,
                "parameters": parameters_of(self.model),
                "optimizer": type(self.model.optimizer).__name__,
            },
            **self.config,
            "batch_size": getattr(self.data, "batch_size", None),
            "seed": getattr(self.data, "seed", None),
        }
        text = json.dumps(facts, indent=2, default=str)
        write_text(self.path / "config.json", text + "\n")
        self._write_model()
        self._writer = tf.summary.create_file_writer(str(self.path / "tensorboard"))

    def _write_model(self) -> None:
        """Write how the model is made, for `mlkit checkpoints --export`."""
        try:
            text = json.dumps(keras.saving.serialize_keras_object(self.model), indent=1)
        except (NotImplementedError, TypeError):
            return  # a class without a config: its checkpoints load into a model made by its code
        write_text(self.path / "model.json", text + "\n")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Forget the lines of epochs that a resumed run does again."""
        path = self.path / "metrics.jsonl"
        if not path.exists():
            return
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if _epoch_of(line) <= epoch]
        if len(kept) < len(lines):
            write_text(path, "".join(f"{line}\n" for line in kept))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        numbers = {k: v for k, v in (logs or {}).items() if isinstance(v, float)}
        line = json.dumps({"epoch": epoch + 1, **numbers})
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        with self._writer.as_default(step=epoch + 1):
            for name, value in numbers.items():
                tf.summary.scalar(name, value)

    def on_train_end(self, logs: Any = None) -> None:
        self._writer.close()


def _epoch_of(line: str) -> float:
    """The epoch of a line; infinite for one that a crash or a full disk has torn."""
    try:
        return json.loads(line)["epoch"]
    except (ValueError, KeyError, TypeError):
        return float("inf")


def parameters_of(model: keras.Model) -> int:
    """The number of weights, also of a model without `call`, which Keras does not count."""
    return sum(math.prod(w.shape) for w in model.weights)


def make_directory(path: Path) -> None:
    """Make a directory for a run.

    Raises:
        NotADirectoryError: a file is in the way.
        PermissionError: it cannot be made or written to.
    """
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"`run` must be a directory, and {path} is a file.")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise type(error)(f"`run`: the directory {path} cannot be made: {error.strerror}") from None
    if not os.access(path, os.W_OK):
        raise PermissionError(f"`run`: the directory {path} cannot be written to.")


def write_text(path: Path, text: str) -> None:
    """Write a small file beside and rename it: a reader sees the old one or the new one."""
    beside = path.with_name(path.name + ".partial")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
