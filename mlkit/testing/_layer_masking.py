"""Rules for masks: what is masked has no influence, and the mask goes on to the next layer."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from mlkit.testing._check import check
from mlkit.testing._layer_data import call, example, is_float
from mlkit.testing._layer_live import live, restored
from mlkit.testing._report import CheckFailed, NotApplicable, NotRun
from mlkit.testing._spec import LayerSpec
from mlkit.testing._values import leaves, not_finite

tree = keras.tree


class _Refused(NotRun):
    """The layer raised where its input carried a mask: what `mask_accepted` is about."""

    def __init__(self, said: str):
        self.said = said
        super().__init__("the layer raises where its input carries a mask: see `mask_accepted`")


class _GiveMask(keras.Layer):
    """Passes its first input on, with the second as its mask: the public door for one."""

    def call(self, inputs: Any) -> Any:
        return inputs[0]

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return keras.ops.cast(inputs[1], "bool")


class _ReadMask(keras.Layer):
    """Passes its input on and remembers the mask that came with it."""

    def __init__(self) -> None:
        super().__init__(autocast=False)
        self.supports_masking = True
        self.seen: Any = None

    def call(self, inputs: Any, mask: Any = None) -> Any:
        self.seen = mask
        return inputs


def _maskable(leaf: np.ndarray) -> bool:
    """Sequences: (batch, steps, features...), or (batch, steps) of integers."""
    return leaf.ndim >= (3 if is_float(leaf) else 2) and leaf.shape[1] > 1


def _padding_right(shape: tuple[int, int]) -> np.ndarray:
    lengths = np.where(np.arange(shape[0]) % 2 == 0, (shape[1] + 1) // 2, shape[1])
    return np.arange(shape[1]) < lengths[:, None]


def _padding_left(shape: tuple[int, int]) -> np.ndarray:
    return _padding_right(shape)[:, ::-1]


def _first_row_masked(shape: tuple[int, int]) -> np.ndarray:
    return np.repeat(np.arange(shape[0])[:, None] > 0, shape[1], axis=1)


def _masked_call(
    spec: LayerSpec, data: Any, pattern: Callable[..., np.ndarray], training: bool = False
) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Each output with its mask, for inputs that carry one."""

    def give(leaf: np.ndarray) -> Any:
        return _GiveMask()((leaf, pattern(leaf.shape[:2]))) if _maskable(leaf) else leaf

    layer = live(spec).layer
    with restored(layer):
        try:
            outputs = call(spec, layer, tree.map_structure(give, data), training=training)
        except Exception as error:
            raise _Refused(str(error)) from error
    found = []
    for leaf in tree.flatten(outputs):
        reader = _ReadMask()
        reader(leaf)
        mask = None if reader.seen is None else np.asarray(reader.seen)
        found.append((leaves(leaf)[0], mask))
    return found


def _takes_masks(spec: LayerSpec) -> Any:
    """The batch, if the layer claims to know masks and an input can have one."""
    it = live(spec)
    in_call = any("mask" in name for name in inspect.signature(spec.cls.call).parameters)
    if not it.layer.supports_masking and not in_call:
        raise NotApplicable("supports_masking is False")
    if not any(_maskable(leaf) for leaf in tree.flatten(it.data)):
        raise NotApplicable("no input is a sequence: (batch, steps, features)")
    return it.data


def _other_padding(spec: LayerSpec, data: Any, pattern: Callable[..., np.ndarray]) -> Any:
    """The same batch with something else where it is masked."""
    other = example(spec, seed=1) if callable(spec.inputs) else None
    others = iter(tree.flatten(other)) if other is not None else None

    def change(leaf: np.ndarray) -> np.ndarray:
        fill = next(others) if others is not None else np.roll(leaf, 1, axis=1)
        if not _maskable(leaf):
            return leaf
        if spec.inputs is None:
            fill = 100.0 * fill + 7.0
        valid = pattern(leaf.shape[:2]).reshape(leaf.shape[:2] + (1,) * (leaf.ndim - 2))
        return np.where(valid, leaf, fill).astype(leaf.dtype)

    return tree.map_structure(change, data)


