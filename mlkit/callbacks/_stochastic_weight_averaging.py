"""The mean of the weights along the end of a run."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from mlkit._core.checks import check_bool, check_choice, check_integer, check_number
from mlkit._core.types import Logs, Variable
from mlkit._state.variables import Snapshot
from mlkit.callbacks._claims import claim
from mlkit.callbacks._model_state import layers_of, metric_variables
from mlkit.callbacks._monitor import say
from mlkit.callbacks._update_callback import UpdateCallback, multiple_after


class StochasticWeightAveraging(UpdateCallback):
    """Puts the mean of the weights of the last epochs into the model.

    After each epoch from `start` on (or each `every` updates) the weights are taken into a running
    mean, and the mean is put into the model when training ends. Use it with a rate that stays high,
    constant or cyclical: averaging then finds the middle of where the weights wander. The moving
    statistics of batch normalisation belong to no single weights, so they are computed anew, as the
    mean over the batches of `data`.

    Args:
        start: first epoch (from 0) that counts, an integer; or a fraction of the epochs, a float in
            [0, 1). Default 0.75.
        every: updates between two weights that count, ≥ 1. Default None: the end of each epoch.
        data: what to compute batch statistics from: inputs as an array (or nest of arrays), or a
            dataset of batches. Default None, which a model with batch normalisation refuses.
        batch_size: examples a batch, for arrays. Default 32.
        recalibrate: whether to compute batch statistics anew; if not, theirs are averaged too.
            Default True.
        verbose: 1 says on stdout how many weights were averaged. Default 0.

    Attributes:
        count: how many weights were averaged.

    Raises:
        ValueError: an argument out of its range; the model has batch normalisation and there are no
            `data`; another callback puts weights into the model when training ends.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> swa = mk.callbacks.StochasticWeightAveraging(start=2)
        >>> x = np.ones((8, 2), "float32")
        >>> history = model.fit(x, x[:, :1], epochs=5, verbose=0, callbacks=[swa])
        >>> swa.count
        3

    Reference:
        Izmailov et al., 2018, https://arxiv.org/abs/1803.05407.
        Differs from `torch.optim.swa_utils` in the moving variance, which here is the mean of the
        batches' biased variances, as everywhere in Keras.
    """

    # It changes what is trained: of several workers all must call it.
    on_all_workers = True

    claims = ("weights",)

    def __init__(
        self,
        start: float = 0.75,
        *,
        every: int | None = None,
        data: Any = None,
        batch_size: int = 32,
        recalibrate: bool = True,
        verbose: int = 0,
    ) -> None:
        super().__init__()
        if isinstance(start, float):
            check_number("start", start, low=0, high=1, open_high=True)
        else:
            check_integer("start", start, low=0)
        if every is not None:
            check_integer("every", every, low=1)
        check_integer("batch_size", batch_size, low=1)
        check_bool("recalibrate", recalibrate)
        check_choice("verbose", verbose, (0, 1))
        self.start, self.every, self.data = start, every, data
        self.batch_size, self.recalibrate, self.verbose = batch_size, recalibrate, verbose
        self.count = 0
        self._first = 0
        self._means: list[Any] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        claim(self)
        self.count, self._means = 0, []
        if self.recalibrate and self.data is None and _batch_norms(self.model):
            raise ValueError(
                "StochasticWeightAveraging: the model has batch normalisation, whose statistics "
                "belong to no averaged weights. Give `data`, inputs to compute them from, or "
                "`recalibrate=False`."
            )
        epochs = (self.params or {}).get("epochs") or 1
        self._first = int(self.start * epochs) if isinstance(self.start, float) else self.start

    def next_update(self, update: int) -> int | None:
        if self.every is None or (self._epoch or 0) < self._first:
            return None
        return multiple_after(self.every, update)

    def on_update(self, update: int, logs: Logs) -> None:
        self._take()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        if self.every is None and epoch >= self._first:
            self._take()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if not self.count:
            say(self, f"averaged nothing: training ended before epoch {self._first + 1} was over.")
            return
        for variable, mean in zip(_averaged(self.model), self._means, strict=True):
            variable.assign(ops.cast(mean, variable.dtype))
        batches = 0
        if self.recalibrate and self.data is not None:
            batches = recalibrate(self.model, self.data, self.batch_size)
        more = f", batch statistics of {batches} batches" if batches else ""
        say(self, f"the model has the mean of {self.count} weights{more}.")

    def _take(self) -> None:
        self.count += 1
        now = [ops.cast(v, "float32") for v in _averaged(self.model)]
        if self.count == 1:
            self._means = [ops.copy(value) for value in now]
        else:
            means = zip(self._means, now, strict=True)
            self._means = [mean + (value - mean) / self.count for mean, value in means]

    def get_state(self) -> dict[str, Any]:
        means = [ops.convert_to_numpy(mean) for mean in self._means]
        return {**super().get_state(), "count": self.count, "means": means}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self.count = state["count"]
        self._means = [ops.convert_to_tensor(mean) for mean in state["means"]]


def _averaged(model: Any) -> list[Variable]:
    """All weights that are numbers: what is frozen keeps its value in the mean."""
    return [v for v in model.weights if "float" in str(v.dtype)]


def _batch_norms(model: Any) -> list[Any]:
    return [b for _, b in layers_of(model) if isinstance(b, keras.layers.BatchNormalization)]


def _batches(data: Any, size: int) -> Iterator[Any]:
    """The inputs of each batch."""
    if isinstance(data, keras.utils.PyDataset):
        batches: Any = (data[i] for i in range(len(data)))
    elif hasattr(data, "element_spec"):
        batches = data
    else:
        length = len(keras.tree.flatten(data)[0])
        batches = ((_cut(data, i, size),) for i in range(0, length, size))
    for batch in batches:
        yield keras.utils.unpack_x_y_sample_weight(batch)[0]


def _cut(data: Any, start: int, size: int) -> Any:
    return keras.tree.map_structure(lambda a: np.asarray(a[start : start + size]), data)


def recalibrate(model: Any, data: Any, batch_size: int) -> int:
    """Set moving statistics to their means over the batches of `data`; returns how many."""
    layers = [layer for layer in _batch_norms(model) if layer.trainable]
    momenta = [layer.momentum for layer in layers]
    mine = {id(v) for b in layers for v in (b.moving_mean, b.moving_variance)}
    others = [v for v in model.non_trainable_variables if id(v) not in mine]
    kept = Snapshot([*others, *metric_variables(model)])
    count = 0
    try:
        for count, x in enumerate(_batches(data, batch_size), 1):
            for layer in layers:
                # The moving value after n batches is their mean.
                layer.momentum = (count - 1) / count
            model(x, training=True)
    finally:
        kept.restore()
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
    return count
