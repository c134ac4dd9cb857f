"""Losses of numbers, points and densities, beside numpy, scipy and scikit-learn."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from scipy.spatial.distance import cdist
from sklearn.metrics import mean_pinball_loss

from mlkit import losses
from mlkit.testing import LossSpec


def normal(*shape, scale=1.0):
    return lambda rng: rng.normal(0, scale, shape).astype("float32")


def pinball(y, q, taus, crossing=0.0):
    y, q = np.asarray(y, np.float64), np.asarray(q, np.float64)
    each = [
        [mean_pinball_loss([a], [b], alpha=t) for b, t in zip(row, taus, strict=True)]
        for a, row in zip(y.reshape(-1), q.reshape(-1, q.shape[-1]), strict=True)
    ]
    values = np.mean(each, -1).reshape(q.shape[:-1])
    return values + crossing * np.maximum(q[..., :-1] - q[..., 1:], 0).sum(-1)


def quantile_huber(y, q, taus, delta, crossing):
    y, q = np.asarray(y, np.float64)[..., None], np.asarray(q, np.float64)
    u = y - q
    huber = np.where(np.abs(u) <= delta, u**2 / 2, delta * (np.abs(u) - delta / 2))
    values = (np.abs(np.array(taus) - (u < 0)) * huber / delta).mean(-1)
    return values + crossing * np.maximum(q[..., :-1] - q[..., 1:], 0).sum(-1)


def wing(y, p, w, e):
    x = np.abs(y.astype("float64") - p)
    return np.where(x < w, w * np.log(1 + x / e), x - (w - w * np.log(1 + w / e))).mean(-1)


def adaptive_wing(y, p, omega, theta, epsilon, alpha):
    y = y.astype("float64")
    x, q = np.abs(y - p), alpha - y
    r = theta / epsilon
    a = omega * (1 / (1 + r**q)) * q * r ** (q - 1) / epsilon
    c = theta * a - omega * np.log(1 + r**q)
    return np.where(x < theta, omega * np.log(1 + (x / epsilon) ** q), a * x - c).mean(-1)


def density(distribution, **kwargs):
    def values(y, p):
        p = np.asarray(p, np.float64)
        d = y.shape[-1]
        location, scale = p[..., :d], np.exp(p[..., d:])
        scale = np.sqrt(scale) if distribution is scipy.stats.norm else scale
        return -distribution.logpdf(y, loc=location, scale=scale, **kwargs).mean(-1)

    return values


def chamfer(a, b, squared):
    out = []
    for x, y in zip(a, b, strict=True):
        d = cdist(x.astype("float64"), y.astype("float64")) ** (2 if squared else 1)
        out.append(d.min(0).mean() + d.min(1).mean())
    return np.array(out)


TAUS = [0.1, 0.5, 0.9]
DENSITY = {"full": True, "from_log": True, "floor": 1e-5}
OF_LOG = {"saturated": lambda rng: rng.choice([-20.0, 20.0], (6, 4))}
SPECS = [
    LossSpec(
        losses.PinballLoss,
        kwargs={"tau": TAUS, "crossing": 0.3},
        function=losses.pinball_loss,
        reference=lambda y, q: pinball(y, q, TAUS, 0.3),
        y_true=normal(6, 2),
        y_pred=normal(6, 2, 3),
        properties=("nonnegative",),
    ),
    LossSpec(
        losses.QuantileHuberLoss,
        kwargs={"tau": TAUS, "delta": 0.7, "crossing": 0.3},
        function=losses.quantile_huber_loss,
        reference=lambda y, q: quantile_huber(y, q, TAUS, 0.7, 0.3),
        y_true=normal(6, 2),
        y_pred=normal(6, 2, 3),
        properties=("nonnegative",),
    ),
    LossSpec(
        losses.CharbonnierLoss,
        kwargs={"epsilon": 0.1},
        function=losses.charbonnier_loss,
        reference=lambda y, p: np.hypot(y.astype("float64") - p, 0.1).mean(-1),
        y_true=normal(6, 4),
        y_pred=normal(6, 4),
        properties=("nonnegative", "symmetric"),
    ),
    LossSpec(
        losses.WingLoss,
        kwargs={"width": 5.0, "curvature": 1.5},
        function=losses.wing_loss,
        reference=lambda y, p: wing(y, p, 5.0, 1.5),
        y_true=normal(6, 4, scale=5),
        y_pred=normal(6, 4, scale=5),
        properties=("nonnegative", "symmetric", "zero_at_target"),
    ),
    LossSpec(
        losses.AdaptiveWingLoss,
        kwargs={"omega": 10.0, "theta": 0.3, "epsilon": 0.8, "alpha": 2.3},
        function=losses.adaptive_wing_loss,
        reference=lambda y, p: adaptive_wing(y, p, 10.0, 0.3, 0.8, 2.3),
        y_true=lambda rng: rng.uniform(size=(6, 4)),
        y_pred=lambda rng: rng.uniform(size=(6, 4)),
        properties=("nonnegative", "zero_at_target"),
    ),
    LossSpec(
        losses.GaussianNLL,
        kwargs=DENSITY,
        function=losses.gaussian_nll,
        reference=density(scipy.stats.norm),
        y_true=normal(6, 2),
        y_pred=normal(6, 4),
        **OF_LOG,
    ),
    LossSpec(
        losses.LaplaceNLL,
        kwargs=DENSITY,
        function=losses.laplace_nll,
        reference=density(scipy.stats.laplace),
        y_true=normal(6, 2),
        y_pred=normal(6, 4),
        **OF_LOG,
    ),
    LossSpec(
        losses.StudentTNLL,
        kwargs={"df": 4.0, **DENSITY},
        function=losses.student_t_nll,
        reference=density(scipy.stats.t, df=4.0),
        y_true=normal(6, 2),
        y_pred=normal(6, 4),
        **OF_LOG,
    ),
    LossSpec(
        losses.ChamferLoss,
        kwargs={"squared": False},
        function=losses.chamfer_loss,
        reference=lambda a, b: chamfer(a, b, False),
        y_true=normal(4, 5, 3),
        y_pred=normal(4, 7, 3),
        properties=("nonnegative", "symmetric"),
    ),
]


def slope(function, y, p):
    p = tf.constant(p)
    with tf.GradientTape() as tape:
        tape.watch(p)
        value = function(y, p)
    return np.array(value), np.array(tape.gradient(value, p))


def test_one_quantile_and_labels_with_or_without_a_last_axis():
    rng = np.random.default_rng(0)
    y, q = rng.normal(size=(7, 1)), rng.normal(size=(7, 1))
    found = losses.pinball_loss(y, q, tau=0.3)
    np.testing.assert_allclose(found, pinball(y, q, [0.3]))
    several = rng.normal(size=(7, 3))
    np.testing.assert_allclose(
        losses.pinball_loss(y, several, TAUS), losses.pinball_loss(y[:, 0], several, TAUS)
    )


@pytest.mark.parametrize("function", [losses.pinball_loss, losses.quantile_huber_loss])
def test_labels_are_not_taken_for_quantiles(function):
    """Three labels against three quantiles would broadcast."""
    with pytest.raises(ValueError, match="nothing is broadcast"):
        function(np.zeros((5, 3)), np.zeros((5, 3)), tau=TAUS)
    with pytest.raises(ValueError, match="each of the 3 quantiles"):
        function(np.zeros(5), np.zeros((5, 2)), tau=TAUS)
    with pytest.raises(ValueError, match="increasing sequence"):
        function(np.zeros(5), np.zeros((5, 2)), tau=[0.9, 0.1])


def test_quantile_huber_becomes_the_pinball_loss():
    rng = np.random.default_rng(1)
    y, q = rng.normal(size=(50, 1)), rng.normal(size=(50, 1))
    near = losses.quantile_huber_loss(y, q, 0.3, delta=1e-9)
    np.testing.assert_allclose(near, losses.pinball_loss(y, q, 0.3), rtol=1e-6)


def test_chamfer_squared_and_equal_points():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(3, 4, 2)), rng.normal(size=(3, 6, 2))
    np.testing.assert_allclose(losses.chamfer_loss(a, b), chamfer(a, b, True), rtol=1e-6)
    for squared in (True, False):
        value, gradient = slope(lambda y, p: losses.chamfer_loss(y, p, squared), a, a)  # noqa: B023
        assert (value == 0).all()
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("function", "distribution", "kwargs"),
    [
        (losses.gaussian_nll, scipy.stats.norm, {}),
        (losses.laplace_nll, scipy.stats.laplace, {}),
        (losses.student_t_nll, scipy.stats.t, {"df": 3.0}),
    ],
)
def test_densities_without_logarithm_and_at_the_floor(function, distribution, kwargs):
    rng = np.random.default_rng(3)
    y, location, scale = rng.normal(size=(9, 1)), rng.normal(size=(9, 1)), rng.uniform(1, 2, (9, 1))
    given = scale**2 if distribution is scipy.stats.norm else scale
    found = function(y, np.concatenate([location, given], -1), full=True)
    wanted = -distribution.logpdf(y, loc=location, scale=scale, **kwargs)[:, 0]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    value, gradient = slope(
        lambda y, p: function(y, p, floor=0.1), y, np.concatenate([location, -scale], -1)
    )
    same = function(y, np.concatenate([location, np.full_like(scale, 0.1)], -1))
    np.testing.assert_allclose(value, same, rtol=1e-6)
    assert (gradient[:, 1] != 0).all()


def test_wings_are_continuous():
    for x in (9.999, 10.001):
        value = losses.wing_loss([[0.0]], np.array([[x]]))
        np.testing.assert_allclose(value, 10 * np.log(6), rtol=1e-3)
    for y in (0.0, 0.5, 1.0):
        ends = [
            slope(losses.adaptive_wing_loss, [[y]], np.array([[y + x]])) for x in (0.49999, 0.50001)
        ]
        np.testing.assert_allclose(ends[0][0], ends[1][0], rtol=1e-4)
        np.testing.assert_allclose(ends[0][1], ends[1][1], rtol=1e-3)


def test_charbonnier_in_half_precision_keeps_its_epsilon():
    zero = np.zeros((1, 2), "float16")
    np.testing.assert_allclose(losses.charbonnier_loss(zero, zero), [1e-3], rtol=1e-3)
    _, gradient = slope(losses.charbonnier_loss, zero, zero)
    assert np.isfinite(gradient).all()
