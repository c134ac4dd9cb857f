"""What TensorBoard is shown of predictions: pictures and tables, without matplotlib."""

from collections.abc import Sequence
from typing import Any

import numpy as np

# Events are written by tf.summary: Keras has no writer of its own.
import tensorflow as tf

_RIGHT, _WRONG = (0.0, 0.6, 0.2), (0.8, 0.2, 0.2)


def is_pictures(x: Any) -> bool:
    """Whether inputs are images of 1, 3 or 4 channels, and not too small for a frame."""
    shape = getattr(x, "shape", ())
    return len(shape) == 4 and shape[-1] in (1, 3, 4) and min(shape[1:3]) > 1


def framed(pixels: Any, right: Any = None) -> np.ndarray:
    """Images in [0, 1] with a frame: green where the prediction is right, red where it is not."""
    pixels = np.asarray(pixels, "float32")
    low, high = pixels.min(), pixels.max()
    shown = (pixels - low) / max(high - low, 1e-12)
    if shown.shape[-1] == 1:
        shown = np.repeat(shown, 3, axis=-1)
    shown = np.clip(shown[..., :3], 0, 1)
    if right is None:
        return shown
    # A picture of few pixels is enlarged, or its frame would be most of it.
    factor = max(1, -(-48 // min(shown.shape[1:3])))
    shown = shown.repeat(factor, 1).repeat(factor, 2)
    width = max(2, min(shown.shape[1:3]) // 24)
    whole = np.pad(shown, ((0, 0), (width, width), (width, width), (0, 0)))
    for picture, good in zip(whole, right, strict=True):
        inside = picture[width:-width, width:-width].copy()
        picture[:] = _RIGHT if good else _WRONG
        picture[width:-width, width:-width] = inside
    return whole


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def write_examples(
    x: Any, labels: Any, found: Any, rows: Sequence[Sequence[Any]], head: Sequence[str]
) -> None:
    """Write some examples, as pictures if they are that, and a table of what was predicted."""
    if is_pictures(x):
        right = None if found is None else np.asarray(labels) == np.asarray(found)
        tf.summary.image("examples", framed(x, right), max_outputs=len(x))
    tf.summary.text("predictions", table(head, rows))
