"""Pictures of a classification report: confusion, ROC, precision and recall, reliability."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from mlkit._core.checks import check_choice
from mlkit._core.optional import require
from mlkit.metrics._confusion_matrix import draw_matrix


def curve(true: np.ndarray, score: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, ...]:
    """True and false positives above each distinct score, from the highest down, after (0, 0)."""
    order = np.argsort(-score, kind="stable")
    score, hit, weight = score[order], true[order], weight[order]
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    hits, alarms = np.cumsum(weight * hit)[last], np.cumsum(weight * ~hit)[last]
    return np.append(0.0, hits), np.append(0.0, alarms)


def _curves(report: Any) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """The curve of each class against the rest; of two classes, of the second alone."""
    for i, label in enumerate(report.labels):
        if len(report.labels) > 2 or i == 1:
            hits, alarms = curve(report.true == i, report.scores[:, i], report.weight)
            if hits[-1] > 0 and alarms[-1] > 0:
                yield label, hits, alarms


def _confusion(report: Any, axes: Any) -> None:
    draw_matrix(report.matrix, report.labels, axes)


def _roc(report: Any, axes: Any) -> None:
    for label, hits, alarms in _curves(report):
        x, y = alarms / alarms[-1], hits / hits[-1]
        area = np.diff(x) @ (y[1:] + y[:-1]) / 2
        axes.plot(x, y, label=f"{label}: area {area:.3f}")
    axes.plot([0, 1], [0, 1], color="0.7", linestyle="--")
    axes.set(xlabel="false positive rate", ylabel="true positive rate")


def _precision_recall(report: Any, axes: Any) -> None:
    for label, hits, alarms in _curves(report):
        recall, precision = hits / hits[-1], hits[1:] / (hits[1:] + alarms[1:])
        mean = float(np.diff(recall) @ precision)
        line = {"drawstyle": "steps-pre", "label": f"{label}: average precision {mean:.3f}"}
        axes.plot(recall[1:], precision, **line)
    axes.set(xlabel="recall", ylabel="precision", ylim=(0, 1.05))


def _reliability(report: Any, axes: Any) -> None:
    """Top label over its confidence in ten bins, closed on the right; of two classes, class 1."""
    if len(report.labels) == 2:
        confidence, hit = report.scores[:, 1], report.true == 1
    else:
        confidence, hit = report.scores.max(-1), report.true == report.scores.argmax(-1)
    index = np.digitize(confidence, np.linspace(0, 1, 11)[1:-1], right=True)
    total, x, y = (
        np.bincount(index, report.weight * row, 10) for row in (np.ones(len(hit)), confidence, hit)
    )
    seen = total > 0
    gap = np.abs(x - y).sum() / total.sum() if total.sum() else np.nan
    axes.plot([0, 1], [0, 1], color="0.7", linestyle="--")
    label = f"expected calibration error {gap:.3f}"
    axes.plot(x[seen] / total[seen], y[seen] / total[seen], marker="o", label=label)
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))


KINDS: dict[str, Callable[[Any, Any], None]] = {
    "confusion": _confusion,
    "roc": _roc,
    "precision_recall": _precision_recall,
    "reliability": _reliability,
}


def draw(report: Any, kinds: Sequence[str] | str | None) -> Any:
    """A figure with one picture a kind."""
    if kinds is None:
        kinds = list(KINDS) if report.scores is not None else ["confusion"]
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    for kind in kinds:
        check_choice("kinds", kind, KINDS)
        if kind != "confusion" and report.scores is None:
            raise ValueError(
                f"`kinds` asks for {kind!r}, which needs probabilities, and the report was made "
                "from classes: give `y_pred` as scores (N, classes)."
            )
    plt = require("matplotlib.pyplot", extra="plot", purpose="The plot of a report")
    columns = 1 if len(kinds) == 1 else 2
    rows = -(-len(kinds) // columns)
    size = (5.2 * columns, 4.4 * rows)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for axes, kind in zip(grid.flat, kinds, strict=False):
        KINDS[kind](report, axes)
        if kind != "confusion" and len(axes.lines) <= 12:
            axes.legend(fontsize="small")
    for axes in list(grid.flat)[len(kinds) :]:
        axes.set_axis_off()
    return figure
