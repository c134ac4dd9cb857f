"""Precision, recall and F1 of each class, as text, a dict, a table and pictures."""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlkit._core.checks import check_integer
from mlkit.metrics._report_plots import draw

COLUMNS = ("precision", "recall", "f1-score", "support")


def _divide(a: Any, b: Any) -> np.ndarray:
    """a / b, and 0 where b is 0."""
    b = np.asarray(b, float)
    return np.where(b == 0, 0.0, np.asarray(a, float) / np.where(b == 0, 1.0, b))


class ClassificationReport:
    """What `mlkit.metrics.report` returns.

    `str()` gives the table that scikit-learn prints, `to_dict()` the numbers, a notebook shows an
    HTML table, and `plot()` draws.

    Args:
        true: classes, `(N,)`, integers.
        predicted: classes, `(N,)`.
        scores: probabilities `(N, classes)`, or None if only classes are known.
        weight: weights, `(N,)`, or None for 1 each.
        labels: a name for each class.
        digits: of the numbers in text and HTML.
    """

    def __init__(
        self,
        true: np.ndarray,
        predicted: np.ndarray,
        scores: np.ndarray | None,
        weight: np.ndarray | None,
        labels: Sequence[str],
        digits: int = 2,
    ) -> None:
        check_integer("digits", digits, low=0)
        self.true, self.predicted, self.scores = true, predicted, scores
        self.weight = np.ones(len(true)) if weight is None else weight
        self.labels, self.digits = [str(label) for label in labels], digits
        count = len(self.labels)
        cells = np.bincount(true * count + predicted, self.weight, count * count)
        self.matrix = cells.reshape(count, count)
        hits, support = self.matrix.diagonal(), self.matrix.sum(1)
        found = self.matrix.sum(0)
        values = (_divide(hits, found), _divide(hits, support), _divide(2 * hits, found + support))
        self._rows = np.stack([*values, support], axis=1)
        self._whole = weight is None

    @property
    def accuracy(self) -> float:
        """Share of the weight on the diagonal; NaN without examples."""
        total = self.matrix.sum()
        return float(self.matrix.trace() / total) if total else float("nan")

    def _averages(self) -> dict[str, np.ndarray]:
        scores, support = self._rows[:, :3], self._rows[:, 3]
        weighted = _divide(support @ scores, support.sum())
        return {
            "macro avg": np.append(scores.mean(0), support.sum()),
            "weighted avg": np.append(weighted, support.sum()),
        }

    def to_dict(self) -> dict[str, Any]:
        """The numbers, with the keys of scikit-learn's `output_dict=True`."""

        def row(values: np.ndarray) -> dict[str, float]:
            return dict(zip(COLUMNS, map(float, values), strict=True))

        found: dict[str, Any] = {
            label: row(values) for label, values in zip(self.labels, self._rows, strict=True)
        }
        found["accuracy"] = self.accuracy
        return found | {name: row(values) for name, values in self._averages().items()}

    def _table(self) -> list[tuple[str, list[str]]]:
        """Rows of text: each class, accuracy, the averages."""

        def support(value: float) -> str:
            return f"{value:.0f}" if self._whole else f"{value:g}"

        def row(values: np.ndarray) -> list[str]:
            return [f"{v:.{self.digits}f}" for v in values[:3]] + [support(values[3])]

        rows = [(label, row(v)) for label, v in zip(self.labels, self._rows, strict=True)]
        total = support(self.matrix.sum())
        rows.append(("accuracy", ["", "", f"{self.accuracy:.{self.digits}f}", total]))
        return rows + [(name, row(values)) for name, values in self._averages().items()]

    def __str__(self) -> str:
        rows = self._table()
        width = max(len(name) for name, _ in rows)

        def line(name: str, cells: Sequence[str]) -> str:
            return f"{name:>{width}} " + "".join(f" {cell:>9}" for cell in cells)

        lines = [line("", COLUMNS), ""]
        for i, (name, cells) in enumerate(rows):
            lines += ([""] if i == len(self.labels) else []) + [line(name, cells)]
        return "\n".join(lines) + "\n"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def line(tag: str, cells: Sequence[str]) -> str:
            return "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)

        body = "".join(
            f"<tr><th>{html.escape(name)}</th>{line('td', cells)}</tr>"
            for name, cells in self._table()
        )
        return (
            f"<table><thead><tr>{line('th', ('', *COLUMNS))}</tr></thead>"
            f"<tbody>{body}</tbody></table>"
        )

    def plot(self, kinds: Sequence[str] | str | None = None) -> Any:
        """Draw what the report is about.

        Args:
            kinds: of `"confusion"`, `"roc"`, `"precision_recall"` and `"reliability"`. Default:
                all of them, or the first where only classes are known.

        Returns:
            A matplotlib figure.

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: another kind, or one that needs probabilities where there are none.
        """
        return draw(self, kinds)
