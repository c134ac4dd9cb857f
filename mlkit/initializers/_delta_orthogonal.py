"""An orthogonal map, as the kernel of a convolution."""

from typing import Any

from keras import backend, initializers, ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, DType, Shape, Tensor


@register
class DeltaOrthogonal(initializers.Initializer):
    """Convolution kernel that is orthogonal at its centre and zero elsewhere.

    The centre tap is a random matrix H of shape (inputs, filters) with orthonormal rows times
    `gain`, so that with padding "same" and stride 1 the norm of every pixel is multiplied by
    `gain`, at any depth. Plain convolutional networks of thousands of layers train from it.

    Args:
        gain: factor on the norm, a number > 0; default 1.0.
        seed: integer for the same kernel each time, or None (default).

    Raises:
        ValueError: a shape that is not of a 1D, 2D or 3D convolution `(*kernel, inputs, filters)`,
            or one with fewer filters than inputs, where no norm can be kept.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> kernel = np.asarray(mk.initializers.DeltaOrthogonal(seed=0)((3, 3, 4, 8)))
        >>> bool(np.allclose(kernel[1, 1] @ kernel[1, 1].T, np.eye(4), atol=1e-6))
        True

    Reference:
        Xiao et al., 2018, Dynamical Isometry and a Mean Field Theory of CNNs,
        https://arxiv.org/abs/1806.05393. Differs from it: an axis of even size k has its tap at
        (k - 1) // 2, where Keras' padding puts the centre.
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        check_number("gain", gain, low=0.0, open_low=True)
        if seed is not None:
            check_integer("seed", seed)
        self.gain = gain
        self.seed = seed
        self._orthogonal = initializers.Orthogonal(gain=gain, seed=seed)

    def __call__(self, shape: Shape, dtype: DType | None = None, **kwargs: Any) -> Tensor:
        if len(shape) not in (3, 4, 5) or shape[-2] > shape[-1]:
            raise ValueError(
                "DeltaOrthogonal takes the kernel of a 1D, 2D or 3D convolution, (*kernel, inputs, "
                f"filters) with filters ≥ inputs. Received: shape={tuple(shape)}"
            )
        centre = self._orthogonal(shape[-2:], dtype="float32")  # QR has no bfloat16
        margins = [((size - 1) // 2, size - 1 - (size - 1) // 2) for size in shape[:-2]]
        tap = ops.reshape(centre, (*[1] * len(margins), *shape[-2:]))
        kernel = ops.pad(tap, [*margins, (0, 0), (0, 0)])
        return ops.cast(kernel, dtype or backend.floatx())

    def get_config(self) -> Config:
        return {"gain": self.gain, "seed": self.seed}
