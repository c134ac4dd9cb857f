"""GroupLasso: the norms of the groups."""

import numpy as np
import pytest
from regularizers._gradients import numeric, slope

from mlkit.regularizers import GroupLasso
from mlkit.testing import RegularizerSpec


def penalty(w, factor, axis, scaled):
    groups = [np.take(w, i, axis=axis) for i in range(w.shape[axis])]
    return factor * sum(
        np.sqrt(g.size if scaled else 1) * np.linalg.norm(g.ravel()) for g in groups
    )


SPECS = [
    RegularizerSpec(
        GroupLasso,
        kwargs=dict(factor=0.3, axis=-2, scale_by_size=False),
        shape=(3, 3, 2, 4),
        reference=lambda w: penalty(w, 0.3, -2, False),
        zero_at=np.zeros,
    )
]


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("axis", [0, -1, -2])
def test_value_and_gradient(axis, scaled):
    w = np.random.default_rng(0).normal(size=(3, 2, 5))
    value, gradient = slope(GroupLasso(0.3, axis, scaled), w)
    np.testing.assert_allclose(value, penalty(w, 0.3, axis, scaled), rtol=1e-9)
    expected = numeric(lambda w: penalty(w, 0.3, axis, scaled), w)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-8)


def test_a_group_of_zeros_has_no_gradient():
    w = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    w[:, 1] = 0
    gradient = slope(GroupLasso(1.0), w)[1]
    assert np.isfinite(gradient).all()
    assert (gradient[:, 1] == 0).all()


def test_refuses():
    with pytest.raises(ValueError, match="`factor`"):
        GroupLasso(-1.0)
