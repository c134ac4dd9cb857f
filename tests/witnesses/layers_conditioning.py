"""Layers that scale, compare, explore and reverse: conditions, cosines, noise, gradients."""

import numpy as np

from witnesses import Case, Values
from witnesses._gradients import of_ours, of_torch
from witnesses._torchvision import load


def _float32(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def _assign(rng, layer):
    """Random weights, and torch's copies of them."""
    import torch

    for weight in layer.trainable_weights:
        weight.assign(_float32(rng, *weight.shape))
    return [torch.tensor(np.asarray(w), requires_grad=True) for w in layer.trainable_weights]


def response(rng) -> tuple[Values, Values]:
    load()
    import torch
    from timm.layers.grn import GlobalResponseNorm

    import mlkit as mk

    x, upstream = _float32(rng, 2, 5, 6, 4), _float32(rng, 2, 5, 6, 4)
    layer = mk.layers.GlobalResponseNormalization()
    layer.build(x.shape)
    gamma, beta = _assign(rng, layer)
    module = GlobalResponseNorm(4)
    module.weight, module.bias = torch.nn.Parameter(gamma), torch.nn.Parameter(beta)
    ours = of_ours(layer, [x], upstream, layer.trainable_weights)
    return ours, of_torch(module, [x], upstream, [module.weight, module.bias])


def film(rng) -> tuple[Values, Values]:
    import mlkit as mk

    x, z, upstream = _float32(rng, 2, 5, 4), _float32(rng, 2, 6), _float32(rng, 2, 5, 4)
    layer = mk.layers.FiLM()
    layer.build([x.shape, z.shape])
    kernel, bias = _assign(rng, layer)

    def reference(x, z):
        gamma, beta = (z @ kernel + bias)[:, None].chunk(2, dim=-1)
        return (1 + gamma) * x + beta

    ours = of_ours(lambda *t: layer(list(t)), [x, z], upstream, layer.trainable_weights)
    return ours, of_torch(reference, [x, z], upstream, [kernel, bias])


def adaptive(kind: str):
    def draw(rng) -> tuple[Values, Values]:
        import torch.nn.functional as F

        import mlkit as mk

        x, z, upstream = _float32(rng, 2, 7, 4), _float32(rng, 2, 6), _float32(rng, 2, 7, 4)
        layer = mk.layers.AdaptiveNorm(kind, epsilon=1e-5)
        layer.build([x.shape, z.shape])
        kernel, bias = _assign(rng, layer)

        def reference(x, z):
            gamma, beta = (z @ kernel + bias)[:, None].chunk(2, dim=-1)
            if kind == "layer":
                normal = F.layer_norm(x, (4,), eps=1e-5)
            else:
                normal = F.instance_norm(x.transpose(1, 2), eps=1e-5).transpose(1, 2)
            return (1 + gamma) * normal + beta

        ours = of_ours(lambda *t: layer(list(t)), [x, z], upstream, layer.trainable_weights)
        return ours, of_torch(reference, [x, z], upstream, [kernel, bias])

    return draw


def cosines(rng) -> tuple[Values, Values]:
    from pytorch_metric_learning.losses import ArcFaceLoss

    import mlkit as mk

    x, upstream = _float32(rng, 6, 8), _float32(rng, 6, 5)
    layer = mk.layers.NormalizedDense(5)
    layer.build(x.shape)
    loss = ArcFaceLoss(5, 8)
    loss.W.data = _assign(rng, layer)[0].detach()
    theirs = of_torch(lambda t: loss.get_cosine(t), [x], upstream, [loss.W])
    return of_ours(layer, [x], upstream, layer.trainable_weights), theirs


def noisy(factorised: bool):
    def draw(rng) -> tuple[Values, Values]:
        import torch

        import mlkit as mk

        x, upstream = _float32(rng, 6, 8), _float32(rng, 6, 5)
        layer = mk.layers.NoisyDense(5, use_factorised=factorised, seed=int(rng.integers(1000)))
        layer.build(x.shape)
        mu, sigma, bias_mu, bias_sigma = _assign(rng, layer)
        state = np.asarray(layer._seed_generator.state)
        noise, bias_noise = (torch.tensor(np.asarray(t)) for t in layer._noise())
        layer._seed_generator.state.assign(state)
        ours = of_ours(lambda t: layer(t, training=True), [x], upstream, layer.trainable_weights)

        def reference(t):
            return t @ (mu + sigma * noise) + bias_mu + bias_sigma * bias_noise

        return ours, of_torch(reference, [x], upstream, [mu, sigma, bias_mu, bias_sigma])

    return draw


def maxout(rng) -> tuple[Values, Values]:
    import mlkit as mk

    x, upstream = _float32(rng, 3, 4, 12), _float32(rng, 3, 4, 3)
    theirs = of_torch(lambda t: t.reshape(3, 4, 4, 3).max(dim=2).values, [x], upstream)
    return of_ours(mk.layers.Maxout(3), [x], upstream), theirs


def reversal(rng) -> tuple[Values, Values]:
    import torch

    import mlkit as mk

    class Reverse(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, slope):
            return -0.7 * slope

    x, upstream = _float32(rng, 3, 4), _float32(rng, 3, 4)
    theirs = of_torch(Reverse.apply, [x], upstream)
    return of_ours(mk.layers.GradientReversal(0.7), [x], upstream), theirs


CASES = [
    Case("GlobalResponseNormalization", "timm.layers.GlobalResponseNorm", response),
    Case("FiLM", "torch, the formula", film),
    Case("AdaptiveNorm", "torch layer_norm", adaptive("layer")),
    Case('AdaptiveNorm("instance")', "torch instance_norm", adaptive("instance")),
    Case("NormalizedDense", "ArcFaceLoss.get_cosine (PML)", cosines),
    Case("NoisyDense", "torch, same draw", noisy(True)),
    Case("NoisyDense(use_factorised=False)", "torch, same draw", noisy(False)),
    Case("Maxout", "torch max", maxout),
    Case("GradientReversal", "torch.autograd.Function", reversal),
]
