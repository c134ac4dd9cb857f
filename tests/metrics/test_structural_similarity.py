import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter1d

from mlkit.metrics import StructuralSimilarity
from mlkit.testing import MetricSpec


def images(rng):
    return rng.uniform(100, 200, (14, 12, 13, 2)).astype("float32")


def ssim(y_true, y_pred, sample_weight, size=7, sigma=1.2, k1=0.02, k2=0.05, top=255.0):
    x, y = y_true.astype("float64"), y_pred.astype("float64")
    c1, c2, cut = (k1 * top) ** 2, (k2 * top) ** 2, size // 2

    def blur(z):
        for axis in (1, 2):
            z = gaussian_filter1d(z, sigma, axis=axis, radius=cut)
        return z[:, cut:-cut, cut:-cut]

    mx, my = blur(x), blur(y)
    vx, vy, cov = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    places = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return np.average(places.mean((1, 2, 3)), weights=sample_weight)


SPECS = [
    MetricSpec(
        StructuralSimilarity,
        kwargs={"max_val": 255, "filter_size": 7, "filter_sigma": 1.2, "k1": 0.02, "k2": 0.05},
        y_true=images,
        y_pred=images,
        reference=ssim,
    )
]


def test_equals_tensorflows():
    a, b = images(np.random.default_rng(0)), images(np.random.default_rng(1))
    metric = StructuralSimilarity(max_val=255)
    metric.update_state(a, b)
    want = np.mean(tf.image.ssim(a, b, 255.0))
    np.testing.assert_allclose(metric.result(), want, rtol=1e-4, atol=1e-6)


def test_a_window_larger_than_the_image_is_refused():
    with pytest.raises(ValueError, match="`filter_size` must not be larger than the image"):
        StructuralSimilarity().update_state(np.ones((1, 8, 16, 1)), np.ones((1, 8, 16, 1)))
