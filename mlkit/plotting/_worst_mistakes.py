"""The images that a classifier gets wrong, the surest errors first."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlkit._core.checks import check_bool, check_integer
from mlkit._core.figure import new_figure


def _checked(images: Any, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    images, labels, scores = np.asarray(images), np.asarray(y_true), np.asarray(y_pred, np.float64)
    if scores.ndim != 2:
        raise ValueError(
            f"`y_pred` must have shape [N, classes]. Received: y_pred.shape={scores.shape}"
        )
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[-1] not in (1, 3, 4)):
        raise ValueError(
            "`images` must have shape [N, height, width], or that and 1, 3 or 4 channels. "
            f"Received: images.shape={images.shape}"
        )
    labels = labels.reshape(len(labels), -1)
    labels = labels.argmax(1) if labels.shape[1] == scores.shape[1] > 1 else labels[:, 0]
    if not len(images) == len(labels) == len(scores):
        raise ValueError(
            "`images`, `y_true` and `y_pred` must have one length. "
            f"Received: {len(images)}, {len(labels)} and {len(scores)}"
        )
    return images, labels.astype(int), scores


def _probabilities(scores: np.ndarray, from_logits: bool) -> np.ndarray:
    if not from_logits:
        return scores
    exp = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


def _show(axes: Any, image: np.ndarray, title: str) -> None:
    if image.shape[-1] == 1 and image.ndim == 3:
        image = image[..., 0]
    low, high = float(image.min()), float(image.max())
    scaled = (image - low) / (high - low) if high > low else np.zeros(image.shape)
    axes.imshow(scaled, cmap="gray_r", interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(color="0.6", visible=True)
    axes.set_title(title, fontsize=9)


def worst_mistakes(
    images: Any,
    y_true: Any,
    y_pred: Any,
    *,
    count: int = 12,
    from_logits: bool = False,
    names: Sequence[str] | None = None,
) -> Any:
    """Draw the images that a classifier gets wrong, the surest errors first.

    The first thing to look at after training: it shows wrong labels, damaged images and classes
    that cannot be told apart. Above each image stand the class that was predicted, with its
    probability, and the true one, with its.

    Args:
        images: shape `[N, height, width]` or `[N, height, width, channels]`; each is drawn from its
            own darkest to its own brightest value, one channel as dark ink on white.
        y_true: integer classes of shape `[N]` or `[N, 1]`, or one-hot of `[N, classes]`.
        y_pred: probabilities, or logits with `from_logits`; shape `[N, classes]`.
        count: at most so many images, at least 1. Default 12.
        from_logits: whether `y_pred` is before the softmax. Default False.
        names: names of the classes. Default None: their numbers.

    Returns:
        A `matplotlib.figure.Figure`; `figure.savefig("mistakes.png")` writes it.

    Raises:
        ValueError: shapes that do not match, an argument out of its range.
        ImportError: matplotlib is not installed.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> y_pred = np.array([[0.9, 0.1], [0.8, 0.2]])
        >>> figure = mk.plotting.worst_mistakes(np.zeros((2, 8, 8)), [0, 1], y_pred)
        >>> figure.get_suptitle()
        '1 of 2 images wrong (50.0 %)'
        >>> figure.axes[0].get_title()
        'says 0 (80 %)\\nis 1 (20 %)'
    """
    check_integer("count", count, low=1)
    check_bool("from_logits", from_logits)
    images, labels, scores = _checked(images, y_true, y_pred)
    chances = _probabilities(scores, from_logits)
    if names is not None and len(names) != chances.shape[1]:
        raise ValueError(
            f"`names` must have one name for each of {chances.shape[1]} classes. "
            f"Received: names={list(names)!r}"
        )
    said = chances.argmax(axis=1)
    of_truth = chances[np.arange(len(labels)), labels]
    wrong = np.flatnonzero(said != labels)
    shown = wrong[np.argsort(of_truth[wrong], kind="stable")][:count]
    columns = max(1, min(6, len(shown)))
    rows = math.ceil(len(shown) / columns)
    figure = new_figure("mk.plotting.worst_mistakes", max(4.0, 1.45 * columns), 0.6 + 1.9 * rows)
    for position, index in enumerate(shown):
        called = [
            str(names[k]) if names is not None else str(k) for k in (said[index], labels[index])
        ]
        title = (
            f"says {called[0]} ({chances[index].max():.0%})\n"
            f"is {called[1]} ({of_truth[index]:.0%})"
        ).replace("%", " %")  # fmt: skip
        _show(figure.add_subplot(rows, columns, position + 1), images[index], title)
    text = f"{len(wrong)} of {len(labels)} images wrong ({len(wrong) / len(labels):.1%})"
    if len(shown) < len(wrong):
        text += f", the {len(shown)} surest errors" if len(shown) > 1 else ", the surest error"
    figure.suptitle(text.replace("%)", " %)"), fontsize=11)
    return figure
