import numpy as np
import pytest

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.ASPP,
        kwargs=dict(
            rates=[1, 2],
            filters=4,
            dropout=0.2,
            normalize_pooling=False,
            momentum=0.8,
            epsilon=1e-3,
            seed=1,
            data_format="channels_first",
        ),
        input_shape=(2, 3, 6, 7),
        stochastic=True,
        trains=True,
        dynamic_axes=(2, 3),
    )
]


def convolved(x, kernel, rate):
    """A dilated convolution with zeros around, by shifts."""
    reach = rate * (kernel.shape[0] // 2)
    padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    y = 0.0
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            part = padded[:, i * rate :, j * rate :][:, : x.shape[1], : x.shape[2]]
            y = y + part @ kernel[i, j]
    return y


def relu_norm(x, epsilon=1e-5):
    mean, var = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    return np.maximum((x - mean) / np.sqrt(var + epsilon), 0)


def test_value_in_training():
    x = np.random.default_rng(0).normal(size=(3, 8, 9, 4))
    layer = mk.layers.ASPP((2, 3), 5, dropout=0.0, dtype="float64")
    y = layer(x, training=True)
    kernels = [np.asarray(c.kernel) for c in layer.convolutions]
    branches = [relu_norm(convolved(x, k, r)) for k, r in zip(kernels, (1, 2, 3), strict=True)]
    pooled = x.mean(axis=(1, 2), keepdims=True) @ np.asarray(layer.pooling.kernel)[0, 0]
    branches.append(np.broadcast_to(relu_norm(pooled), branches[0].shape))
    joined = np.concatenate(branches, axis=-1)
    expected = relu_norm(joined @ np.asarray(layer.projection.kernel)[0, 0])
    np.testing.assert_allclose(y, expected, rtol=1e-8, atol=1e-8)


def test_one_image_with_and_without_the_norm_of_the_pooling():
    x = np.random.default_rng(0).normal(size=(1, 6, 6, 4)).astype("float32")
    with_norm = mk.layers.ASPP((2,), 5, dropout=0.0)
    with_norm(x, training=True)
    pooled = with_norm.pooling(x.mean(axis=(1, 2), keepdims=True))
    np.testing.assert_allclose(with_norm.pooling_norm(pooled, training=True), 0 * pooled, atol=1e-6)
    without = mk.layers.ASPP((2,), 5, dropout=0.0, normalize_pooling=False)
    without(x, training=True)
    assert without.pooling_norm is None
    assert without.pooling.use_bias


def test_channels_first():
    x = np.random.default_rng(0).normal(size=(2, 6, 7, 3)).astype("float32")
    last, first = (
        mk.layers.ASPP((2,), 4, data_format=f"channels_{where}") for where in ("last", "first")
    )
    y = np.asarray(last(x))
    first.build((2, 3, 6, 7))
    first.set_weights(last.get_weights())
    np.testing.assert_allclose(first(x.transpose(0, 3, 1, 2)), y.transpose(0, 3, 1, 2), atol=1e-6)


def test_impossible():
    with pytest.raises(ValueError, match="`rates` must be an integer ≥ 1"):
        mk.layers.ASPP((0,))
    with pytest.raises(ValueError, match="'neck' has weights along axis 3"):
        mk.layers.ASPP(name="neck").build((None, 8, 8, None))
