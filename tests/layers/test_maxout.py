import numpy as np
import pytest
from layers._numeric import agrees

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.Maxout,
        kwargs=dict(num_units=3, axis=2),
        input_shape=(2, 5, 6, 4),
        dynamic_axes=(1, 3),
    )
]


def largest(x, units, axis):
    x = np.moveaxis(x, axis, -1)
    groups = [x[..., i : i + units] for i in range(0, x.shape[-1], units)]
    return np.moveaxis(np.max(groups, axis=0), -1, axis)


@pytest.mark.parametrize(("units", "axis"), [(2, -1), (6, -1), (1, 1), (4, 1), (5, 2)])
def test_value_and_gradient(units, axis):
    x = np.random.default_rng(0).normal(size=(3, 4, 5, 6))
    agrees(mk.layers.Maxout(units, axis, dtype="float64"), [x], lambda x: largest(x, units, axis))


def test_mask_passes_unless_time_is_reduced():
    x = mk.layers.Masking()(np.ones((2, 4, 6), "float32"))
    mask = np.ones((2, 4), bool)
    assert mk.layers.Maxout(3).compute_mask(x, mask) is mask
    assert mk.layers.Maxout(2, axis=1).compute_mask(x, mask) is None


def test_impossible():
    with pytest.raises(ValueError, match="`num_units` must be an integer ≥ 1"):
        mk.layers.Maxout(0)
    with pytest.raises(ValueError, match=r"multiple of `num_units` = 4"):
        mk.layers.Maxout(4).build((None, 6))
    with pytest.raises(ValueError, match="other than the batch"):
        mk.layers.Maxout(4, axis=0).build((4, 6))
