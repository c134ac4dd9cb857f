"""Metric learning beside pytorch-metric-learning and torch."""

import numpy as np

from witnesses._losses import beside


def batch(rng):
    z = rng.normal(size=(24, 8))
    z /= np.linalg.norm(z, axis=-1, keepdims=True)
    return rng.integers(0, 5, 24), z.astype("float32")


def loss(name, **kwargs):
    def make():
        from mlkit import losses

        return getattr(losses, name)(**kwargs)

    return make


def pml(name, plain=False, **kwargs):
    """Their loss; with `plain` of Euclidean distances without bringing rows to length one."""

    def theirs(y, z):
        from pytorch_metric_learning import distances, losses

        given = {"distance": distances.LpDistance(normalize_embeddings=False)} if plain else {}
        return getattr(losses, name)(**kwargs, **given)(z, y)

    return theirs


def pml_multi_similarity(y, z):
    from pytorch_metric_learning import losses, miners

    pairs = miners.MultiSimilarityMiner(0.1)(z, y)
    return losses.MultiSimilarityLoss(2, 50, 0.5)(z, y, pairs)


def pml_hard(y, z):
    from pytorch_metric_learning import distances, losses, miners, reducers

    given = {"distance": distances.LpDistance(normalize_embeddings=False)}
    triplets = miners.BatchHardMiner(**given)(z, y)
    return losses.TripletMarginLoss(0.3, reducer=reducers.MeanReducer(), **given)(z, y, triplets)


def torch_semihard(y, z):
    import torch

    d = torch.sqrt(((z[:, None] - z[None]) ** 2).sum(-1) + 1e-30)
    total = []
    for a in range(len(y)):
        negative = d[a][y != y[a]]
        for p in range(len(y)):
            if p != a and y[p] == y[a]:
                farther = negative[negative > d[a, p]]
                chosen = farther.min() if len(farther) else negative.max()
                total.append(torch.relu(d[a, p] - chosen + 0.3))
    return torch.stack(total).mean()


def margin(ours, theirs, **kwargs):
    """Our loss on cosines of normalised rows, beside theirs with its weights."""

    def data(rng):
        z, w = rng.normal(size=(12, 6)), rng.normal(size=(6, 5))
        return rng.integers(0, 5, 12), np.concatenate([z, w.T]).astype("float32")

    def make():
        from keras import ops

        from mlkit import losses

        inner = getattr(losses, ours)(scale=8.0, **kwargs)

        def call(y, x):
            z, w = ops.normalize(x[:12], -1, 2), ops.normalize(x[12:], -1, 2)
            return inner(y, ops.matmul(z, ops.transpose(w)))

        return call

    def torch_side(y, x):
        import math

        import torch
        from pytorch_metric_learning import losses

        given = dict(kwargs)
        if ours == "ArcFaceLoss":
            given["margin"] = math.degrees(given["margin"])
        other = getattr(losses, theirs)(5, 6, scale=8.0, **given)
        del other.W
        other.W = x[12:].T
        # PML's SphereFace multiplies by the length of the embedding, ours by the fixed scale alone.
        return other(torch.nn.functional.normalize(x[:12], dim=1), y)

    return beside(ours, f"pytorch_metric_learning {theirs}", make, data, torch_side)


def pairs(rng):
    return np.zeros(10, "float32"), rng.normal(size=(10, 2, 6)).astype("float32")


def torch_info_nce(y, x):
    import torch
    from torch.nn.functional import cross_entropy, normalize

    s = normalize(x[:, 0], dim=-1) @ normalize(x[:, 1], dim=-1).T / 0.07
    at = torch.arange(len(s))
    return (cross_entropy(s, at) + cross_entropy(s.T, at)) / 2


def torch_barlow(y, x):
    import torch

    a, b = ((v - v.mean(0)) / torch.sqrt(v.var(0, unbiased=False) + 1e-5) for v in x.unbind(1))
    c = a.T @ b / len(a)
    on = torch.eye(len(c)).bool()
    return ((1 - c[on]) ** 2).sum() + 5e-3 * (c[~on] ** 2).sum()


def torch_vicreg(y, x):
    import torch

    a, b = x.unbind(1)
    value = 25 * torch.nn.functional.mse_loss(a, b)
    for v in (a, b):
        c = torch.cov(v.T)
        value = value + 12.5 * torch.relu(1 - torch.sqrt(v.var(0) + 1e-4)).mean()
        value = value + (c[~torch.eye(len(c)).bool()] ** 2).sum() / len(c)
    return value


def torch_byol(y, z):
    from torch.nn.functional import cosine_similarity

    return (2 - 2 * cosine_similarity(y, z, dim=-1)).mean()


