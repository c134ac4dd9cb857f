"""Gradient descent with momentum and weight decay."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_bool, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor, Variable
from mlkit.optimizers._base_optimizer import BaseOptimizer
from mlkit.optimizers._tfa_decay import keras_decay

_Schedule = keras.optimizers.schedules.LearningRateSchedule


@register
class SGDW(BaseOptimizer):
    """Gradient descent with momentum and decoupled weight decay.

    With the gradient g, the rate α = `learning_rate`, λ = `weight_decay`, μ = `momentum`:

        w = w - α λ w
        m = μ m - α g
        w = w + m                 nesterov=False
        w = w + μ m - α g         nesterov=True

    Coming from TensorFlow Addons: there the decay is `w = w - λ w`, without the rate. The same
    number decays `1 / α` times more there, 100 times at a rate of 0.01. `SGDW.from_tfa` takes the
    arguments of TensorFlow Addons and divides.

    Unlike Keras' own SGD it takes a schedule for the momentum: see `OneCycle.momentum`.

    Args:
        weight_decay: λ, at least 0: part of the weights that is taken away at each update, times
            the rate.
        learning_rate: number of at least 0, or a schedule. Default 0.001.
        momentum: number in [0, 1], or a schedule that gives such. Default 0.
        nesterov: look ahead by the momentum. Default False.
        **kwargs: as for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> w = keras.Variable([1.0, -1.0])
        >>> optimizer = mk.optimizers.SGDW(weight_decay=0.5, learning_rate=0.1, momentum=0.9)
        >>> for _ in range(2):
        ...     optimizer.apply([keras.ops.ones(2)], [w])
        >>> [round(float(x), 4) for x in w.numpy()]
        [0.6175, -1.1875]

    Reference:
        Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101, with the rate in the factor
        of the decay, as `keras.optimizers.AdamW` and `torch.optim.AdamW` have it.
        Differs from TensorFlow Addons, whose order of arguments it keeps, in that factor.
    """

    def __init__(
        self,
        weight_decay: float,
        learning_rate: Any = 0.001,
        momentum: Any = 0.0,
        nesterov: bool = False,
        **kwargs: Any,
    ) -> None:
        check_number("weight_decay", weight_decay, low=0)
        if not isinstance(momentum, _Schedule):
            check_number("momentum", momentum, low=0, high=1)
        check_bool("nesterov", nesterov)
        super().__init__(learning_rate, weight_decay=weight_decay, **kwargs)
        self.momentum = momentum
        self.nesterov = nesterov

    @classmethod
    def from_tfa(
        cls,
        weight_decay: float,
        learning_rate: float = 0.001,
        momentum: float = 0.0,
        nesterov: bool = False,
        **kwargs: Any,
    ) -> "SGDW":
        """The optimizer that TensorFlow Addons' SGDW is with these arguments.

        Args:
            weight_decay: the part that is taken away at each update, whatever the rate.
            learning_rate: a number above 0. Not a schedule: there the decay did not follow it.
            momentum, nesterov: as for `SGDW`.
            **kwargs: as for `keras.optimizers.Optimizer`.

        Returns:
            An `SGDW` whose weight decay is `weight_decay / learning_rate`.
        """
        decay = keras_decay(weight_decay, learning_rate)
        return cls(decay, learning_rate, momentum, nesterov, **kwargs)

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._momenta = None
        if callable(self.momentum) or self.momentum:
            self._momenta = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        step = ops.cast(gradient, variable.dtype) * ops.cast(learning_rate, variable.dtype)
        if self._momenta is None:
            self.assign_sub(variable, step)
            return
        m = self._momenta[self.place(variable)]
        mu = self.momentum
        mu = ops.cast(mu(self.iterations) if callable(mu) else mu, variable.dtype)
        self.assign(m, m * mu - step)
        self.assign_add(variable, m * mu - step if self.nesterov else m)

    def get_config(self) -> Config:
        momentum = keras.saving.serialize_keras_object(self.momentum)
        return {**super().get_config(), "momentum": momentum, "nesterov": self.nesterov}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Any = None) -> "SGDW":
        config = dict(config)
        if isinstance(config["momentum"], dict):
            config["momentum"] = keras.saving.deserialize_keras_object(
                config["momentum"], custom_objects=custom_objects
            )
        return super().from_config(config, custom_objects)