@check("layer")
def mask_accepted(spec: LayerSpec) -> None:
    """A mask that arrives from the layers in front is no obstacle."""
    data = _takes_masks(spec)
    try:
        _masked_call(spec, data, _padding_right)
    except _Refused as refused:
        raise CheckFailed(
            f"for an input that carries a mask of shape (batch, steps): {refused.said}",
            why="Keras passes such a mask on by itself from every Masking and Embedding layer in "
            "front: a model for sequences fails in the middle.",
            mend="Give the mask the rank of what it is applied to (keras.ops.expand_dims(mask, "
            "-1)), or name the argument of `call` otherwise than `mask`.",
        ) from refused


@check("layer")
def masking(spec: LayerSpec) -> None:
    """What stands in the padding at the end of a sequence changes no valid output."""
    _must_ignore(spec, _padding_right, "at the end")


@check("layer")
def masking_left(spec: LayerSpec) -> None:
    """What stands in the padding at the beginning of a sequence changes no valid output."""
    _must_ignore(spec, _padding_left, "at the beginning")


def _must_ignore(spec: LayerSpec, pattern: Callable[..., np.ndarray], where: str) -> None:
    data = _takes_masks(spec)
    changed = _other_padding(spec, data, pattern)
    for training in (False,) if spec.stochastic else (False, True):
        before = _masked_call(spec, data, pattern, training)
        after = _masked_call(spec, changed, pattern, training)
        for (a, mask), (b, _) in zip(before, after, strict=True):
            leak = _leak(a, b, mask, data, pattern)
            if leak:
                raise CheckFailed(
                    f"other padding {where} changes valid outputs by {leak:.3g} "
                    f"(training={training})",
                    why="The result for one example depends on how long the others in its batch "
                    "are: training and serving differ, and nothing says so.",
                    mend="Take `mask=None` in `call`: leave masked steps out of sums, means and "
                    "maxima and count only valid ones. If the layer cannot, let it not claim to: "
                    "self.supports_masking = False.",
                )


def _leak(a: np.ndarray, b: np.ndarray, mask: Any, data: Any, pattern: Any) -> float:
    """The largest change where the output is valid: by its mask, by the input's, or everywhere."""
    if a.dtype.kind not in "fiu":
        a, b = a.astype(np.float64), b.astype(np.float64)
    change = np.abs(a.astype(np.float64) - b.astype(np.float64))
    change = np.where(np.isnan(change), np.inf, change)
    if mask is None:
        first = next(leaf for leaf in tree.flatten(data) if _maskable(leaf))
        if change.shape[:2] == first.shape[:2]:
            mask = pattern(first.shape[:2])
    if mask is not None and mask.ndim <= change.ndim and change.shape[: mask.ndim] == mask.shape:
        change = change[mask]
    largest = float(np.max(change, initial=0.0))
    return largest if largest > 1e-4 * max(1.0, float(np.max(np.abs(a), initial=0.0))) else 0.0


@check("layer")
def mask_propagation(spec: LayerSpec) -> None:
    """A layer that keeps the steps of its input passes their mask on."""
    data = _takes_masks(spec)
    flat = [leaf for leaf in tree.flatten(data) if _maskable(leaf)]
    wanted = _padding_right(flat[0].shape[:2])
    for output, mask in _masked_call(spec, data, _padding_right):
        if output.shape[:2] != wanted.shape or output.ndim < 2:
            continue
        if mask is None or not np.array_equal(mask, wanted):
            raise CheckFailed(
                f"the output keeps the {wanted.shape[1]} steps, but "
                + ("carries no mask." if mask is None else "carries another mask."),
                why="Everything behind this layer takes padding for data.",
                mend="self.supports_masking = True passes the mask through; otherwise "
                "compute_mask(self, inputs, previous_mask) returns that of the output.",
            )


@check("layer")
def masking_all(spec: LayerSpec) -> None:
    """A sequence that is masked as a whole gives finite outputs."""
    data = _takes_masks(spec)
    for output, _ in _masked_call(spec, data, _first_row_masked):
        if not_finite(output):
            raise CheckFailed(
                f"{not_finite(output)} outputs are not finite where a whole sequence is masked",
                why="One empty example turns the loss, and by it every weight, into NaN.",
                mend="Divide by maximum(count, 1); in a softmax fill masked scores with a large "
                "negative number, not with -inf.",
            )
