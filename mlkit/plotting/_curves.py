"""Metrics over the epochs."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlkit._core.figure import HELD_OUT, TRAINING, new_figure, plain


def _of_numbers(values: Any) -> bool:
    return len(values) > 0 and all(isinstance(value, int | float) for value in values)


def _names(history: Mapping[str, Any], names: Sequence[str] | None) -> list[str]:
    """Metrics to draw, the loss first."""
    known = dict.fromkeys(
        name.removeprefix("val_") for name, values in history.items() if _of_numbers(values)
    )
    if names is not None:
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(
                f"`names` must be metrics of the history, of {list(known)}. "
                f"Received: names={list(names)!r}"
            )
        return list(names)
    if not known:
        raise ValueError("`history` holds no metric with a value: nothing was trained.")
    return sorted(known, key=lambda name: name != "loss")


def _message(name: str, values: Sequence[float], where: str) -> str:
    """What a glance should find, in words."""
    if name == "loss" or name.endswith("_loss"):
        best = min(range(len(values)), key=lambda i: values[i])
        return f"{name}: lowest {where} {values[best]:.4g}, in epoch {best + 1}"
    return f"{name}: {values[-1]:.4g} {where} in the last epoch"


def _draw(
    axes: Any, values: Sequence[float], label: str, color: str, style: str, mark: str
) -> None:
    axes.plot(
        range(1, len(values) + 1), values, style, color=color, label=label, linewidth=1.8,
        marker=mark, markersize=5, markevery=max(1, len(values) // 12), fillstyle="none",
    )  # fmt: skip


def curves(
    history: Mapping[str, Sequence[float]],
    *,
    names: Sequence[str] | None = None,
    title: str | None = None,
) -> Any:
    """Draw metrics over the epochs, those of training beside the held-out ones.

    One pair of axes a metric; its title says the lowest loss or the last value. Training is a
    broken line with crosses, held-out data a full one with circles, so that they can be told apart
    without colours.

    Args:
        history: name of a metric to its values, one an epoch; `val_` begins the names of the
            held-out ones. `History` of `mk.fit`, or `model.fit(...).history`.
        names: metrics to draw, without `val_`. Default None: all, the loss first.
        title: above all axes. Default None: no title.

    Returns:
        A `matplotlib.figure.Figure`; `figure.savefig("curves.png")` writes it.

    Raises:
        ValueError: a name that the history does not hold, or an empty history.
        ImportError: matplotlib is not installed.

    Example:
        >>> import mlkit as mk
        >>> figure = mk.plotting.curves({"loss": [0.9, 0.5], "val_loss": [0.8, 0.6]})
        >>> figure.axes[0].get_title()
        'loss: lowest held out 0.6, in epoch 2'
    """
    shown = _names(history, names)
    figure = new_figure("mk.plotting.curves", 4.6 * len(shown), 3.4)
    for position, name in enumerate(shown):
        axes = figure.add_subplot(1, len(shown), position + 1)
        train, held_out = history.get(name), history.get(f"val_{name}")
        if train:
            _draw(axes, train, "training", TRAINING, "--", "x")
        if held_out:
            _draw(axes, held_out, "held out", HELD_OUT, "-", "o")
        axes.set_title(
            _message(name, held_out or train or [], "held out" if held_out else "training"),
            fontsize=10,
        )
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.margins(x=0.03)
        axes.legend(frameon=False)
        plain(axes)
    if title is not None:
        figure.suptitle(title, fontsize=12)
    return figure
