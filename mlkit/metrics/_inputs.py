"""Bringing labels, predictions and weights to one form, and saying what is wrong with them."""

from collections.abc import Sequence

import keras
from keras import ops

from mlkit._core.guard import ensure
from mlkit._core.types import Tensor

NAN = float("nan")


def mask_of(x: Tensor) -> Tensor | None:
    """The mask that a tensor has from the layers it came through, or None."""
    # The attribute by which Keras hands masks from layer to layer, see its guide on masking.
    return getattr(x, "_keras_mask", None)


def spoiled(weight: Tensor, bad: Tensor, message: str) -> Tensor:
    """Weights with NaN for unusable examples of weight other than 0; raises outside XLA.

    Every sum over examples holds the weights, so each result is then NaN. A scalar added to the
    sums would say the same, and cost XLA another pass.
    """
    bad = ops.logical_and(bad, weight != 0)
    ensure(ops.logical_not(ops.any(bad)), message)
    return ops.where(bad, ops.cast(NAN, weight.dtype), weight)


def differ(a: Sequence[int | None], b: Sequence[int | None]) -> bool:
    """Whether two shapes cannot be the same, as far as they are known."""
    return len(a) != len(b) or any(
        i != j for i, j in zip(a, b, strict=True) if i is not None and j is not None
    )


def example_weights(
    sample_weight: Tensor | None, like: Tensor, mask: Tensor | None = None
) -> Tensor:
    """Weights in float64, one for each entry of `like`, flat.

    Args:
        sample_weight: None, a number, or of the shape of `like`, of a leading part of it, or of
            either with a last axis of 1.
        like: a tensor of shape `[...]`, one entry an example (or pixel, or time step).
        mask: None, or the mask of the predictions, of such a shape too: what it leaves out has
            weight 0.

    Raises:
        ValueError: another shape.
    """
    if mask is not None:
        kept = _spread("mask", ops.cast(mask, "float64"), like)
        given = example_weights(sample_weight, like)
        return ops.where(kept != 0, given, ops.zeros_like(given))
    if sample_weight is None:
        return ops.ones((like.shape[0],) if _known_vector(like) else (ops.size(like),), "float64")
    return _spread("sample_weight", ops.cast(ops.convert_to_tensor(sample_weight), "float64"), like)


def _spread(name: str, weight: Tensor, like: Tensor) -> Tensor:
    """`weight` for each entry of `like`, flat."""
    shape, rank = tuple(weight.shape), len(like.shape)
    if 0 < rank < len(shape) and shape[-1] == 1:
        weight = ops.squeeze(weight, axis=-1)
    lead = tuple(weight.shape)
    fits = len(lead) <= rank and not any(
        a != b and not (i > 0 and a == 1)
        for i, (a, b) in enumerate(zip(lead, like.shape, strict=False))
        if a is not None and b is not None
    )
    if not fits:
        raise ValueError(
            f"`{name}` must be a number or have the shape of the examples, "
            f"{tuple(like.shape)}, a leading part of it, or that with a last axis of 1. "
            f"Received: {name}.shape={shape}"
        )
    while 0 < len(weight.shape) < rank:
        weight = ops.expand_dims(weight, axis=-1)
    return ops.reshape(ops.broadcast_to(weight, ops.shape(like)), (-1,))


def _known_vector(x: Tensor) -> bool:
    return len(x.shape) == 1 and x.shape[0] is not None


def is_integer(x: Tensor) -> bool:
    """Whether the dtype is one of whole numbers or bool."""
    dtype = keras.utils.standardize_dtype(x.dtype)
    return "int" in dtype or dtype == "bool"


def wide(x: Tensor) -> Tensor:
    """The same numbers in float32 or float64: a threshold is not rounded to a half's digits."""
    dtype = keras.utils.standardize_dtype(x.dtype)
    return x if dtype in ("float32", "float64") else ops.cast(x, "float32")


