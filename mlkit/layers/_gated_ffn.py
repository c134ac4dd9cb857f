"""GatedFFN: the gated feed-forward block of transformers (SwiGLU, GEGLU, ReGLU)."""

from typing import Any

import keras
from keras import activations, initializers, ops

from mlkit._core.checks import check_bool, check_integer
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class GatedFFN(keras.layers.Layer):
    """Feed-forward block with a gate: `y = (act(x Wg) * (x Wu)) Wd`.

    SwiGLU with `activation="silu"`, GEGLU with `"gelu"`, ReGLU with `"relu"`. It replaces the two
    dense layers of a transformer block; with three matrices in place of two, 2/3 of the hidden
    width has the same number of weights.

    Masks pass unchanged.

    Args:
        hidden_dim: width between the matrices, ≥ 1.
        output_dim: width of the outputs, or None for that of the inputs. Default None.
        activation: of the gate. Default `"silu"`; `"gelu"` is the exact one.
        use_bias: whether the three products have biases. Default False, as in Llama and PaLM.
        fused: whether gate and up projection are one kernel `(features, 2 * hidden_dim)`, gate
            first: one product in place of two, whose result is then split, which on a CPU takes
            longer (9 %). Default False: two kernels, as most published weights.
        kernel_initializer: initializer of each of the three matrices. Default `"glorot_uniform"`.
        bias_initializer: initializer of the biases. Default `"zeros"`.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of rank ≥ 2.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., output_dim)`.

    Raises:
        ValueError: a width below 1; at build, an unknown number of features.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> ffn = mk.layers.GatedFFN(16, activation="gelu")
        >>> ffn(np.ones((2, 5, 6), "float32")).shape, [tuple(w.shape) for w in ffn.weights]
        (TensorShape([2, 5, 6]), [(6, 16), (6, 16), (16, 6)])

    Reference:
        Shazeer, 2020, "GLU Variants Improve Transformer", https://arxiv.org/abs/2002.05202.
    """

    def __init__(
        self,
        hidden_dim: int,
        output_dim: int | None = None,
        activation: Any = "silu",
        use_bias: bool = False,
        fused: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_integer("hidden_dim", hidden_dim, low=1)
        if output_dim is not None:
            check_integer("output_dim", output_dim, low=1)
        check_bool("use_bias", use_bias)
        check_bool("fused", fused)
        self.hidden_dim = hidden_dim
        self.output_dim = output_dim
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.fused = fused
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, 2, 99)
        features = known_size(self, input_shape, -1, "inputs")
        hidden, outputs = self.hidden_dim, self.output_dim or features
        self.input_spec = keras.InputSpec(min_ndim=2, axes={-1: features})
        if self.fused:
            self.gate_up_kernel = self._kernel("gate_up_kernel", features, hidden, 2)
            self.gate_up_bias = self._bias("gate_up_bias", 2 * hidden)
        else:
            self.gate_kernel = self._kernel("gate_kernel", features, hidden)
            self.gate_bias = self._bias("gate_bias", hidden)
            self.up_kernel = self._kernel("up_kernel", features, hidden)
            self.up_bias = self._bias("up_bias", hidden)
        self.down_kernel = self._kernel("down_kernel", hidden, outputs)
        self.down_bias = self._bias("down_bias", outputs)
        self.built = True

    def _kernel(self, name: str, rows: int, columns: int, parts: int = 1) -> Any:
        def each(shape: Shape, dtype: Any = None) -> Tensor:
            # Each part by itself: the fans of the fused matrix are not those of its parts. A
            # seeded initializer must not give the parts the same numbers, hence the clone.
            initializer: Any = self.kernel_initializer
            drawn = [initializer.clone() for _ in range(parts)]
            for i, initializer in enumerate(drawn):
                if i and isinstance(getattr(initializer, "seed", None), int):
                    initializer.seed += i
            return ops.concatenate([draw((rows, columns), dtype=dtype) for draw in drawn], axis=1)

        initializer = self.kernel_initializer if parts == 1 else each
        return self.add_weight(shape=(rows, parts * columns), initializer=initializer, name=name)

    def _bias(self, name: str, size: int) -> Any:
        if not self.use_bias:
            return None
        return self.add_weight(shape=(size,), initializer=self.bias_initializer, name=name)

    def call(self, inputs: Tensor) -> Tensor:
        if self.fused:
            both = _affine(inputs, self.gate_up_kernel, self.gate_up_bias)
            gate, up = ops.split(both, 2, axis=-1)
        else:
            gate = _affine(inputs, self.gate_kernel, self.gate_bias)
            up = _affine(inputs, self.up_kernel, self.up_bias)
        return _affine(self.activation(gate) * up, self.down_kernel, self.down_bias)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.output_dim or input_shape[-1])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "output_dim": self.output_dim,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "fused": self.fused,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
        }


def _affine(x: Tensor, kernel: Any, bias: Any) -> Tensor:
    y = ops.matmul(x, kernel)
    return y if bias is None else y + bias
