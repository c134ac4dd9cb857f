"""Losses that compare the embeddings of a batch, beside loops in numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from strategies import two_replicas

from mlkit import losses
from mlkit.testing import LossSpec

N = 9


def labels(rng):
    """Three labels with pairs, and one example alone."""
    y = rng.integers(0, 3, N)
    y[0] = 9
    return y


def embeddings(rng):
    return rng.normal(size=(N, 4)).astype("float32")


def matrix(z, metric="euclidean"):
    z = np.asarray(z, np.float64)
    return cdist(z, z, metric)


def groups(y):
    y = np.ravel(y)
    for a in range(len(y)):
        positive = [p for p in range(len(y)) if y[p] == y[a] and p != a]
        yield a, positive, [n for n in range(len(y)) if y[n] != y[a]]


def scaled(sums, count):
    return np.asarray(sums) * (len(sums) / max(count, 1))


def semihard(y, z, margin=1.0, metric="euclidean"):
    d, sums, count = matrix(z, metric), np.zeros(len(z)), 0
    for a, positive, negative in groups(y):
        for p in positive:
            if negative:
                farther = [d[a, n] for n in negative if d[a, n] > d[a, p]]
                chosen = min(farther) if farther else max(d[a, n] for n in negative)
                sums[a] += max(d[a, p] - chosen + margin, 0)
                count += 1
    return scaled(sums, count)


def hard(y, z, margin=1.0, soft=False, metric="euclidean"):
    d, sums, count = matrix(z, metric), np.zeros(len(z)), 0
    for a, positive, negative in groups(y):
        if positive and negative:
            gap = max(d[a, p] for p in positive) - min(d[a, n] for n in negative)
            sums[a] = np.logaddexp(0, gap) if soft else max(gap + margin, 0)
            count += 1
    return scaled(sums, count)


def sup_con(y, z, t):
    s, sums, count = (1 - matrix(z, "cosine")) / t, np.zeros(len(z)), 0
    for a, positive, negative in groups(y):
        if positive:
            log_all = logsumexp([s[a, k] for k in positive + negative])
            sums[a] = np.mean([log_all - s[a, p] for p in positive])
            count += 1
    return scaled(sums, count)


def nt_xent(y, z, t):
    s, sums, count = (1 - matrix(z, "cosine")) / t, np.zeros(len(z)), 0
    for a, positive, negative in groups(y):
        for p in positive:
            others = [s[a, n] for n in negative]
            sums[a] += logsumexp([s[a, p], *others]) - s[a, p]
            count += 1
    return scaled(sums, count)


def multi_similarity(y, z, alpha, beta, base, margin):
    s, out = 1 - matrix(z, "cosine"), np.zeros(len(z))
    for a, positive, negative in groups(y):
        low = min((s[a, p] for p in positive), default=np.inf)
        high = max((s[a, n] for n in negative), default=-np.inf)
        kept = [s[a, p] for p in positive if s[a, p] < high + margin]
        close = [s[a, n] for n in negative if s[a, n] > low - margin]
        out[a] = np.log1p(sum(np.exp(-alpha * (x - base)) for x in kept)) / alpha
        out[a] += np.log1p(sum(np.exp(beta * (x - base)) for x in close)) / beta
    return out


def lifted(y, z, margin):
    d, sums, count = matrix(z), np.zeros(len(z)), 0
    around = {a: n for a, _, n in groups(y)}
    for a, positive, _ in groups(y):
        for p in positive:
            terms = [np.exp(margin - d[i, n]) for i in (a, p) for n in around[i]]
            sums[a] += 0.5 * max(d[a, p] + np.log(sum(terms)), 0) ** 2
            count += 1
    return scaled(sums, count)


def views(rng):
    return rng.normal(size=(N, 2, 4)).astype("float32")


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def info_nce(y, z, t, normalize=True):
    a, b = np.asarray(z, np.float64).transpose(1, 0, 2)
    a, b = (unit(a), unit(b)) if normalize else (a, b)
    s = a @ b.T / t
    return logsumexp(s, axis=1) - np.diag(s)


def barlow(y, z, redundancy, epsilon):
    a, b = np.asarray(z, np.float64).transpose(1, 0, 2)
    a = (a - a.mean(0)) / np.sqrt(a.var(0) + epsilon)
    b = (b - b.mean(0)) / np.sqrt(b.var(0) + epsilon)
    c = a.T @ b / len(a)
    wanted = (c - np.eye(len(c))) ** 2
    wanted[~np.eye(len(c), dtype=bool)] *= redundancy
    return np.full(len(a), wanted.sum())


def vicreg(y, z, invariance, variance, covariance, epsilon):
    a, b = np.asarray(z, np.float64).transpose(1, 0, 2)
    total = invariance * np.mean((a - b) ** 2)
    for view in (a, b):
        c = np.cov(view.T)
        total += variance / 2 * np.maximum(1 - np.sqrt(np.diag(c) + epsilon), 0).mean()
        total += covariance * ((c**2).sum() - (np.diag(c) ** 2).sum()) / len(c)
    return np.full(len(a), total)


def sim_siam(y, z):
    p1, p2, z1, z2 = unit(np.asarray(z, np.float64)).transpose(1, 0, 2)
    return -0.5 * ((p1 * z2).sum(-1) + (p2 * z1).sum(-1))


def npairs(y, s):
    s, out = np.asarray(s, np.float64), []
    for row, label in zip(s, np.ravel(y), strict=True):
        out.append(logsumexp(row) - row[np.ravel(y) == label].mean())
    return np.array(out)


def npairs_multilabel(y, s):
    shared = (y @ y.T).astype("float64")
    shared /= np.maximum(shared.sum(1, keepdims=True), 1e-30)
    s = np.asarray(s, np.float64)
    return (shared * (logsumexp(s, axis=1, keepdims=True) - s)).sum(1)


def survival(rng):
    return np.stack([rng.integers(1, 5, N), rng.integers(0, 2, N)], -1).astype("float32")


def cox(y, h, ties="breslow"):
    (t, e), h = np.asarray(y, np.float64).T, np.ravel(h).astype("float64")
    out = np.zeros(len(h))
    for i in range(len(h)):
        if e[i]:
            risk = np.exp(h[t >= t[i]]).sum()
            tied = [j for j in range(len(h)) if t[j] == t[i] and e[j]]
            gone = np.exp(h[tied]).sum() if ties == "efron" else 0.0
            out[i] = np.mean([np.log(risk - k / len(tied) * gone) for k in range(len(tied))]) - h[i]
    return scaled(out, e.sum())


BATCH = {"y_true": labels, "y_pred": embeddings, "batchwise": True}
ACROSS = {"across_replicas": True}
SQUARE = {"rows_independent": "the columns of the matrix are the batch, too"}

SPECS = [
    LossSpec(
        losses.TripletSemiHardLoss,
        kwargs={"margin": 0.7, "distance_metric": "squared-L2", **ACROSS},
        function=losses.triplet_semihard_loss,
        function_kwargs={"margin": 0.7, "distance_metric": "squared-L2"},
        reference=lambda y, z: semihard(y, z, 0.7, "sqeuclidean"),
        properties=("nonnegative",),
        **BATCH,
    ),
    LossSpec(
        losses.TripletHardLoss,
        kwargs={"margin": 0.7, "soft": True, "distance_metric": "angular", **ACROSS},
        function=losses.triplet_hard_loss,
        function_kwargs={"margin": 0.7, "soft": True, "distance_metric": "angular"},
        reference=lambda y, z: hard(y, z, 0.7, True, "cosine"),
        properties=("nonnegative",),
        **BATCH,
    ),
    LossSpec(
        losses.SupConLoss,
        kwargs={"temperature": 0.3, **ACROSS},
        function=losses.sup_con_loss,
        function_kwargs={"temperature": 0.3},
        reference=lambda y, z: sup_con(y, z, 0.3),
        properties=("nonnegative",),
        **BATCH,
    ),
    LossSpec(
        losses.NTXentLoss,
        kwargs={"temperature": 0.3, **ACROSS},
        function=losses.nt_xent_loss,
        function_kwargs={"temperature": 0.3},
        reference=lambda y, z: nt_xent(y, z, 0.3),
        properties=("nonnegative",),
        **BATCH,
    ),
    LossSpec(
        losses.MultiSimilarityLoss,
        kwargs={"alpha": 1.5, "beta": 20.0, "base": 0.4, "mining_margin": 0.2, **ACROSS},
        function=losses.multi_similarity_loss,
        function_kwargs={"alpha": 1.5, "beta": 20.0, "base": 0.4, "mining_margin": 0.2},
        reference=lambda y, z: multi_similarity(y, z, 1.5, 20.0, 0.4, 0.2),
        properties=("nonnegative",),
        **BATCH,
    ),
    LossSpec(
        losses.LiftedStructLoss,
        kwargs={"margin": 0.7, **ACROSS},
        function=losses.lifted_struct_loss,
        function_kwargs={"margin": 0.7},
        reference=lambda y, z: lifted(y, z, 0.7),
        properties=("nonnegative",),
        **BATCH,
    ),
    LossSpec(
        losses.InfoNCELoss,
        kwargs={"temperature": 0.3, "symmetric": False, "normalize": False, **ACROSS},
        function=losses.info_nce_loss,
        function_kwargs={"temperature": 0.3, "symmetric": False, "normalize": False},
        reference=lambda y, z: info_nce(y, z, 0.3, False),
        y_true=labels,
        y_pred=views,
        batchwise=True,
    ),
    LossSpec(
        losses.BarlowTwinsLoss,
        kwargs={"redundancy": 0.02, "epsilon": 1e-3, **ACROSS},
        function=losses.barlow_twins_loss,
        function_kwargs={"redundancy": 0.02, "epsilon": 1e-3},
        reference=lambda y, z: barlow(y, z, 0.02, 1e-3),
        y_true=labels,
        y_pred=views,
        batchwise=True,
    ),
    LossSpec(
        losses.VICRegLoss,
        kwargs={
            "invariance": 20.0,
            "variance": 15.0,
            "covariance": 2.0,
            "epsilon": 1e-3,
            **ACROSS,
        },
        function=losses.vicreg_loss,
        function_kwargs={
            "invariance": 20.0,
            "variance": 15.0,
            "covariance": 2.0,
            "epsilon": 1e-3,
        },
        reference=lambda y, z: vicreg(y, z, 20.0, 15.0, 2.0, 1e-3),
        y_true=labels,
        y_pred=views,
        batchwise=True,
    ),
    LossSpec(
        losses.SimSiamLoss,
        function=losses.sim_siam_loss,
        reference=sim_siam,
        y_true=labels,
        y_pred=lambda rng: rng.normal(size=(N, 4, 3)),
        properties=("bounded",),
        excuse={"numeric_gradient": "no gradient goes to the projections, which is the method"},
    ),
    LossSpec(
        losses.BYOLLoss,
        function=losses.byol_loss,
        reference=lambda y, z: ((unit(y.astype("float64")) - unit(z)) ** 2).sum(-1),
        y_true=embeddings,
        y_pred=embeddings,
        properties=("nonnegative", "zero_at_target", "symmetric"),
    ),
    LossSpec(
        losses.NpairsLoss,
        function=losses.npairs_loss,
        reference=npairs,
        y_true=labels,
        y_pred=lambda rng: rng.normal(size=(N, N)),
        batchwise=True,
        excuse=SQUARE,
    ),
    LossSpec(
        losses.NpairsMultilabelLoss,
        function=losses.npairs_multilabel_loss,
        reference=npairs_multilabel,
        y_true=lambda rng: rng.integers(0, 2, (N, 3)),
        y_pred=lambda rng: rng.normal(size=(N, N)),
        batchwise=True,
        excuse=SQUARE,
    ),
    LossSpec(
        losses.CoxLoss,
        kwargs={"ties": "efron", **ACROSS},
        function=losses.cox_loss,
        function_kwargs={"ties": "efron"},
        reference=lambda y, h: cox(y, h, "efron"),
        y_true=survival,
        y_pred=lambda rng: rng.normal(size=(N, 1)),
        saturated=lambda rng: rng.choice([-30.0, 30.0], (N, 1)),
        batchwise=True,
    ),
    LossSpec(
        losses.ContrastiveLoss,
        kwargs={"margin": 1.3},
        function=losses.contrastive_loss,
        reference=lambda y, d: np.where(y == 1, d**2, np.maximum(1.3 - d, 0) ** 2),
        y_true=lambda rng: rng.integers(0, 2, N),
        y_pred=lambda rng: rng.uniform(0, 2, N),
        properties=("nonnegative",),
    ),
]
OF_LABELS = {
    "semihard": losses.TripletSemiHardLoss,
    "hard": losses.TripletHardLoss,
    "sup_con": losses.SupConLoss,
    "nt_xent": losses.NTXentLoss,
    "multi_similarity": losses.MultiSimilarityLoss,
    "lifted": losses.LiftedStructLoss,
}


def value_and_gradient(loss, y, z):
    z = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = loss(y, z)
    return np.array(value), np.array(tape.gradient(value, z))


@pytest.mark.parametrize("cls", OF_LABELS.values(), ids=OF_LABELS)
@pytest.mark.parametrize("jit", [False, True])
def test_no_positives_no_negatives_and_equal_embeddings(cls, jit):
    run = tf.function(value_and_gradient_of(cls()), jit_compile=jit)
    rng = np.random.default_rng(0)
    z = rng.normal(size=(5, 3)).astype("float32")
    value, gradient = run(np.arange(5), z)
    assert cls is losses.MultiSimilarityLoss or float(value) == 0
    assert np.isfinite(gradient).all()
    for y in (np.zeros(5, int), np.array([0, 0, 1, 1, 2])):
        for x in (z, np.zeros_like(z), np.ones_like(z), z * 1e4):
            value, gradient = run(y, x)
            assert np.isfinite(value)
            assert np.isfinite(gradient).all()


def value_and_gradient_of(loss):
    def both(y, z):
        z = tf.convert_to_tensor(z)
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = loss(y, z)
        return value, tape.gradient(value, z)

    return both


@pytest.mark.parametrize("name", ["L2", "squared-L2", "angular"])
def test_triplets_with_ties(name):
    metric = {"L2": "euclidean", "squared-L2": "sqeuclidean", "angular": "cosine"}[name]
    for seed in range(20):
        rng = np.random.default_rng(seed)
        # Small integers, 16 of them, and right angles: nothing is rounded, and ties are ties.
        z = rng.integers(1, 4, (16, 2)).astype("float32")
        if name == "angular":
            z = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], "float32")[rng.integers(0, 4, 16)]
        y = rng.integers(0, 3, 16)
        np.testing.assert_allclose(
            losses.triplet_semihard_loss(y, z, 0.5, name), semihard(y, z, 0.5, metric), atol=2e-6
        )
        np.testing.assert_allclose(
            losses.triplet_hard_loss(y, z, 0.5, distance_metric=name),
            hard(y, z, 0.5, metric=metric),
            atol=2e-6,
        )


def addons_cube(y, z, margin):
    """The loss by the cube of all triplets, in the way of TensorFlow Addons."""
    d = tf.constant(matrix(z))
    same = tf.equal(y[:, None], y[None, :])
    n = len(y)
    mask = tf.tile(~same, [n, 1]) & (tf.tile(d, [n, 1]) > tf.reshape(tf.transpose(d), [-1, 1]))
    mask = tf.cast(mask, d.dtype)
    exists = tf.transpose(tf.reshape(tf.reduce_sum(mask, 1) > 0, [n, n]))
    tiled = tf.tile(d, [n, 1])
    top = tf.reduce_max(tiled, 1, keepdims=True)
    outside = tf.reduce_min((tiled - top) * mask, 1, keepdims=True) + top
    outside = tf.transpose(tf.reshape(outside, [n, n]))
    inside = tf.reduce_max(tf.where(same, tf.zeros_like(d), d), 1, keepdims=True)
    chosen = tf.where(exists, outside, tf.tile(inside, [1, n]))
    positive = tf.cast(same, d.dtype) - tf.eye(n, dtype=d.dtype)
    cost = tf.maximum((d - chosen + margin) * positive, 0)
    return tf.reduce_sum(cost) / tf.reduce_sum(positive)


def test_mean_is_that_of_tensorflow_addons():
    rng = np.random.default_rng(7)
    y, z = rng.integers(0, 5, 40), rng.normal(size=(40, 6)).astype("float32")
    loss = losses.TripletSemiHardLoss(margin=0.8)
    np.testing.assert_allclose(loss(y, z), addons_cube(y, z, 0.8), rtol=1e-5)


@keras.saving.register_keras_serializable("tests")
def manhattan(z):
    return keras.ops.sum(keras.ops.abs(z[:, None] - z[None]), -1)


def test_a_distance_of_ones_own_is_saved():
    rng = np.random.default_rng(8)
    y, z = labels(rng), embeddings(rng)
    for cls, formula in ((losses.TripletSemiHardLoss, semihard), (losses.TripletHardLoss, hard)):
        loss = cls(distance_metric=manhattan, reduction=None)
        np.testing.assert_allclose(loss(y, z), formula(y, z, metric="cityblock"), rtol=1e-5)
        again = keras.losses.deserialize(keras.losses.serialize(loss))
        np.testing.assert_allclose(again(y, z), loss(y, z))
    with pytest.raises(ValueError, match="`distance_metric` must be one of 'L2'"):
        losses.TripletHardLoss(distance_metric="L7")


def test_symmetric_contrast_averages_both_directions():
    z = views(np.random.default_rng(9))
    both = losses.info_nce_loss(np.zeros(N), z, 0.2)
    back = info_nce(None, z[:, ::-1], 0.2)
    np.testing.assert_allclose(both, (info_nce(None, z, 0.2) + back) / 2, rtol=1e-5)


def test_two_views_make_the_three_losses_one():
    """With one positive each, SupCon, NT-Xent are the same; SimCLR's loss."""
    z = np.random.default_rng(10).normal(size=(8, 3)).astype("float32")
    y = np.arange(8) // 2
    np.testing.assert_allclose(
        losses.sup_con_loss(y, z, 0.5), losses.nt_xent_loss(y, z, 0.5), rtol=1e-5
    )


