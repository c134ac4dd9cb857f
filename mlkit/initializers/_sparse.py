"""Normal draws, most of them replaced by zero."""

import math
from typing import Any

from keras import backend, initializers, ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, DType, Shape, Tensor


@register
class Sparse(initializers.Initializer):
    """Normal draws of which a fixed number in each column is zero.

    Every column of the matrix (in a Keras kernel: every unit) loses ceil(sparsity * rows) randomly
    chosen entries; the others are drawn from N(0, stddev²). Each unit then listens to few inputs
    and the units differ from one another, however many inputs there are.

    Args:
        sparsity: fraction of zeros in each column, a number in [0, 1].
        stddev: standard deviation of the entries that are not zero, a number > 0; default 0.01.
        seed: integer for the same matrix each time, or None (default).

    Raises:
        ValueError: a shape that is not of a matrix.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> draws = np.asarray(mk.initializers.Sparse(0.9, seed=0)((20, 3)))
        >>> (draws == 0).sum(axis=0).tolist()
        [18, 18, 18]

    Reference:
        Martens, 2010, Deep learning via Hessian-free optimization, section 5,
        https://www.cs.toronto.edu/~jmartens/docs/Deep_HessianFree.pdf; `torch.nn.init.sparse_`,
        which also works on columns. Differs from it in effect: a column of PyTorch's (units,
        inputs) matrix is an input, here it is a unit, as in Martens' text.
    """

    def __init__(self, sparsity: float, stddev: float = 0.01, seed: int | None = None) -> None:
        check_number("sparsity", sparsity, low=0.0, high=1.0)
        check_number("stddev", stddev, low=0.0, open_low=True)
        if seed is not None:
            check_integer("seed", seed)
        self.sparsity = sparsity
        self.stddev = stddev
        self.seed = seed
        self._normal = initializers.RandomNormal(seed=seed, stddev=1.0)

    def __call__(self, shape: Shape, dtype: DType | None = None, **kwargs: Any) -> Tensor:
        if len(shape) != 2:
            raise ValueError(f"Sparse takes the shape of a matrix. Received: shape={tuple(shape)}")
        zeros = math.ceil(self.sparsity * shape[0])
        # One draw for both: two initializers of one seed would give the same numbers, and the
        # zeros would then fall on the smallest entries.
        values, order = self._normal((2, *shape), dtype="float32")
        rank = ops.argsort(ops.argsort(order, axis=0), axis=0)
        kept = ops.where(rank < zeros, ops.zeros_like(values), values * self.stddev)
        return ops.cast(kept, dtype or backend.floatx())

    def get_config(self) -> Config:
        return {"sparsity": self.sparsity, "stddev": self.stddev, "seed": self.seed}