def torch_sim_siam(y, x):
    from torch.nn.functional import cosine_similarity

    p1, p2, z1, z2 = x.unbind(1)
    both = cosine_similarity(p1, z2.detach(), -1) + cosine_similarity(p2, z1.detach(), -1)
    return -both.mean() / 2


def torch_npairs(y, s):
    import torch

    same = (y[:, None] == y[None]).float()
    share = same / same.sum(1, keepdim=True)
    return -(share * torch.log_softmax(s, 1)).sum(1).mean()


def torch_multilabel(y, s):
    import torch

    shared = y @ y.T
    share = shared / shared.sum(1, keepdim=True).clamp(min=1e-9)
    return -(share * torch.log_softmax(s, 1)).sum(1).mean()


def torch_cox(y, h):
    import torch

    order = torch.argsort(-y[:, 0])
    risk = torch.logcumsumexp(h[order, 0], 0)
    event = y[order, 1]
    return (event * (risk - h[order, 0])).sum() / event.sum()


def survival(rng):
    y = np.stack([rng.permutation(15), rng.integers(0, 2, 15)], -1)
    y[0, 1] = 1
    return y.astype("float32"), rng.normal(size=(15, 1)).astype("float32")


def torch_contrastive(y, d):
    import torch

    return (y * d**2 + (1 - y) * torch.relu(1 - d) ** 2).mean()


CASES = [
    beside(
        "SupConLoss",
        "pytorch_metric_learning SupConLoss",
        loss("SupConLoss", temperature=0.2),
        batch,
        pml("SupConLoss", temperature=0.2),
    ),
    beside(
        "NTXentLoss",
        "pytorch_metric_learning NTXentLoss",
        loss("NTXentLoss", temperature=0.2),
        batch,
        pml("NTXentLoss", temperature=0.2),
    ),
    beside(
        "MultiSimilarityLoss",
        "pytorch_metric_learning, with miner",
        loss("MultiSimilarityLoss"),
        batch,
        pml_multi_similarity,
    ),
    beside(
        "TripletHardLoss",
        "pytorch_metric_learning, BatchHardMiner",
        loss("TripletHardLoss", margin=0.3),
        batch,
        pml_hard,
    ),
    beside(
        "TripletSemiHardLoss",
        "torch, triplet by triplet",
        loss("TripletSemiHardLoss", margin=0.3),
        batch,
        torch_semihard,
    ),
    beside(
        "LiftedStructLoss",
        "pytorch_metric_learning LiftedStructureLoss",
        loss("LiftedStructLoss"),
        batch,
        pml("LiftedStructureLoss", plain=True, neg_margin=1, pos_margin=0),
    ),
    margin("ArcFaceLoss", "ArcFaceLoss", margin=0.5),
    margin("CosFaceLoss", "CosFaceLoss", margin=0.35),
    margin("SphereFaceLoss", "SphereFaceLoss", margin=3),
    beside(
        "InfoNCELoss",
        "torch.nn.functional.cross_entropy",
        loss("InfoNCELoss"),
        pairs,
        torch_info_nce,
    ),
    beside("BarlowTwinsLoss", "torch", loss("BarlowTwinsLoss"), pairs, torch_barlow),
    beside("VICRegLoss", "torch", loss("VICRegLoss"), pairs, torch_vicreg),
    beside(
        "BYOLLoss",
        "torch.nn.functional.cosine_similarity",
        loss("BYOLLoss"),
        lambda r: tuple(r.normal(size=(2, 9, 5)).astype("float32")),
        torch_byol,
    ),
    beside(
        "SimSiamLoss",
        "torch.nn.functional.cosine_similarity",
        loss("SimSiamLoss"),
        lambda r: (np.zeros(9), r.normal(size=(9, 4, 5)).astype("float32")),
        torch_sim_siam,
    ),
    beside(
        "NpairsLoss",
        "torch",
        loss("NpairsLoss"),
        lambda r: (r.integers(0, 4, 9), r.normal(size=(9, 9)).astype("float32")),
        torch_npairs,
    ),
    beside(
        "NpairsMultilabelLoss",
        "torch",
        loss("NpairsMultilabelLoss"),
        lambda r: (
            r.integers(0, 2, (9, 4)).astype("float32"),
            r.normal(size=(9, 9)).astype("float32"),
        ),
        torch_multilabel,
    ),
    beside("CoxLoss", "torch.logcumsumexp", loss("CoxLoss"), survival, torch_cox),
    beside(
        "ContrastiveLoss",
        "torch",
        loss("ContrastiveLoss"),
        lambda r: (r.integers(0, 2, 20).astype("float32"), r.uniform(0, 2, 20).astype("float32")),
        torch_contrastive,
    ),
]
