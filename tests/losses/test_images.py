"""Losses of images beside TensorFlow's own image functions and formulas in numpy."""

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from mlkit import losses
from mlkit.testing import LossSpec


def images(*shape):
    return lambda rng: rng.uniform(size=shape).astype("float32")


def last(x):
    return np.moveaxis(np.asarray(x, np.float64), 1, -1)


def ssim(y, p, max_val, size, sigma):
    """By two-dimensional windows, place by place."""
    axis = np.exp(-((np.arange(size) - (size - 1) / 2) ** 2) / (2 * sigma**2))
    window = np.outer(axis, axis) / axis.sum() ** 2
    c1, c2 = (0.01 * max_val) ** 2, (0.03 * max_val) ** 2
    out = []
    for a, b in zip(last(y), last(p), strict=True):
        found = []
        for c in range(a.shape[-1]):
            for i in range(a.shape[0] - size + 1):
                for j in range(a.shape[1] - size + 1):
                    u, v = a[i : i + size, j : j + size, c], b[i : i + size, j : j + size, c]
                    mu, mv = (window * u).sum(), (window * v).sum()
                    su, sv = (window * (u - mu) ** 2).sum(), (window * (v - mv) ** 2).sum()
                    cov = (window * (u - mu) * (v - mv)).sum()
                    found.append(
                        (2 * mu * mv + c1)
                        * (2 * cov + c2)
                        / ((mu**2 + mv**2 + c1) * (su + sv + c2))
                    )
        out.append(1 - np.mean(found))
    return np.array(out)


def multi_scale(y, p):
    found = tf.image.ssim_multiscale(
        tf.constant(last(y)),
        tf.constant(last(p)),
        2.0,
        power_factors=[0.4, 0.6],
        filter_size=3,
        filter_sigma=1.2,
    )
    return 1 - found.numpy()


def variation(y, p):
    x = last(p)
    down, across = np.zeros_like(x), np.zeros_like(x)
    down[:, :-1], across[:, :, :-1] = np.diff(x, axis=1), np.diff(x, axis=2)
    return np.hypot(down, across).mean(axis=(1, 2, 3))


def edges(y, p, epsilon):
    out = []
    for d in last(p) - last(y):
        found = [
            scipy.ndimage.sobel(d[..., c], axis=axis, mode="mirror")
            for c in range(d.shape[-1])
            for axis in (0, 1)
        ]
        out.append(np.hypot(found, epsilon).mean())
    return np.array(out)


FIRST = {"data_format": "channels_first"}
SPECS = [
    LossSpec(
        losses.SSIMLoss,
        kwargs={"max_val": 2.0, "filter_size": 5, "filter_sigma": 1.2, **FIRST},
        function=losses.ssim_loss,
        reference=lambda y, p: ssim(y, p, 2.0, 5, 1.2),
        y_true=images(3, 2, 7, 8),
        y_pred=images(3, 2, 7, 8),
        saturated=lambda rng: rng.choice([0.0, 1.0], (3, 2, 7, 8)),
        properties=("nonnegative", "zero_at_target", "symmetric"),
    ),
    LossSpec(
        losses.MultiScaleSSIMLoss,
        kwargs={
            "max_val": 2.0,
            "filter_size": 3,
            "filter_sigma": 1.2,
            "power_factors": [0.4, 0.6],
            **FIRST,
        },
        function=losses.multi_scale_ssim_loss,
        reference=multi_scale,
        y_true=images(3, 2, 7, 8),
        y_pred=images(3, 2, 7, 8),
        saturated=lambda rng: rng.choice([0.0, 1.0], (3, 2, 7, 8)),
        properties=("nonnegative", "zero_at_target", "symmetric", "bounded"),
    ),
    LossSpec(
        losses.TotalVariationLoss,
        kwargs={"isotropic": True, **FIRST},
        function=losses.total_variation_loss,
        reference=variation,
        y_true=images(3, 2, 7, 8),
        y_pred=images(3, 2, 7, 8),
        properties=("nonnegative",),
    ),
    LossSpec(
        losses.EdgeLoss,
        kwargs={"epsilon": 0.1, **FIRST},
        function=losses.edge_loss,
        reference=lambda y, p: edges(y, p, 0.1),
        y_true=images(3, 2, 5, 6),
        y_pred=images(3, 2, 5, 6),
        properties=("nonnegative", "symmetric"),
    ),
]


def test_defaults_are_those_of_tensorflow():
    rng = np.random.default_rng(0)
    a, b = tf.constant(rng.uniform(size=(2, 2, 16, 20, 3)))
    np.testing.assert_allclose(losses.ssim_loss(a, b), 1 - tf.image.ssim(a, b, 1.0), rtol=1e-6)
    a, b = rng.uniform(size=(1, 180, 177, 1)), rng.uniform(size=(1, 180, 177, 1))
    a, b = tf.constant(a), tf.constant(0.7 * a + 0.3 * b)
    # TensorFlow's is in float32, from raw second moments.
    np.testing.assert_allclose(
        losses.multi_scale_ssim_loss(a, b), 1 - tf.image.ssim_multiscale(a, b, 1.0), rtol=2e-4
    )
    found = losses.total_variation_loss(a, a)
    np.testing.assert_allclose(
        found, tf.image.total_variation(a) / a[0].shape.num_elements(), rtol=1e-6
    )


def test_a_large_mean_does_not_eat_the_variance():
    rng = np.random.default_rng(1)
    a, b = rng.uniform(size=(2, 2, 9, 9)), rng.uniform(size=(2, 2, 9, 9))
    high = losses.SSIMLoss(max_val=1.0, filter_size=5, reduction=None, **FIRST)
    found = high((a + 1000).astype("float32"), (b + 1000).astype("float32"))
    np.testing.assert_allclose(found, ssim(a + 1000, b + 1000, 1.0, 5, 1.5), rtol=1e-3)


def test_images_without_anything_and_negative_parts():
    zero = tf.zeros((1, 32, 32, 1))
    board = tf.constant(np.indices((32, 32)).sum(0) % 2, "float32")[None, ..., None]
    loss = losses.MultiScaleSSIMLoss(filter_size=5, power_factors=[0.5, 0.5])
    for a, b in ((zero, zero), (board, 1 - board), (zero, zero + 1)):
        with tf.GradientTape() as tape:
            tape.watch(b)
            value = loss(a, b)
        assert 0 <= float(value) <= 1
        assert np.isfinite(tape.gradient(value, b)).all()


def test_window_and_layout_are_checked():
    small = np.zeros((1, 8, 8, 1), "float32")
    with pytest.raises(ValueError, match="`filter_size` must be at most"):
        losses.ssim_loss(small, small)
    with pytest.raises(ValueError, match="halved 4 times"):
        losses.multi_scale_ssim_loss(small, small, filter_size=1)
    with pytest.raises(ValueError, match="`data_format` must be one of"):
        losses.SSIMLoss(data_format="NHWC")


@pytest.mark.parametrize("isotropic", [True, False])
def test_flat_images_have_no_variation_and_no_slope(isotropic):
    x = tf.ones((1, 4, 4, 2))
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = losses.TotalVariationLoss(isotropic=isotropic)(x, x)
    assert float(value) == 0
    assert (tape.gradient(value, x).numpy() == 0).all()
