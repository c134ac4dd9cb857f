"""WeightNormalization: the weights of a layer as direction and length."""

from dataclasses import dataclass
from typing import Any

import keras

# keras.ops does not know of replicas, and the initialisation from data must refuse them.
import tensorflow as tf
from keras import ops

from mlkit._core.checks import check_bool
from mlkit._core.registry import register
from mlkit._core.types import Config, Shape, Tensor, Variable
from mlkit.layers._reparametrized import Reparametrized, output_letters


@dataclass(frozen=True)
class _Weight:
    """One normalised kernel: `value = g * v / |v|`, where |v| is taken over `axes`."""

    owner: keras.layers.Layer
    v: Variable
    g: Variable
    axes: tuple[int, ...]

    def value(self) -> Tensor:
        v = ops.cast(self.v, self.g.dtype)
        return v * (ops.reshape(self.g, self.broadcast) / _length(v, self.axes))

    @property
    def broadcast(self) -> list[int]:
        return [1 if a in self.axes else n for a, n in enumerate(self.v.shape)]


@register
class WeightNormalization(Reparametrized):
    """A layer whose kernels are written as direction and length: `w = g * v / |v|`.

    The length |v| is taken over everything that feeds one output unit, so that each unit has its
    own `g`; gradients go to `g` and to `v`. This conditions the gradients without a dependence
    between the samples of a batch: for recurrent nets, reinforcement learning, generative models.

    All kernels found in the layer are normalised: `kernel`, `recurrent_kernel` (also of the cells
    of an RNN), `depthwise_kernel` (a length for each channel and multiplier), `pointwise_kernel`,
    `embeddings`. At the start `g = |v|`: the layer is what it was. The kernel variable of the layer
    holds `v`; a regularizer or constraint of the layer acts on it. Masks are the layer's.

    Args:
        layer: the layer to be wrapped.
        data_init: whether the first call with `training=True` sets `g` and the bias such that each
            output unit, before the activation, has mean 0 and standard deviation 1 over that batch
            (without a bias: standard deviation 1). For a layer with one kernel and one axis of
            outputs: Dense, convolutions, Embedding, EinsumDense with one new letter. It needs one
            replica: pass False under a strategy. Default True.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: those of the layer.
        training: as for the layer. Default False.
        mask: as for the layer. Default None.
        initial_state: as for the layer, if it is recurrent. Default None.

    Input shape:
        That of the layer.

    Output shape:
        That of the layer.

    Raises:
        ValueError: at build, the layer has no such kernel, or `data_init=True` does not fit it.
        RuntimeError: a first call in training with `data_init=True` on several replicas.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> layer = mk.layers.WeightNormalization(mk.layers.Dense(2))
        >>> y = np.asarray(layer(np.random.default_rng(0).normal(size=(50, 3)), training=True))
        >>> np.round(y.std(axis=0), 3)
        array([1., 1.], dtype=float32)

    Reference:
        Salimans and Kingma, 2016, "Weight Normalization: A Simple Reparameterization to Accelerate
        Training of Deep Neural Networks", https://arxiv.org/abs/1602.07868. Differs from
        TensorFlow Addons in that `data_init` gives mean 0 and deviation 1 (there it did not), waits
        for `training=True`, is refused for recurrent layers, and in that recurrent kernels are
        normalised too; from `torch.nn.utils.parametrizations.weight_norm` in the axis, which is
        that of the outputs (PyTorch's `dim=0` is the inputs of a transposed convolution).
    """

    def __init__(self, layer: keras.layers.Layer, data_init: bool = True, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        check_bool("data_init", data_init)
        self.data_init = data_init

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        found = self.found_kernels()
        weights = []
        for owner, v, axes in found:
            name = "g" if len(found) == 1 else f"{v.name}_g"
            weights.append(_Weight(owner, v, self._add_length(name, v, axes), axes))
        self._normalised = weights
        if self.data_init:
            self._channels = self._output_axis()
            self.initialized = self.add_weight(
                shape=(), dtype="bool", initializer="zeros", trainable=False, name="initialized"
            )
        self.built = True

    def _add_length(self, name: str, v: Variable, axes: tuple[int, ...]) -> Variable:
        shape = tuple(n for a, n in enumerate(v.shape) if a not in axes)
        return self.add_weight(
            shape=shape,
            initializer=lambda s, dtype=None: ops.reshape(_length(ops.cast(v, dtype), axes), s),
            dtype=v.dtype,
            autocast=False,
            name=name,
        )

    def _kernel_values(self, training: bool) -> list[tuple[Variable, Tensor]]:
        return [(w.v, w.value()) for w in self._normalised]

    def _prepare(self, inputs: Tensor, given: dict) -> None:
        if self.data_init:
            self._initialise(inputs, given)

    def _initialise(self, inputs: Tensor, given: dict) -> None:
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            raise RuntimeError(
                f"WeightNormalization {self.name!r}: `data_init=True` sets the weights from one "
                "batch, and each replica has another. Pass `data_init=False`, or make one call "
                "with `training=True` outside of the strategy and load its weights."
            )
        (weight,) = self._normalised
        bias = getattr(self.layer, "bias", None)
        now = [ops.convert_to_tensor(weight.g)]
        if bias is not None:
            now.append(ops.cast(bias, self.variable_dtype))

        def from_data() -> list[Tensor]:
            return self._from_data(weight, bias, inputs, given)

        new = ops.cond(ops.logical_not(self.initialized), from_data, lambda: now)
        weight.g.assign(new[0])
        if bias is not None:
            bias.assign(new[1])
        self.initialized.assign(True)

    def _from_data(self, weight: _Weight, bias: Any, inputs: Tensor, given: dict) -> list[Tensor]:
        values = [(weight.v, weight.value() / ops.reshape(weight.g, weight.broadcast))]
        if bias is not None:
            values.append((bias, ops.zeros(bias.shape, self.variable_dtype)))
        activation = getattr(self.layer, "activation", None)
        if activation is not None:
            self.layer.activation = keras.activations.linear
        try:
            with keras.StatelessScope(state_mapping=values):
                t = ops.cast(self.layer(inputs, **given), weight.g.dtype)
        finally:
            if activation is not None:
                self.layer.activation = activation
        axes = [a for a in range(len(t.shape)) if a != self._channels % len(t.shape)]
        mean, variance = ops.moments(t, axes=axes)
        # 1e-10 as in the paper's code: a unit that is constant over the batch stays finite.
        factor = ops.rsqrt(variance + 1e-10)
        new = [ops.stop_gradient(ops.reshape(factor, weight.g.shape))]
        if bias is not None:
            new.append(ops.stop_gradient(ops.reshape(-mean * factor, bias.shape)))
        return new

    def _output_axis(self) -> int:
        """Axis of the layer's outputs along which its one kernel has units."""
        layer = self.layer
        if len(self._normalised) == 1 and self._normalised[0].owner is layer:
            if isinstance(layer, keras.layers.EinsumDense):
                if len(self._normalised[0].g.shape) == 1:
                    (letter,) = output_letters(layer.equation)
                    # From the end: an ellipsis stands for any number of axes.
                    output = layer.equation.split("->")[1].strip()
                    return output.index(letter) - len(output)
            else:
                return 1 if getattr(layer, "data_format", None) == "channels_first" else -1
        raise ValueError(
            f"WeightNormalization {self.name!r}: `data_init=True` needs a layer with one kernel "
            f"and one axis of outputs. Received: {type(layer).__name__} {layer.name!r}. "
            "Pass `data_init=False`."
        )

    def remove(self) -> keras.layers.Layer:
        """Write `g * v / |v|` into the kernels and return the plain layer, for inference or export.

        The wrapper computes the same as before.
        """
        if not self.built:
            raise RuntimeError(f"WeightNormalization {self.name!r} is not built: call it first.")
        for weight in self._normalised:
            weight.v.assign(weight.value())
            weight.g.assign(ops.reshape(_length(weight.v, weight.axes), weight.g.shape))
        return self.layer

    def get_config(self) -> Config:
        return {**super().get_config(), "data_init": self.data_init}


def _length(v: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Euclidean length over `axes`, kept as axes of size 1; a zero vector has a finite gradient."""
    squares = ops.sum(ops.square(v), axis=axes, keepdims=True)
    return ops.sqrt(ops.maximum(squares, 1e-24))
