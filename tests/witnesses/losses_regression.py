"""Losses of numbers, regions, boxes and images beside torch, torchvision and torchmetrics."""

import numpy as np

from witnesses import _torchvision
from witnesses._losses import beside


def loss(name, **kwargs):
    def make():
        from mlkit import losses

        return getattr(losses, name)(reduction=None, **kwargs)

    return make


def normal(*shape):
    return lambda rng: (
        rng.normal(size=shape).astype("float32"),
        rng.normal(size=shape).astype("float32"),
    )


def boxes(rng):
    low = rng.uniform(0, 4, (2, 20, 2))
    found = np.concatenate([low, low + rng.uniform(0.5, 4, (2, 20, 2))], -1)
    return tuple(found.astype("float32"))


def box(name):
    def theirs(y, p):
        _torchvision.load()
        import torchvision.ops

        return getattr(torchvision.ops, name)(p, y)

    return theirs


def torch_iou(y, p):
    import torch

    low, high = torch.maximum(y[:, :2], p[:, :2]), torch.minimum(y[:, 2:], p[:, 2:])
    both = torch.relu(high - low).prod(-1)
    area = [(x[:, 2:] - x[:, :2]).prod(-1) for x in (y, p)]
    return 1 - both / (sum(area) - both)


def densities(rng):
    location, scale = rng.normal(size=(9, 3)), rng.uniform(0.1, 3, (9, 3))
    return rng.normal(size=(9, 3)).astype("float32"), np.concatenate([location, scale], -1).astype(
        "float32"
    )


def torch_gaussian(y, p):
    import torch

    inner = torch.nn.GaussianNLLLoss(full=True, reduction="none")
    return inner(p[:, :3], y, p[:, 3:]).mean(-1)


def torch_density(name, **kwargs):
    def theirs(y, p):
        import torch

        made = getattr(torch.distributions, name)(loc=p[:, :3], scale=p[:, 3:], **kwargs)
        return -made.log_prob(y).mean(-1)

    return theirs


def torch_pinball(y, q):
    import torch

    tau = torch.tensor([0.1, 0.5, 0.9])
    u = y[:, None] - q
    return torch.maximum(tau * u, (tau - 1) * u).mean(-1)


def torch_quantile_huber(y, q):
    import torch

    tau, u = torch.tensor([0.1, 0.5, 0.9]), y[:, None] - q
    huber = torch.nn.functional.huber_loss(q, y[:, None].expand_as(q), reduction="none", delta=0.7)
    return ((tau - (u < 0).float()).abs() * huber / 0.7).mean(-1)


def torch_wing(y, p):
    import torch

    x = (y - p).abs()
    joint = 1.0 - 1.0 * np.log(1 + 1.0 / 0.5)
    return torch.where(x < 1.0, torch.log1p(x / 0.5), x - joint).mean(-1)


def torch_adaptive_wing(y, p):
    import torch

    x, q = (y - p).abs(), 2.1 - y
    r = torch.tensor(0.5)
    a = 14 * (1 / (1 + r**q)) * q * r ** (q - 1)
    c = 0.5 * a - 14 * torch.log1p(r**q)
    return torch.where(x < 0.5, 14 * torch.log1p(x**q), a * x - c).mean(-1)


def torch_chamfer(y, p):
    import torch

    d = torch.cdist(y, p, compute_mode="donot_use_mm_for_euclid_dist") ** 2
    return d.min(1)[0].mean(-1) + d.min(2)[0].mean(-1)


def torch_charbonnier(y, p):
    import torch

    return torch.sqrt((y - p) ** 2 + 1e-6).mean(-1)


def images(*shape):
    def data(rng):
        a = rng.uniform(size=shape)
        b = np.clip(a + rng.normal(0, 0.2, shape), 0, 1)
        return a.astype("float32"), b.astype("float32")

    return data


def inner_ssim(y, p):
    """Their similarity and contrast, without the reflected border that theirs also averages."""
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim

    _, full = ssim(p, y, data_range=1.0, reduction=None, return_full_image=True)
    _, contrast = ssim(p, y, data_range=1.0, reduction=None, return_contrast_sensitivity=True)
    return full[..., 5:-5, 5:-5].mean((1, 2, 3)), contrast


def torchmetrics_ssim(y, p):
    return 1 - inner_ssim(y, p)[0]


def torchmetrics_multi_scale(y, p):
    from torch.nn.functional import avg_pool2d

    _, contrast = inner_ssim(y, p)
    whole, _ = inner_ssim(avg_pool2d(y, 2), avg_pool2d(p, 2))
    return 1 - contrast**0.3 * whole**0.7


def torchmetrics_variation(y, p):
    from torchmetrics.functional.image import total_variation

    return total_variation(p, reduction="none") / p[0].numel()


def torch_edges(y, p):
    import torch
    from torch.nn.functional import conv2d, pad

    down = torch.tensor([[-1.0, -2, -1], [0, 0, 0], [1, 2, 1]])
    kernel = torch.stack([down, down.T])[:, None]
    d = pad(p - y, (1, 1, 1, 1), mode="reflect")
    found = torch.cat([conv2d(d[:, i : i + 1], kernel) for i in range(d.shape[1])], 1)
    return torch.sqrt(found**2 + 1e-6).mean((1, 2, 3))


def maps(rng):
    return rng.integers(0, 3, (4, 30)), rng.normal(size=(4, 30, 3)).astype("float32")


def torch_regions(score, power=1.0):
    def theirs(y, z):
        import torch

        p, t = torch.softmax(z, -1), torch.nn.functional.one_hot(y, 3).float()
        both, extra, missed = (p * t).sum(1), (p * (1 - t)).sum(1), (t * (1 - p)).sum(1)
        return ((1 - score(both, extra, missed)) ** power).mean(-1)

    return theirs


