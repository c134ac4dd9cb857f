import numpy as np
import tensorflow as tf

from mlkit.metrics import PeakSignalNoiseRatio
from mlkit.testing import MetricSpec


def images(rng):
    return rng.uniform(0, 255, (20, 6, 6, 3)).astype("float32")


def psnr(y_true, y_pred, sample_weight):
    error = ((y_true.astype("float64") - y_pred) ** 2).mean((1, 2, 3))
    return np.average(10 * np.log10(255**2 / error), weights=sample_weight)


SPECS = [
    MetricSpec(
        PeakSignalNoiseRatio,
        kwargs={"max_val": 255},
        y_true=images,
        y_pred=images,
        reference=psnr,
    )
]


def test_equals_tensorflows():
    a, b = images(np.random.default_rng(0)), images(np.random.default_rng(1))
    metric = PeakSignalNoiseRatio(max_val=255)
    metric.update_state(a, b)
    want = np.mean(tf.image.psnr(a, b, 255))
    np.testing.assert_allclose(metric.result(), want, rtol=1e-5)


def test_an_exact_image_is_infinite():
    metric = PeakSignalNoiseRatio()
    metric.update_state(np.ones((1, 2, 2, 1)), np.ones((1, 2, 2, 1)))
    assert np.isposinf(metric.result())
