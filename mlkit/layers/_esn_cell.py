"""A random recurrent cell that is not trained."""

from typing import Any

import keras
import numpy as np
from keras import activations, initializers, ops

from mlkit._core.checks import check_bool, check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.shapes import known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class ESNCell(keras.layers.Layer):
    """Cell of an echo state network: a sparse random reservoir.

        h' = (1 - leaky) * h + leaky * activation(x W + h U + b)

    Nothing is trained but what reads h. Each entry of U is kept with probability `connectivity`;
    then U is scaled so that its largest absolute eigenvalue is `spectral_radius`, below 1 so that
    the past fades. Use it in `keras.layers.RNN`, or take `mlkit.layers.ESN`.

    Args:
        units: size of the reservoir, an integer ≥ 1.
        connectivity: probability of a connection, in [0, 1]; default 0.1.
        leaky: leaking rate, in [0, 1]; default 1, no leak.
        spectral_radius: in [0, 1]; default 0.9.
        use_norm2: whether to scale by the Frobenius norm instead, an upper bound of the spectral
            radius that needs no eigenvalues; default False.
        use_bias: whether there is a b; default True.
        activation: default `"tanh"`.
        kernel_initializer: of W; default `"glorot_uniform"`.
        recurrent_initializer: of U before it is thinned and scaled; default `"glorot_uniform"`.
        bias_initializer: of b; default `"zeros"`.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: one time step.
        states: list of h.

    Input shape:
        `(batch, features)`.

    Output shape:
        `(batch, units)`, and the list of the new h.

    Raises:
        ValueError: the number of features is unknown.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> cell = mk.layers.ESNCell(50, spectral_radius=0.8)
        >>> cell.build((None, 3))
        >>> round(float(np.abs(np.linalg.eigvals(cell.recurrent_kernel)).max()), 3)
        0.8

    Reference:
        Jaeger, 2001, The "echo state" approach to analysing and training recurrent neural networks,
        https://www.ai.rug.nl/minds/uploads/EchoStatesTechRep.pdf.
    """

    def __init__(
        self,
        units: int,
        connectivity: float = 0.1,
        leaky: float = 1,
        spectral_radius: float = 0.9,
        use_norm2: bool = False,
        use_bias: bool = True,
        activation: Any = "tanh",
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_integer("units", units, low=1)
        check_number("connectivity", connectivity, low=0, high=1)
        check_number("leaky", leaky, low=0, high=1)
        check_number("spectral_radius", spectral_radius, low=0, high=1)
        check_bool("use_norm2", use_norm2)
        check_bool("use_bias", use_bias)
        self.units = units
        self.connectivity = connectivity
        self.leaky = leaky
        self.spectral_radius = spectral_radius
        self.use_norm2 = use_norm2
        self.use_bias = use_bias
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.state_size = units
        self.output_size = units

    def build(self, input_shape: Shape) -> None:
        features = known_size(self, input_shape, -1)
        self.kernel = self._fixed("kernel", (features, self.units), self.kernel_initializer)
        self.recurrent_kernel = self._fixed(
            "recurrent_kernel", (self.units, self.units), self._reservoir
        )
        if self.use_bias:
            self.bias = self._fixed("bias", (self.units,), self.bias_initializer)
        self.built = True

    def _fixed(self, name: str, shape: Shape, initializer: Any) -> Any:
        return self.add_weight(shape=shape, initializer=initializer, trainable=False, name=name)

    def _reservoir(self, shape: Shape, dtype: Any = None) -> Tensor:
        weights: Any = ops.convert_to_numpy(self.recurrent_initializer(shape, dtype="float32"))
        kept = keras.random.uniform(shape, dtype="float32") < self.connectivity
        weights = weights * ops.convert_to_numpy(kept)
        if self.use_norm2:
            size = np.linalg.norm(weights)
        else:
            size = np.abs(np.linalg.eigvals(weights.astype("float64"))).max()
        # A reservoir without cycles has only eigenvalues of zero, and cannot be scaled.
        scale = self.spectral_radius / size if size > 1e-8 else 1.0
        return ops.convert_to_tensor(weights * scale, dtype=dtype)

    def call(self, inputs: Tensor, states: Any) -> Any:
        h = states[0]
        z = ops.matmul(inputs, self.kernel) + ops.matmul(h, self.recurrent_kernel)
        z = z + self.bias if self.use_bias else z
        new = self.activation(z)
        h = new if self.leaky == 1 else (1 - self.leaky) * h + self.leaky * new
        return h, [h]

    def get_initial_state(self, batch_size: Any = None) -> list[Tensor]:
        """Zeros for h.

        Args:
            batch_size: number of sequences.
        """
        return [ops.zeros((batch_size, self.units), self.compute_dtype)]

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "units": self.units,
            "connectivity": self.connectivity,
            "leaky": self.leaky,
            "spectral_radius": self.spectral_radius,
            "use_norm2": self.use_norm2,
            "use_bias": self.use_bias,
            "activation": activations.serialize(self.activation),
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": initializers.serialize(self.recurrent_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
        }
