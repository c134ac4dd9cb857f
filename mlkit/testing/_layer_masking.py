"""Rules for masks: what is masked has no influence, and the mask goes on to the next layer."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from mlkit.testing._check import check, message
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


def _maskable(spec: LayerSpec, leaf: np.ndarray) -> bool:
    """Sequences: (batch, steps, features...), or (batch, steps) of integers."""
    rank = max(3 if is_float(leaf) else 2, 1 + max(spec.mask_axes))
    return leaf.ndim >= rank and all(leaf.shape[axis] > 1 for axis in spec.mask_axes)


Pattern = Callable[[int, int], np.ndarray]  # (batch, steps) -> bool, True where valid


def _padding_right(batch: int, steps: int) -> np.ndarray:
    lengths = np.where(np.arange(batch) % 2 == 0, (steps + 1) // 2, steps)
    return np.arange(steps) < lengths[:, None]


def _padding_left(batch: int, steps: int) -> np.ndarray:
    return _padding_right(batch, steps)[:, ::-1]


def _first_row_masked(batch: int, steps: int) -> np.ndarray:
    return np.repeat(np.arange(batch)[:, None] > 0, steps, axis=1)


def _mask(spec: LayerSpec, leaf: np.ndarray, pattern: Pattern) -> np.ndarray:
    """The mask of an input: the pattern over the first of its masked axes."""
    sizes = [leaf.shape[axis] for axis in spec.mask_axes]
    mask = pattern(leaf.shape[0], sizes[0])
    mask = mask.reshape(mask.shape + (1,) * (len(sizes) - 1))
    return np.ascontiguousarray(np.broadcast_to(mask, (leaf.shape[0], *sizes)))


def _over(spec: LayerSpec, leaf: np.ndarray, pattern: Pattern) -> np.ndarray:
    """The mask as it stands over every entry of the input."""
    axes = (0, *spec.mask_axes)
    shape = [n if axis in axes else 1 for axis, n in enumerate(leaf.shape)]
    return np.broadcast_to(_mask(spec, leaf, pattern).reshape(shape), leaf.shape)


def _masked_call(
    spec: LayerSpec, data: Any, pattern: Pattern, training: bool = False
) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Each output with its mask, for inputs that carry one."""

    def give(leaf: np.ndarray) -> Any:
        if not _maskable(spec, leaf):
            return leaf
        return _GiveMask()((leaf, _mask(spec, leaf, pattern)))

    layer = live(spec).layer
    with restored(layer):
        try:
            outputs = call(spec, layer, tree.map_structure(give, data), training=training)
        except Exception as error:
            raise _Refused(message(error)) from error
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
    if spec.integer_inputs and not in_call:
        raise NotApplicable("the layer makes masks of integers, and takes none")
    if not any(_maskable(spec, leaf) for leaf in tree.flatten(it.data)):
        raise NotApplicable("no input is a sequence: (batch, steps, features)")
    return it.data


def _other_padding(spec: LayerSpec, data: Any, pattern: Pattern) -> Any:
    """The same batch with something else where it is masked."""
    other = example(spec, seed=1) if callable(spec.inputs) else None
    others = iter(tree.flatten(other)) if other is not None else None

    def change(leaf: np.ndarray) -> np.ndarray:
        fill = next(others) if others is not None else np.roll(leaf, 1, axis=spec.mask_axes[0])
        if not _maskable(spec, leaf):
            return leaf
        if spec.inputs is None:
            fill = 100.0 * fill + 7.0
        return np.where(_over(spec, leaf, pattern), leaf, fill).astype(leaf.dtype)

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


def _must_ignore(spec: LayerSpec, pattern: Pattern, where: str) -> None:
    data = _takes_masks(spec)
    changed = _other_padding(spec, data, pattern)
    for training in (False,) if spec.stochastic else (False, True):
        before = _masked_call(spec, data, pattern, training)
        after = _masked_call(spec, changed, pattern, training)
        for (a, mask), (b, _) in zip(before, after, strict=True):
            leak = _leak(a, b, _valid(spec, a, mask, data, pattern))
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


def _leak(a: np.ndarray, b: np.ndarray, valid: np.ndarray | None) -> float:
    """The largest change where the output is valid, if it is more than rounding."""
    change = np.abs(a.astype(np.float64) - b.astype(np.float64))
    change = np.where(np.isnan(change), np.inf, change)
    largest = float(np.max(change[valid] if valid is not None else change, initial=0.0))
    return largest if largest > 1e-4 * max(1.0, float(np.max(np.abs(a), initial=0.0))) else 0.0


def _valid(
    spec: LayerSpec, output: np.ndarray, mask: np.ndarray | None, data: Any, pattern: Pattern
) -> np.ndarray | None:
    """Where an output is valid: by its own mask, or by that of an input that it matches."""
    first = next(leaf for leaf in tree.flatten(data) if _maskable(spec, leaf))
    if output.shape == first.shape:
        return _over(spec, first, pattern)
    if mask is None:
        mask = _mask(spec, first, pattern)
    return mask if output.shape[: mask.ndim] == mask.shape else None


@check("layer")
def mask_propagation(spec: LayerSpec) -> None:
    """A layer that keeps the steps of its input passes their mask on."""
    data = _takes_masks(spec)
    flat = [leaf for leaf in tree.flatten(data) if _maskable(spec, leaf)]
    wanted = _mask(spec, flat[0], _padding_right)
    for output, mask in _masked_call(spec, data, _padding_right):
        kept = tuple(output.shape[axis] for axis in (0, *spec.mask_axes) if axis < output.ndim)
        if kept != wanted.shape:
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
