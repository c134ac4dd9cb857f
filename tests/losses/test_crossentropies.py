"""Losses over exclusive classes, beside float64 forms in numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax

import mlkit as mk
from mlkit import losses
from mlkit.testing import LossSpec

CLASSES = 4
WEIGHTS = [0.5, 1.0, 2.0, 3.0]
COUNTS = [40, 30, 20, 5]


def labels(*shape):
    return lambda rng: rng.integers(0, CLASSES, shape)


def logits(*shape):
    return lambda rng: rng.normal(0, 2, shape).astype("float32")


def smooth_cost(y_true, cost, smoothing):
    """Cost (…, C) of the smoothed label, as a loop over examples."""
    out = np.empty(y_true.shape)
    for i in np.ndindex(*y_true.shape):
        label = np.full(cost.shape[-1], smoothing / cost.shape[-1])
        label[y_true[i]] += 1 - smoothing
        out[i] = label @ cost[i]
    return out


def first(x):
    """Class axis 1 moved to the end."""
    return np.moveaxis(np.asarray(x, np.float64), 1, -1)


def focal(y, z, gamma, w, a):
    p = softmax(z, -1)
    return smooth_cost(y, -np.asarray(w) * (1 - p) ** gamma * log_softmax(z, -1), a)


def bi_tempered(y, z, t1, t2, a):
    out = np.empty(y.shape)
    for i in np.ndindex(*y.shape):
        low, high = z[i].min() - 100, z[i].max() + 100

        def exp_t(x):
            return np.maximum(1 + (1 - t2) * x, 1e-300) ** (1 / (1 - t2)) * (1 + (1 - t2) * x > 0)

        low = z[i].max()  # at least 1 there
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if exp_t(z[i] - middle).sum() > 1 else (low, middle)
        p = exp_t(z[i] - low)
        q = np.full(z.shape[-1], a / z.shape[-1])
        q[y[i]] += 1 - a

        def log_t(x):
            return (x ** (1 - t1) - 1) / (1 - t1)

        term = np.where(q > 0, q * (log_t(np.maximum(q, 1e-300)) - log_t(p)), 0)
        out[i] = (term - (q ** (2 - t1) - p ** (2 - t1)) / (2 - t1)).sum()
    return out


def sparsemax(y, z):
    out = np.empty(y.shape)
    for i in np.ndindex(*y.shape):
        low, high = z[i].min() - 2, z[i].max()
        for _ in range(200):
            middle = (low + high) / 2
            inside = np.maximum(z[i] - middle, 0).sum() > 1
            low, high = (middle, high) if inside else (low, middle)
        p = np.maximum(z[i] - low, 0)
        q = np.eye(z.shape[-1])[y[i]]
        # Fenchel-Young: the conjugate at z, plus the penalty of q, less their product.
        out[i] = (p @ z[i] - 0.5 * p @ p) + 0.5 * q @ q - q @ z[i]
    return out


def balanced(y, z, a):
    beta = 0.9
    w = np.array([(1 - beta) / (1 - beta**n) for n in COUNTS])
    return smooth_cost(y, -w / w.mean() * log_softmax(z, -1), a)


SHARED = {"from_logits": True, "ignore_class": 77, "label_smoothing": 0.1, "axis": 1}
BY_CLASS_WEIGHT = {
    "reductions": "mean_with_sample_weight divides by the class weights too, as PyTorch does"
}
# Keras divides by the one number that it was given, though it weighs N values with it.
BY_SCALAR = {"reductions": "mean_with_sample_weight with a scalar weight is a mean, not a sum"}
IMAGE = {"y_true": labels(6, 5), "y_pred": logits(6, CLASSES, 5)}
SPECS = [
    LossSpec(
        losses.SparseCategoricalFocal,
        kwargs={"gamma": 1.5, "class_weight": WEIGHTS, **SHARED},
        function=losses.sparse_categorical_focal,
        reference=lambda y, z: focal(y, first(z), 1.5, WEIGHTS, 0.1),
        excuse=BY_CLASS_WEIGHT,
        properties=("nonnegative",),
        **IMAGE,
    ),
    LossSpec(
        losses.WeightedCrossentropy,
        kwargs={"class_weight": WEIGHTS, **SHARED},
        function=losses.weighted_crossentropy,
        reference=lambda y, z: focal(y, first(z), 0.0, WEIGHTS, 0.1),
        excuse=BY_CLASS_WEIGHT,
        properties=("nonnegative",),
        **IMAGE,
    ),
    LossSpec(
        losses.ClassBalancedCrossentropy,
        kwargs={"counts": COUNTS, "beta": 0.9, **SHARED},
        function=losses.class_balanced_crossentropy,
        reference=lambda y, z: balanced(y, first(z), 0.1),
        excuse=BY_CLASS_WEIGHT,
        **IMAGE,
    ),
    LossSpec(
        losses.LogitAdjustedCrossentropy,
        kwargs={"counts": COUNTS, "tau": 0.7, **SHARED, "from_logits": False},
        function=losses.logit_adjusted_crossentropy,
        reference=lambda y, p: smooth_cost(
            y,
            -log_softmax(np.log(first(p)) + 0.7 * np.log(np.array(COUNTS) / sum(COUNTS)), -1),
            0.1,
        ),
        y_true=IMAGE["y_true"],
        y_pred=lambda rng: softmax(rng.normal(size=(6, CLASSES, 5)), 1),
        excuse=BY_SCALAR,
    ),
    LossSpec(
        losses.PolyLoss,
        kwargs={"epsilon": 2.0, **SHARED},
        function=losses.poly_loss,
        reference=lambda y, z: smooth_cost(
            y, -log_softmax(first(z), -1) + 2.0 * (1 - softmax(first(z), -1)), 0.1
        ),
        **IMAGE,
        excuse=BY_SCALAR,
    ),
    LossSpec(
        losses.BiTemperedLogisticLoss,
        kwargs={
            "t1": 0.6,
            "t2": 1.4,
            "iterations": 60,
            "ignore_class": 77,
            "label_smoothing": 0.1,
            "axis": 1,
        },
        function=losses.bi_tempered_logistic_loss,
        reference=lambda y, z: bi_tempered(y, first(z), 0.6, 1.4, 0.1),
        properties=("nonnegative",),
        **IMAGE,
        excuse=BY_SCALAR,
    ),
    LossSpec(
        losses.SparsemaxLoss,
        kwargs={"from_logits": True, "axis": 1},
        function=losses.sparsemax_loss,
        reference=lambda y, z: sparsemax(y, first(z)),
        excuse={
            "kwargs_complete": "from_logits has one value",
            "from_logits": "a projection cannot be undone, so probabilities are refused",
        },
        properties=("nonnegative",),
        **IMAGE,
    ),
    LossSpec(
        losses.Weighted,
        kwargs={
            "class_weight": {0: 0.5, 3: 2.0},
            "loss": keras.losses.CategoricalCrossentropy(from_logits=True, axis=1),
            "axis": 1,
        },
        reference=lambda y, z: (
            np.array([0.5, 1, 1, 2])[y.argmax(1)]
            * smooth_cost(y.argmax(1), -log_softmax(first(z), -1), 0.0)
        ),
        y_true=lambda rng: np.moveaxis(np.eye(CLASSES)[labels(6, 5)(rng)], -1, 1),
        y_pred=IMAGE["y_pred"],
        excuse={
            "reductions": "mean_with_sample_weight divides by the class weights too",
        },
    ),
]


def both(loss, y_true, y_pred):
    y_pred = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = loss(y_true, y_pred)
    return value.numpy(), tape.gradient(value, y_pred).numpy()


FAMILY = [spec for spec in SPECS if spec.cls not in (losses.Weighted,)]


@pytest.mark.parametrize("spec", FAMILY, ids=lambda s: s.id)
def test_one_hot_labels_give_what_sparse_ones_give(spec):
    rng = np.random.default_rng(0)
    y, z = spec.y_true(rng), spec.y_pred(rng).astype("float32")
    dense = np.moveaxis(np.eye(CLASSES)[y], -1, 1)
    kwargs = {**spec.kwargs, "ignore_class": None} if "ignore_class" in spec.kwargs else spec.kwargs
    loss = spec.cls(**kwargs, reduction=None)
    np.testing.assert_allclose(loss(y, z), loss(dense, z), rtol=2e-6)
    np.testing.assert_allclose(loss(y[:, None], z), loss(y, z), rtol=2e-6)


@pytest.mark.parametrize("spec", FAMILY[:-1], ids=lambda s: s.id)
def test_what_is_ignored_is_as_good_as_absent(spec):
    rng = np.random.default_rng(1)
    y, z = rng.integers(0, CLASSES, 9), rng.normal(size=(9, CLASSES)).astype("float32")
    if spec.kwargs.get("from_logits") is False:
        z = softmax(z, -1)
    y[[2, 5]] = 255
    kwargs = {**spec.kwargs, "ignore_class": 255, "axis": -1}
    for reduction in ("sum", "sum_over_batch_size", "mean_with_sample_weight"):
        loss = spec.cls(**kwargs, reduction=reduction)
        kept, slope = both(loss, y[y != 255], z[y != 255])
        whole, gradient = both(loss, y, z)
        np.testing.assert_allclose(whole, kept, rtol=1e-5, err_msg=reduction)
        np.testing.assert_allclose(gradient[y != 255], slope, rtol=1e-4, atol=1e-6)
        assert (gradient[y == 255] == 0).all()
    assert loss(np.full(9, 255), z) == 0


def test_mean_with_sample_weight_is_the_mean_of_pytorch():
    rng = np.random.default_rng(2)
    y, z = rng.integers(0, CLASSES, 20), rng.normal(size=(20, CLASSES)).astype("float32")
    w, s = np.array(WEIGHTS), rng.uniform(0, 2, 20).astype("float32")
    values = focal(y, z.astype("float64"), 0.0, WEIGHTS, 0.0)
    loss = losses.WeightedCrossentropy(WEIGHTS, True, reduction="mean_with_sample_weight")
    np.testing.assert_allclose(loss(y, z), values.sum() / w[y].sum(), rtol=1e-6)
    np.testing.assert_allclose(loss(y, z, s), (s * values).sum() / (s * w[y]).sum(), rtol=1e-6)
    around = losses.Weighted(
        WEIGHTS,
        losses.SparseCategoricalCrossentropy(from_logits=True),
        reduction="mean_with_sample_weight",
    )
    np.testing.assert_allclose(around(y, z), values.sum() / w[y].sum(), rtol=1e-6)


def test_mask_and_ignored_label_count_together():
    """Padding that both the mask and the label mark is not counted twice."""
    y = np.array([[1, 2, 0, 0], [3, 0, 0, 0]])
    z = np.random.default_rng(3).normal(size=(2, 4, CLASSES)).astype("float32")
    z[y == 0] = -7.0
    masked = keras.layers.Masking(-7.0)(z)
    loss = losses.WeightedCrossentropy(from_logits=True, ignore_class=0)
    expected = focal(y, z.astype("float64"), 0.0, np.ones(CLASSES), 0.0)[y != 0].mean()
    np.testing.assert_allclose(loss(y, masked), expected, rtol=1e-6)
    np.testing.assert_allclose(loss(y, z), expected, rtol=1e-6)


@pytest.mark.parametrize("t2", [0.5, 1.0, 1.2, 3.0])
def test_bi_tempered_probabilities_add_up_and_the_gradient_is_exact(t2):
    rng = np.random.default_rng(4)
    y, z = rng.integers(0, CLASSES, 6), rng.normal(0, 3, (6, CLASSES))
    ours = losses.bi_tempered_logistic_loss(y, z, 0.9, t2, iterations=200)
    other = 1.0000001 if t2 == 1.0 else t2
    np.testing.assert_allclose(ours, bi_tempered(y, z, 0.9, other, 0.0), rtol=1e-5)


def test_temperatures_of_one_are_the_cross_entropy():
    rng = np.random.default_rng(5)
    y, z = rng.integers(0, CLASSES, 6), rng.normal(0, 3, (6, CLASSES))
    ours = losses.bi_tempered_logistic_loss(y, z, 1.0, 1.0)
    np.testing.assert_allclose(ours, -log_softmax(z, -1)[np.arange(6), y], rtol=1e-6)


def test_class_balanced_weights_at_the_ends():
    np.testing.assert_allclose(mk.losses.class_balanced_weights([5, 50], beta=0.0), [1, 1])
    near = np.array(mk.losses.class_balanced_weights([5, 50], beta=1 - 1e-12))
    np.testing.assert_allclose(near / near[0], [1, 0.1], rtol=1e-9)
    assert mk.losses.class_balanced_weights([5, 0, 5])[1] == 0
    with pytest.raises(ValueError, match="`counts` must hold"):
        mk.losses.class_balanced_weights([-1, 2])


def test_weights_must_fit_the_classes():
    z = np.zeros((2, 3), "float32")
    with pytest.raises(ValueError, match="one weight for each of the 3 classes"):
        losses.weighted_crossentropy([0, 1], z, [1.0, 2.0])
    with pytest.raises(ValueError, match="must name classes from 0 to 2"):
        losses.weighted_crossentropy([0, 1], z, {3: 1.0})
    with pytest.raises(ValueError, match="finite numbers ≥ 0"):
        losses.WeightedCrossentropy([1.0, -2.0])


def test_low_precision_labels_that_cannot_name_the_class_are_refused():
    y = tf.cast([256.0, 257.0], "bfloat16")
    with pytest.raises(ValueError, match="cannot tell them apart"):
        losses.weighted_crossentropy(y, np.zeros((2, 1000), "float32"), from_logits=True)


def test_labels_keep_their_digits_under_a_low_precision_loss():
    z = np.zeros((1, 1000), "float32")
    z[0, 257] = 8.0
    loss = losses.WeightedCrossentropy(from_logits=True, dtype="bfloat16")
    assert float(loss(np.array([257]), z)) < 1.0 < float(loss(np.array([256]), z))
