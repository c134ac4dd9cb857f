import numpy as np
import pytest
from layers._numeric import agrees

import mlkit as mk
from mlkit.testing import LayerSpec

KWARGS = dict(epsilon=1e-3, kernel_initializer="glorot_normal", bias_initializer="ones")
SPECS = [
    LayerSpec(
        mk.layers.AdaptiveNorm,
        kwargs=dict(normalization="instance", gate=True, **KWARGS),
        input_shape=[(2, 5, 3), (2, 4)],
        trains=True,
        dynamic_axes=(),
    ),
]


def normal(x, kind, epsilon):
    axes = -1 if kind == "layer" else tuple(range(1, x.ndim - 1))
    mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(var + epsilon)


@pytest.mark.parametrize("kind", ["layer", "instance"])
@pytest.mark.parametrize("shape", [(2, 6, 5), (2, 3, 4, 5)])
def test_value_and_gradients(kind, shape):
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=shape), rng.normal(size=(2, 6))

    def reference(x, z, kernel, bias):
        gamma, beta = np.split((z @ kernel + bias)[(slice(None), *[None] * (x.ndim - 2))], 2, -1)
        return (1 + gamma) * normal(x, kind, 1e-3) + beta

    agrees(mk.layers.AdaptiveNorm(kind, epsilon=1e-3, dtype="float64"), [x, z], reference)


def test_gate_is_the_third_part():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 3, 4)).astype("float32"), rng.normal(size=(2, 6)).astype("float32")
    layer = mk.layers.AdaptiveNorm(gate=True, kernel_initializer="glorot_normal")
    y, alpha = layer([x, z])
    parts = np.split(z @ np.asarray(layer.kernel), 3, axis=-1)
    expected = (1 + parts[0][:, None]) * normal(x, "layer", 1e-6) + parts[1][:, None]
    np.testing.assert_allclose(y, expected, atol=1e-5)
    np.testing.assert_allclose(alpha, parts[2][:, None], atol=1e-6)
    assert not np.any(mk.layers.AdaptiveNorm(gate=True)([x, z])[1])


def test_padding_takes_no_part_in_instance_statistics():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 6, 4)).astype("float32"), rng.normal(size=(2, 3)).astype("float32")
    mask = np.arange(6) < np.array([[4], [0]])
    layer = mk.layers.AdaptiveNorm("instance", epsilon=1e-3)
    padded = np.where(mask[:, :, None], x, np.nan)  # whatever stands there
    y = np.asarray(layer([padded, z], mask=[mask, None]))
    np.testing.assert_allclose(y[0, :4], normal(x[:1, :4], "instance", 1e-3)[0], atol=1e-5)
    np.testing.assert_array_equal(y[~mask], 0)


def test_large_values_in_half_precision():
    x = np.random.default_rng(0).normal(size=(2, 50, 4)) * 1e4
    layer = mk.layers.AdaptiveNorm("instance", dtype="mixed_float16")
    y = np.asarray(layer([x, np.ones((2, 3))]), "float32")
    np.testing.assert_allclose(y, normal(x, "instance", 1e-6), atol=5e-3)


def test_impossible():
    with pytest.raises(ValueError, match="`normalization` must be one of"):
        mk.layers.AdaptiveNorm("batch")
    with pytest.raises(ValueError, match="expects inputs with 3 to 8 axes"):
        mk.layers.AdaptiveNorm("instance").build([(None, 3), (None, 3)])
