"""What all figures share: how one is made, and colours that all can tell apart."""

import io
from typing import Any

from mlkit._core.optional import require

# Okabe and Ito, 2008: distinct for colour-blind eyes. These two differ in grey as well.
TRAINING, HELD_OUT = "#E69F00", "#0072B2"


def new_figure(purpose: str, width: float, height: float) -> Any:
    """An empty figure of so many inches, which a notebook shows and pyplot does not know.

    A figure of pyplot would be shown twice in a notebook and stay in memory until it is closed.
    """
    figure_module: Any = require("matplotlib.figure", extra="plot", purpose=purpose)

    class Figure(figure_module.Figure):
        def _repr_png_(self) -> bytes:
            stream = io.BytesIO()
            self.savefig(stream, format="png")
            return stream.getvalue()

    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def plain(axes: Any) -> None:
    """Axes without a box, with a light grid: the curves are the darkest thing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
