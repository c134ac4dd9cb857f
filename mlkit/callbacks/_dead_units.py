"""Units that never fire."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from mlkit._core.checks import check_number
from mlkit._core.types import Logs
from mlkit.callbacks._logging_callback import LoggingCallback
from mlkit.callbacks._model_state import undisturbed


class DeadUnits(LoggingCallback):
    """Logs which part of each layer's units is zero for all of some examples.

    A unit behind a ReLU that is zero for everything learns nothing any more. A unit is an entry of
    the last axis; it is dead if no example (and no position) gives it more than `threshold` in
    absolute value. For models of the functional API and Sequential ones.

    Args:
        x: inputs of the examples, the more the better.
        layers: names of the layers to look at. Default None: all whose activation is `relu`.
        threshold: largest absolute value of a dead unit, ≥ 0. Default 0.
        every: updates between two lines, ≥ 1. Default 100.
        to: where to: a path ending in `.csv` or `.jsonl`, a directory for TensorBoard, or an object
            with `write(step, values)` and `close()`. Default None: `history` only.

    Attributes:
        history: `(update, {layer: part of its units that is dead})` of each line.

    Raises:
        ValueError: a layer that is not there; nothing to look at; an argument out of its range.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> hidden = mk.layers.Dense(4, "relu", bias_initializer="ones", name="hidden")
        >>> model = mk.Sequential([mk.Input((2,)), hidden, mk.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.zeros((8, 2), "float32")
        >>> dead = mk.callbacks.DeadUnits(x, every=1)
        >>> history = model.fit(x, x[:, :1], verbose=0, callbacks=[dead])
        >>> dead.history
        [(1, {'hidden': 0.0})]
    """

    def __init__(
        self,
        x: Any,
        *,
        layers: Sequence[str] | None = None,
        threshold: float = 0.0,
        every: int = 100,
        to: Any = None,
    ) -> None:
        super().__init__(every, to)
        check_number("threshold", threshold, low=0)
        self.x, self.layers, self.threshold = x, layers, threshold
        self._watch: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        model: Any = self.model
        names = [layer.name for layer in model.layers]
        for name in self.layers or ():
            if name not in names:
                raise ValueError(f"`layers` must be of {names}. Received: {name!r}")
        relu = [
            layer.name
            for layer in model.layers
            if isinstance(layer, keras.layers.ReLU)
            or getattr(layer, "activation", None) is keras.activations.relu
        ]
        chosen = list(self.layers) if self.layers is not None else relu
        if not chosen:
            raise ValueError("DeadUnits: no layer has the activation relu. Name some in `layers`.")
        outputs = {name: model.get_layer(name).output for name in chosen}
        # One input is given as it is: in a list it would want a list.
        inputs = model.inputs if len(model.inputs) > 1 else model.inputs[0]
        self._watch = keras.Model(inputs, outputs)

    def measure(self, logs: Logs) -> Mapping[str, float]:
        with undisturbed(self.model):
            outputs = self._watch(self.x, training=False)
        found = {}
        for name, values in outputs.items():
            array = np.abs(np.asarray(values))
            alive = (array.reshape(-1, array.shape[-1]) > self.threshold).any(0)
            found[name] = float(1 - alive.mean())
        return found
