"""Zoneout: states of a recurrent cell that stay as they were, at random."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Shape, Tensor


@register
class Zoneout(keras.layers.Wrapper):
    """A recurrent cell whose state units keep their previous value at random.

    In training each unit of state k stays with probability `rate[k]`, drawn anew at each step;
    at inference the state is the expectation, `rate * previous + (1 - rate) * new`. Where dropout
    of the states cuts the gradient through time, this lets it pass. Use it in
    `keras.layers.RNN(cell)`. Dropout of the cell itself draws anew at each step under Zoneout.

    Args:
        layer: a recurrent cell: `keras.layers.LSTMCell(8)`, `mlkit.layers.LayerNormGRUCell(8)`.
        rate: probability that a unit stays, in [0, 1): one number for all states, or one for each
            in the order of the cell's states (for an LSTM h, then c; the paper takes 0.05 and 0.5).
            Default 0.1.
        seed: integer for random numbers that repeat, or None. Default None.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: one step of the sequence.
        states: those of the cell.
        training: whether to draw. Default False.

    Input shape:
        `(batch, features)`.

    Output shape:
        `(batch, units)`, and the new states as those of the cell.

    Raises:
        TypeError: `layer` is not a recurrent cell.
        ValueError: a rate outside of [0, 1), or not one for each state.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> cell = mk.layers.Zoneout(mk.layers.LSTMCell(4), rate=(0.05, 0.5))
        >>> mk.layers.RNN(cell)(np.ones((2, 7, 3), "float32")).shape
        TensorShape([2, 4])

    Reference:
        Krueger et al., 2017, "Zoneout: Regularizing RNNs by Randomly Preserving Hidden
        Activations", https://arxiv.org/abs/1606.01305.
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        rate: float | Sequence[float] = 0.1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(layer, **kwargs)
        if not hasattr(layer, "state_size"):
            raise TypeError(
                "`layer` must be a recurrent cell, such as keras.layers.LSTMCell. "
                f"Received: layer={layer!r}"
            )
        sizes = layer.state_size
        count = len(sizes) if isinstance(sizes, (list, tuple)) else 1
        rates = list(rate) if isinstance(rate, (list, tuple)) else [rate] * count
        if len(rates) != count:
            raise ValueError(
                f"`rate` must be a number, or one for each of the {count} states of the cell. "
                f"Received: rate={rate!r}"
            )
        for number in rates:
            check_number("rate", number, low=0, high=1, open_high=True)
        self.rate = rate
        self.seed = seed
        self.state_size = sizes
        self.output_size = getattr(layer, "output_size", None)
        self._rates = rates
        self._seed_generator = keras.random.SeedGenerator(seed)

    def get_initial_state(self, batch_size: Any = None) -> Any:
        """Zeros, or what the cell begins with."""
        return self.layer.get_initial_state(batch_size=batch_size)

    def call(self, inputs: Tensor, states: Any, training: bool = False) -> tuple[Tensor, Any]:
        output, new = self.layer(inputs, states, training=training)
        # The RNN clears the masks of Keras' own cells only: a mask of this step must not be left
        # for the next trace.
        for name in ("reset_dropout_mask", "reset_recurrent_dropout_mask"):
            if hasattr(self.layer, name):
                getattr(self.layer, name)()
        old_list, new_list = keras.tree.flatten(states), keras.tree.flatten(new)
        mixed = [
            self._mix(old, fresh, rate, training)
            for old, fresh, rate in zip(old_list, new_list, self._rates, strict=True)
        ]
        # Most cells put out a state: then the output is that state after zoneout.
        for fresh, state in zip(new_list, mixed, strict=True):
            if output is fresh:
                output = state
                break
        return output, keras.tree.pack_sequence_as(new, mixed)

    def _mix(self, old: Tensor, new: Tensor, rate: float, training: bool) -> Tensor:
        new = ops.cast(new, old.dtype)  # the cell may have another dtype policy
        if rate == 0:
            return new
        if not training:
            return old * ops.cast(rate, old.dtype) + new * ops.cast(1 - rate, new.dtype)
        uniform = keras.random.uniform(ops.shape(new), dtype="float32", seed=self._seed_generator)
        return ops.where(uniform < rate, old, new)

    def compute_output_shape(self, input_shape: Shape) -> Any:
        batch = input_shape[0]
        states = keras.tree.map_structure(lambda size: (batch, size), self.state_size)
        return (batch, self.output_size), states

    def get_config(self) -> Config:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
