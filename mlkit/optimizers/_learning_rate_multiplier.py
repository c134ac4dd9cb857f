"""One optimizer with a rate for each layer."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf  # the function of an update sees TensorFlow's own variables

from mlkit._core.checks import check_number
from mlkit._core.patterns import check_patterns, chosen
from mlkit._core.registry import register
from mlkit._core.types import Config, Variable
from mlkit.optimizers._base_wrapper import BaseWrapper


@register
class LearningRateMultiplier(BaseWrapper):
    """One optimizer whose update of each variable is multiplied by a factor.

        w = w + factor (w' - w)

    where w' is what the inner optimizer makes of w. It is the update that is multiplied and not the
    gradient: Adam divides by the size of the gradient and would take the factor out again. Weight
    decay is part of the update, as with groups of parameters in PyTorch. With a factor of 0 a
    variable stays, bit for bit; with 1 it costs nothing.

    Use it for fine-tuning: small factors for what was trained before, large ones for the new head.
    `by_depth` makes factors that fall from the last layer to the first.

    Which variable has which factor is found once, when the optimizer is built, and saved by the
    variable's place: a model that is loaded may have other paths.

    Args:
        optimizer: the inner optimizer, or its name: none of the wrappers, which go around this one,
            and none with `use_ema`, whose average would be that of other weights.
        multipliers: from a regular expression, looked for anywhere in a variable's path
            (`"encoder/dense/kernel"`), to the factor, at least 0. The first pattern that is found
            counts.
        default: factor of all other variables, at least 0. Default 1.
        **kwargs: `name`, as for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: an argument out of its range, or one that belongs to the inner optimizer; when
            built, a pattern is in no path.
        TypeError: an argument of a wrong type.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> body, head = mk.layers.Dense(4, name="body"), mk.layers.Dense(1, name="head")
        >>> model = mk.Sequential([mk.Input((3,)), body, head])
        >>> adam = mk.optimizers.Adam(1e-2)
        >>> model.compile(mk.optimizers.LearningRateMultiplier(adam, {"body": 0.1}), "mse")
        >>> history = model.fit(np.ones((8, 3)), np.ones((8, 1)), verbose=0)
        >>> model.optimizer.factors
        [0.1, 0.1, 1.0, 1.0]

    Reference:
        Howard and Ruder, 2018, https://arxiv.org/abs/1801.06146, section 3.2 (discriminative
        fine-tuning).
    """

    def __init__(
        self,
        optimizer: Any,
        multipliers: Mapping[str, float],
        default: float = 1.0,
        **kwargs: Any,
    ) -> None:
        check_patterns("multipliers", multipliers)
        for pattern, factor in multipliers.items():
            check_number(f"multipliers[{pattern!r}]", factor, low=0)
        check_number("default", default, low=0)
        super().__init__(optimizer, **kwargs)
        if isinstance(self.optimizer, BaseWrapper) or self.optimizer.use_ema:
            raise ValueError(
                "`optimizer` must be a plain optimizer without `use_ema`: what it averages or "
                "draws back would not be the weights that are multiplied here. Put the wrapper, or "
                "a MovingAverage, around this one. "
                f"Received: optimizer={type(self.optimizer).__name__}"
            )
        self.multipliers = multipliers
        self.default = default
        self._factors: list[float] | None = None

    @classmethod
    def by_depth(
        cls, optimizer: Any, model: keras.Model, decay: float = 0.75, **kwargs: Any
    ) -> "LearningRateMultiplier":
        """Factors that fall by depth: 1 for the last layer with weights, `decay` for that before.

        Args:
            optimizer: the inner optimizer, or its name.
            model: a built model; its `layers` are counted that have trainable weights.
            decay: factor from a layer to the one before it, in (0, 1]. Default 0.75.
            **kwargs: `name`, as for `keras.optimizers.Optimizer`.

        Returns:
            The optimizer for this model.
        """
        check_number("decay", decay, low=0, high=1, open_low=True)
        layers = [layer for layer in model.layers if layer.trainable_variables]
        if not layers:
            raise ValueError(
                "`model` must be built and have trainable weights: call it, or give it an Input. "
                f"Received: model={model.name!r}"
            )
        multipliers = {
            f"^{re.escape(variable.path)}$": decay ** (len(layers) - 1 - i)
            for i, layer in enumerate(layers)
            for variable in layer.trainable_variables
        }
        return cls(optimizer, multipliers, **kwargs)

    @property
    def factors(self) -> list[float]:
        """The factor of each variable, once the optimizer is built.

        Raises:
            ValueError: the optimizer is not built.
        """
        if self._factors is None:
            raise ValueError("The variables are known once the optimizer is built.")
        return [float(factor) for factor in self._factors]

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        if self._factors is None:
            places = chosen("multipliers", list(self.multipliers), variables)
            given = list(self.multipliers.values())
            self._factors = [self.default if p is None else given[p] for p in places]
        if len(self._factors) != len(variables):
            raise ValueError(
                f"The saved optimizer knows {len(self._factors)} variables. "
                f"Received: {len(variables)} variables"
            )
        super().build(variables)

    def _multiplied(self, variables: Sequence[Variable]) -> list[tuple[Variable, float]]:
        found = [(v, self.factors[self.place(v)]) for v in variables]
        return [(v, factor) for v, factor in found if factor != 1.0]

    def before(self, variables: Sequence[Variable]) -> Any:
        return [tf.identity(v.value) for v, _ in self._multiplied(variables)]

    def after(self, variables: Sequence[Variable], kept: Any) -> None:
        def multiply(variable: Any, old: Any, factor: Any) -> None:
            change = (variable - old) * tf.cast(factor, variable.dtype)
            variable.assign(old + change if factor else old)

        found = self._multiplied(variables)
        arguments = [(old, factor) for old, (_, factor) in zip(kept, found, strict=True)]
        self.change([v for v, _ in found], arguments, multiply)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "multipliers": dict(self.multipliers),
            "default": self.default,
            "factors": self._factors,
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: Any = None) -> Any:
        config = dict(config)
        factors = config.pop("factors", None)
        loaded = super().from_config(config, custom_objects)
        loaded._factors = factors
        return loaded
