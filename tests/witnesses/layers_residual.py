"""Residual branches: drop path, stochastic depth, layer scale."""

from unittest import mock

import numpy as np

from witnesses import Case, Values
from witnesses._gradients import of_ours, of_torch
from witnesses._torchvision import load


def _same_draw(kept: np.ndarray):
    """Lets torch's Bernoulli draw what ours drew."""
    import torch

    def bernoulli_(self, p):
        return self.copy_(torch.tensor(kept, dtype=self.dtype).reshape(self.shape))

    return mock.patch.object(torch.Tensor, "bernoulli_", bernoulli_)


def drop_path(rng: np.random.Generator) -> tuple[Values, Values]:
    load()
    import timm.layers

    import mlkit as mk

    x, upstream = rng.normal(size=(2, 8, 3, 4)).astype("float32")
    layer = mk.layers.DropPath(0.4, seed=int(rng.integers(1000)))
    ours = of_ours(lambda t: layer(t, training=True), [x], upstream)
    with _same_draw(ours["forward"][:, 0, 0] != 0):
        theirs = of_torch(timm.layers.DropPath(0.4).train(), [x], upstream)
    return ours, theirs


def drop_path_batch(rng: np.random.Generator) -> tuple[Values, Values]:
    torchvision = load()

    import mlkit as mk

    x, upstream = rng.normal(size=(2, 8, 3, 4)).astype("float32")
    layer = mk.layers.DropPath(0.4, mode="batch", seed=int(rng.integers(1000)))
    ours = of_ours(lambda t: layer(t, training=True), [x], upstream)
    with _same_draw(ours["forward"][:1, 0, 0] != 0):
        theirs = of_torch(torchvision.ops.StochasticDepth(0.4, "batch").train(), [x], upstream)
    return ours, theirs


def stochastic_depth(rng: np.random.Generator) -> tuple[Values, Values]:
    import torch

    import mlkit as mk

    shortcut, residual, upstream = rng.normal(size=(3, 8, 3, 4)).astype("float32")
    layer = mk.layers.StochasticDepth(0.6, seed=int(rng.integers(1000)))
    ours = of_ours(lambda a, b: layer([a, b], training=True), [shortcut, residual], upstream)
    kept = torch.tensor((ours["forward"] != shortcut).astype("float32"))
    return ours, of_torch(lambda a, b: a + kept * b, [shortcut, residual], upstream)


def layer_scale(rng: np.random.Generator) -> tuple[Values, Values]:
    load()
    import timm.layers
    import torch

    import mlkit as mk

    x, upstream = rng.normal(size=(2, 4, 5, 6)).astype("float32")
    gamma = rng.normal(size=6).astype("float32")
    layer, module = mk.layers.LayerScale(), timm.layers.LayerScale(6)
    layer.build(x.shape)
    layer.gamma.assign(gamma)
    module.gamma.data = torch.tensor(gamma)
    ours = of_ours(layer, [x], upstream, [layer.gamma])
    return ours, of_torch(module, [x], upstream, [module.gamma])


CASES = [
    Case("DropPath", "timm.layers.DropPath, same draw", drop_path),
    Case('DropPath(mode="batch")', "torchvision.ops.StochasticDepth", drop_path_batch),
    Case("StochasticDepth", "torch, same draw", stochastic_depth),
    Case("LayerScale", "timm.layers.LayerScale", layer_scale),
]
