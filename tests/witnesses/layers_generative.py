"""Layers of generative adversarial networks beside torch's, and beside the paper's formula."""

import numpy as np

from witnesses import Case, Values
from witnesses._gradients import of_ours, of_torch


def _spectral(rng: np.random.Generator) -> tuple[Values, Values]:
    """One step of power iteration from the same vector, then the value and its gradients."""
    import keras
    import torch

    import mlkit as mk

    x, upstream = rng.normal(size=(6, 5)), rng.normal(size=(6, 3))
    x, upstream = x.astype("float32"), upstream.astype("float32")
    kernel, bias = rng.normal(size=(5, 3)).astype("float32"), rng.normal(size=3).astype("float32")
    layer = mk.layers.SpectralWeightNormalization(keras.layers.Dense(3))
    layer.build(x.shape)
    layer.layer.set_weights([kernel, bias])
    (vector,) = (w for w in layer.non_trainable_weights if w.name.endswith("_u"))
    start = rng.normal(size=(3, 1)).astype("float32")
    vector.assign(start[None] / np.linalg.norm(start))
    linear = torch.nn.Linear(5, 3)
    linear.weight.data, linear.bias.data = torch.tensor(kernel.T.copy()), torch.tensor(bias)
    module = torch.nn.utils.parametrizations.spectral_norm(linear)
    held = module.parametrizations.weight
    # torch keeps the vector of the inputs, ours that of the units: half a step apart.
    held[0]._v.data = torch.nn.functional.normalize(torch.tensor((kernel @ start)[:, 0]), dim=0)
    theirs = of_torch(module, [x], upstream, [held.original, module.bias], [lambda t: t.T])
    return of_ours(lambda t: layer(t, training=True), [x], upstream, layer.layer.weights), theirs


def _pixel_norm(rng: np.random.Generator) -> tuple[Values, Values]:
    import torch

    import mlkit as mk

    x, upstream = rng.normal(0, 2, size=(2, 3, 4, 5, 6)).astype("float32")
    module = torch.nn.RMSNorm(6, eps=1e-8, elementwise_affine=False)
    return of_ours(mk.layers.PixelNorm(), [x], upstream), of_torch(module, [x], upstream)


def _minibatch_std_dev(size: int, features: int):
    def draw(rng: np.random.Generator) -> tuple[Values, Values]:
        import torch

        import mlkit as mk

        x = rng.normal(size=(8, 3, 2, 4)).astype("float32")
        upstream = rng.normal(size=(8, 3, 2, 4 + features)).astype("float32")
        groups, share = 8 // size, 4 // features

        def by_hand(t):
            planes = []
            for f in range(features):
                part = t[..., f * share : (f + 1) * share]
                of_group = [
                    (part[g::groups].var(0, unbiased=False) + 1e-8).sqrt().mean()
                    for g in range(groups)
                ]
                plane = torch.stack([of_group[n % groups] for n in range(8)])
                planes.append(plane[:, None, None].expand(8, 3, 2))
            return torch.cat([t, torch.stack(planes, -1)], -1)

        layer = mk.layers.MinibatchStdDev(group_size=size, num_features=features)
        return of_ours(layer, [x], upstream), of_torch(by_hand, [x], upstream)

    return draw


CASES = [
    Case("SpectralWeightNormalization", "torch spectral_norm(Linear)", _spectral),
    Case("PixelNorm", "torch.nn.RMSNorm", _pixel_norm),
    Case("MinibatchStdDev", "the formula in torch", _minibatch_std_dev(4, 1)),
    Case("MinibatchStdDev, two features", "the formula in torch", _minibatch_std_dev(2, 2)),
]
