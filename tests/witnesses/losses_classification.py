"""Losses over classes beside torch, timm and torchvision."""

import numpy as np

from witnesses._losses import beside

C = 6
WEIGHTS = [0.5, 1.0, 2.0, 3.0, 0.1, 1.0]


def sparse(rng):
    y = rng.integers(0, C, (12, 5))
    y[rng.random((12, 5)) < 0.2] = 255
    return y, rng.normal(0, 3, (12, C, 5)).astype("float32")


def plain(rng):
    return rng.integers(0, C, 20), rng.normal(0, 3, (20, C)).astype("float32")


def saturated(rng):
    return rng.integers(0, C, 20), rng.choice([-1e4, 0.0, 1e4], (20, C)).astype("float32")


def weighted():
    from mlkit import losses

    return losses.WeightedCrossentropy(
        WEIGHTS, True, 255, 0.1, axis=1, reduction="mean_with_sample_weight"
    )


def torch_weighted(y, z):
    import torch

    loss = torch.nn.CrossEntropyLoss(torch.tensor(WEIGHTS), ignore_index=255, label_smoothing=0.1)
    return loss(z, y)


def class_weighted():
    from mlkit import losses

    inner = losses.SparseCategoricalCrossentropy(from_logits=True)
    return losses.Weighted(WEIGHTS, inner, reduction=None)


def torch_class_weighted(y, z):
    from torch import tensor
    from torch.nn.functional import cross_entropy

    return cross_entropy(z, y, tensor(WEIGHTS), reduction="none")


def torch_poly(y, z):
    import torch
    from torch.nn.functional import cross_entropy, one_hot, softmax

    missed = 1 - (one_hot(y, C) * softmax(z, -1)).sum(-1)
    return (cross_entropy(z, y, reduction="none") + 2.0 * missed).to(torch.float32)


def torch_adjusted(y, z):
    import torch

    prior = torch.tensor(np.array([50.0, 20, 10, 10, 5, 5]) / 100, dtype=torch.float32)
    return torch.nn.functional.cross_entropy(z + prior.log(), y, reduction="none")


def torch_focal(y, z):
    import torch

    log_p = torch.nn.functional.log_softmax(z, -1).gather(1, y[:, None])[:, 0]
    return -((1 - log_p.exp()) ** 2) * log_p


def timm_asymmetric(y, z):
    from timm.loss import AsymmetricLossMultiLabel

    return AsymmetricLossMultiLabel()(z, y) / z.shape[1]


def torch_coral(y, z):
    import torch

    above = (y[:, None] > torch.arange(z.shape[1])).float()
    return torch.nn.functional.binary_cross_entropy_with_logits(z, above, reduction="none").sum(-1)


def torch_distance(y, z):
    import torch

    p, t = torch.softmax(z, -1), torch.nn.functional.one_hot(y, C)
    return ((p.cumsum(-1) - t.cumsum(-1)) ** 2).sum(-1)


def torch_kappa(y, z):
    import torch

    p = torch.softmax(z, -1).double()
    t = torch.nn.functional.one_hot(y, C).double()
    steps = (torch.arange(C)[:, None] - torch.arange(C)[None]).double() ** 2
    found = (t @ steps * p).sum()
    chance = t.sum(0) @ steps @ p.sum(0) / len(y)
    return (found / chance + 1e-6).log().expand(len(y)).float()


class Softmaxed:
    """Our loss of probabilities, on logits."""

    def __init__(self, loss):
        self.loss = loss

    def __call__(self, y, z):
        from keras import ops

        return self.loss(y, ops.softmax(z, -1))


def loss(name, **kwargs):
    def make():
        from mlkit import losses

        return getattr(losses, name)(reduction=None, **kwargs)

    return make


def asymmetric():
    from mlkit import losses

    return losses.AsymmetricLoss(focus_gradient=True)


def multilabel(rng):
    return rng.integers(0, 2, (12, 9)).astype("float32"), rng.normal(0, 2, (12, 9)).astype(
        "float32"
    )


def sequences(rng):
    return rng.integers(0, C, (4, 7)), rng.normal(size=(4, 7, C)).astype("float32")


def torch_sequence(y, z):
    import torch

    return torch.nn.functional.cross_entropy(z.transpose(1, 2), y)


