"""What the optimizer is doing."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from mlkit._core.types import Logs
from mlkit.callbacks._logging_callback import LoggingCallback
from mlkit.callbacks._model_state import inner_optimizer, optimizers_of, rates


class OptimizerLogger(LoggingCallback):
    """Logs learning rates, counters, the loss scale and the size of the slots.

    Works with constant rates and schedules, with a `LossScaleOptimizer` (whose scale is logged too)
    and with several optimizers. A rate is that of the next update.

    Args:
        every: updates between two lines, ≥ 1. Default 100.
        to: where to: a path ending in `.csv` or `.jsonl`, a directory for TensorBoard, or an object
            with `write(step, values)` and `close()`. Default None: `history` only.

    Attributes:
        history: `(update, {name: value})` of each line.

    Raises:
        ValueError: `every` is less than 1.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1)])
        >>> model.compile(mk.optimizers.SGD(0.5), "mse")
        >>> log = mk.callbacks.OptimizerLogger(every=1)
        >>> x = np.ones((8, 2), "float32")
        >>> history = model.fit(x, x[:, :1], verbose=0, callbacks=[log])
        >>> log.history
        [(1, {'learning_rate': 0.5, 'iterations': 1.0, 'slots': 0.0})]
    """

    def __init__(self, *, every: int = 100, to: Any = None) -> None:
        super().__init__(every, to)

    def measure(self, logs: Logs) -> Mapping[str, float]:
        optimizer: Any = self.model.optimizer
        values: dict[str, float] = dict(rates(self.model))
        inner = inner_optimizer(optimizer)
        values["iterations"] = float(ops.convert_to_numpy(inner.iterations))
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            values["loss_scale"] = float(ops.convert_to_numpy(optimizer.dynamic_scale))
        total = 0.0
        for one in optimizers_of(optimizer).values():
            slots = [v for v in one.variables if len(v.shape) > 0]
            total += sum(float(np.sum(np.square(ops.convert_to_numpy(v)))) for v in slots)
        values["slots"] = total**0.5
        return values
