"""Several optimizers, each for the variables whose path holds a pattern."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from mlkit._core.patterns import check_patterns, chosen
from mlkit._core.registry import register
from mlkit._core.types import Config, Variable


class _Group:
    """An optimizer and the places of its variables, hidden from Keras' search for what to save."""

    def __init__(self, optimizer: keras.Optimizer) -> None:
        self.optimizer = optimizer
        self.places: list[int] = []


@register
class MultiOptimizer(keras.Optimizer):
    """An optimizer for each part of a model, chosen by patterns of variable paths.

    It is compiled into the model like any other, works in `model.fit`, in `mk.Trainer` and by hand,
    and is saved with the model. Each inner optimizer keeps its own learning rate, schedule, weight
    decay, clipping and EMA, over its own variables.

    Which variable has which optimizer is found once, when the optimizer is built, and saved by the
    variable's place. The state therefore survives `save` and `load_model`, which may change the
    paths.

    Args:
        optimizers: from a regular expression, looked for anywhere in a variable's path
            (`"encoder/dense/kernel"`), to the optimizer of these variables. The first pattern that
            is found counts.
        default: the optimizer of all other variables.
        **kwargs: `name`, as for `keras.optimizers.Optimizer`. Everything else belongs to the inner
            optimizers.

    Raises:
        TypeError: an optimizer is none.
        ValueError: one object stands in two places; one is a `LossScaleOptimizer` (wrap the whole
            in it) or a `MultiOptimizer`; when built, a pattern is in no path.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> body, head = mk.layers.Dense(4, name="body"), mk.layers.Dense(1, name="head")
        >>> model = mk.Sequential([mk.Input((3,)), body, head])
        >>> slow, fast = mk.optimizers.SGD(1e-3), mk.optimizers.Adam(1e-2)
        >>> model.compile(mk.training.MultiOptimizer({"body": slow}, default=fast), "mse")
        >>> history = model.fit(np.ones((8, 3)), np.ones((8, 1)), verbose=0)
        >>> model.optimizer.assignments
        [0, 0, 1, 1]

    Reference:
        The part of TensorFlow Addons, 2020, https://www.tensorflow.org/addons. Differs from
        `keras.optimizers.MultiOptimizer`, which matches the paths again after loading, in a model
        whose paths have changed, and so loses the state.
    """

    def __init__(
        self,
        optimizers: Mapping[str, keras.Optimizer],
        default: keras.Optimizer,
        **kwargs: Any,
    ) -> None:
        check_patterns("optimizers", optimizers)
        given = [*optimizers.values(), default]
        _check_optimizers(given)
        super().__init__(learning_rate=0.0, **kwargs)
        self._patterns = list(optimizers)
        self._groups = [_Group(optimizer) for optimizer in given]
        self._assignments: list[int] | None = None
        self._places: dict[int, int] = {}

    @property
    def optimizers(self) -> dict[str, keras.Optimizer]:
        """The inner optimizers by pattern, without the default."""
        return {p: g.optimizer for p, g in zip(self._patterns, self._groups, strict=False)}

    @property
    def default(self) -> keras.Optimizer:
        return self._groups[-1].optimizer

    @property
    def assignments(self) -> list[int]:
        """For each variable the place of its optimizer; the default is the last.

        Raises:
            ValueError: the optimizer is not built.
        """
        if self._assignments is None:
            raise ValueError("The variables are known once the optimizer is built.")
        return list(self._assignments)

    @property
    def learning_rate(self) -> Any:
        """That of the default optimizer, which is what logs show."""
        return self.default.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        raise AttributeError(
            "A MultiOptimizer has a learning rate for each optimizer: set that of "
            "`optimizer.optimizers[pattern]` or `optimizer.default`."
        )

    @property
    def variables(self) -> list[Variable]:
        inner = [v for group in self._groups for v in group.optimizer.variables]
        return [*super().variables, *inner]

    def build(self, variables: Sequence[Variable]) -> None:
        """Give each variable its optimizer, and build these."""
        if self.built:
            return
        variables = list(variables)
        if self._assignments is None:
            places = chosen("optimizers", self._patterns, variables)
            last = len(self._patterns)
            self._assignments = [last if place is None else place for place in places]
        if len(self._assignments) != len(variables):
            raise ValueError(
                f"The saved optimizer knows {len(self._assignments)} variables. "
                f"Received: {len(variables)} variables"
            )
        for place, group in enumerate(self._groups):
            group.places = [i for i, a in enumerate(self._assignments) if a == place]
            if group.places:
                group.optimizer.build([variables[i] for i in group.places])
        self._places = {id(v): i for i, v in enumerate(variables)}
        super().build(variables)

    def apply(
        self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None
    ) -> None:
        """Each optimizer's own update of its own variables; as for `keras.Optimizer.apply`."""
        grads = list(grads)
        if trainable_variables is None:
            trainable_variables = self._trainable_variables
        if not self.built:
            self.build(trainable_variables)
        if all(g is None for g in grads):
            raise ValueError("No gradient is given for any variable.")
        mine: list[list[tuple[Any, Variable]]] = [[] for _ in self._groups]
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            mine[self.assignments[self._place(variable)]].append((gradient, variable))
        for group, pairs in zip(self._groups, mine, strict=True):
            if any(g is not None for g, _ in pairs):
                group.optimizer.apply([g for g, _ in pairs], [v for _, v in pairs])
        iterations: Variable = self.iterations
        iterations.assign_add(1)

    def _place(self, variable: Variable) -> int:
        if id(variable) not in self._places:
            raise ValueError(
                f"The optimizer was built without the variable {variable.path!r}. Set `trainable` "
                "before the optimizer is built, and compile again where it has changed."
            )
        return self._places[id(variable)]

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Put the averages of those optimizers that keep any into their variables."""
        variables = list(var_list)
        for group in self._groups:
            if group.places:
                mine = [v for v in variables if self._place(v) in group.places]
                group.optimizer.finalize_variable_values(mine)

    def get_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        return {
            "optimizers": {p: serialize(o) for p, o in self.optimizers.items()},
            "default": serialize(self.default),
            "name": self.name,
            "assignments": None if self._assignments is None else self.assignments,
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: Any = None) -> "MultiOptimizer":
        config = dict(config)
        assignments = config.pop("assignments", None)

        def load(inner: Any) -> keras.Optimizer:
            return keras.saving.deserialize_keras_object(inner, custom_objects=custom_objects)

        optimizers = {pattern: load(inner) for pattern, inner in config.pop("optimizers").items()}
        loaded = cls(optimizers, load(config.pop("default")), **config)
        loaded._assignments = assignments
        return loaded


def _check_optimizers(given: Sequence[Any]) -> None:
    for optimizer in given:
        if not isinstance(optimizer, keras.Optimizer):
            raise TypeError(
                "`optimizers` and `default` must be Keras optimizers. "
                f"Received: {type(optimizer).__name__}"
            )
        if isinstance(optimizer, (keras.optimizers.LossScaleOptimizer, MultiOptimizer)):
            raise ValueError(
                "`optimizers` and `default` must be plain optimizers; a LossScaleOptimizer goes "
                f"around the whole. Received: {type(optimizer).__name__}"
            )
    if len({id(o) for o in given}) < len(given):
        raise ValueError(
            "`optimizers` and `default` must be different objects: one optimizer keeps the state "
            "of one set of variables. Join the patterns with | instead."
        )
