"""Losses of regions beside sets counted in numpy, and a brute-force Lovász extension."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from mlkit import losses
from mlkit.testing import LossSpec

C = 3


def masks(rng):
    y = rng.integers(0, C, (5, 4, 3))
    y[0] = 0  # the other classes are absent
    return y


def maps(rng):
    return rng.normal(0, 2, (5, C, 4, 3)).astype("float32")


def regions(y, p, per):
    """Sums of what is in both, predicted only and true only: (N or 1, classes)."""
    p, t = np.asarray(p, np.float64), np.eye(p.shape[-1])[y]
    if per == "batch":
        p, t = p.reshape(1, -1, p.shape[-1]), t.reshape(1, -1, p.shape[-1])
    p, t = (x.reshape(len(x), -1, x.shape[-1]) for x in (p, t))
    return (p * t).sum(1), (p * (1 - t)).sum(1), (t * (1 - p)).sum(1)


def dice(tp, fp, fn, s):
    return 1 - (2 * tp + s) / (2 * tp + fp + fn + s)


def jaccard(tp, fp, fn, s):
    return 1 - (tp + s) / (tp + fp + fn + s)


def tversky(tp, fp, fn, s, alpha=0.2, beta=0.9):
    return 1 - (tp + s) / (tp + alpha * fp + beta * fn + s)


def focal(tp, fp, fn, s):
    return tversky(tp, fp, fn, s) ** (1 / 1.5)


WEIGHTS = [1.0, 2.0, 0.5]


def reference(score, per, activation):
    def values(y, z):
        p = activation(np.moveaxis(np.asarray(z, np.float64), 1, -1))
        each = score(*regions(y, p, per), 0.5)
        return np.broadcast_to(np.average(each, axis=-1, weights=WEIGHTS), len(y))

    return values


def both_axes(x):
    return softmax(x, -1)


SHARED = {
    "smooth": 0.5,
    "class_weight": WEIGHTS,
    "from_logits": True,
    "ignore_class": 77,
    "axis": 1,
}
ONE = {"kwargs_complete": "the other spec of the class gives the rest"}
PARTS = [
    (losses.DiceLoss, losses.dice_loss, dice, {}),
    (losses.JaccardLoss, losses.jaccard_loss, jaccard, {}),
    (losses.TverskyLoss, losses.tversky_loss, tversky, {"alpha": 0.2, "beta": 0.9}),
    (
        losses.FocalTverskyLoss,
        losses.focal_tversky_loss,
        focal,
        {"alpha": 0.2, "beta": 0.9, "gamma": 1.5},
    ),
]
SPECS = []
for cls, function, score, own in PARTS:
    SPECS += [
        LossSpec(
            cls,
            kwargs={**own, **SHARED, "per": "batch", "multilabel": True},
            function=function,
            reference=reference(score, "batch", expit),
            y_true=masks,
            y_pred=maps,
            batchwise=True,
            properties=("nonnegative", "bounded"),
        ),
        LossSpec(
            cls,
            kwargs={**own, **SHARED},
            function=function,
            reference=reference(score, "sample", both_axes),
            y_true=masks,
            y_pred=maps,
            name=f"{cls.__name__}(per=sample)",
            properties=("nonnegative", "bounded"),
            excuse=ONE,
        ),
    ]


def lovasz(wrong, truth):
    """The Lovász extension of the Jaccard loss of the set of wrong places, by its definition."""
    order = np.argsort(-wrong, kind="stable")
    total, before, out = truth.sum(), 0.0, 0.0
    taken = np.zeros(len(wrong), bool)
    for i in order:
        taken[i] = True
        missed, extra = (taken & (truth == 1)).sum(), (taken & (truth == 0)).sum()
        now = (missed + extra) / max(total + extra, 1)
        out += wrong[i] * (now - before)
        before = now
    return out


def hinge(y, z):
    y, z = np.reshape(y, (len(y), -1)), np.reshape(z, (len(z), -1)).astype("float64")
    return np.array(
        [
            lovasz(np.maximum(1 - b[a != 77] * (2 * a[a != 77] - 1), 0), a[a != 77])
            for a, b in zip(y, z, strict=True)
        ]
    )


def lovasz_softmax(y, p, classes="present"):
    out = []
    for a, b in zip(np.reshape(y, (len(y), -1)), p.reshape(len(p), -1, p.shape[-1]), strict=True):
        kept = a != 77
        each = {c: lovasz(np.abs((a == c) - b[:, c])[kept], (a == c)[kept]) for c in range(C)}
        chosen = [c for c in range(C) if classes == "all" or (a == c).any()]
        out.append(np.mean([each[c] for c in chosen]) if chosen else 0.0)
    return np.array(out)


def whole(formula):
    """The same with all places of the batch in one example."""
    return lambda y, z: np.full(len(y), formula(y.reshape(1, -1), z)[0])


def binary(rng):
    y = rng.integers(0, 2, (5, 4, 3))
    y[0] = 0
    y[1, :2] = 77
    return y


SPECS += [
    LossSpec(
        losses.LovaszHingeLoss,
        kwargs={"per": "batch", "ignore_class": 77},
        function=losses.lovasz_hinge_loss,
        reference=whole(lambda y, z: hinge(y, z.reshape(1, -1))),
        y_true=binary,
        y_pred=lambda rng: rng.normal(0, 2, (5, 4, 3)),
        batchwise=True,
        properties=("nonnegative",),
    ),
    LossSpec(
        losses.LovaszHingeLoss,
        kwargs={"ignore_class": 77},
        function=losses.lovasz_hinge_loss,
        reference=hinge,
        y_true=binary,
        y_pred=lambda rng: rng.normal(0, 2, (5, 4, 3)),
        name="LovaszHingeLoss(per=sample)",
        properties=("nonnegative",),
        excuse=ONE,
    ),
    LossSpec(
        losses.LovaszSoftmaxLoss,
        kwargs={
            "classes": "all",
            "per": "batch",
            "from_logits": True,
            "ignore_class": 77,
            "axis": 1,
        },
        function=losses.lovasz_softmax_loss,
        reference=whole(
            lambda y, z: lovasz_softmax(
                y, softmax(np.moveaxis(z, 1, -1), -1).reshape(1, -1, C), "all"
            )
        ),
        y_true=masks,
        y_pred=maps,
        batchwise=True,
        properties=("nonnegative", "bounded"),
    ),
    LossSpec(
        losses.LovaszSoftmaxLoss,
        kwargs={"from_logits": True, "ignore_class": 77, "axis": 1},
        function=losses.lovasz_softmax_loss,
        reference=lambda y, z: lovasz_softmax(y, softmax(np.moveaxis(z, 1, -1), -1)),
        y_true=masks,
        y_pred=maps,
        name="LovaszSoftmaxLoss(per=sample)",
        properties=("nonnegative", "bounded"),
        excuse=ONE,
    ),
]


@pytest.mark.parametrize("part", PARTS, ids=lambda p: p[0].__name__)
def test_empty_masks_perfect_and_absent_classes(part):
    cls = part[0]
    y = np.zeros((2, 6), int)
    p = np.eye(C, dtype="float32")[y]
    np.testing.assert_array_equal(cls(reduction=None)(y, p), [0, 0])
    np.testing.assert_array_equal(cls(reduction=None, ignore_class=0)(y, p), [0, 0])
    one = np.zeros((2, 6, 1), "float32")
    np.testing.assert_array_equal(cls(reduction=None)(one, one), [0, 0])


@pytest.mark.parametrize("part", PARTS, ids=lambda p: p[0].__name__)
def test_ignored_places_are_as_good_as_absent(part):
    cls = part[0]
    rng = np.random.default_rng(1)
    y, p = rng.integers(0, C, (2, 6)), softmax(rng.normal(size=(2, 6, C)), -1).astype("float32")
    hidden = y.copy()
    hidden[:, [1, 4]] = 255
    kept = [0, 2, 3, 5]
    loss = cls(ignore_class=255, reduction=None)
    np.testing.assert_allclose(loss(hidden, p), loss(y[:, kept], p[:, kept]), rtol=1e-6)


@pytest.mark.parametrize("part", PARTS, ids=lambda p: p[0].__name__)
def test_dense_labels_and_one_class(part):
    cls = part[0]
    rng = np.random.default_rng(2)
    y, z = rng.integers(0, C, (2, 6)), rng.normal(size=(2, 6, C)).astype("float32")
    loss = cls(from_logits=True, reduction=None)
    np.testing.assert_allclose(loss(y, z), loss(np.eye(C)[y], z), rtol=1e-6)
    binary, logit = rng.integers(0, 2, (2, 6, 1)), z[..., :1]
    np.testing.assert_allclose(
        loss(binary, logit), cls(reduction=None)(binary, expit(logit)), rtol=1e-5
    )


def test_alpha_weighs_false_positives_and_beta_false_negatives():
    """The paper's order: a prediction that is too large, and one that is too small."""
    truth = np.array([[[1], [0], [0], [0]]])
    large = np.array([[[1.0], [1.0], [0.0], [0.0]]])
    loss = losses.TverskyLoss(alpha=0.3, beta=0.7, smooth=1e-6)
    np.testing.assert_allclose(loss(truth, large), 1 - 1 / 1.3, rtol=1e-5)
    np.testing.assert_allclose(loss(large, truth.astype("float32")), 1 - 1 / 1.7, rtol=1e-5)