def class_targets(y_true: Tensor, lead: Sequence[int | None], num_classes: int) -> Tensor:
    """Classes as float64 of shape `lead`, from integers or one-hot rows.

    Args:
        y_true: of shape `[...]`, `[..., 1]`, or one-hot `[..., num_classes]`.
        lead: the shape `[...]` of the examples, from the predictions.
        num_classes: number of classes.

    Raises:
        ValueError: another shape.
    """
    y_true = ops.convert_to_tensor(y_true)
    shape = tuple(y_true.shape)
    if not differ(shape, lead):
        return ops.cast(y_true, "float64")
    if not differ(shape, (*lead, 1)):
        return ops.cast(ops.squeeze(y_true, axis=-1), "float64")
    if not differ(shape, (*lead, num_classes)):
        return ops.cast(ops.argmax(y_true, axis=-1), "float64")
    raise ValueError(
        f"`y_true` must hold classes of shape {tuple(lead)} or {(*lead, 1)}, or one-hot rows of "
        f"shape {(*lead, num_classes)}. Received: y_true.shape={shape}"
    )


def class_predictions(y_pred: Tensor, num_classes: int, threshold: float) -> tuple[Tensor, Tensor]:
    """Predicted classes in int32 and whether each is unusable (NaN, outside of the classes).

    Args:
        y_pred: scores of shape `[..., num_classes]`; or classes as integers of shape `[...]` or
            `[..., 1]`; or, with two classes, one score for class 1 of shape `[N]` or `[..., 1]`.
        num_classes: number of classes.
        threshold: a single score above it means class 1.

    Raises:
        ValueError: another shape.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    shape = tuple(y_pred.shape)
    if is_integer(y_pred) and shape and (shape[-1] != num_classes or len(shape) == 1):
        ids = ops.squeeze(y_pred, axis=-1) if len(shape) > 1 and shape[-1] == 1 else y_pred
        ids = ops.cast(ids, "int32")
        return ids, ops.logical_or(ids < 0, ids >= num_classes)
    if len(shape) > 1 and shape[-1] == num_classes:
        bad = ops.any(ops.isnan(y_pred), axis=-1)
        return ops.cast(ops.argmax(y_pred, axis=-1), "int32"), bad
    if num_classes == 2 and shape and (len(shape) == 1 or shape[-1] == 1):
        score = wide(ops.squeeze(y_pred, axis=-1) if len(shape) > 1 else y_pred)
        return ops.cast(score > threshold, "int32"), ops.isnan(score)
    single = " (or a single score, [N] or [..., 1])" if num_classes == 2 else ""
    raise ValueError(
        f"`y_pred` must have scores of shape [..., {num_classes}]{single}, or classes as integers "
        f"of shape [...]. Received: y_pred.shape={shape}"
    )


def class_pairs(
    y_true: Tensor,
    y_pred: Tensor,
    sample_weight: Tensor | None,
    num_classes: int,
    *,
    threshold: float = 0.5,
    ignore_class: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """True and predicted classes (int32, flat), and weights (float64, flat).

    Examples of weight 0, masked ones, and those whose true class is `ignore_class`, may hold
    anything. Another that is unusable has a weight of NaN.
    """
    mask = mask_of(y_pred)
    pred, bad = class_predictions(y_pred, num_classes, threshold)
    true = class_targets(y_true, pred.shape, num_classes)
    weight = example_weights(sample_weight, pred, mask)
    true, pred, bad = (ops.reshape(x, (-1,)) for x in (true, pred, bad))
    if ignore_class is not None:
        weight = ops.where(true == ignore_class, ops.zeros_like(weight), weight)
    whole = ops.cast(ops.clip(true, 0, num_classes - 1), "int32")
    bad = ops.logical_or(bad, ops.cast(whole, "float64") != true)
    weight = spoiled(
        weight,
        bad,
        f"Classes must be whole numbers in [0, {num_classes}), and predictions must not be NaN, "
        "where the weight is not 0. To leave a class out, such as -1 or 255, name it in "
        "`ignore_class` or give it weight 0.",
    )
    return whole, ops.clip(pred, 0, num_classes - 1), weight


def label_pairs(
    y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None, num_labels: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Multi-label targets and scores as `[N, labels]`, and weights (float64, `[N]`).

    Raises:
        ValueError: shapes that differ, or another number of labels.
    """
    mask = mask_of(y_pred)
    y_true, y_pred = _same_shape(y_true, y_pred)
    if len(y_pred.shape) == 1:
        y_true, y_pred = y_true[:, None], y_pred[:, None]
    labels = y_pred.shape[-1]
    if num_labels is not None and labels != num_labels:
        raise ValueError(
            f"`y_pred` must have a last axis of {num_labels}, one score a label. "
            f"Received: y_pred.shape={tuple(y_pred.shape)}"
        )
    weight = example_weights(sample_weight, y_pred[..., 0], mask)
    y_true = ops.reshape(ops.cast(y_true, "float64"), (-1, labels))
    y_pred = wide(ops.reshape(y_pred, (-1, labels)))
    bad = ops.logical_or(
        ops.isnan(y_pred),
        ops.logical_and(y_true != 0, y_true != 1),
    )
    weight = spoiled(
        weight,
        ops.any(bad, axis=-1),
        "Multi-label targets must be 0 or 1, and predictions must not be NaN, where the weight is "
        "not 0.",
    )
    return y_true, y_pred, weight


