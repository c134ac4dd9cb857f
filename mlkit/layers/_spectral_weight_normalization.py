"""SpectralWeightNormalization: kernels divided by their largest singular value."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from mlkit._core.checks import check_integer
from mlkit._core.registry import register
from mlkit._core.types import Config, Shape, Tensor, Variable
from mlkit.layers._reparametrized import Reparametrized, is_depthwise


@dataclass(frozen=True)
class _Kernel:
    """One kernel as matrices `(groups, inputs, units)`, and the left vector of each."""

    variable: Variable
    u: Variable
    order: tuple[int, ...]
    shape: tuple[int, int, int]

    def matrices(self) -> Tensor:
        kernel = ops.cast(self.variable, self.u.dtype)
        return ops.reshape(ops.transpose(kernel, self.order), self.shape)

    def advance(self, steps: int) -> None:
        """Power iteration on the kernel as it is."""
        matrices, u = ops.stop_gradient(self.matrices()), ops.convert_to_tensor(self.u)
        for _ in range(steps):
            u = _unit(ops.matmul(ops.transpose(matrices, (0, 2, 1)), _unit(matrices @ u)))
        self.u.assign(u)

    def value(self) -> Tensor:
        """The kernel over its largest singular value; a kernel of zeros stays."""
        matrices, u = self.matrices(), ops.convert_to_tensor(self.u)
        v = _unit(ops.matmul(ops.stop_gradient(matrices), u))
        sigma = ops.max(ops.sum(v * ops.matmul(matrices, u), axis=(1, 2)))
        return ops.cast(self.variable, self.u.dtype) / ops.where(sigma > 0, sigma, 1.0)


def _unit(x: Tensor) -> Tensor:
    """Columns `(groups, n, 1)` of length 1; a column of zeros stays."""
    squares = ops.sum(ops.square(x), axis=1, keepdims=True)
    return x / ops.sqrt(ops.maximum(squares, 1e-30))


@register
class SpectralWeightNormalization(Reparametrized):
    """A layer whose kernels are divided by their largest singular value.

    `w = v / sigma(v)` bounds the Lipschitz constant, as the discriminator of a GAN needs it. sigma
    comes from a vector that each call with `training=True` improves by power iteration, and the
    gradient goes through it: with `u`, `x` the singular vectors, sigma = x' v u.

    Every kernel found in the layer is normalised: `kernel`, `recurrent_kernel` (also of the cells
    of an RNN), `depthwise_kernel`, `pointwise_kernel`, `embeddings`. A kernel is the matrix of
    what feeds a unit by the units; a depthwise one is a matrix for each channel, of which the
    largest counts. The kernel variable of the layer keeps `v`. Masks are the layer's.

    Args:
        layer: the layer to be wrapped.
        power_iterations: steps in each call in training, at least 1. Default 1.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: those of the layer.
        training: whether the vectors are improved; given to the layer too. Default False.
        mask: as for the layer. Default None.
        initial_state: as for the layer, if it is recurrent. Default None.

    Input shape:
        That of the layer.

    Output shape:
        That of the layer.

    Raises:
        ValueError: at build, the layer has no such kernel.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> layer = mk.layers.SpectralWeightNormalization(mk.layers.LSTM(4), power_iterations=30)
        >>> layer(np.ones((2, 5, 3)), training=True).shape
        TensorShape([2, 4])
        >>> kernel = np.asarray(layer.remove().cell.kernel)
        >>> round(float(np.linalg.norm(kernel, 2)), 3)
        1.0

    Reference:
        Miyato et al., 2018, https://arxiv.org/abs/1802.05957; as in
        `torch.nn.utils.parametrizations.spectral_norm`.
        Differs from `keras.layers.SpectralNormalization`, which fails on LSTM and SeparableConv2D,
        overwrites the kernel in each step, so that what the optimizer learns is divided again and
        again, and has no gradient through sigma; from both in the depthwise kernels.
    """

    def __init__(self, layer: keras.layers.Layer, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        check_integer("power_iterations", power_iterations, low=1)
        self.power_iterations = power_iterations

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self._normalised = [self._track(*found) for found in self.found_kernels()]
        self.built = True

    def _track(self, owner: Any, kernel: Variable, axes: tuple[int, ...]) -> _Kernel:
        units = [a for a in range(len(kernel.shape)) if a not in axes]
        groups = units[:1] if is_depthwise(owner, kernel) else []
        parts = (groups, list(axes), units[len(groups) :])
        shape: Any = tuple(int(np.prod([kernel.shape[a] for a in part])) for part in parts)
        u = self.add_weight(
            shape=(shape[0], shape[2], 1),
            # Not random: two replicas and two runs begin alike. Not constant either: a vector of
            # ones is orthogonal to whatever sums to zero.
            initializer=lambda s, dtype=None: ops.cast(_start(s), dtype),
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",  # all replicas find the same
            name=f"{kernel.name}_u",
        )
        return _Kernel(kernel, u, tuple(a for part in parts for a in part), shape)

    def _prepare(self, inputs: Tensor, given: dict) -> None:
        for kernel in self._normalised:
            kernel.advance(self.power_iterations)

    def _kernel_values(self, training: bool) -> list[tuple[Variable, Tensor]]:
        return [(kernel.variable, kernel.value()) for kernel in self._normalised]

    def remove(self) -> keras.layers.Layer:
        """Write `v / sigma(v)` into the kernels and return the plain layer, for inference."""
        if not self.built:
            raise RuntimeError(f"{type(self).__name__} {self.name!r} is not built: call it first.")
        for kernel in self._normalised:
            kernel.variable.assign(kernel.value())
        return self.layer

    def get_config(self) -> Config:
        return {**super().get_config(), "power_iterations": self.power_iterations}


def _start(shape: Any) -> np.ndarray:
    columns = np.random.default_rng(0).normal(size=tuple(shape))
    return columns / np.linalg.norm(columns, axis=1, keepdims=True)
