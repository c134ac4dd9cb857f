"""ZeroMean: the mean over the given axes is gone."""

import numpy as np
import pytest

from mlkit.constraints import ZeroMean
from mlkit.testing import ConstraintSpec

SPECS = [
    ConstraintSpec(
        ZeroMean,
        kwargs=dict(axis=[0, 1]),
        shape=(3, 4, 5),
        reference=lambda w: w - w.mean(axis=(0, 1), keepdims=True),
        satisfied=lambda w: np.abs(w.mean(axis=(0, 1))).max() < 1e-6 * np.abs(w).max(),
    )
]


@pytest.mark.parametrize(
    ("shape", "axes"), [((7,), (0,)), ((5, 6), (0,)), ((3, 3, 4, 8), (0, 1, 2))]
)
def test_default_is_all_axes_but_the_last(shape, axes):
    w = np.random.default_rng(0).normal(size=shape).astype("float32")
    np.testing.assert_allclose(ZeroMean()(w), w - w.mean(axis=axes, keepdims=True), atol=1e-6)


def test_a_given_axis():
    w = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    np.testing.assert_allclose(ZeroMean(1)(w), w - w.mean(axis=1, keepdims=True), atol=1e-6)


def test_refuses():
    with pytest.raises(TypeError, match="`axis` must be an integer"):
        ZeroMean("last")
