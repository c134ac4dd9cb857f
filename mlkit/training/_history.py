"""What a training run has measured: a dict, a table and a picture."""

from collections.abc import Iterator, Mapping
from typing import Any

import keras

from mlkit._core.optional import require


class History(keras.callbacks.History, Mapping):
    """The metrics of each epoch: a dict, a table and a picture.

    A `keras.callbacks.History` that is also a mapping.

    Attributes:
        history: name of a metric to its values, one an epoch.
        epoch: the numbers of the epochs, from 0.
        validations: `(update, logs)` of each validation in the midst of an epoch.

    Example:
        >>> import mlkit as mk
        >>> history = mk.training.History()
        >>> history.record(0, {"loss": 0.5, "val_loss": 0.6})
        >>> history["loss"]
        [0.5]
        >>> print(history)
        epoch  loss    val_loss
        1      0.5000  0.6000
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self.validations: list[tuple[int, dict[str, float]]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Keeps what it holds: a resumed run goes on in the same history."""

    def record(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Add the metrics of one epoch."""
        self.epoch.append(epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.record(epoch, logs or {})

    def __getitem__(self, name: str) -> list[Any]:
        return self.history[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.history)

    def __len__(self) -> int:
        return len(self.history)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def best(self, name: str, mode: str = "min") -> tuple[int, float]:
        """The epoch (from 0) with the best value of a metric, and the value."""
        values = self.history[name]
        pick = min if mode == "min" else max
        index = pick(range(len(values)), key=values.__getitem__)
        return self.epoch[index], values[index]

    def rows(self) -> list[dict[str, Any]]:
        """One dict an epoch, for `pandas.DataFrame(history.rows())`; epochs count from 1."""
        return [
            {
                "epoch": epoch + 1,
                **{name: values[i] for name, values in self.history.items() if i < len(values)},
            }
            for i, epoch in enumerate(self.epoch)
        ]

    def _columns(self) -> list[str]:
        """Training before validation, the loss first; callbacks get their logs sorted by name."""
        return sorted(
            self.history,
            key=lambda name: (name.startswith("val_"), name.removeprefix("val_") != "loss"),
        )

    def __str__(self) -> str:
        names = ["epoch", *self._columns()]
        table = [names] + [[_cell(row.get(name)) for name in names] for row in self.rows()]
        widths = [max(len(row[i]) for row in table) for i in range(len(names))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in table]
        return "\n".join(line.rstrip() for line in lines)

    def __repr__(self) -> str:
        return f"<History of {len(self.epoch)} epochs: {', '.join(self.history) or 'empty'}>"

    def _repr_html_(self) -> str:
        names = ["epoch", *self._columns()]
        head = "".join(f"<th>{name}</th>" for name in names)
        body = "".join(
            "<tr>" + "".join(f"<td>{_cell(row.get(name))}</td>" for name in names) + "</tr>"
            for row in self.rows()
        )
        return f"<table><tr>{head}</tr>{body}</table>"

    def plot(self, names: list[str] | None = None) -> Any:
        """Draw the curves, training beside validation.

        Args:
            names: metrics to draw, without `val_`; default: all.

        Returns:
            A matplotlib figure.

        Raises:
            ImportError: matplotlib is not installed.
        """
        require("matplotlib", extra="plot", purpose="History.plot")
        from mlkit.plotting import curves

        return curves(self.history, names=names)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.3e}"
    return "" if value is None else str(value)
