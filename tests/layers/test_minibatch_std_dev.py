import numpy as np
import pytest
from layers._numeric import agrees

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.MinibatchStdDev,
        kwargs=dict(group_size=2, num_features=2, epsilon=1e-3, data_format="channels_first"),
        input_shape=(4, 4, 3, 5),
        dynamic_axes=(2, 3),
    )
]


def formula(group, features):
    """One example after the other."""

    def apply(x):
        n, channels = x.shape[0], x.shape[-1]
        groups = n // group if group and n % group == 0 else 1
        added = np.zeros((*x.shape[:-1], features))
        for i in range(n):
            others = x[i % groups :: groups]
            deviation = np.sqrt(others.var(axis=0) + 1e-8).reshape(-1, channels)
            for f, part in enumerate(np.split(deviation, features, axis=-1)):
                added[i, ..., f] = part.mean()
        return np.concatenate([x, added], axis=-1)

    return apply


@pytest.mark.parametrize("shape", [(4, 6), (4, 3, 2, 6)])
@pytest.mark.parametrize(("group", "features"), [(None, 1), (2, 3), (4, 1), (3, 2), (8, 1)])
def test_value_and_gradient(shape, group, features):
    x = np.random.default_rng(0).normal(size=shape)
    layer = mk.layers.MinibatchStdDev(group, features, dtype="float64")
    agrees(layer, [x], formula(group, features))


def test_channels_first():
    x = np.random.default_rng(0).normal(size=(4, 6, 3, 2)).astype("float32")
    first = mk.layers.MinibatchStdDev(2, 3, data_format="channels_first")(x)
    last = mk.layers.MinibatchStdDev(2, 3)(np.moveaxis(x, 1, -1))
    np.testing.assert_allclose(first, np.moveaxis(last, -1, 1), rtol=1e-6)


def test_impossible():
    with pytest.raises(ValueError, match="`group_size` must be an integer ≥ 1"):
        mk.layers.MinibatchStdDev(0)
    with pytest.raises(ValueError, match="'std': `num_features` must divide the channels"):
        mk.layers.MinibatchStdDev(num_features=2, name="std").build((None, 3))
