"""LayerNormLSTMCell: an LSTM cell with layer normalisation."""

from typing import Any

import keras
from keras import initializers, ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Shape, Tensor


@register
class LayerNormLSTMCell(keras.layers.LSTMCell):
    """LSTM cell with layer normalisation of its products and of its cell state.

    With LN the layer normalisation, whose statistics are over the whole vector (all four gates):

    `i, f, g, o = split(LN(x W) + LN(h U) + b)`,
    `c' = LN(sigmoid(f) * c + sigmoid(i) * tanh(g))`, `h' = sigmoid(o) * tanh(c')`.

    It steadies the hidden dynamics of recurrent nets, at any batch size. Use it in
    `keras.layers.RNN(cell)`. Statistics are computed in float32 or better.

    Args:
        units: width of the states, ≥ 1.
        activation: of the candidate and of the output. Default `"tanh"`.
        recurrent_activation: of the gates. Default `"sigmoid"`.
        use_bias: whether b is added. Default True.
        kernel_initializer: initializer of W. Default `"glorot_uniform"`.
        recurrent_initializer: initializer of U. Default `"orthogonal"`.
        bias_initializer: initializer of b. Default `"zeros"`.
        unit_forget_bias: whether 1 is the initial bias of the forget gate. Default True.
        kernel_regularizer: regularizer of W, or None. Default None.
        recurrent_regularizer: regularizer of U, or None. Default None.
        bias_regularizer: regularizer of b, or None. Default None.
        kernel_constraint: constraint of W, or None. Default None.
        recurrent_constraint: constraint of U, or None. Default None.
        bias_constraint: constraint of b, or None. Default None.
        dropout: fraction of the inputs dropped in training, one draw a sequence, in [0, 1).
            Default 0.
        recurrent_dropout: the same of h. Default 0.
        norm_gamma_initializer: initializer of the scale of each LN. Default `"ones"`.
        norm_beta_initializer: initializer of the offset of each LN. Default `"zeros"`.
        norm_epsilon: added to the variance inside the square root, > 0. Default 1e-3.
        seed: integer for dropout that repeats, or None. Default None.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: one step of the sequence.
        states: list `[h, c]`.
        training: whether to drop. Default False.

    Input shape:
        `(batch, features)`.

    Output shape:
        `(batch, units)`, and the list of two new states of that shape.

    Raises:
        ValueError: `units` below 1, a fraction outside of [0, 1) or `norm_epsilon` not positive.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> rnn = mk.layers.RNN(mk.layers.LayerNormLSTMCell(4), return_sequences=True)
        >>> rnn(np.ones((2, 7, 3), "float32")).shape
        TensorShape([2, 7, 4])

    Reference:
        Ba et al., 2016, "Layer Normalization", https://arxiv.org/abs/1607.06450. Differs from the
        paper, as TensorFlow Addons does, in that the normalised cell state is the one handed on.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        norm_gamma_initializer: Any = "ones",
        norm_beta_initializer: Any = "zeros",
        norm_epsilon: float = 1e-3,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_number("dropout", dropout, low=0, high=1, open_high=True)
        check_number("recurrent_dropout", recurrent_dropout, low=0, high=1, open_high=True)
        check_number("norm_epsilon", norm_epsilon, low=0, open_low=True)
        super().__init__(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            **kwargs,
        )
        self.norm_gamma_initializer = initializers.get(norm_gamma_initializer)
        self.norm_beta_initializer = initializers.get(norm_beta_initializer)
        self.norm_epsilon = norm_epsilon
        self.dropout_mask_count = None  # one mask: the product is one

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.kernel_norm = self._norm("kernel_norm", 4 * self.units)
        self.recurrent_norm = self._norm("recurrent_norm", 4 * self.units)
        self.state_norm = self._norm("state_norm", self.units)
        self.built = True

    def _norm(self, name: str, size: int) -> keras.layers.LayerNormalization:
        norm = keras.layers.LayerNormalization(
            epsilon=self.norm_epsilon,
            gamma_initializer=self.norm_gamma_initializer,
            beta_initializer=self.norm_beta_initializer,
            dtype=self.dtype_policy,
            name=name,
        )
        norm.build((None, size))
        return norm

    def call(
        self, inputs: Tensor, states: list[Tensor], training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        h, c = states
        if training and self.dropout > 0:
            inputs = inputs * self.get_dropout_mask(inputs)
        if training and self.recurrent_dropout > 0:
            h = h * self.get_recurrent_dropout_mask(h)
        z = self.kernel_norm(ops.matmul(inputs, self.kernel))
        z = z + self.recurrent_norm(ops.matmul(h, self.recurrent_kernel))
        if self.bias is not None:
            z = z + self.bias
        i, f, g, o = ops.split(z, 4, axis=-1)
        gate = self.recurrent_activation
        c = self.state_norm(gate(f) * c + gate(i) * self.activation(g))
        h = gate(o) * self.activation(c)
        return h, [h, c]

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "norm_gamma_initializer": initializers.serialize(self.norm_gamma_initializer),
            "norm_beta_initializer": initializers.serialize(self.norm_beta_initializer),
            "norm_epsilon": self.norm_epsilon,
        }
