"""Figures of data, of training and of mistakes: each function returns one and shows nothing.

`plt.style.use("mlkit.plotting.plain")` gives figures of your own the same look. matplotlib is
optional: `pip install "mlkit-tf[plot]"`.
"""

from mlkit.plotting._curves import curves as curves
from mlkit.plotting._show_batch import show_batch as show_batch
from mlkit.plotting._worst_mistakes import worst_mistakes as worst_mistakes
