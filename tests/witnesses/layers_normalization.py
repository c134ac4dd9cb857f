"""Instance normalisation and weight normalisation beside torch's."""

import numpy as np

from witnesses import Case, Values
from witnesses._gradients import of_ours, of_torch


def _instance(dimensions: int, first: bool):
    def draw(rng: np.random.Generator) -> tuple[Values, Values]:
        import torch

        import mlkit as mk

        shape = (3, 4, *(5, 6, 2)[:dimensions])
        x, upstream = rng.normal(1, 2, size=(2, *shape)).astype("float32")
        gamma, beta = rng.normal(size=(2, 4)).astype("float32")
        module = getattr(torch.nn, f"InstanceNorm{dimensions}d")(4, affine=True)
        module.weight.data, module.bias.data = torch.tensor(gamma), torch.tensor(beta)
        theirs = of_torch(module, [x], upstream, [module.weight, module.bias])
        layer = mk.layers.InstanceNormalization(axis=1 if first else -1, epsilon=1e-5)
        if not first:
            x, upstream = np.moveaxis(x, 1, -1), np.moveaxis(upstream, 1, -1)
        layer.build(x.shape)
        layer.set_weights([gamma, beta])
        ours = of_ours(layer, [x], upstream, [layer.gamma, layer.beta])
        if not first:
            ours["forward"] = np.moveaxis(ours["forward"], -1, 1)
            ours["d input"] = np.moveaxis(ours["d input"].reshape(x.shape), -1, 1).ravel()
        return ours, theirs

    return draw


def _instance_masked(rng: np.random.Generator) -> tuple[Values, Values]:
    import torch

    import mlkit as mk

    x, upstream = rng.normal(size=(2, 1, 7, 4)).astype("float32")
    length = int(rng.integers(2, 7))
    mask = np.arange(7)[None] < length
    layer = mk.layers.InstanceNormalization(epsilon=1e-5)
    ours = of_ours(lambda t: layer(t, mask=mask), [x], upstream)
    module = torch.nn.InstanceNorm1d(4)

    def valid_only(t):
        y = module(t[:, :length].transpose(1, 2)).transpose(1, 2)
        return torch.cat([y, torch.zeros(1, 7 - length, 4)], 1)

    return ours, of_torch(valid_only, [x], upstream)


def _weight_norm_dense(rng: np.random.Generator) -> tuple[Values, Values]:
    import keras
    import torch

    import mlkit as mk

    x, upstream = rng.normal(size=(6, 5)), rng.normal(size=(6, 3))
    x, upstream = x.astype("float32"), upstream.astype("float32")
    v, g, b = (rng.normal(size=s).astype("float32") for s in ((5, 3), (3,), (3,)))
    layer = mk.layers.WeightNormalization(keras.layers.Dense(3), data_init=False)
    layer.build(x.shape)
    weights = [layer.layer.kernel, layer.weights[0], layer.layer.bias]
    for weight, value in zip(weights, (v, g, b), strict=True):
        weight.assign(value)
    module = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(5, 3))
    stored = module.parametrizations.weight
    stored.original0.data, stored.original1.data = torch.tensor(g[:, None]), torch.tensor(v.T)
    module.bias.data = torch.tensor(b)
    theirs = of_torch(
        module,
        [x],
        upstream,
        [stored.original1, stored.original0, module.bias],
        [lambda t: t.T, lambda t: t[:, 0]],
    )
    return of_ours(layer, [x], upstream, weights), theirs


def _weight_norm_conv(rng: np.random.Generator) -> tuple[Values, Values]:
    import keras
    import torch

    import mlkit as mk

    x = rng.normal(size=(2, 6, 7, 4)).astype("float32")
    upstream = rng.normal(size=(2, 4, 5, 3)).astype("float32")
    v, g, b = (rng.normal(size=s).astype("float32") for s in ((3, 3, 4, 3), (3,), (3,)))
    layer = mk.layers.WeightNormalization(keras.layers.Conv2D(3, 3), data_init=False)
    layer.build(x.shape)
    weights = [layer.layer.kernel, layer.weights[0], layer.layer.bias]
    for weight, value in zip(weights, (v, g, b), strict=True):
        weight.assign(value)
    module = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv2d(4, 3, 3))
    stored = module.parametrizations.weight
    stored.original0.data = torch.tensor(g.reshape(3, 1, 1, 1))
    stored.original1.data = torch.tensor(np.ascontiguousarray(v.transpose(3, 2, 0, 1)))
    module.bias.data = torch.tensor(b)
    theirs = of_torch(
        lambda t: module(t.permute(0, 3, 1, 2)).permute(0, 2, 3, 1),
        [x],
        upstream,
        [stored.original1, stored.original0, module.bias],
        [lambda t: t.permute(2, 3, 1, 0)],
    )
    return of_ours(layer, [x], upstream, weights), theirs


CASES = [
    Case("InstanceNormalization, 1d", "torch.nn.InstanceNorm1d", _instance(1, False)),
    Case("InstanceNormalization, 2d", "torch.nn.InstanceNorm2d", _instance(2, False)),
    Case("InstanceNormalization, 3d", "torch.nn.InstanceNorm3d", _instance(3, False)),
    Case("InstanceNormalization(axis=1)", "torch.nn.InstanceNorm2d", _instance(2, True)),
    Case("InstanceNormalization, masked", "torch.nn.InstanceNorm1d, cut", _instance_masked),
    Case("WeightNormalization(Dense)", "torch weight_norm(Linear)", _weight_norm_dense),
    Case("WeightNormalization(Conv2D)", "torch weight_norm(Conv2d)", _weight_norm_conv),
]
