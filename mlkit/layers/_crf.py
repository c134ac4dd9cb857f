"""CRF: a layer of tags whose neighbours matter."""

from typing import Any

import keras
from keras import initializers, ops

from mlkit._core.checks import check_bool, check_integer
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, known_size
from mlkit._core.types import Config, Shape, Tensor
from mlkit.ops._crf_decode import crf_decode
from mlkit.ops._crf_padding import PADDING, remember, valid_first


@register
class CRF(keras.layers.Layer):
    """Linear-chain conditional random field: tags, and what their loss needs.

    Potentials are `x W + b`, plus a learnt score for the first and the last tag of each sequence;
    a matrix scores the transitions. See `mlkit.ops.crf_log_likelihood` and `mlkit.ops.crf_decode`.
    For named entities, parts of speech, and other labels that constrain one another.

    Train on the potentials with `mlkit.losses.CRFLoss(layer)`; predict the tags. The mask may be
    of any kind, padding at the left or right or holes: the steps that remain are the sequence. The
    potentials of the others are -65504 in the output, from which the loss knows them.

    Args:
        units: number of tags, ≥ 1.
        chain_initializer: initializer of the transition matrix. Default `"orthogonal"`.
        use_boundary: whether the first and last tag have a score. Default True.
        boundary_initializer: initializer of these. Default `"zeros"`.
        use_kernel: whether the inputs are projected; if not they are the potentials and have
            `units` features. Default True.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: features of each step.
        mask: booleans `(batch, time)`, True where valid. Default None.

    Input shape:
        `(batch, time, features)`.

    Output shape:
        A tuple: tags `(batch, time)`, int32, zeros at padded steps; potentials
        `(batch, time, units)`; lengths `(batch,)`, int32; transitions `(units, units)`.

    Raises:
        ValueError: `units` is below 1; at build, not three axes, an unknown number of features, or
            with `use_kernel=False` one that is not `units`.

    Example:
        >>> import mlkit as mk
        >>> crf = mk.layers.CRF(5)
        >>> inputs = mk.Input((None, 8))
        >>> tags, potentials, _, _ = crf(inputs)
        >>> model = mk.Model(inputs, {"tags": tags, "potentials": potentials})
        >>> model.compile("adam", loss={"potentials": mk.losses.CRFLoss(crf)})
        >>> tags.shape, potentials.shape
        ((None, None), (None, None, 5))

    Reference:
        Lafferty et al., 2001, "Conditional Random Fields". Differs from TensorFlow Addons in that
        padding at the left is allowed and that potentials of padded steps are -65504.
    """

    def __init__(
        self,
        units: int,
        chain_initializer: Any = "orthogonal",
        use_boundary: bool = True,
        boundary_initializer: Any = "zeros",
        use_kernel: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_integer("units", units, low=1)
        check_bool("use_boundary", use_boundary)
        check_bool("use_kernel", use_kernel)
        self.units = units
        self.chain_initializer = initializers.get(chain_initializer)
        self.use_boundary = use_boundary
        self.boundary_initializer = initializers.get(boundary_initializer)
        self.use_kernel = use_kernel
        self.supports_masking = True
        # Here and not in `build`: a loss that holds the layer may be the first to ask for it.
        self.chain_kernel = self.add_weight(
            (self.units, self.units), self.chain_initializer, name="chain_kernel", autocast=False
        )
        remember(self)

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, 3)
        features = known_size(self, input_shape, -1, "inputs")
        if not self.use_kernel and features != self.units:
            raise ValueError(
                f"CRF {self.name!r}: with `use_kernel=False` the inputs are the potentials of "
                f"{self.units} tags (`units`). Received: input_shape={tuple(input_shape)}"
            )
        self.input_spec = keras.InputSpec(ndim=3, axes={-1: features})
        if self.use_boundary:
            for side in ("left_boundary", "right_boundary"):
                weight = self.add_weight((self.units,), self.boundary_initializer, name=side)
                setattr(self, side, weight)
        if self.use_kernel:
            self.kernel = self.add_weight((features, self.units), "glorot_uniform", name="kernel")
            self.bias = self.add_weight((self.units,), "zeros", name="bias")
        self.built = True

    def call(
        self, inputs: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x = inputs
        if self.use_kernel:
            x = ops.matmul(x, self.kernel) + self.bias
        valid = ops.ones(ops.shape(x)[:2], "bool") if mask is None else ops.cast(mask, "bool")
        number = ops.cumsum(ops.cast(valid, "int32"), axis=1)
        lengths = number[:, -1]
        if self.use_boundary:
            first = ops.cast(ops.logical_and(valid, number == 1), x.dtype)
            last = ops.cast(ops.logical_and(valid, number == lengths[:, None]), x.dtype)
            x = x + first[..., None] * self.left_boundary + last[..., None] * self.right_boundary
        if mask is None:
            tags, _ = crf_decode(x, self.chain_kernel, lengths)
        else:
            tags, _ = crf_decode(valid_first(x, valid), self.chain_kernel, lengths)
            back = ops.take_along_axis(tags, ops.maximum(number - 1, 0), axis=1)
            tags = ops.where(valid, back, 0)
            x = ops.where(valid[..., None], x, PADDING)
        return tags, x, lengths, ops.cast(self.chain_kernel, self.compute_dtype)

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> tuple:
        # None for the potentials: Keras would weight a sequence by the mask of its steps.
        return mask, None, None, None

    def compute_output_spec(self, inputs: Tensor, mask: Any = None) -> tuple:
        batch, time = inputs.shape[:2]
        return (
            keras.KerasTensor((batch, time), "int32"),
            keras.KerasTensor((batch, time, self.units), self.compute_dtype),
            keras.KerasTensor((batch,), "int32"),
            keras.KerasTensor((self.units, self.units), self.compute_dtype),
        )

    def compute_output_shape(self, input_shape: Shape) -> tuple[Shape, Shape, Shape, Shape]:
        batch, time = input_shape[:2]
        units = self.units
        return (batch, time), (batch, time, units), (batch,), (units, units)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "units": self.units,
            "chain_initializer": initializers.serialize(self.chain_initializer),
            "use_boundary": self.use_boundary,
            "boundary_initializer": initializers.serialize(self.boundary_initializer),
            "use_kernel": self.use_kernel,
        }
