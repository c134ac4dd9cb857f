import numpy as np
import pytest
from layers._numeric import agrees

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.PatchEmbedding,
        kwargs=dict(
            patch_size=(2, 3),
            embed_dim=5,
            flatten=False,
            use_bias=False,
            kernel_initializer="he_normal",
            bias_initializer="ones",
            data_format="channels_first",
        ),
        input_shape=(2, 3, 4, 6),
        trains=True,
    )
]


def embedded(x, kernel, bias=0.0):
    p, q = kernel.shape[:2]
    rows = []
    for i in range(0, x.shape[1], p):
        for j in range(0, x.shape[2], q):
            rows.append(np.einsum("bpqc,pqcd->bd", x[:, i : i + p, j : j + q], kernel) + bias)
    return np.stack(rows, axis=1)


@pytest.mark.parametrize("patch", [2, (2, 3), 1])
@pytest.mark.parametrize("use_bias", [True, False])
def test_value_and_gradients(patch, use_bias):
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 3))
    layer = mk.layers.PatchEmbedding(patch, 5, use_bias=use_bias, dtype="float64")
    agrees(layer, [x], embedded)


def test_layouts():
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype("float32")
    last = mk.layers.PatchEmbedding(2, 5)
    flat = np.asarray(last(x))
    first = mk.layers.PatchEmbedding(2, 5, flatten=False, data_format="channels_first")
    first.build((2, 3, 4, 6))
    first.set_weights(last.get_weights())
    np.testing.assert_allclose(first(x.transpose(0, 3, 1, 2)), flat.reshape(2, 2, 3, 5), atol=1e-6)


def test_sizes_known_at_run_time_only():
    inputs = mk.Input((None, None, 3))
    model = mk.Model(inputs, mk.layers.PatchEmbedding(4, 5)(inputs))
    assert model.output_shape == (None, None, 5)
    assert model.predict(np.zeros((2, 8, 12, 3)), verbose=0).shape == (2, 6, 5)
    with pytest.raises(Exception, match="reshape"):
        model.predict(np.zeros((2, 9, 12, 3)), verbose=0)


def test_impossible():
    with pytest.raises(ValueError, match=r"axis 1 to be a multiple of `patch_size` = 4.*9, 8, 3"):
        mk.layers.PatchEmbedding(4, 5).build((None, 9, 8, 3))
    with pytest.raises(ValueError, match="`patch_size` must be an integer or two"):
        mk.layers.PatchEmbedding((1, 2, 3), 5)
    with pytest.raises(ValueError, match="whose size must be known"):
        mk.layers.PatchEmbedding(4, 5).build((None, 8, 8, None))
