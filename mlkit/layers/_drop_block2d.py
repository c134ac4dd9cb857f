"""Dropout of squares of a feature map."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.images import from_last, image_format, to_last
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank
from mlkit._core.types import Config, Shape, Tensor


@register
class DropBlock2D(keras.layers.Layer):
    """Sets random squares of each feature map to zero, in training.

    In each map, squares of `block_size` by `block_size` pixels are dropped, each that fits into the
    map with probability

        gamma = rate / block_size² * height * width
                / ((height - block_size + 1) * (width - block_size + 1))

    so that about a fraction `rate` is dropped (somewhat less, as squares overlap), and the rest is
    multiplied by count / kept, both over the whole batch of a replica. Neighbouring pixels tell the
    same, so that dropping single ones regularises a convolutional network little.

    Args:
        rate: fraction of the pixels that is dropped, in [0, 1).
        block_size: side of the squares, an integer ≥ 1; default 7. Maps that are smaller are
            dropped whole.
        seed: integer for random numbers that repeat, or None. Default None.
        data_format: `"channels_last"`, `"channels_first"` or None (default): Keras' own setting.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: feature maps.
        training: whether to drop. Default False.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)`.

    Output shape:
        That of the inputs.

    Raises:
        ValueError: `rate` is not in [0, 1), or the inputs have not four axes.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> layer = mk.layers.DropBlock2D(0.3, block_size=3, seed=0)
        >>> y = layer(np.ones((4, 16, 16, 8), "float32"), training=True)
        >>> round(float(np.mean(y)), 3)
        1.0

    Reference:
        Ghiasi, Lin and Le, 2018, DropBlock: A regularization method for convolutional networks,
        https://arxiv.org/abs/1810.12890. Differs from torchvision's: even block sizes work.
    """

    def __init__(
        self,
        rate: float,
        block_size: int = 7,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_number("rate", rate, low=0, high=1, open_high=True)
        check_integer("block_size", block_size, low=1)
        self._format = image_format(data_format)
        self.rate = rate
        self.block_size = block_size
        self.seed = seed
        self.data_format = data_format
        self._seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, 4)
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        keep = self._kept(ops.shape(to_last(inputs, self._format)))
        keep = from_last(keep, self._format)
        total = ops.cast(ops.size(keep), "float32")
        scale = total / ops.maximum(ops.sum(keep), 1.0)
        return inputs * ops.cast(keep * scale, inputs.dtype)

    def _kept(self, shape: Any) -> Tensor:
        """Zeros in the squares and ones elsewhere, float32, channels last."""
        batch, height, width, channels = shape
        sizes = [size for size in (height, width) if isinstance(size, int)]
        block = min([self.block_size, *sizes])
        rows, columns = height - block + 1, width - block + 1
        area = ops.cast(height * width, "float32") / ops.cast(rows * columns, "float32")
        uniform = keras.random.uniform(
            (batch, rows, columns, channels), dtype="float32", seed=self._seed_generator
        )
        corners = ops.cast(uniform < self.rate / block**2 * area, "float32")
        # A pixel is dropped if the corner of any square that holds it is above and left of it.
        margin = (block - 1, block - 1)
        corners = ops.pad(corners, ((0, 0), margin, margin, (0, 0)))
        return 1.0 - ops.max_pool(corners, block, 1, "valid", data_format="channels_last")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "rate": self.rate,
            "block_size": self.block_size,
            "seed": self.seed,
            "data_format": self.data_format,
        }
