"""An echo state network: a random recurrent layer that is not trained."""

from typing import Any

import keras
from keras import activations, initializers

from mlkit._core.registry import register
from mlkit._core.types import Config
from mlkit.layers._esn_cell import ESNCell


@register
class ESN(keras.layers.RNN):
    """Recurrent layer of a fixed random reservoir; only what reads it is trained.

    `keras.layers.RNN` with an `mlkit.layers.ESNCell`, where the formula stands.

    Masks are obeyed as in every recurrent layer of Keras.

    Args:
        units: size of the reservoir, an integer ≥ 1.
        connectivity: probability of a connection, in [0, 1]; default 0.1.
        leaky: leaking rate, in [0, 1]; default 1, no leak.
        spectral_radius: in [0, 1]; default 0.9.
        use_norm2: whether to scale by the Frobenius norm instead; default False.
        use_bias: whether there is a bias; default True.
        activation: default `"tanh"`.
        kernel_initializer: of the input weights; default `"glorot_uniform"`.
        recurrent_initializer: of the reservoir; default `"glorot_uniform"`.
        bias_initializer: of the bias; default `"zeros"`.
        return_sequences: whether all steps are returned or the last; default False.
        go_backwards: whether time runs backwards; default False.
        unroll: whether the loop is unrolled; default False.
        **kwargs: as for `keras.layers.RNN`.

    Call arguments:
        sequence: the inputs.
        initial_state: list of the first state; default zeros.
        mask: boolean, `(batch, time)`, True at the steps that count.
        training: not used.

    Input shape:
        `(batch, time, features)`.

    Output shape:
        `(batch, units)`, or `(batch, time, units)` with `return_sequences`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> layer = mk.layers.ESN(32, return_sequences=True)
        >>> layer(np.ones((2, 5, 3), "float32")).shape, len(layer.trainable_weights)
        (TensorShape([2, 5, 32]), 0)

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
        return_sequences: bool = False,
        go_backwards: bool = False,
        unroll: bool = False,
        **kwargs: Any,
    ) -> None:
        cell = ESNCell(
            units,
            connectivity=connectivity,
            leaky=leaky,
            spectral_radius=spectral_radius,
            use_norm2=use_norm2,
            use_bias=use_bias,
            activation=activation,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            dtype=kwargs.get("dtype"),
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            go_backwards=go_backwards,
            unroll=unroll,
            **kwargs,
        )

    def get_config(self) -> Config:
        config, cell = super().get_config(), self.cell
        del config["cell"]
        return {
            **config,
            "units": cell.units,
            "connectivity": cell.connectivity,
            "leaky": cell.leaky,
            "spectral_radius": cell.spectral_radius,
            "use_norm2": cell.use_norm2,
            "use_bias": cell.use_bias,
            "activation": activations.serialize(cell.activation),
            "kernel_initializer": initializers.serialize(cell.kernel_initializer),
            "recurrent_initializer": initializers.serialize(cell.recurrent_initializer),
            "bias_initializer": initializers.serialize(cell.bias_initializer),
        }

    @classmethod
    def from_config(cls, config: Config) -> "ESN":
        return cls(**config)