def make_sequence():
    from mlkit import losses

    return losses.SequenceLoss()


def torch_bi_tempered(y, z):
    """The normaliser by bisection in float64, and the gradient through all of it by the chain rule
    on the implicit equation (torch differentiates one Newton step at the root)."""
    import torch

    t1, t2 = 0.8, 1.2
    a = z.double()

    def exp_t(x):
        return torch.clamp(1 + (1 - t2) * x, min=0) ** (1 / (1 - t2))

    with torch.no_grad():
        low, high = a.max(-1, keepdim=True)[0], a.max(-1, keepdim=True)[0] + 1e4
        for _ in range(200):
            middle = (low + high) / 2
            above = exp_t(a - middle).sum(-1, keepdim=True) > 1
            low, high = torch.where(above, middle, low), torch.where(above, high, middle)
        slope = (exp_t(a - low) ** t2).sum(-1, keepdim=True)
    root = low + (exp_t(a - low).sum(-1, keepdim=True) - 1) / slope
    p = exp_t(a - root)
    p_y = p.gather(1, y[:, None])[:, 0]
    gain = (1 - (p ** (2 - t1)).sum(-1)) / (2 - t1)
    return (-(p_y ** (1 - t1) - 1) / (1 - t1) - gain).float()


def torch_sparsemax(y, z):
    import torch

    with torch.no_grad():
        low, high = z.double().min(-1, keepdim=True)[0] - 2, z.double().max(-1, keepdim=True)[0]
        for _ in range(200):
            middle = (low + high) / 2
            above = torch.relu(z.double() - middle).sum(-1, keepdim=True) > 1
            low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    inside = (z.double() > low).double()
    tau = ((z.double() * inside).sum(-1, keepdim=True) - 1) / inside.sum(-1, keepdim=True)
    support = (inside * (z.double() ** 2 - tau**2)).sum(-1)
    return (0.5 * support + 0.5 - z.double().gather(1, y[:, None])[:, 0]).float()


COUNTS = [50.0, 20, 10, 10, 5, 5]
CASES = [
    beside("WeightedCrossentropy", "torch.nn.CrossEntropyLoss", weighted, sparse, torch_weighted),
    beside(
        "WeightedCrossentropy(logits of ±1e4)",
        "torch.nn.functional.cross_entropy",
        loss("WeightedCrossentropy", from_logits=True),
        saturated,
        lambda y, z: __import__("torch").nn.functional.cross_entropy(z, y, reduction="none"),
    ),
    beside("Weighted", "torch cross_entropy(weight)", class_weighted, plain, torch_class_weighted),
    beside("PolyLoss", "torch", loss("PolyLoss", epsilon=2.0, from_logits=True), plain, torch_poly),
    beside(
        "LogitAdjustedCrossentropy",
        "torch",
        loss("LogitAdjustedCrossentropy", counts=COUNTS),
        plain,
        torch_adjusted,
    ),
    beside(
        "SparseCategoricalFocal",
        "torch",
        loss("SparseCategoricalFocal", from_logits=True),
        plain,
        torch_focal,
    ),
    beside(
        "BiTemperedLogisticLoss",
        "torch, bisection in float64",
        loss("BiTemperedLogisticLoss"),
        plain,
        torch_bi_tempered,
    ),
    beside("SparsemaxLoss", "torch, bisection", loss("SparsemaxLoss"), plain, torch_sparsemax),
    beside(
        "AsymmetricLoss", "timm AsymmetricLossMultiLabel", asymmetric, multilabel, timm_asymmetric
    ),
    beside(
        "CoralLoss",
        "torch",
        loss("CoralLoss"),
        lambda r: (r.integers(0, 5, 9), r.normal(size=(9, 4)).astype("float32")),
        torch_coral,
    ),
    beside(
        "EarthMoversDistanceLoss",
        "torch",
        loss("EarthMoversDistanceLoss", from_logits=True),
        plain,
        torch_distance,
    ),
    beside(
        "WeightedKappaLoss",
        "torch in float64",
        lambda: Softmaxed(loss("WeightedKappaLoss", num_classes=C)()),
        plain,
        torch_kappa,
    ),
    beside(
        "SequenceLoss",
        "torch.nn.functional.cross_entropy",
        make_sequence,
        sequences,
        torch_sequence,
    ),
]
