"""An LSTM whose gates see the cell."""

from typing import Any

from keras import layers, ops

from mlkit._core.registry import register
from mlkit._core.types import Shape, Tensor


@register
class PeepholeLSTMCell(layers.LSTMCell):
    """LSTM cell with connections from the cell state to its gates.

        i = sigma(x W_i + h U_i + p_i * c + b_i)
        f = sigma(x W_f + h U_f + p_f * c + b_f)
        c' = f * c + i * tanh(x W_c + h U_c + b_c)
        o = sigma(x W_o + h U_o + p_o * c' + b_o)
        h' = o * tanh(c')

    The vectors p are learned: gates that see the cell learn exact intervals of time. Use it in
    `keras.layers.RNN`.

    The arguments are those of `keras.layers.LSTMCell`, with its defaults: `units`, `activation`,
    `recurrent_activation`, `use_bias`, `kernel_initializer`, `recurrent_initializer`,
    `bias_initializer`, `unit_forget_bias`, `kernel_regularizer`, `recurrent_regularizer`,
    `bias_regularizer`, `kernel_constraint`, `recurrent_constraint`, `bias_constraint`, `dropout`,
    `recurrent_dropout` and `seed`. The three vectors are drawn with `kernel_initializer`.

    Call arguments:
        inputs: one time step.
        states: list of h and c.
        training: whether there is dropout. Default False.

    Input shape:
        `(batch, features)`.

    Output shape:
        `(batch, units)`, and the list of the new h and c.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> rnn = mk.layers.RNN(mk.layers.PeepholeLSTMCell(4), return_sequences=True)
        >>> rnn(np.ones((2, 5, 3), "float32")).shape
        TensorShape([2, 5, 4])

    Reference:
        Gers, Schraudolph and Schmidhuber, 2002, Learning Precise Timing with LSTM Recurrent
        Networks, https://www.jmlr.org/papers/v3/gers02a.html.
    """

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.input_gate_peephole_weights = self._vector("input_gate_peephole_weights")
        self.forget_gate_peephole_weights = self._vector("forget_gate_peephole_weights")
        self.output_gate_peephole_weights = self._vector("output_gate_peephole_weights")

    def _vector(self, name: str) -> Any:
        # A copy: an initializer that is not seeded gives the same values each time it is called.
        initializer: Any = self.kernel_initializer
        return self.add_weight(shape=(self.units,), initializer=initializer.clone(), name=name)

    def call(self, inputs: Tensor, states: Any, training: bool = False) -> Any:
        h, c = states
        masks = past_masks = None
        if training and 0 < self.dropout < 1:
            masks = self.get_dropout_mask(inputs)
        if training and 0 < self.recurrent_dropout < 1:
            past_masks = self.get_recurrent_dropout_mask(h)
        z = _product(inputs, masks, self.kernel) + _product(h, past_masks, self.recurrent_kernel)
        z = ops.split(z + self.bias if self.use_bias else z, 4, axis=-1)
        i = self.recurrent_activation(z[0] + self.input_gate_peephole_weights * c)
        f = self.recurrent_activation(z[1] + self.forget_gate_peephole_weights * c)
        c = f * c + i * self.activation(z[2])
        o = self.recurrent_activation(z[3] + self.output_gate_peephole_weights * c)
        h = o * self.activation(c)
        return h, [h, c]


def _product(x: Tensor, masks: Any, kernel: Tensor) -> Tensor:
    """`x @ kernel`, where each gate may have a dropout mask of its own."""
    if masks is None:
        return ops.matmul(x, kernel)
    if not isinstance(masks, list):
        return ops.matmul(x * masks, kernel)
    kernels = ops.split(kernel, 4, axis=1)
    gates = [ops.matmul(x * mask, part) for mask, part in zip(masks, kernels, strict=True)]
    return ops.concatenate(gates, axis=-1)
