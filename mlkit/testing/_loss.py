"""Rules for losses: values, reductions, weights, masks."""

from typing import Any

import keras
import numpy as np

from mlkit.testing._check import check
from mlkit.testing._compare import apart, array, must_agree
from mlkit.testing._loss_data import batch, independent, per_example, perfect, weights
from mlkit.testing._report import CheckFailed, NotApplicable
from mlkit.testing._spec import LossSpec

REDUCTIONS = ("sum", "sum_over_batch_size", "mean", "mean_with_sample_weight", "none", None)
_REDUCE = (
    "In `call` return one value an example and reduce nothing over the batch: `keras.Loss` applies "
    "weights, mask and reduction."
)


@check("loss")
def per_sample(spec: LossSpec) -> None:
    """Without a reduction there is one finite value (or one an entry) for each example."""
    y_true, y_pred = batch(spec)
    values = array(per_example(spec, y_true, y_pred))
    if values.ndim == 0 and spec.batchwise:
        raise NotApplicable("the loss couples the examples of a batch, and is one number")
    if values.shape[:1] != y_pred.shape[:1]:
        raise CheckFailed(
            f"reduction=None gives shape {values.shape} for predictions of {y_pred.shape}",
            why="Weights of examples, masks and the mean over the batch all come out wrong.",
            mend=_REDUCE,
        )


@check("loss")
def function_equals_class(spec: LossSpec) -> None:
    """The pure function gives what the class gives without a reduction."""
    if spec.function is None:
        raise NotApplicable("no `function` was given")
    kwargs = spec.kwargs if spec.function_kwargs is None else spec.function_kwargs
    y_true, y_pred = batch(spec)
    must_agree(
        spec.function(y_true, y_pred, **kwargs),
        per_example(spec, y_true, y_pred),
        1e-6,
        "the function differs from the class",
        why="Two names for one formula, and two results.",
        mend="Let `call` be nothing but a call of the function with the stored arguments.",
    )


@check("loss")
def reference(spec: LossSpec) -> None:
    """The values are those of an independent witness, on several draws."""
    if spec.reference is None:
        raise NotApplicable("no `reference` was given")
    draws = 5 if callable(spec.y_true) or callable(spec.y_pred) else 1
    for seed in range(draws):
        y_true, y_pred = batch(spec, seed)
        must_agree(
            per_example(spec, y_true, y_pred),
            spec.reference(y_true, y_pred),
            1e-5,
            f"draw {seed} differs from `reference`",
            why="It computes something other than it says.",
            mend="Find which of the two has the formula wrong, by hand, on two examples.",
        )


@check("loss")
def rows_independent(spec: LossSpec) -> None:
    """The value of an example does not depend on the others, nor on their order."""
    y_true, y_pred = batch(spec)
    whole = array(per_example(spec, y_true, y_pred))
    order = np.random.default_rng(0).permutation(len(y_pred))
    moved = array(per_example(spec, y_true[order], y_pred[order]))
    must_agree(
        moved,
        whole[order] if whole.ndim else whole,
        1e-5,
        "examples in another order",
        why="The loss depends on how the data were shuffled.",
        mend="Reduce over the axes of an example only, or over all of the batch.",
    )
    independent(spec)
    for i in range(min(3, len(y_pred))):
        must_agree(
            array(per_example(spec, y_true[i : i + 1], y_pred[i : i + 1]))[0],
            whole[i],
            1e-5,
            f"example {i} alone, in a batch of one",
            why="The loss, and thus the training, depends on the size of the batch.",
            mend="Reduce over the axes of an example only; a loss that couples the batch on "
            "purpose says so: batchwise=True.",
        )


