"""First weights: identities, interpolations, and the laws of draws."""

import numpy as np

from witnesses import Case, Values


def _values(ours, theirs) -> tuple[Values, Values]:
    return {"forward": np.asarray(ours)}, {"forward": np.asarray(theirs)}


def dirac(rng) -> tuple[Values, Values]:
    import torch

    import mlkit as mk

    groups = int(rng.integers(1, 4))
    channels, filters = int(rng.integers(1, 6)), groups * int(rng.integers(1, 5))
    weight = torch.nn.init.dirac_(torch.empty(filters, channels, 3, 5), groups)
    kernel = mk.initializers.Dirac(groups)((3, 5, channels, filters))
    return _values(kernel, weight.permute(2, 3, 1, 0))


def icnr(rng) -> tuple[Values, Values]:
    """Convolution and shuffle beside the small convolution and nearest-neighbour upsampling."""
    import torch
    import torch.nn.functional as F

    import mlkit as mk

    small = mk.initializers.HeNormal(seed=int(rng.integers(1000)))
    kernel = np.asarray(mk.initializers.ICNR(2, small)((3, 3, 4, 12)))
    x = torch.tensor(rng.normal(size=(2, 4, 6, 7)).astype("float32"))
    weight = torch.tensor(np.asarray(small((3, 3, 4, 3))).transpose(3, 2, 0, 1).copy())
    expected = F.interpolate(F.conv2d(x, weight, padding=1), scale_factor=2)
    y = mk.ops.conv(x.numpy().transpose(0, 2, 3, 1), kernel, padding="same")
    return _values(mk.layers.PixelShuffle(2)(y), expected.permute(0, 2, 3, 1))


def bilinear(rng) -> tuple[Values, Values]:
    import torch
    import torch.nn.functional as F

    import mlkit as mk

    x = rng.normal(size=(2, 6, 7, 3)).astype("float32")
    layer = mk.layers.Conv2DTranspose(
        3, 4, 2, "same", kernel_initializer=mk.initializers.BilinearUpsample()
    )
    t = torch.tensor(x).permute(0, 3, 1, 2)
    expected = F.interpolate(t, scale_factor=2, mode="bilinear").permute(0, 2, 3, 1)
    inside = (slice(None), slice(2, -2), slice(2, -2))
    return _values(np.asarray(layer(x))[inside], expected.numpy()[inside])


def delta(rng) -> tuple[Values, Values]:
    """The norm of each pixel after a torch convolution."""
    import torch
    import torch.nn.functional as F

    import mlkit as mk

    kernel = np.asarray(mk.initializers.DeltaOrthogonal(seed=int(rng.integers(1000)))((3, 3, 4, 8)))
    x = torch.tensor(rng.normal(size=(2, 4, 6, 7)).astype("float32"))
    y = F.conv2d(x, torch.tensor(kernel.transpose(3, 2, 0, 1).copy()), padding=1)
    return _values(y.norm(dim=1), x.norm(dim=1))


def prior(rng) -> tuple[Values, Values]:
    import torch

    import mlkit as mk

    p = rng.uniform(0.001, 0.999, 5)
    bias = np.asarray(mk.initializers.PriorBias(p.tolist())((5,)))
    return _values(torch.sigmoid(torch.tensor(bias)), p)


def sparse(rng) -> tuple[Values, Values]:
    import torch

    import mlkit as mk

    rows, sparsity = int(rng.integers(5, 50)), float(rng.uniform(0, 1))
    draws = np.asarray(mk.initializers.Sparse(sparsity, seed=0)((rows, 9)))
    theirs = torch.nn.init.sparse_(torch.empty(rows, 9), sparsity)
    return _values((draws == 0).sum(axis=0), (theirs == 0).sum(dim=0))


def _quantiles(draws):
    return np.quantile(np.asarray(draws), np.linspace(0.05, 0.95, 19))


def siren(rng) -> tuple[Values, Values]:
    import torch

    import mlkit as mk

    bound = float(np.sqrt(6 / 64) / 30)
    draws = mk.initializers.Siren(seed=int(rng.integers(1000)))((64, 2000))
    theirs = torch.nn.init.uniform_(torch.empty(64, 2000), -bound, bound)
    return _values(_quantiles(draws) / bound, _quantiles(theirs) / bound)


def residual(rng) -> tuple[Values, Values]:
    import torch

    import mlkit as mk

    std = 0.02 / np.sqrt(2 * 12)
    draws = mk.initializers.ScaledResidual(12, seed=int(rng.integers(1000)))((64, 2000))
    theirs = torch.nn.init.normal_(torch.empty(64, 2000), std=std)
    return _values(_quantiles(draws) / std, _quantiles(theirs) / std)


LAW = dict(goal=0.03, reason="quantiles of 128,000 draws of each")
CASES = [
    Case("Dirac", "torch.nn.init.dirac_", dirac),
    Case("ICNR", "torch conv2d and interpolate(nearest)", icnr),
    Case("BilinearUpsample", "torch interpolate(bilinear), inside", bilinear),
    Case("DeltaOrthogonal", "norms of pixels, torch conv2d", delta),
    Case("PriorBias", "torch.sigmoid", prior),
    Case("Sparse", "zeros of torch.nn.init.sparse_", sparse),
    Case("Siren", "quantiles of torch uniform_", siren, **LAW),
    Case("ScaledResidual", "quantiles of torch normal_", residual, **LAW),
]
