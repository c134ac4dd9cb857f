"""One run, several models."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlkit._core.checks import check_bool, check_choice, check_integer, check_number
from mlkit._core.types import Logs
from mlkit._state.files import file_written_beside
from mlkit.callbacks._monitor import say
from mlkit.callbacks._update_callback import UpdateCallback


class SnapshotEnsemble(UpdateCallback):
    """Saves the model at the end of each cycle of the rate, for an ensemble.

    At the end of a cycle the rate is small and the model good; the next cycle's high rate takes it
    to another place. `cycle-0001.keras` is the model after the first `cycle` updates; the n-th
    cycle is `cycle * growth ** (n - 1)` of them, rounded. The rate is that of the optimizer:
    `mk.optimizers.schedules.CosineWithWarmupRestarts(rate, cycle, t_mul=growth)` has these cycles.

    Args:
        directory: where to; made if it is not there. Files of an earlier run are written over.
        cycle: updates of the first cycle, ≥ 1.
        growth: each cycle is this many times as long as the one before, ≥ 1. Default 1.
        last: number of the newest snapshots that are kept, ≥ 1. Default None: all.
        weights_only: whether to write `.weights.h5`, without architecture and optimizer. Default
            False.
        verbose: 1 says on stdout what is saved. Default 0.

    Attributes:
        paths: the files that are kept, the oldest first.

    Raises:
        ValueError: an argument out of its range.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1)])
        >>> schedules = mk.optimizers.schedules
        >>> rate = schedules.CosineWithWarmupRestarts(0.1, 2, t_mul=1.0)
        >>> model.compile(mk.optimizers.SGD(rate), "mse")
        >>> ensemble = mk.callbacks.SnapshotEnsemble("snapshots", cycle=2)
        >>> x = np.ones((8, 2), "float32")
        >>> history = model.fit(x, x[:, :1], batch_size=2, verbose=0, callbacks=[ensemble])
        >>> [path.name for path in ensemble.paths], ensemble.predict(x).shape
        (['cycle-0001.keras', 'cycle-0002.keras'], (8, 1))

    Reference:
        Huang et al., 2017, https://arxiv.org/abs/1704.00109.
    """

    def __init__(
        self,
        directory: str | os.PathLike,
        cycle: int,
        *,
        growth: float = 1.0,
        last: int | None = None,
        weights_only: bool = False,
        verbose: int = 0,
    ) -> None:
        super().__init__()
        check_integer("cycle", cycle, low=1)
        check_number("growth", growth, low=1)
        if last is not None:
            check_integer("last", last, low=1)
        check_bool("weights_only", weights_only)
        check_choice("verbose", verbose, (0, 1))
        self.directory, self.cycle, self.growth, self.last = directory, cycle, growth, last
        self.weights_only, self.verbose = weights_only, verbose
        self._names: list[str] = []

    @property
    def paths(self) -> list[Path]:
        return [Path(self.directory) / name for name in self._names]

    def next_update(self, update: int) -> int | None:
        """The end of the running cycle."""
        return self._end(update)[0]

    def _end(self, update: int) -> tuple[int, int]:
        """The first end of a cycle after an update, and the number of that cycle, from 1."""
        end = number = 0
        while end <= update:
            end += round(self.cycle * self.growth**number)
            number += 1
        return end, number

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        Path(self.directory).mkdir(parents=True, exist_ok=True)
        self._names = []

    def on_update(self, update: int, logs: Logs) -> None:
        number = self._end(update)[1] - 1  # of the cycle that has ended
        name = f"cycle-{number:04d}" + (".weights.h5" if self.weights_only else ".keras")
        model: Any = self.model
        with file_written_beside(Path(self.directory) / name) as beside:
            (model.save_weights if self.weights_only else model.save)(beside)
        # A cycle that is done a second time after a resume replaces its own file.
        self._names = [kept for kept in self._names if kept != name] + [name]
        gone = self._names[: -self.last] if self.last is not None else []
        for old in gone:
            (Path(self.directory) / old).unlink(missing_ok=True)
            self._names.remove(old)
        removed = f", removed {', '.join(gone)}" if gone else ""
        say(self, f"saved {name} after update {update}{removed}.")

    def predict(self, x: Any, batch_size: int = 32) -> Any:
        """The mean of the predictions of all snapshots.

        Args:
            x: inputs, as for `keras.Model.predict`.
            batch_size: examples a batch. Default 32.

        Returns:
            Arrays of the form of `model.predict(x)`.

        Raises:
            ValueError: there is no snapshot.
        """
        if not self._names:
            raise ValueError(
                f"SnapshotEnsemble: there is no snapshot in {self.directory}; training ended "
                f"before the first cycle of {self.cycle} updates was over."
            )
        found = [model.predict(x, batch_size=batch_size, verbose=0) for model in self._models()]
        return keras.tree.map_structure(lambda *parts: np.mean(parts, axis=0), *found)

    def _models(self) -> Iterator[Any]:
        """Each snapshot as a model, one after the other."""
        for path in self.paths:
            if self.weights_only:
                shadow = keras.models.clone_model(self.model)
                shadow.load_weights(path)
            else:
                shadow = keras.saving.load_model(path, compile=False)
            yield shadow

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "names": list(self._names)}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self._names = list(state["names"])
