"""Rules for initializers: the entries asked for, drawn as promised, the same under a seed."""

import keras
import numpy as np

from mlkit.testing._check import check
from mlkit.testing._report import CheckFailed, NotApplicable
from mlkit.testing._spec import InitializerSpec
from mlkit.testing._values import difference, leaves, not_finite

# Entries drawn for the moments, and how many standard errors they may be off.
_ENTRIES, _ERRORS = 20_000, 5.0


@check("initializer")
def shape_and_dtype(spec: InitializerSpec) -> None:
    """The values have the shape and dtype asked for, and are finite."""
    shape = tuple(spec.shape)
    for dtype in ("float32", "float16", "bfloat16", "float64"):
        values = spec.make()(shape, dtype=dtype)
        got = keras.backend.standardize_dtype(values.dtype)
        if tuple(values.shape) != shape or got != dtype:
            raise CheckFailed(
                f"shape {shape} and {dtype} were asked for, {tuple(values.shape)} and {got} given",
                why="add_weight fails, or the weight has another dtype than the policy says.",
                mend="def __call__(self, shape, dtype=None): ... draw in float32 and cast to dtype",
            )
        if not_finite(values):
            raise CheckFailed(
                f"{not_finite(values)} of the {dtype} values are not finite",
                why="Training begins at NaN.",
                mend="Draw in float32 and cast: tiny and large constants leave float16's range.",
            )
    default = keras.backend.standardize_dtype(spec.make()(shape).dtype)
    if default != keras.config.floatx():
        raise CheckFailed(
            f"without dtype= the values are {default}, not {keras.config.floatx()}",
            why="Keras' own initializers give floatx() there.",
            mend="dtype = dtype or keras.config.floatx()",
        )


@check("initializer")
def seeded(spec: InitializerSpec) -> None:
    """The same seed gives the same values, and another seed others if anything is drawn."""
    shape = tuple(spec.shape)

    def values(seed: int) -> object:
        keras.utils.set_random_seed(seed)
        return spec.make(**({"seed": seed} if "seed" in spec.parameters else {}))(shape)

    again = difference(values(1), values(1), 0.0)
    if again:
        raise CheckFailed(
            f"made twice under one seed: {again}",
            why="No experiment that begins with this initializer can be repeated.",
            mend="Pass `seed` on to keras.random; neither numpy nor tf.random.",
        )
    differ = difference(values(1), values(2), 0.0) is not None
    if differ != spec.stochastic:
        raise CheckFailed(
            "two seeds give " + ("other values" if differ else "the same values"),
            why="All layers begin with the same numbers."
            if spec.stochastic
            else "Values that are said to be fixed are drawn.",
            mend="Pass `seed` on to keras.random; say in the spec whether it is stochastic.",
        )


@check("initializer")
def moments(spec: InitializerSpec) -> None:
    """Mean and variance of the entries are those promised."""
    if spec.mean is None and spec.variance is None:
        raise NotApplicable("neither mean nor variance is promised")
    entries = _entries(spec)
    mean, square = entries.mean(), (entries - entries.mean()) ** 2
    _must_be_near("mean", mean, spec.mean, np.sqrt(square.mean() / len(entries)))
    _must_be_near("variance", square.mean(), spec.variance, square.std() / np.sqrt(len(entries)))


def _entries(spec: InitializerSpec) -> np.ndarray:
    """Entries of many draws, each under its own seed."""
    count = -(-_ENTRIES // max(1, int(np.prod(tuple(spec.shape)))))
    seeds = [{"seed": 100 + i} if "seed" in spec.parameters else {} for i in range(min(count, 500))]
    draws = [leaves(spec.make(**seed)(tuple(spec.shape)))[0].ravel() for seed in seeds]
    return np.concatenate(draws).astype(np.float64)


def _must_be_near(what: str, got: float, want: float | None, error: float) -> None:
    if want is not None and abs(got - want) > _ERRORS * error + 1e-6 * max(1.0, abs(want)):
        raise CheckFailed(
            f"the {what} of the entries is {got:.5g}, {want:.5g} was promised (standard error "
            f"{error:.1g})",
            why="Activations grow or fade from layer to layer, and deep nets do not begin to "
            "train.",
            mend="Look at the fans (which axes are inputs?), at a truncated normal's smaller "
            "spread, and at uniform's variance of width²/12.",
        )


@check("initializer")
def reference(spec: InitializerSpec) -> None:
    """The values are those of the independent witness."""
    if spec.reference is None:
        raise NotApplicable("no reference")
    shape = tuple(spec.shape)
    found = difference(spec.make()(shape), np.asarray(spec.reference(shape), np.float32), 1e-6)
    if found:
        raise CheckFailed(
            f"the values: {found}",
            why="Either the initializer or its witness computes something else than it says.",
            mend="Compute the formula by hand for the smallest shape that shows the difference.",
        )


@check("initializer")
def in_variable(spec: InitializerSpec) -> None:
    """A layer can make a weight with it."""
    layer = keras.Layer()
    weight = layer.add_weight(shape=tuple(spec.shape), initializer=spec.make(), name="weight")
    if tuple(weight.shape) != tuple(spec.shape) or not_finite(weight):
        raise CheckFailed(
            f"add_weight(shape={tuple(spec.shape)}) gives shape {tuple(weight.shape)} and "
            f"{not_finite(weight)} entries that are not finite",
            why="No layer can use the initializer.",
            mend="def __call__(self, shape, dtype=None): return a tensor of that shape",
        )