def torch_lovasz(y, z):
    import torch

    p, out = torch.softmax(z, -1), []
    for a, b in zip(y, p, strict=True):
        each = []
        for c in torch.unique(a):
            t = (a == c).float()
            error, order = torch.sort((t - b[:, c]).abs(), descending=True)
            t = t[order]
            jaccard = 1 - (t.sum() - t.cumsum(0)) / (t.sum() + (1 - t).cumsum(0))
            growth = torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
            each.append(error @ growth.detach())
        out.append(torch.stack(each).mean())
    return torch.stack(out)


def torch_hinge(y, z):
    import torch

    out = []
    for a, b in zip(y, z, strict=True):
        t = a.float()
        error, order = torch.sort(1 - b * (2 * t - 1), descending=True)
        t = t[order]
        jaccard = 1 - (t.sum() - t.cumsum(0)) / (t.sum() + (1 - t).cumsum(0))
        growth = torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
        out.append(torch.relu(error) @ growth)
    return torch.stack(out)


def binary(rng):
    return rng.integers(0, 2, (4, 30)), rng.normal(size=(4, 30)).astype("float32")


FIRST = {"data_format": "channels_first"}
UNIT = {"from_logits": True}
TAUS = [0.1, 0.5, 0.9]


def quantiles(rng):
    return rng.normal(size=9).astype("float32"), rng.normal(size=(9, 3)).astype("float32")


def heat(rng):
    return rng.uniform(size=(9, 4)).astype("float32"), rng.uniform(size=(9, 4)).astype("float32")


def clouds(rng):
    return rng.normal(size=(3, 9, 3)).astype("float32"), rng.normal(size=(3, 7, 3)).astype(
        "float32"
    )


CASES = [
    beside("IoULoss", "torch", loss("IoULoss"), boxes, torch_iou),
    beside("GIoULoss", "torchvision.ops", loss("GIoULoss"), boxes, box("generalized_box_iou_loss")),
    beside("DIoULoss", "torchvision.ops", loss("DIoULoss"), boxes, box("distance_box_iou_loss")),
    beside("CIoULoss", "torchvision.ops", loss("CIoULoss"), boxes, box("complete_box_iou_loss")),
    beside(
        "GaussianNLL",
        "torch.nn.GaussianNLLLoss",
        loss("GaussianNLL", full=True),
        densities,
        torch_gaussian,
    ),
    beside(
        "LaplaceNLL",
        "torch.distributions.Laplace",
        loss("LaplaceNLL", full=True),
        densities,
        torch_density("Laplace"),
    ),
    beside(
        "StudentTNLL",
        "torch.distributions.StudentT",
        loss("StudentTNLL", full=True),
        densities,
        torch_density("StudentT", df=3.0),
    ),
    beside("PinballLoss", "torch", loss("PinballLoss", tau=TAUS), quantiles, torch_pinball),
    beside(
        "QuantileHuberLoss",
        "torch huber_loss",
        loss("QuantileHuberLoss", tau=TAUS, delta=0.7),
        quantiles,
        torch_quantile_huber,
    ),
    beside("CharbonnierLoss", "torch", loss("CharbonnierLoss"), normal(9, 4), torch_charbonnier),
    beside(
        "WingLoss", "torch", loss("WingLoss", width=1.0, curvature=0.5), normal(9, 4), torch_wing
    ),
    beside("AdaptiveWingLoss", "torch", loss("AdaptiveWingLoss"), heat, torch_adaptive_wing),
    beside("ChamferLoss", "torch.cdist", loss("ChamferLoss"), clouds, torch_chamfer),
    beside(
        "SSIMLoss",
        "torchmetrics",
        loss("SSIMLoss", **FIRST),
        images(3, 2, 24, 26),
        torchmetrics_ssim,
    ),
    beside(
        "MultiScaleSSIMLoss",
        "torchmetrics",
        loss("MultiScaleSSIMLoss", power_factors=[0.3, 0.7], **FIRST),
        images(2, 1, 48, 44),
        torchmetrics_multi_scale,
    ),
    beside(
        "TotalVariationLoss",
        "torchmetrics",
        loss("TotalVariationLoss", **FIRST),
        images(3, 2, 9, 8),
        torchmetrics_variation,
    ),
    beside("EdgeLoss", "torch conv2d", loss("EdgeLoss", **FIRST), images(3, 2, 9, 8), torch_edges),
    beside(
        "DiceLoss",
        "torch",
        loss("DiceLoss", **UNIT),
        maps,
        torch_regions(lambda a, b, c: (2 * a + 1) / (2 * a + b + c + 1)),
    ),
    beside(
        "JaccardLoss",
        "torch",
        loss("JaccardLoss", **UNIT),
        maps,
        torch_regions(lambda a, b, c: (a + 1) / (a + b + c + 1)),
    ),
    beside(
        "TverskyLoss",
        "torch",
        loss("TverskyLoss", **UNIT),
        maps,
        torch_regions(lambda a, b, c: (a + 1) / (a + 0.3 * b + 0.7 * c + 1)),
    ),
    beside(
        "FocalTverskyLoss",
        "torch",
        loss("FocalTverskyLoss", **UNIT),
        maps,
        torch_regions(lambda a, b, c: (a + 1) / (a + 0.3 * b + 0.7 * c + 1), 0.75),
    ),
    beside(
        "LovaszSoftmaxLoss",
        "torch, the authors' form",
        loss("LovaszSoftmaxLoss", **UNIT),
        maps,
        torch_lovasz,
    ),
    beside(
        "LovaszHingeLoss", "torch, the authors' form", loss("LovaszHingeLoss"), binary, torch_hinge
    ),
]