def test_breslow_and_efron_agree_without_ties():
    rng = np.random.default_rng(11)
    y = np.stack([rng.permutation(N), rng.integers(0, 2, N)], -1)
    h = rng.normal(size=N)
    np.testing.assert_allclose(losses.cox_loss(y, h), cox(y, h), rtol=1e-6)
    np.testing.assert_allclose(
        losses.cox_loss(y, h, "efron"), losses.cox_loss(y, h, "breslow"), rtol=1e-6
    )
    none = np.stack([rng.permutation(N), np.zeros(N)], -1)
    assert (np.array(losses.cox_loss(none, h)) == 0).all()


GATHERED = [s for s in SPECS if "across_replicas" in s.kwargs]


@pytest.mark.parametrize("spec", GATHERED, ids=lambda s: s.id)
def test_across_replicas_is_one_device_and_per_replica_is_each_alone(spec):
    strategy = two_replicas()
    rng = np.random.default_rng(12)
    y, z = spec.y_true(rng)[:8], np.asarray(spec.y_pred(rng), "float32")[:8]

    def share(array):
        return strategy.experimental_distribute_values_from_function(
            lambda c: tf.constant(np.split(array, 2)[c.replica_id_in_sync_group])
        )

    for across in (True, False):
        loss = spec.make(across_replicas=across)
        run = tf.function(lambda y, z: strategy.run(value_and_gradient_of(loss), (y, z)))  # noqa: B023
        values, gradients = run(share(y), share(z))
        value = sum(float(v) for v in strategy.experimental_local_results(values))
        gradient = np.concatenate(strategy.experimental_local_results(gradients))
        if across:
            expected, slope = value_and_gradient(loss, y, z)
        else:
            alone = [
                value_and_gradient(loss, a, b)
                for a, b in zip(*(np.split(x, 2) for x in (y, z)), strict=True)
            ]
            expected = np.mean([v for v, _ in alone])
            slope = np.concatenate([g for _, g in alone]) / 2
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(gradient, slope, rtol=1e-3, atol=1e-5)
