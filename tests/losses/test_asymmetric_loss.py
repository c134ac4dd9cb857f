"""The asymmetric loss beside a float64 form in numpy."""

import numpy as np
import tensorflow as tf
from scipy.special import expit

from mlkit import losses
from mlkit.testing import LossSpec


def formula(y, z, gamma_neg, gamma_pos, clip):
    y, z = np.asarray(y, np.float64), np.asarray(z, np.float64)
    p, q = expit(z), np.maximum(expit(z) - clip, 0)
    there = -y * expit(-z) ** gamma_pos * -np.logaddexp(0, -z)
    absent = -(1 - y) * q**gamma_neg * np.log(np.minimum(1 - p + clip, 1))
    return (there + absent).mean(-1)


SPECS = [
    LossSpec(
        losses.AsymmetricLoss,
        kwargs={
            "gamma_neg": 3.0,
            "gamma_pos": 0.5,
            "clip": 0.1,
            "from_logits": False,
            "focus_gradient": True,
        },
        function=losses.asymmetric_loss,
        reference=lambda y, p: formula(y, np.log(p) - np.log1p(-p), 3.0, 0.5, 0.1),
        y_true=lambda rng: rng.integers(0, 2, (6, 5)),
        y_pred=lambda rng: rng.uniform(0.02, 0.98, (6, 5)),
        properties=("nonnegative", "zero_at_target"),
    )
]


def test_defaults_and_the_weights_without_gradient():
    rng = np.random.default_rng(0)
    y, z = rng.integers(0, 2, (9, 5)), rng.normal(0, 3, (9, 5))
    np.testing.assert_allclose(losses.asymmetric_loss(y, z), formula(y, z, 4, 1, 0.05), rtol=1e-6)
    z = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = losses.asymmetric_loss(y, z, gamma_neg=2.0, gamma_pos=1.0, clip=0.0)
    p = expit(z.numpy())
    wanted = np.where(y == 1, -(1 - p) * (1 - p), p**2 * p) / 5
    np.testing.assert_allclose(tape.gradient(value, z), wanted, rtol=1e-6)


def test_without_powers_and_shift_it_is_the_binary_cross_entropy():
    rng = np.random.default_rng(1)
    y, z = rng.integers(0, 2, (9, 5)).astype("float32"), rng.normal(0, 3, (9, 5)).astype("float32")
    found = losses.asymmetric_loss(y, z, 0.0, 0.0, 0.0)
    wanted = losses.binary_crossentropy(y, z, from_logits=True)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
