"""Adam in the eigenbasis of Shampoo's preconditioner."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor, Variable
from mlkit.optimizers._base_optimizer import BaseOptimizer, check_betas, corrections

# One for each axis of a weight; None where the axis is not rotated.
Bases = Sequence[Any]


@register
class SOAP(BaseOptimizer):
    """Adam in the eigenbasis of Shampoo's preconditioner.

    For a matrix w with the gradient g, the rate α = `learning_rate`, β₁ = `beta_1`, β₂ = `beta_2`,
    β₃ = `shampoo_beta`, ε = `epsilon`; ' marks what is rotated, x' = Pᵀ x Q:

        m = β₁ m + (1 - β₁) g
        v = β₂ v + (1 - β₂) (g')²
        w = w - α P (√(1 - β₂ᵗ) / (1 - β₁ᵗ) m' / (√v + ε)) Qᵀ
        L = β₃ L + (1 - β₃) g gᵀ,   R = β₃ R + (1 - β₃) gᵀ g

    P and Q are the eigenvectors of L and R. The first update only looks: it takes them from its
    gradient and leaves the weights. After that each `precondition_frequency`-th update takes one
    step of orthogonal iteration, P = qr(L P), with the columns in the order of their eigenvalues. A
    kernel of more axes has a basis for each. Axes longer than `max_size` are not rotated, nor are
    vectors and numbers, where this is Adam.

    It needs fewer updates than Adam, each of them dearer: by the products with P and Q, by a QR
    decomposition every few updates, and by two matrices for each axis.

    Args:
        learning_rate: number of at least 0, or a schedule. Default 0.003.
        beta_1: decay of the first moment, in [0, 1). Default 0.95.
        beta_2: decay of the second moment, in [0, 1). Default 0.95.
        epsilon: beside the root of the uncorrected v, at least 0. Default 1e-8.
        shampoo_beta: decay of L and R, in [0, 1). Default None: that of `beta_2`.
        precondition_frequency: updates from a step of the bases to the next, ≥ 1. Default 10.
        max_size: longest axis that is rotated, ≥ 1; its matrices have so many rows and columns.
            Default 4096.
        **kwargs: as for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> w = keras.Variable([[1.0, 1.0], [1.0, 1.0]])
        >>> optimizer = mk.optimizers.SOAP(0.1)
        >>> for _ in range(2):
        ...     optimizer.apply([keras.ops.convert_to_tensor([[4.0, 0.0], [0.0, 2.0]])], [w])
        >>> [[round(float(x), 2) for x in row] for row in w.numpy()]
        [[0.9, 1.0], [1.0, 0.9]]

    Reference:
        Vyas et al., 2024, https://arxiv.org/abs/2409.11321, algorithm 3, and the authors' code,
        from which the first update and the order of the columns are. Differs from them in weight
        decay, which is that of `keras.optimizers.Optimizer`, before the step. Repeated rows of an
        embedding's gradient are summed.
    """

    def __init__(
        self,
        learning_rate: Any = 0.003,
        beta_1: float = 0.95,
        beta_2: float = 0.95,
        epsilon: float = 1e-8,
        shampoo_beta: float | None = None,
        precondition_frequency: int = 10,
        max_size: int = 4096,
        **kwargs: Any,
    ) -> None:
        check_betas(beta_1=beta_1, beta_2=beta_2)
        if shampoo_beta is not None:
            check_betas(shampoo_beta=shampoo_beta)
        check_number("epsilon", epsilon, low=0)
        check_integer("precondition_frequency", precondition_frequency, low=1)
        check_integer("max_size", max_size, low=1)
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.shampoo_beta = shampoo_beta
        self.precondition_frequency = precondition_frequency
        self.max_size = max_size

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._slots = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        self._covariances = [self._matrices(v, "covariance") for v in variables]
        self._bases = [self._matrices(v, "basis") for v in variables]

    def _matrices(self, variable: Variable, name: str) -> list[Variable | None]:
        """A square matrix for each axis, None for one that is not rotated."""
        shape = tuple(variable.shape)
        rotated = [len(shape) > 1 and size <= self.max_size for size in shape]
        return [
            self.add_variable((n, n), dtype=_wide(variable), name=f"{variable.name}_{name}_{i}")
            if wanted
            else None
            for i, (n, wanted) in enumerate(zip(shape, rotated, strict=True))
        ]

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        place, t = self.place(variable), self.count() - 1.0
        m, v = (slot[place] for slot in self._slots)
        bases = [b if b is None else ops.convert_to_tensor(b) for b in self._bases[place]]
        g = ops.cast(gradient, _wide(variable))
        turned = _turned(g, bases)
        # The first update has no basis yet: it changes neither moments nor weights.
        begun = ops.cast(t > 0, g.dtype)
        c1, c2 = (ops.maximum(c, 1e-9) for c in corrections(t, self.beta_1, self.beta_2))
        rate = ops.cast(ops.cast(learning_rate, "float64") * ops.sqrt(c2) / c1, g.dtype)
        self.assign_add(m, ops.cast(begun * (1.0 - self.beta_1) * (g - m), m.dtype))
        change = begun * (1.0 - self.beta_2) * (ops.square(turned) - v)
        self.assign_add(v, ops.cast(change, v.dtype))
        root = ops.sqrt(ops.cast(v, g.dtype)) + self.epsilon
        ratio = ops.divide_no_nan(_turned(ops.cast(m, g.dtype), bases), root)
        change = begun * rate * _turned_back(ratio, bases)
        self.assign_sub(variable, ops.cast(change, variable.dtype))
        self._turn_bases(place, g, v)

    def _turn_bases(self, place: int, g: Tensor, v: Variable) -> None:
        """Take a gradient into the covariances, and turn the bases and v."""
        kept = self.beta_2 if self.shampoo_beta is None else self.shampoo_beta
        for axis, covariance in enumerate(self._covariances[place]):
            if covariance is None:
                continue
            rows = ops.reshape(ops.moveaxis(g, axis, 0), (g.shape[axis], -1))
            outer = ops.matmul(rows, ops.transpose(rows))
            self.assign(covariance, covariance + (outer - covariance) * (1.0 - kept))
            basis, order = self._turned_basis(
                ops.convert_to_tensor(covariance), ops.convert_to_tensor(self._bases[place][axis])
            )
            self.assign(self._bases[place][axis], basis)
            self.assign(v, ops.take(v, order, axis=axis))

    def _turned_basis(self, covariance: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
        """The basis after this update, and in which order its columns were taken."""
        step = self.iterations
        same = ops.arange(covariance.shape[0], dtype="int32")

        def begin() -> tuple[Tensor, Tensor]:
            # Eigenvalues ascend; the largest is to be the first, as below.
            return ops.flip(ops.eigh(covariance)[1], axis=1), same

        def iterate() -> tuple[Tensor, Tensor]:
            ahead = ops.matmul(covariance, basis)
            order = ops.cast(ops.argsort(-ops.sum(basis * ahead, axis=0)), "int32")
            return ops.qr(ops.take(ahead, order, axis=1))[0], order

        return ops.cond(
            ops.equal(step, 0),
            begin,
            lambda: ops.cond(
                ops.equal(step % self.precondition_frequency, 0), iterate, lambda: (basis, same)
            ),
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "shampoo_beta": self.shampoo_beta,
            "precondition_frequency": self.precondition_frequency,
            "max_size": self.max_size,
        }


def _wide(variable: Variable) -> str:
    """The dtype of what is decomposed: half precision has no QR."""
    return "float64" if variable.dtype == "float64" else "float32"


def _turned(x: Tensor, bases: Bases) -> Tensor:
    """Each axis in its basis."""
    # The first axis goes to the end each time: after all of them, each is in its place again.
    for basis in bases:
        if basis is not None:
            x = ops.tensordot(x, basis, [[0], [0]])
        elif len(bases) > 1:
            x = ops.moveaxis(x, 0, -1)
    return x


def _turned_back(x: Tensor, bases: Bases) -> Tensor:
    """The inverse of `_turned`."""
    return _turned(x, [basis if basis is None else ops.transpose(basis) for basis in bases])
