"""Clip: numpy's clip."""

import numpy as np
import pytest

from mlkit.constraints import Clip
from mlkit.testing import ConstraintSpec

SPECS = [
    ConstraintSpec(
        Clip,
        kwargs=dict(min_value=-0.25, max_value=0.5),
        shape=(7, 5),
        reference=lambda w: np.clip(w, -0.25, 0.5),
        satisfied=lambda w: w.min() >= -0.25 and w.max() <= 0.5,
    )
]


def test_equals_numpy():
    w = np.random.default_rng(0).normal(size=(20, 30)).astype("float32")
    np.testing.assert_array_equal(Clip(-0.3, 0.7)(w), np.clip(w, np.float32(-0.3), np.float32(0.7)))


def test_refuses():
    with pytest.raises(ValueError, match="`max_value` must be"):
        Clip(1.0, 0.0)
