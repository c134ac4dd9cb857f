"""What the wrappers share that keep an average of the weights."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf  # the function of an update sees TensorFlow's own variables

from mlkit._core.types import Tensor, Variable
from mlkit.optimizers._base_wrapper import BaseWrapper


class BaseAverage(BaseWrapper):
    """An optimizer beside which an average of the weights is kept.

    Args:
        optimizer: the inner one, or its name.
        **kwargs: `name`, as for `keras.optimizers.Optimizer`.
    """

    def __init__(self, optimizer: Any, **kwargs: Any) -> None:
        super().__init__(optimizer, **kwargs)
        if self.optimizer.use_ema or isinstance(self.optimizer, BaseAverage):
            raise ValueError(
                f"{type(self).__name__} and the optimizer inside it both average the weights, and "
                "both would put their average in at the end. Take one of them away. "
                f"Received: optimizer={type(self.optimizer).__name__}, "
                f"use_ema={self.optimizer.use_ema}"
            )

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._averages = self.copies(variables, "average")
        self._seen = self.add_variable(
            (), dtype="int64", aggregation="only_first_replica", name="seen"
        )
        self._own = [*self._own, self._seen]

    def taken_in(self, count: Tensor) -> Tensor:
        """Whether the weights of an update go into the average; `count` is its number from 0."""
        raise NotImplementedError

    def share(self, count: Tensor) -> Tensor:
        """What they count there, in float32."""
        raise NotImplementedError

    def seen(self) -> int:
        """The updates up to the last that went into the average."""
        return int(tf.convert_to_tensor(self._seen))  # on several replicas `int` alone fails

    def begun(self) -> bool:
        """Whether there is an average yet."""
        return self.seen() > 0

    def after(self, variables: Sequence[Variable], kept: Any) -> None:
        def count() -> Tensor:
            return tf.cast(self.iterations, "int64") - 1

        def when() -> Tensor:
            # A micro-step of an accumulated update, which does not count, changes nothing.
            return tf.logical_and(count() >= tf.cast(self._seen, "int64"), self.taken_in(count()))

        def take_in(variable: Any, average: Any) -> None:
            change = (variable - average) * tf.cast(self.share(count()), average.dtype)
            average.assign_add(change)

        self.change(variables, [(self._averages[self.place(v)],) for v in variables], take_in, when)
        self._seen.assign(tf.cast(self.iterations, "int64"))

    def assign_average_vars(self, var_list: Sequence[Variable]) -> None:
        """Put the averages into the variables that have one, once there are any.

        `fit` does it at its end.

        Args:
            var_list: variables of the model; others than the trained ones stay as they are.
        """
        if not self.built or not self.begun():
            return
        for variable, average in self._pairs(var_list):
            variable.assign(average)

    def swap_weights(self) -> None:
        """Exchange the weights and their averages; again, and they are back."""
        for variable, average in self._pairs(self._trainable_variables):
            value = tf.identity(variable.value)
            variable.assign(average)
            average.assign(value)

    def _pairs(self, var_list: Sequence[Variable]) -> list[tuple[Variable, Variable]]:
        known = {id(v): a for v, a in zip(self._trainable_variables, self._averages, strict=True)}
        return [(v, known[id(v)]) for v in var_list if id(v) in known]

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """What `fit` calls at its end: put the averages in."""
        super().finalize_variable_values(var_list)
        self.assign_average_vars(var_list)
