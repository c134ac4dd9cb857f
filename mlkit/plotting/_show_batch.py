"""What a model will see: the first examples of a batch."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from mlkit._core.checks import check_integer
from mlkit._core.figure import HELD_OUT, TRAINING, new_figure
from mlkit.data import Indexed, Pipeline

_PARTS = ("image", "label", "mask", "boxes")
_WORDS = 60  # characters of a text that are shown


def show_batch(dataset: Any, *, count: int = 16, names: Sequence[str] | None = None) -> Any:
    """Draw the first examples of a batch, as a model will see them.

    The thing to look at before training: wrong labels, a channel too many, pictures scaled twice
    and augmentations that destroy what they should vary are seen at once. Pictures are drawn with
    their masks and boxes, waveforms and other vectors as curves, texts as words.

    Args:
        dataset: a `tf.data.Dataset` of batches, such as a `mk.data.pipeline`, of which the first
            is drawn; a source of `mk.data`, of which the first examples are; or a batch. A batch
            is inputs, a tuple (inputs, labels, …), or a dict with "image" and, if present,
            "label", "mask" and "boxes" (left, top, right, bottom in pixels, rows of -1 for none).
        count: at most so many examples, at least 1. Default 16.
        names: names of the classes. Default None: those of the folder that was read, or numbers.

    Returns:
        A `matplotlib.figure.Figure`; `figure.savefig("batch.png")` writes it.

    Raises:
        ValueError: no batch, or inputs of a shape that cannot be drawn.
        ImportError: matplotlib is not installed.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> images, labels = np.zeros((8, 4, 4, 3), "uint8"), np.arange(8)
        >>> figure = mk.plotting.show_batch(mk.data.pipeline((images, labels), 8, seed=1), count=6)
        >>> figure.get_suptitle()
        'uint8 (8, 4, 4, 3), from 0 to 0'
        >>> len(figure.axes)
        6
    """
    check_integer("count", count, low=1)
    parts = _parts(_first(dataset, count))
    inputs = parts["image"]
    if names is None:
        source = dataset.source if isinstance(dataset, Pipeline) else dataset
        names = getattr(source, "classes", None) or None
    shown = min(count, len(inputs))
    columns = max(1, math.ceil(math.sqrt(shown)))
    rows = math.ceil(shown / columns)
    figure = new_figure("mk.plotting.show_batch", max(4.0, 1.6 * columns), 0.6 + 1.8 * rows)
    low, high = _range(inputs)
    for i in range(shown):
        axes = figure.add_subplot(rows, columns, i + 1)
        axes.set_xticks([])
        axes.set_yticks([])
        _draw(axes, np.asarray(inputs[i]), low, high)
        _overlay(axes, {name: parts[name][i] for name in ("mask", "boxes") if name in parts})
        if "label" in parts:
            axes.set_title(_label(np.asarray(parts["label"][i]), names), fontsize=9)
    kind = "string" if inputs.dtype.kind in "OSU" else str(inputs.dtype)
    numbers = "" if kind == "string" else f", from {low:.4g} to {high:.4g}"
    figure.suptitle(f"{kind} {inputs.shape}{numbers}", fontsize=10)
    return figure


def _first(dataset: Any, count: int) -> Any:
    """The first batch."""
    if not isinstance(dataset, tf.data.Dataset):
        return dataset
    batches = dataset.batch(count) if isinstance(dataset, Indexed) else dataset
    batch = next(iter(batches.take(1)), None)
    if batch is None:
        raise ValueError("`dataset` is empty: there is no batch to draw.")
    return batch


def _parts(batch: Any) -> dict[str, np.ndarray]:
    """Inputs and what belongs to them, as arrays by name; the inputs are named "image"."""
    if isinstance(batch, dict):
        if "image" not in batch:
            raise ValueError(
                f'A batch that is a dict must have a component "image". Received: {sorted(batch)}'
            )
        named = {name: batch[name] for name in _PARTS if name in batch}
    elif isinstance(batch, tuple | list):
        named = dict(zip(("image", "label"), batch, strict=False))
    else:
        named = {"image": batch}
    parts = {name: np.asarray(value) for name, value in named.items() if _is_array(value)}
    inputs = parts.get("image")
    if inputs is None or not 1 <= inputs.ndim <= 4 or (inputs.ndim == 1 and not _is_text(inputs)):
        shape = None if inputs is None else inputs.shape
        raise ValueError(
            "Batches of pictures (batch, height, width[, channels]), of vectors (batch, length) "
            f"or of texts (batch,) can be drawn. Received inputs of shape {shape}."
        )
    label = parts.get("label")
    if label is not None and label.ndim >= 3 and label.shape[1:3] == inputs.shape[1:3]:
        parts["mask"] = parts.pop("label")
    return parts


def _is_array(value: Any) -> bool:
    return tf.is_tensor(value) or isinstance(value, np.ndarray | list)


def _is_text(values: np.ndarray) -> bool:
    return values.dtype.kind in "OSU"


def _range(values: np.ndarray) -> tuple[float, float]:
    if _is_text(values) or not values.size:
        return 0.0, 1.0
    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _draw(axes: Any, value: np.ndarray, low: float, high: float) -> None:
    """One picture, curve or text. All of a batch share one scale, so that they can be compared."""
    if _is_text(value):
        text = value.item() if value.ndim == 0 else b" ".join(value.ravel().tolist())
        words = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
        axes.text(0.5, 0.5, words[:_WORDS], ha="center", va="center", wrap=True, fontsize=8)
        return
    if value.ndim == 1:
        axes.plot(value, color=HELD_OUT, linewidth=0.8)
        axes.set_ylim(low, high if high > low else low + 1.0)
        return
    picture = value[..., 0] if value.ndim == 3 and value.shape[-1] not in (3, 4) else value
    if value.dtype == np.uint8:
        low, high = 0.0, 255.0
    elif low >= 0.0 and high <= 1.0:
        low, high = 0.0, 1.0
    scaled = (picture.astype(np.float64) - low) / (high - low if high > low else 1.0)
    axes.imshow(np.nan_to_num(scaled).clip(0, 1), cmap="gray", vmin=0, vmax=1, aspect="equal")


def _overlay(axes: Any, parts: dict[str, np.ndarray]) -> None:
    if "mask" in parts:
        mask = parts["mask"]
        mask = mask[..., 0] if mask.ndim == 3 else mask
        shown = np.ma.masked_equal(mask, 0)
        axes.imshow(shown, cmap="tab10", alpha=0.5, interpolation="nearest", vmin=0, vmax=10)
    for left, top, right, bottom in parts.get("boxes", ()):
        if right > left:
            # Pixel 0 is drawn from -0.5 to 0.5.
            x = np.asarray([left, right, right, left, left]) - 0.5
            y = np.asarray([top, top, bottom, bottom, top]) - 0.5
            axes.plot(x, y, color=TRAINING, linewidth=1.2)


def _label(value: np.ndarray, names: Sequence[str] | None) -> str:
    """A class, the shares of mixed classes, or numbers."""

    def name(number: int) -> str:
        known = names is not None and 0 <= number < len(names)
        return str(names[number]) if known else str(number)

    if value.ndim == 0 or value.size == 1:
        item = value.reshape(-1)[0]
        if value.dtype.kind in "iub":
            return name(int(item))
        return item.decode(errors="replace") if isinstance(item, bytes) else f"{item:.4g}"
    if value.ndim == 1 and value.dtype.kind == "f" and abs(float(value.sum()) - 1.0) < 1e-3:
        first = [int(i) for i in np.argsort(-value, kind="stable")[:2] if value[i] > 0.005]
        if len(first) == 1:
            return name(first[0])
        return "\n".join(f"{name(i)} {value[i]:.2f}" for i in first)
    return ", ".join(f"{item:.3g}" for item in value.ravel()[:3]) + (" …" if value.size > 3 else "")