class _Given(keras.Loss):
    """Keras' own weighting and reduction of values that are known."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return y_true + 0 * y_pred


@check("loss")
def reductions(spec: LossSpec) -> None:
    """Each reduction does to the values what Keras does to them, with and without weights."""
    y_true, y_pred = batch(spec)
    values = array(per_example(spec, y_true, y_pred))
    given: list[Any] = [None, 3.0]
    if values.ndim:
        column = weights(len(values)).reshape((-1,) + (1,) * (values.ndim - 1))
        given += [column] if values.ndim > 1 else [column, column[:, None]]
    for name in REDUCTIONS:
        for weight in given:
            want = _Given(reduction=name)(values, np.zeros_like(values), weight)
            got = spec.make(reduction=name)(y_true, y_pred, weight)
            shape = None if weight is None else np.shape(weight)
            must_agree(
                got,
                want,
                1e-5,
                f"reduction={name!r} with weights of shape {shape}",
                why="The scale of the loss, and so the learning rate that works, is not what the "
                "argument says.",
                mend=_REDUCE + " Leave `__call__` as it is.",
            )


@check("loss")
def zero_weight(spec: LossSpec) -> None:
    """An example of weight 0 is as good as absent: no value, no gradient."""
    independent(spec)
    y_true, y_pred = batch(spec)
    weight = weights(len(y_pred))
    loss, kept = spec.make(reduction="sum"), weight > 0
    shape = (-1,) + (1,) * (array(per_example(spec, y_true, y_pred)).ndim - 1)
    must_agree(
        loss(y_true, y_pred, weight.reshape(shape)),
        loss(y_true[kept], y_pred[kept], weight[kept].reshape(shape)),
        1e-5,
        "the sum with weights 0 against the sum without these examples",
        why="Padding and examples that were switched off still train the model.",
        mend=_REDUCE,
    )


@check("loss")
def mask(spec: LossSpec) -> None:
    """What the mask of the predictions hides does not count."""
    independent(spec)
    y_true, y_pred = batch(spec)
    values = array(per_example(spec, y_true, y_pred))
    floats = np.issubdtype(y_pred.dtype, np.floating)
    if not floats or y_pred.ndim < 2 or values.shape != y_pred.shape[:-1]:
        raise NotApplicable("a mask hides entries of the predictions without their last axis")
    hidden = np.zeros(values.shape, bool)
    hidden.reshape(-1)[1::3] = True
    marked = np.where(hidden[..., None], np.float32(-77.0), y_pred)
    masked = keras.layers.Masking(mask_value=-77.0)(keras.ops.convert_to_tensor(marked))
    for name, want in (
        ("sum", values[~hidden].sum()),
        ("sum_over_batch_size", values[~hidden].mean()),
    ):
        must_agree(
            spec.make(reduction=name)(y_true, masked),
            want,
            1e-5,
            f"reduction={name!r}, a third of the entries masked",
            why="Padding after an Embedding(mask_zero=True) or Masking layer trains the model.",
            mend="Leave `__call__` to `keras.Loss`: it reads the mask of `y_pred`.",
        )


def _properties(spec: LossSpec) -> dict[str, str | None]:
    """What is wrong with each property that a loss can declare."""
    y_true, y_pred = batch(spec)
    values = array(per_example(spec, y_true, y_pred))
    least, most = values.min(), values.max()
    found: dict[str, str | None] = {
        "nonnegative": f"a value of {least:.6g}" if least < -1e-6 else None,
        "bounded": f"a value of {most:.6g}" if most > 1 + 1e-6 or least < -1 - 1e-6 else None,
    }
    if "zero_at_target" in spec.properties:
        at_target = per_example(spec, y_true, perfect(spec, y_true))
        found["zero_at_target"] = apart(at_target, np.zeros_like(array(at_target)), 1e-5)
    if "symmetric" in spec.properties:
        found["symmetric"] = apart(per_example(spec, y_pred, y_true), values, 1e-5)
    return found


@check("loss")
def properties(spec: LossSpec) -> None:
    """The declared properties hold: nonnegative, zero at the target, symmetric, bounded by 1."""
    if not spec.properties:
        raise NotApplicable("no `properties` were declared")
    found = _properties(spec)
    for name in spec.properties:
        if name not in ("nonnegative", "zero_at_target", "symmetric", "bounded"):
            raise CheckFailed(
                f"`properties` names {name!r}",
                why="It would be checked by nothing.",
                mend="Use nonnegative, zero_at_target, symmetric, bounded.",
            )
        if found[name]:
            raise CheckFailed(
                f"declared {name!r}, but: {found[name]}",
                why="Whoever stops training at 0, or compares runs, relies on it.",
                mend="Mend the formula, or do not declare the property.",
            )
