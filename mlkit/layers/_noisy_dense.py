"""A dense layer that explores by noise in its weights."""

import math
from typing import Any

import keras
from keras import activations, constraints, initializers, ops, regularizers

from mlkit._core.checks import check_bool, check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.shapes import known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class NoisyDense(keras.layers.Layer):
    """Dense layer with learned Gaussian noise on its weights, in training.

        y = activation(x @ (mu_w + sigma_w * eps_w) + mu_b + sigma_b * eps_b)

    with mu and sigma learned and eps drawn anew at each call. In reinforcement learning it replaces
    epsilon-greedy exploration: the network learns where noise is worth while. With
    `use_factorised`, eps_w[i, j] = f(p_i) f(q_j) and eps_b[j] = f(q_j), f(z) = sign(z) sqrt(|z|),
    which needs inputs + units draws instead of inputs * units. All samples of a batch share the
    noise. Without `training` there is none. Under a strategy each replica draws its own.

    A mask of time steps passes.

    Args:
        units: number of outputs, an integer ≥ 1.
        sigma: first value of sigma times sqrt(inputs), a number ≥ 0; default 0.5. Used with
            `use_factorised` only; else sigma starts at 0.017, as in the paper.
        use_factorised: which of the two kinds of noise; default True.
        activation: as for `keras.layers.Dense`; default None.
        use_bias: whether there is a bias; default True.
        kernel_regularizer: of mu_w and sigma_w; default None.
        bias_regularizer: of mu_b and sigma_b; default None.
        activity_regularizer: of the outputs; default None.
        kernel_constraint: of mu_w and sigma_w; default None.
        bias_constraint: of mu_b and sigma_b; default None.
        seed: integer for noise that repeats, or None. Default None.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of any rank ≥ 2.
        training: whether there is noise. Default False.

    Input shape:
        `(batch, ..., inputs)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: the number of inputs is unknown.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> layer, x = mk.layers.NoisyDense(4), np.ones((2, 3), "float32")
        >>> bool(np.all(layer(x) == layer(x)))
        True
        >>> bool(np.all(layer(x, training=True) == layer(x, training=True)))
        False

    Reference:
        Fortunato et al., 2018, Noisy Networks for Exploration, https://arxiv.org/abs/1706.10295.
        Differs from TensorFlow Addons: `training` alone says whether there is noise (no
        `reset_noise`, `remove_noise`), and `seed` is new.
    """

    def __init__(
        self,
        units: int,
        sigma: float = 0.5,
        use_factorised: bool = True,
        activation: Any = None,
        use_bias: bool = True,
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        check_integer("units", units, low=1)
        check_number("sigma", sigma, low=0.0)
        check_bool("use_factorised", use_factorised)
        check_bool("use_bias", use_bias)
        self.units = units
        self.sigma = sigma
        self.use_factorised = use_factorised
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.seed = seed
        self.supports_masking = True
        self._seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Shape) -> None:
        inputs = known_size(self, input_shape, -1)
        root = math.sqrt(inputs)
        bound, sigma = (1 / root, self.sigma / root) if self.use_factorised else (None, 0.017)
        mean = initializers.RandomUniform(
            -(bound or math.sqrt(3) / root), bound or math.sqrt(3) / root
        )
        constant = initializers.Constant(sigma)
        kernel = dict(
            shape=(inputs, self.units),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.kernel_mu = self.add_weight(name="kernel_mu", initializer=mean, **kernel)
        self.kernel_sigma = self.add_weight(name="kernel_sigma", initializer=constant, **kernel)
        if self.use_bias:
            bias = dict(
                shape=(self.units,),
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
            self.bias_mu = self.add_weight(name="bias_mu", initializer=mean, **bias)
            self.bias_sigma = self.add_weight(name="bias_sigma", initializer=constant, **bias)
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        kernel = self.kernel_mu
        bias = self.bias_mu if self.use_bias else None
        if training:
            noise, bias_noise = self._noise()
            kernel = kernel + self.kernel_sigma * ops.cast(noise, self.compute_dtype)
            if self.use_bias:
                bias = bias + self.bias_sigma * ops.cast(bias_noise, self.compute_dtype)
        outputs = ops.matmul(inputs, kernel)
        outputs = outputs + bias if self.use_bias else outputs
        return self.activation(outputs)

    def _noise(self) -> tuple[Tensor, Tensor]:
        inputs, units = self.kernel_mu.shape
        if not self.use_factorised:
            draws = keras.random.normal(
                ((inputs + 1), units), dtype="float32", seed=self._seed_generator
            )
            return draws[:-1], draws[-1]
        draws = keras.random.normal((inputs + units,), dtype="float32", seed=self._seed_generator)
        draws = ops.sign(draws) * ops.sqrt(ops.abs(draws))
        rows, columns = draws[:inputs], draws[inputs:]
        return rows[:, None] * columns[None, :], columns

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "units": self.units,
            "sigma": self.sigma,
            "use_factorised": self.use_factorised,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "seed": self.seed,
        }
