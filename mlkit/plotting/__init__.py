"""Figures of training and of mistakes. Each function returns a matplotlib figure and shows nothing.

`plt.style.use("mlkit.plotting.plain")` gives figures of your own the same look. matplotlib is
optional: `pip install "mlkit-tf[plot]"`.
"""

from mlkit.plotting._curves import curves as curves
from mlkit.plotting._worst_mistakes import worst_mistakes as worst_mistakes
