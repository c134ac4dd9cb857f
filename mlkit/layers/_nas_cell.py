"""A recurrent cell that was found by search."""

from typing import Any

import keras
from keras import initializers, ops

from mlkit._core.checks import check_bool, check_integer
from mlkit._core.registry import register
from mlkit._core.shapes import known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class NASCell(keras.layers.Layer):
    """Recurrent cell found by neural architecture search.

    With u = x W and v = m U + b, each in eight parts, s the sigmoid and r the rectifier:

        a0 = tanh(s(u0 + v0) * r(u1 + v1)),      a1 = tanh(s(u2 + v2) + r(u3 * v3))
        a2 = tanh(tanh(u4 + v4) * s(u5 + v5)),   a3 = s(tanh(u6 + v6) + s(u7 + v7))
        c' = tanh(a0 + c) * a1
        m' = tanh(c' * tanh(a2 + a3)),           and m' = m' P with a projection

    Use it in `keras.layers.RNN`.

    Args:
        units: size of the cell state, an integer ≥ 1.
        projection: size of the outputs, an integer ≥ 1, or None (default): `units`, without P.
        use_bias: whether there is a b; default False.
        kernel_initializer: of W; default `"glorot_uniform"`.
        recurrent_initializer: of U; default `"glorot_uniform"`.
        projection_initializer: of P; default `"glorot_uniform"`.
        bias_initializer: of b; default `"zeros"`.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: one time step.
        states: list of c and m.

    Input shape:
        `(batch, features)`.

    Output shape:
        `(batch, projection or units)`, and the list of the new c and m.

    Raises:
        ValueError: the number of features is unknown.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> rnn = mk.layers.RNN(mk.layers.NASCell(4, projection=2), return_sequences=True)
        >>> rnn(np.ones((2, 5, 3), "float32")).shape
        TensorShape([2, 5, 2])

    Reference:
        Zoph and Le, 2017, Neural Architecture Search with Reinforcement Learning,
        https://arxiv.org/abs/1611.01578.
    """

    def __init__(
        self,
        units: int,
        projection: int | None = None,
        use_bias: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "glorot_uniform",
        projection_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_integer("units", units, low=1)
        if projection is not None:
            check_integer("projection", projection, low=1)
        check_bool("use_bias", use_bias)
        self.units = units
        self.projection = projection
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.projection_initializer = initializers.get(projection_initializer)
        self.bias_initializer = initializers.get(bias_initializer)

    @property
    def output_size(self) -> int:
        """Size of the outputs."""
        return self.units if self.projection is None else self.projection

    @property
    def state_size(self) -> list[int]:
        """Sizes of c and m."""
        return [self.units, self.output_size]

    def build(self, input_shape: Shape) -> None:
        features = known_size(self, input_shape, -1)
        self.kernel = self.add_weight(
            shape=(features, 8 * self.units), initializer=self.kernel_initializer, name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.output_size, 8 * self.units),
            initializer=self.recurrent_initializer,
            name="recurrent_kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(8 * self.units,), initializer=self.bias_initializer, name="bias"
            )
        if self.projection is not None:
            self.projection_weights = self.add_weight(
                shape=(self.units, self.projection),
                initializer=self.projection_initializer,
                name="projection_weights",
            )
        self.built = True

    def call(self, inputs: Tensor, states: Any) -> Any:
        c, m = states
        past = ops.matmul(m, self.recurrent_kernel)
        past = past + self.bias if self.use_bias else past
        v = ops.split(past, 8, axis=1)
        u = ops.split(ops.matmul(inputs, self.kernel), 8, axis=1)
        first = ops.sigmoid(u[0] + v[0]) * ops.relu(u[1] + v[1])
        second = ops.sigmoid(u[2] + v[2]) + ops.relu(u[3] * v[3])
        third = ops.tanh(u[4] + v[4]) * ops.sigmoid(u[5] + v[5])
        fourth = ops.tanh(u[6] + v[6]) + ops.sigmoid(u[7] + v[7])
        c = ops.tanh(ops.tanh(first) + c) * ops.tanh(second)
        m = ops.tanh(c * ops.tanh(ops.tanh(third) + ops.sigmoid(fourth)))
        if self.projection is not None:
            m = ops.matmul(m, self.projection_weights)
        return m, [c, m]

    def get_initial_state(self, batch_size: Any = None) -> list[Tensor]:
        """Zeros for c and m.

        Args:
            batch_size: number of sequences.
        """
        return [ops.zeros((batch_size, size), self.compute_dtype) for size in self.state_size]

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "units": self.units,
            "projection": self.projection,
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": initializers.serialize(self.recurrent_initializer),
            "projection_initializer": initializers.serialize(self.projection_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
        }
