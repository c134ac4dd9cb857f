"""What the wrappers of this package share: an optimizer inside, in full view."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf  # keras.ops cannot update mirrored variables after their gradients are
from keras import ops

from mlkit._core.types import Config, Tensor, Variable
from mlkit.ops._slices import is_slices, summed


class BaseWrapper(keras.Optimizer):
    """An optimizer that lets another one make the update, and then does something with the weights.

    The inner optimizer applies its own clipping, decay, averages and accumulation. Its counter,
    learning rate and variables are those of the wrapper.

    Args:
        optimizer: the inner one, or its name.
        **kwargs: `name`, as for `keras.optimizers.Optimizer`.
    """

    def __init__(self, optimizer: Any, **kwargs: Any) -> None:
        optimizer = keras.optimizers.get(optimizer)
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            raise ValueError(
                "`optimizer` must be a plain optimizer; a LossScaleOptimizer goes around the "
                f"{type(self).__name__}. Received: optimizer={type(optimizer).__name__}"
            )
        unknown = sorted(set(kwargs) - {"name"})
        if unknown:
            raise ValueError(
                f"{type(self).__name__} takes `name`; give {', '.join(unknown)} to the optimizer "
                f"inside it. Received: {', '.join(f'{n}={kwargs[n]!r}' for n in unknown)}"
            )
        super().__init__(learning_rate=0.0, **kwargs)
        self.optimizer = optimizer
        self._own: list[Variable] = []
        self._copies: list[list[Variable]] = []

    @property
    def variables(self) -> list[Variable]:
        """The inner optimizer's variables, and after them the wrapper's own."""
        return [*self.optimizer.variables, *self._own]

    @property
    def iterations(self) -> Any:
        return self.optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        return self.optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.optimizer.learning_rate = learning_rate

    @property
    def loss_scale_factor(self) -> Any:
        inner = getattr(self, "optimizer", None)
        return None if inner is None else inner.loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, factor: Any) -> None:
        # Keras' own __init__ sets it before there is an inner one; a LossScaleOptimizer around
        # this one sets it to None.
        if getattr(self, "optimizer", None) is not None:
            self.optimizer.loss_scale_factor = factor

    def scale_loss(self, loss: Tensor) -> Tensor:
        return self.optimizer.scale_loss(loss)

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        self.optimizer.exclude_from_weight_decay(var_list, var_names)

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        self.optimizer.build(variables)
        super().build(variables)

    def copies(self, variables: Sequence[Variable], name: str) -> list[Variable]:
        """Variables of the wrapper that begin as copies of the weights at the first update.

        Weights that are loaded into a model after its optimizer was built are then those meant.
        """
        made: Any = self.add_optimizer_variables(variables, name)
        self._own, self._copies = [*self._own, *made], [*self._copies, made]
        return made

    def _copy(self, variables: Sequence[Variable]) -> None:
        def copy(variable: Any, *own: Any) -> None:
            for one in own:
                one.assign(variable)

        own = [tuple(made[self.place(v)] for made in self._copies) for v in variables]
        self.change(variables, own, copy, lambda: ops.equal(self.iterations, 0))

    def apply(
        self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None
    ) -> None:
        """The inner optimizer's update, and what the wrapper does after it."""
        variables = trainable_variables
        variables = self._trainable_variables if variables is None else list(variables)
        if not self.built:
            self.build(variables)
        # Keras' optimizers square the rows of an embedding's gradient before they are summed.
        grads = [summed(g) if is_slices(g) else g for g in grads]
        if self._copies:
            self._copy(variables)
        kept = self.before(variables)
        self.optimizer.apply(grads, variables)
        self.after(variables, kept)

    def before(self, variables: Sequence[Variable]) -> Any:
        """What is needed of the weights before the update."""
        return None

    def after(self, variables: Sequence[Variable], kept: Any) -> None:
        """What is done with the weights after the update."""
        raise NotImplementedError

    def place(self, variable: Variable) -> int:
        """The place of a variable among those that the optimizer was built with."""
        return self._get_variable_index(variable)

    def change(
        self,
        variables: Sequence[Variable],
        arguments: Sequence[tuple[Any, ...]],
        function: Callable[..., None],
        when: Callable[[], Tensor] | None = None,
    ) -> None:
        """Call `function(variable, *arguments)` for each variable, on each of its copies.

        `when` says whether to, and is asked where all replicas meet: in one of them a condition
        must not stand around an update.
        """

        def meet(strategy: Any, arguments: Any) -> None:
            def run() -> None:
                for variable, given in zip(variables, arguments, strict=True):
                    strategy.extended.update(
                        _native(variable), function, args=tuple(map(_native, given)), group=False
                    )

            run() if when is None else self._once(when(), run)

        replica = tf.distribute.get_replica_context()
        if replica is None:
            meet(tf.distribute.get_strategy(), arguments)
        else:
            replica.merge_call(meet, args=(arguments,))

    def _once(self, due: Tensor, run: Callable[[], None]) -> None:
        """Call `run` if it is due."""

        def body(due: Tensor) -> tuple[Tensor]:
            run()
            return (tf.zeros_like(due),)

        # A loop that ends after one round: of a `cond` XLA copies all variables in each update. And
        # what follows shall wait for the loop, or XLA copies the weights for it: all of it needs
        # the counter, so the counter needs the loop's end, which is 0. (An inner optimizer that
        # accumulates has a quotient for a counter, and Keras' own `cond` around its update.)
        (left,) = tf.while_loop(lambda due: due, body, (due,))
        if isinstance(self.iterations, keras.Variable):
            self.iterations.assign_add(ops.cast(left, self.iterations.dtype))

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        self.optimizer.finalize_variable_values(var_list)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all variables, in the order of `variables`."""
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)

    def get_config(self) -> Config:
        inner = keras.saving.serialize_keras_object(self.optimizer)
        return {"name": self.name, "optimizer": inner}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Any = None) -> Any:
        inner = keras.saving.deserialize_keras_object(
            config["optimizer"], custom_objects=custom_objects
        )
        return cls(**{**config, "optimizer": inner})


def _native(variable: Any) -> Any:
    return variable.value if isinstance(variable, keras.Variable) else variable
