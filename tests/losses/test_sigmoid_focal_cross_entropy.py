import keras
import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk
from mlkit.losses import SigmoidFocalCrossEntropy, sigmoid_focal_crossentropy
from mlkit.testing import LossSpec


def focal_numpy(y_true, logits, alpha=0.25, gamma=2.0, class_reduction="mean"):
    """The paper's form, in float64, from log-probabilities."""
    t, z = np.asarray(y_true, np.float64), np.asarray(logits, np.float64)
    log_p, log_q = -np.logaddexp(0, -z), -np.logaddexp(0, z)
    entropy = -(t * log_p + (1 - t) * log_q)
    ease = t * np.exp(log_q) + (1 - t) * np.exp(log_p)
    weight = 1.0 if alpha is None else t * alpha + (1 - t) * (1 - alpha)
    loss = weight * ease**gamma * entropy
    return loss.mean(-1) if class_reduction == "mean" else loss.sum(-1)


def labels(rng):
    return rng.integers(0, 2, (6, 5)).astype("float32")


def logits(rng):
    return rng.normal(0, 3, (6, 5)).astype("float32")


KWARGS = {"alpha": 0.4, "gamma": 1.5, "class_reduction": "sum"}
SPECS = [
    LossSpec(
        SigmoidFocalCrossEntropy,
        kwargs={"from_logits": True, **KWARGS},
        y_true=labels,
        y_pred=logits,
        function=sigmoid_focal_crossentropy,
        reference=lambda y_true, y_pred: focal_numpy(y_true, y_pred, **KWARGS),
        properties=("nonnegative", "zero_at_target"),
        target=lambda y_true: 1e4 * (2 * y_true - 1),
    )
]


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("alpha", [None, 0.25, 1.0])
def test_equals_the_formula(alpha, gamma):
    rng = np.random.default_rng(1)
    y_true, y_pred = rng.uniform(size=(40, 7)), rng.normal(0, 4, (40, 7))
    ours = sigmoid_focal_crossentropy(y_true, y_pred, alpha, gamma, from_logits=True)
    np.testing.assert_allclose(ours, focal_numpy(y_true, y_pred, alpha, gamma), rtol=1e-12)
    single = y_pred.astype("float32")
    ours = sigmoid_focal_crossentropy(y_true, single, alpha, gamma, from_logits=True)
    np.testing.assert_allclose(ours, focal_numpy(y_true, single, alpha, gamma), rtol=2e-6)


def test_probabilities_and_logits_agree():
    rng = np.random.default_rng(2)
    y_true, y_pred = labels(rng), logits(rng)
    from_logits = sigmoid_focal_crossentropy(y_true, y_pred, from_logits=True)
    from_chance = sigmoid_focal_crossentropy(y_true, keras.ops.sigmoid(y_pred))
    np.testing.assert_allclose(from_logits, from_chance, rtol=1e-4, atol=1e-7)


def test_without_weights_it_is_the_cross_entropy_of_keras():
    rng = np.random.default_rng(3)
    y_true, y_pred = labels(rng), logits(rng)
    ours = sigmoid_focal_crossentropy(y_true, y_pred, alpha=None, gamma=0, from_logits=True)
    keras_s = keras.losses.binary_crossentropy(y_true, y_pred, from_logits=True)
    np.testing.assert_allclose(ours, keras_s, rtol=1e-5)


@pytest.mark.parametrize("gamma", [0.1, 0.5, 2.0])
@pytest.mark.parametrize("jit", [False, True])
def test_gradient_is_finite_where_the_power_has_infinite_slope(gamma, jit):
    z = tf.constant([[-1e4, 1e4, 0.0, 90.0, -90.0]])

    @tf.function(jit_compile=jit)
    def slope(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            t = tf.constant([[0, 1, 1, 1, 0]])
            loss = sigmoid_focal_crossentropy(t, z, gamma=gamma, from_logits=True)
        return tape.gradient(loss, z)

    gradient = slope(z).numpy()
    assert np.isfinite(gradient).all()
    assert gradient[0, 2] < 0


def test_hard_wrong_logits_keep_their_slope():
    z = tf.constant([[1e4, -1e4]])
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss = sigmoid_focal_crossentropy([[0, 1]], z, alpha=None, from_logits=True)
    np.testing.assert_allclose(loss, [1e4], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(loss, z), [[0.5, -0.5]], rtol=1e-6)


@pytest.mark.parametrize("logit", [-30.0, -12.0, 12.0, 30.0])
def test_easy_logits_keep_their_digits(logit):
    y_true, y_pred = [[float(logit > 0)]], np.array([[logit]], "float32")
    ours = sigmoid_focal_crossentropy(y_true, y_pred, gamma=0.5, from_logits=True)
    np.testing.assert_allclose(ours, focal_numpy(y_true, y_pred, gamma=0.5), rtol=1e-5)


def test_integer_labels_and_a_missing_axis():
    loss = SigmoidFocalCrossEntropy(from_logits=True)
    z = np.array([[0.3], [-2.0], [1.0]], "float32")
    by_row = loss(np.array([1, 0, 1]), z)
    np.testing.assert_allclose(by_row, loss(np.array([[1], [0], [1]]), z))


def test_shapes_that_would_broadcast_are_refused():
    with pytest.raises(ValueError, match=r"`y_true` must have the shape of `y_pred`"):
        sigmoid_focal_crossentropy(np.ones((4, 1)), np.ones((4, 3)))


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"alpha": 1.5}, ValueError, r"`alpha` must be a number in \(0, 1\]. Received: alpha=1.5"),
        ({"alpha": 0}, ValueError, r"alpha=0"),
        ({"gamma": -1}, ValueError, r"gamma=-1"),
        ({"from_logits": "yes"}, TypeError, r"from_logits='yes'"),
        ({"class_reduction": "max"}, ValueError, r"class_reduction='max'"),
        ({"reduction": "max"}, ValueError, r"reduction"),
    ],
)
def test_wrong_arguments(kwargs, error, message):
    with pytest.raises(error, match=message):
        mk.losses.SigmoidFocalCrossEntropy(**kwargs)