def _same_shape(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Both as tensors of one shape; `[N]` and `[N, 1]` are the same, anything else is not."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    a, b = tuple(y_true.shape), tuple(y_pred.shape)
    if len(a) == len(b) + 1 and a[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    elif len(b) == len(a) + 1 and b[-1] == 1:
        y_pred = ops.squeeze(y_pred, axis=-1)
    if not a or not b or differ(y_true.shape, y_pred.shape):
        raise ValueError(
            "`y_true` and `y_pred` must have the same shape with at least one axis (a last axis of "
            f"1 may be left out): nothing is broadcast. Received: y_true.shape={a}, "
            f"y_pred.shape={b}"
        )
    return y_true, y_pred


def value_pairs(
    y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None, *, max_rank: int | None = 2
) -> tuple[Tensor, Tensor, Tensor]:
    """Real targets and predictions in float64 as `[N, ...]`, and weights of shape `[N]`.

    Values of weight 0 become 0, so that nothing in them reaches a sum; NaN elsewhere makes its own
    way through. One axis becomes two. With a mask of several axes, such as one of time steps, each
    of its entries is an example.

    Raises:
        ValueError: shapes that differ, or too many axes.
    """
    mask = mask_of(y_pred)
    y_true, y_pred = _same_shape(y_true, y_pred)
    if mask is not None and len(mask.shape) > 1:
        sample_weight = example_weights(sample_weight, mask)
        y_true, y_pred = (_steps(x, mask) for x in (y_true, y_pred))
        mask = ops.reshape(mask, (-1,))
    if max_rank is not None and len(y_pred.shape) > max_rank:
        raise ValueError(
            f"`y_pred` must have at most {max_rank} axes, examples first. Received: "
            f"y_pred.shape={tuple(y_pred.shape)}"
        )
    if len(y_pred.shape) == 1:
        y_true, y_pred = y_true[:, None], y_pred[:, None]
    first = y_pred[(slice(None), *(0,) * (len(y_pred.shape) - 1))]
    weight = example_weights(sample_weight, first, mask)
    y_true, y_pred = ops.cast(y_true, "float64"), ops.cast(y_pred, "float64")
    present = ops.reshape(weight != 0, (-1,) + (1,) * (len(y_pred.shape) - 1))
    y_true = ops.where(present, y_true, ops.zeros_like(y_true))
    y_pred = ops.where(present, y_pred, ops.zeros_like(y_pred))
    # Nothing but the assertion needs this: XLA drops both.
    ensure(
        ops.logical_not(ops.any(ops.isnan(y_pred + y_true))),
        "`y_true` and `y_pred` must not be NaN where the weight is not 0.",
    )
    return y_true, y_pred, weight


def _steps(x: Tensor, mask: Tensor) -> Tensor:
    """Values with the axes of the mask made one."""
    if differ(x.shape[: len(mask.shape)], mask.shape):
        raise ValueError(
            "`y_pred` must have the axes of its mask first. Received: y_pred.shape="
            f"{tuple(x.shape)}, mask.shape={tuple(mask.shape)}"
        )
    return ops.reshape(x, (-1, *x.shape[len(mask.shape) :]))
