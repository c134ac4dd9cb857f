"""spectral_norm: numpy's svd, and a gradient that is never NaN."""

import numpy as np
import pytest
import tensorflow as tf

from mlkit.ops import kernel_matrix, spectral_norm


def test_kernel_matrix_joins_all_axes_but_the_last():
    w = np.random.default_rng(0).normal(size=(3, 2, 4, 5))
    np.testing.assert_array_equal(kernel_matrix(w), w.reshape(24, 5))
    assert kernel_matrix(np.ones(7)).shape == (7, 1)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("shape", [(8, 5), (5, 8), (3, 3, 4, 8), (6,)])
def test_equals_svd(shape, jit):
    for seed in range(5):
        w = np.random.default_rng(seed).normal(size=shape).astype("float32")
        matrix = w.reshape(-1, shape[-1]) if len(shape) > 1 else w.reshape(-1, 1)
        u, s, vt = np.linalg.svd(matrix.astype("float64"), full_matrices=False)
        variable = tf.Variable(w)

        @tf.function(jit_compile=jit)
        def both(variable=variable):
            with tf.GradientTape() as tape:
                value = spectral_norm(variable)
            return value, tape.gradient(value, variable)

        value, gradient = both()
        np.testing.assert_allclose(value, s[0], rtol=2e-6)
        expected = np.outer(u[:, 0], vt[0]).reshape(shape)
        np.testing.assert_allclose(gradient, expected, atol=2e-4)


@pytest.mark.parametrize("scale", [1e-25, 1e-5, 1.0, 1e18])
def test_any_scale(scale):
    w = (scale * np.random.default_rng(0).normal(size=(6, 4))).astype("float32")
    np.testing.assert_allclose(spectral_norm(w), np.linalg.norm(w.astype("float64"), 2), rtol=1e-5)


def test_half_precision_is_computed_in_float32():
    w = np.full((64, 64), 1e4, "float16")
    np.testing.assert_allclose(spectral_norm(w), 64e4, rtol=1e-5)
