"""A second model that follows the one in training."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_bool, check_integer, check_number
from mlkit._core.types import Logs
from mlkit.callbacks._update_callback import UpdateCallback, multiple_after


class EMATeacher(UpdateCallback):
    """Keeps a teacher, a model whose weights are a moving average of the student's.

    After update t (a multiple of `every`) each weight of the teacher becomes `d a + (1 - d) w` with
    `d = decay ** every`; with `warmup`, `d = min(decay ** every, (1 + n) / (10 + n))` at its n-th
    step, so that the teacher forgets its start fast. Weights that do not train (moving statistics,
    frozen layers) are copied. Use it for a consistency loss (mean teacher: call `callback.teacher`
    in the loss), or to evaluate an average beside the weights themselves.

    Args:
        decay: of the average an update, in [0, 1). Default 0.999.
        every: updates between two steps of the teacher, ≥ 1. In `mk.fit`, 1 makes blocks of one
            update; 10 costs next to nothing. Default 1.
        warmup: whether the decay grows at the beginning. Default True.
        teacher: a model of the same architecture. Default None: a copy is made.

    Attributes:
        teacher: the model that was given, or the copy.

    Raises:
        ValueError: an argument out of its range; the teacher's weights have other shapes.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> ema = mk.callbacks.EMATeacher(0.9)
        >>> x = np.ones((8, 2), "float32")
        >>> history = model.fit(x, x[:, :1], epochs=2, verbose=0, callbacks=[ema])
        >>> ema.teacher.predict(x, verbose=0).shape
        (8, 1)

    Reference:
        Tarvainen and Valpola, 2017, https://arxiv.org/abs/1703.01780. The warm-up is that of
        `tf.train.ExponentialMovingAverage(num_updates=...)`.
    """

    # It changes what is trained: of several workers all must call it.
    on_all_workers = True

    def __init__(
        self,
        decay: float = 0.999,
        *,
        every: int = 1,
        warmup: bool = True,
        teacher: keras.Model | None = None,
    ) -> None:
        super().__init__()
        check_number("decay", decay, low=0, high=1, open_high=True)
        check_integer("every", every, low=1)
        check_bool("warmup", warmup)
        self.decay, self.every, self.warmup = decay, every, warmup
        self.teacher = teacher
        self._own = teacher is None
        self._pairs: list[tuple[Any, Any]] = []

    def next_update(self, update: int) -> int | None:
        return multiple_after(self.every, update)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        model: Any = self.model
        if self._own:
            self.teacher = type(model).from_config(model.get_config())
            if not self.teacher.built:
                self.teacher.build_from_config(model.get_build_config())
        teacher: Any = self.teacher
        mine = [tuple(v.shape) for v in teacher.weights]
        theirs = [tuple(v.shape) for v in model.weights]
        if mine != theirs:
            raise ValueError(
                "`teacher` must have weights of the same shapes as the model. "
                f"Received: {mine[:4]} and {theirs[:4]}"
            )
        teacher.trainable = False
        self._pairs = list(zip(teacher.weights, model.weights, strict=True))
        for average, weight in self._pairs:
            average.assign(weight)

    def on_update(self, update: int, logs: Logs) -> None:
        decay = self.decay**self.every
        if self.warmup:
            step = update // self.every
            decay = min(decay, (1 + step) / (10 + step))
        trained = {id(v) for v in self.model.trainable_variables}
        for average, weight in self._pairs:
            if id(weight) in trained:
                average.assign(decay * average + (1 - decay) * weight)
            else:
                average.assign(weight)

    def get_state(self) -> dict[str, Any]:
        weights = [] if self.teacher is None else self.teacher.weights
        return {**super().get_state(), "averages": [ops.convert_to_numpy(w) for w in weights]}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        for average, value in zip(self.teacher.weights, state["averages"], strict=True):
            average.assign(value)
