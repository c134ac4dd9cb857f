"""What the binned calibration errors share: sums of each bin, and the picture of them."""

from typing import Any

import keras
import numpy as np
from keras import ops

from mlkit._core.optional import require
from mlkit._core.types import Tensor
from mlkit.metrics._streaming import Streaming, ratio


def bin_of(confidence: Tensor, num_bins: int) -> Tensor:
    """Bin of each probability: right-closed, so that 1.0 is in the last; 0.0 is in the first."""
    # Edges in the dtype of the data: the probability 0.2 and the edge 0.2 must be the same number.
    # The outer two are out of reach: 0.0 is in the first bin.
    edges = np.linspace(0.0, 1.0, num_bins + 1)
    edges[0], edges[-1] = -1.0, 2.0
    edges = edges.astype(keras.utils.standardize_dtype(confidence.dtype))
    # The guess is at most one bin off, where the product rounds over an edge.
    guess = ops.clip(ops.cast(confidence * num_bins, "int32"), 0, num_bins - 1)
    low, high = (ops.take(ops.convert_to_tensor(x), guess) for x in (edges[:-1], edges[1:]))
    return guess + ops.cast(confidence > high, "int32") - ops.cast(confidence <= low, "int32")


def bin_sums(index: Tensor, rows: Tensor, num_segments: int) -> Tensor:
    """Sum of each column of `rows`, `(N, columns)` in float64, over each bin."""
    return ops.segment_sum(rows, index, num_segments=num_segments)


def gaps(sums: Tensor) -> tuple[Tensor, Tensor]:
    """From sums `(..., bins, 3)` of weight, confidence and hits: |gap| and share of each bin."""
    weight, confidence, hits = sums[..., 0], sums[..., 1], sums[..., 2]
    total = ops.sum(weight, axis=-1, keepdims=True)
    return ops.abs(ratio(hits - confidence, weight, 0.0)), ratio(weight, total)


def calibration_error(sums: Tensor, norm: str) -> Tensor:
    """The error from the sums of each bin, over the last two axes; NaN without examples."""
    gap, share = gaps(sums)
    if norm == "l1":
        return ops.sum(gap * share, axis=-1)
    if norm == "l2":
        return ops.sqrt(ops.sum(gap * gap * share, axis=-1))
    known = ops.sum(share, axis=-1)
    return ops.max(ops.where(share != 0, gap, ops.zeros_like(gap)), axis=-1) * known


class CalibrationBins(Streaming):
    """A metric with the sums of weight, confidence and hits in each bin, `(..., bins, 3)`."""

    sums: Any

    @property
    def reliability(self) -> dict[str, np.ndarray]:
        """Mean confidence, accuracy and weight of each bin; NaN in the first two where empty."""
        sums = ops.convert_to_numpy(self.sums)
        weight = sums[..., 0]
        safe = np.where(weight == 0, np.nan, weight)
        return {
            "confidence": sums[..., 1] / safe,
            "accuracy": sums[..., 2] / safe,
            "weight": weight,
        }

    def plot(self, axes: Any = None) -> Any:
        """Draw accuracy over confidence, bin by bin.

        Args:
            axes: matplotlib axes to draw on. Default: those of a new figure.

        Returns:
            The axes.
        """
        purpose = f"{type(self).__name__}.plot"
        plt = require("matplotlib.pyplot", extra="plot", purpose=purpose)
        axes = axes or plt.subplots(layout="constrained")[1]
        points = self.reliability
        axes.plot([0, 1], [0, 1], color="0.7", linestyle="--")
        for confidence, accuracy in zip(
            np.atleast_2d(points["confidence"]), np.atleast_2d(points["accuracy"]), strict=True
        ):
            seen = ~np.isnan(confidence)
            axes.plot(confidence[seen], accuracy[seen], marker="o")
        axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
        return axes
