"""Margin softmax beside the formulas with angles, in float64."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax

from mlkit import losses
from mlkit.testing import LossSpec


def cosines(rng):
    return rng.uniform(-1, 1, (8, 5)).astype("float32")


def ends(rng):
    return rng.choice([-1.0, 1.0], (8, 5))


def labels(rng):
    return rng.integers(0, 5, 8)


def reference(change, scale, smoothing=0.0):
    def values(y_true, y_pred):
        cos = np.clip(np.asarray(y_pred, np.float64), -1, 1)
        true = np.eye(cos.shape[-1])[y_true]
        log_p = log_softmax(scale * np.where(true > 0, change(np.arccos(cos)), cos), -1)
        label = (1 - smoothing) * true + smoothing / cos.shape[-1]
        return -(label * log_p).sum(-1)

    return values


def arc(margin):
    return lambda a: np.where(
        a + margin <= np.pi, np.cos(a + margin), np.cos(a) - margin * np.sin(margin)
    )


def sphere(margin):
    def change(angle):
        k = np.minimum(np.floor(margin * angle / np.pi), margin - 1)
        return (-1) ** k * np.cos(margin * angle) - 2 * k

    return change


SHARED = {"scale": 5.0, "ignore_class": 77, "label_smoothing": 0.1}
DATA = {
    "y_true": labels,
    "y_pred": cosines,
    "saturated": lambda rng: rng.choice([-1.0, 1.0], (8, 5)),
}
AXIS = {
    "kwargs_complete": "another axis has its own test",
    # Keras divides by the one number that it was given, though it weighs N values with it.
    "reductions": "mean_with_sample_weight with a scalar weight is a mean, not a sum",
}
SPECS = [
    LossSpec(
        losses.ArcFaceLoss,
        kwargs={"margin": 0.4, **SHARED},
        function=losses.arc_face_loss,
        reference=reference(arc(0.4), 5.0, 0.1),
        excuse=AXIS,
        **DATA,
    ),
    LossSpec(
        losses.CosFaceLoss,
        kwargs={"margin": 0.2, **SHARED},
        function=losses.cos_face_loss,
        reference=reference(lambda a: np.cos(a) - 0.2, 5.0, 0.1),
        excuse=AXIS,
        **DATA,
    ),
    LossSpec(
        losses.SphereFaceLoss,
        kwargs={"margin": 3, **SHARED},
        function=losses.sphere_face_loss,
        reference=reference(sphere(3), 5.0, 0.1),
        excuse=AXIS,
        **DATA,
    ),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.id)
def test_classes_first(spec):
    rng = np.random.default_rng(0)
    y, c = rng.integers(0, 5, (3, 4)), rng.uniform(-1, 1, (3, 4, 5)).astype("float32")
    here = spec.cls(**spec.kwargs, reduction=None)(y, c)
    there = spec.cls(**spec.kwargs, axis=1, reduction=None)(y, np.moveaxis(c, -1, 1))
    np.testing.assert_allclose(here, there, rtol=1e-6)


@pytest.mark.parametrize(
    ("function", "change", "margin"),
    [
        (losses.arc_face_loss, arc, 1.0),
        (losses.arc_face_loss, arc, 0.0),
        (losses.sphere_face_loss, sphere, 1),
        (losses.sphere_face_loss, sphere, 5),
    ],
)
def test_every_branch(function, change, margin):
    cos = np.linspace(-1, 1, 201)[:, None]
    cos = np.concatenate([cos, np.zeros_like(cos)], -1)
    y = np.zeros(201, int)
    np.testing.assert_allclose(
        function(y, cos, margin, 3.0), reference(change(margin), 3.0)(y, cos), atol=1e-9
    )


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.id)
def test_loss_falls_as_the_true_cosine_rises_and_slopes_are_finite(spec):
    cos = np.linspace(-1, 1, 101, dtype="float32")[:, None]
    c = tf.constant(np.concatenate([cos, np.zeros_like(cos)], -1))
    with tf.GradientTape() as tape:
        tape.watch(c)
        values = spec.cls(reduction=None)(np.zeros(101, int), c)
    assert (np.diff(values) <= 1e-4).all()
    assert np.isfinite(tape.gradient(values, c)).all()


def test_a_cosine_rounded_above_one_is_one():
    y, c = np.array([0]), np.array([[1.0000001, 0.0]], "float32")
    one = np.array([[1.0, 0.0]], "float32")
    for spec in SPECS:
        np.testing.assert_allclose(spec.cls()(y, c), spec.cls()(y, one), rtol=1e-5)