def test_dice_and_jaccard_are_tversky():
    rng = np.random.default_rng(3)
    y, p = rng.integers(0, C, (2, 6)), softmax(rng.normal(size=(2, 6, C)), -1)
    np.testing.assert_allclose(
        losses.dice_loss(y, p, smooth=2.0), losses.tversky_loss(y, p, 0.5, 0.5, smooth=1.0)
    )
    np.testing.assert_allclose(losses.jaccard_loss(y, p), losses.tversky_loss(y, p, 1.0, 1.0))


def test_lovasz_of_whole_numbers_is_the_jaccard_loss():
    """On hard predictions the extension is the set function itself."""
    rng = np.random.default_rng(4)
    y, guess = rng.integers(0, C, (6, 20)), rng.integers(0, C, (6, 20))
    found = losses.lovasz_softmax_loss(y, np.eye(C)[guess], classes="all")
    tp, fp, fn = regions(y, np.eye(C)[guess], "sample")
    np.testing.assert_allclose(found, (1 - tp / np.maximum(tp + fp + fn, 1)).mean(-1), rtol=1e-6)


def test_lovasz_with_ties_and_ignored_classes():
    y = np.array([[0, 1, 77, 77], [77, 77, 77, 77]])
    p = np.full((2, 4, C), 1 / C)
    np.testing.assert_allclose(
        losses.lovasz_softmax_loss(y, p, ignore_class=77), lovasz_softmax(y, p), atol=1e-7
    )
    z = np.zeros((2, 4))
    np.testing.assert_allclose(losses.lovasz_hinge_loss(y, z, ignore_class=77), hinge(y, z))
