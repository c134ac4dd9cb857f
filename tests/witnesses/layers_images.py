"""Layers on images: shuffles, patches, blurs, pooling and its inverse, moved taps."""

from unittest import mock

import numpy as np

from witnesses import Case, Values
from witnesses._gradients import of_ours, of_torch
from witnesses._torchvision import load


def _last(function):
    """A torch function on images with channels last."""
    return lambda t, *more: function(t.permute(0, 3, 1, 2), *more).permute(0, 2, 3, 1)


def _hwio(gradient):
    return gradient.permute(2, 3, 1, 0)


def _float32(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def pixel_shuffle(rng) -> tuple[Values, Values]:
    import torch

    import mlkit as mk

    x, upstream = _float32(rng, 2, 3, 4, 18), _float32(rng, 2, 9, 12, 2)
    theirs = of_torch(_last(torch.nn.PixelShuffle(3)), [x], upstream)
    return of_ours(mk.layers.PixelShuffle(3), [x], upstream), theirs


def pixel_unshuffle(rng) -> tuple[Values, Values]:
    import torch

    import mlkit as mk

    x, upstream = _float32(rng, 2, 9, 12, 2), _float32(rng, 2, 3, 4, 18)
    theirs = of_torch(_last(torch.nn.PixelUnshuffle(3)), [x], upstream)
    return of_ours(mk.layers.PixelUnshuffle(3), [x], upstream), theirs


def patch_embedding(rng) -> tuple[Values, Values]:
    load()
    import timm.layers
    import torch

    import mlkit as mk

    x, upstream = _float32(rng, 2, 8, 12, 3), _float32(rng, 2, 6, 5)
    layer = mk.layers.PatchEmbedding(4, 5)
    layer.build(x.shape)
    layer.bias.assign(_float32(rng, 5))
    module = timm.layers.PatchEmbed((8, 12), 4, 3, 5)
    module.proj.weight.data = torch.tensor(np.asarray(layer.kernel).transpose(3, 2, 0, 1).copy())
    module.proj.bias.data = torch.tensor(np.asarray(layer.bias))
    theirs = of_torch(
        lambda t: module(t.permute(0, 3, 1, 2)),
        [x],
        upstream,
        [module.proj.weight, module.proj.bias],
        [_hwio],
    )
    return of_ours(layer, [x], upstream, layer.weights), theirs


def blur_pool(size: int, stride: int):
    def draw(rng) -> tuple[Values, Values]:
        load()
        import timm.layers

        import mlkit as mk

        x = _float32(rng, 2, 11, 10, 3)
        layer = mk.layers.BlurPool2D(size, stride)
        upstream = _float32(rng, *layer.compute_output_shape(x.shape))
        theirs = of_torch(_last(timm.layers.BlurPool2d(3, size, stride)), [x], upstream)
        return of_ours(layer, [x], upstream), theirs

    return draw


def drop_block(rng) -> tuple[Values, Values]:
    torchvision = load()
    import torch

    import mlkit as mk

    x, upstream = _float32(rng, 3, 12, 14, 4), _float32(rng, 3, 12, 14, 4)
    layer = mk.layers.DropBlock2D(0.3, 5, seed=0)
    ours = of_ours(lambda t: layer(t, training=True), [x], upstream)
    dropped = ours["forward"] == 0
    corners = np.zeros((3, 8, 10, 4), "float32")
    for i in range(8):
        for j in range(10):
            corners[:, i, j] = dropped[:, i : i + 5, j : j + 5].all(axis=(1, 2))

    def bernoulli_(self, p):
        return self.copy_(torch.tensor(corners.transpose(0, 3, 1, 2)))

    with mock.patch.object(torch.Tensor, "bernoulli_", bernoulli_):
        theirs = of_torch(_last(lambda t: torchvision.ops.drop_block2d(t, 0.3, 5)), [x], upstream)
    return ours, theirs


def max_pooling(rng) -> tuple[Values, Values]:
    import torch

    import mlkit as mk

    x, upstream = _float32(rng, 2, 9, 10, 3), _float32(rng, 2, 4, 4, 3)
    layer = mk.layers.MaxPoolingWithArgmax2D(3, 2)
    ours = of_ours(lambda t: layer(t)[0], [x], upstream)
    ours["position"] = np.asarray(layer(x)[1])
    pool = torch.nn.MaxPool2d(3, 2, return_indices=True)
    theirs = of_torch(_last(lambda t: pool(t)[0]), [x], upstream)
    places = pool(torch.tensor(x.transpose(0, 3, 1, 2)))[1].numpy().transpose(0, 2, 3, 1)
    theirs["position"] = places * 3 + np.arange(3)
    return ours, theirs


def max_unpooling(rng) -> tuple[Values, Values]:
    import torch

    import mlkit as mk

    x, upstream = _float32(rng, 2, 7, 9, 3), _float32(rng, 2, 7, 9, 3)
    values, places = mk.layers.MaxPoolingWithArgmax2D(2)(x)
    layer = mk.layers.MaxUnpooling2D(padding="VALID", output_size=(7, 9))
    indices = torch.tensor(np.asarray(places) // 3, dtype=torch.int64).permute(0, 3, 1, 2)
    module = torch.nn.MaxUnpool2d(2)
    theirs = of_torch(_last(lambda t: module(t, indices, (7, 9))), [np.asarray(values)], upstream)
    return of_ours(lambda t: layer([t, places]), [np.asarray(values)], upstream), theirs


def pyramid(pooling: str):
    def draw(rng) -> tuple[Values, Values]:
        import torch
        import torch.nn.functional as F

        import mlkit as mk

        x, upstream = _float32(rng, 2, 11, 13, 3), _float32(rng, 2, 20, 3)
        layer = mk.layers.SpatialPyramidPooling2D([1, 2, (3, 5)], pooling=pooling)
        pool = F.adaptive_avg_pool2d if pooling == "average" else F.adaptive_max_pool2d

        def reference(t):
            t = t.permute(0, 3, 1, 2)
            parts = [pool(t, size).flatten(2) for size in (1, 2, (3, 5))]
            return torch.cat(parts, dim=2).permute(0, 2, 1)

        return of_ours(layer, [x], upstream), of_torch(reference, [x], upstream)

    return draw


def aspp(rng) -> tuple[Values, Values]:
    load()
    import torch
    from torchvision.models.segmentation.deeplabv3 import ASPP

    import mlkit as mk

    x, upstream = _float32(rng, 3, 10, 9, 4), _float32(rng, 3, 10, 9, 5)
    layer = mk.layers.ASPP((2, 3), 5, dropout=0.0)
    layer.build(x.shape)
    module = ASPP(4, [2, 3], 5).train()
    module.project[3].p = 0.0
    ours = [*layer.convolutions, layer.pooling, layer.projection]
    theirs = [module.convs[i][0] for i in range(3)] + [module.convs[3][1], module.project[0]]
    for mine, other in zip(ours, theirs, strict=True):
        other.weight.data = torch.tensor(np.asarray(mine.kernel).transpose(3, 2, 0, 1).copy())
    kernels = [mine.kernel for mine in ours]
    weights = [other.weight for other in theirs]
    return (
        of_ours(lambda t: layer(t, training=True), [x], upstream, kernels),
        of_torch(_last(module), [x], upstream, weights, [_hwio] * 5),
    )


def _sampled(t, offsets, mask, kernel, groups):
    """Deformable convolution (3x3, stride 1, no padding) by torch's `grid_sample`, tap by tap."""
    import torch
    import torch.nn.functional as F

    b, channels, height, width = t.shape
    rows, columns = offsets.shape[1:3]
    offsets = offsets.reshape(b, rows, columns, groups, 9, 2)
    mask = mask.reshape(b, rows, columns, groups, 9)
    columns_of = []
    for k in range(9):
        parts = []
        for g, part in enumerate(t.split(channels // groups, dim=1)):
            y = torch.arange(rows)[None, :, None] + k // 3 + offsets[:, :, :, g, k, 0]
            x = torch.arange(columns)[None, None, :] + k % 3 + offsets[:, :, :, g, k, 1]
            grid = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], dim=-1)
            read = F.grid_sample(part, grid, align_corners=True)
            parts.append(read * mask[:, None, :, :, g, k])
        columns_of.append(torch.cat(parts, dim=1))
    return torch.einsum("kbchw,kcf->bhwf", torch.stack(columns_of), kernel.reshape(9, channels, -1))


def deformable(rng) -> tuple[Values, Values]:
    import mlkit as mk

    x = rng.normal(size=(2, 8, 9, 4))
    offsets, mask = 2 * rng.normal(size=(2, 6, 7, 36)), rng.uniform(size=(2, 6, 7, 18))
    kernel, upstream = rng.normal(size=(3, 3, 4, 5)), rng.normal(size=(2, 6, 7, 5))
    inputs = [x, offsets, kernel, mask]
    ours = of_ours(
        mk.ops.deform_conv2d, [a.astype("float32") for a in inputs], upstream.astype("float32")
    )

    def reference(x, offsets, kernel, mask):
        return _sampled(x.permute(0, 3, 1, 2), offsets, mask, kernel, 2)

    return ours, of_torch(reference, inputs, upstream)


CASES = [
    Case("PixelShuffle", "torch.nn.PixelShuffle", pixel_shuffle),
    Case("PixelUnshuffle", "torch.nn.PixelUnshuffle", pixel_unshuffle),
    Case("PatchEmbedding", "timm.layers.PatchEmbed", patch_embedding),
    Case("BlurPool2D", "timm.layers.BlurPool2d", blur_pool(3, 2)),
    Case("BlurPool2D(4, 3)", "timm.layers.BlurPool2d", blur_pool(4, 3)),
    Case("DropBlock2D", "torchvision.ops.drop_block2d, same draw", drop_block),
    Case("MaxPoolingWithArgmax2D", "torch.nn.MaxPool2d(return_indices)", max_pooling),
    Case("MaxUnpooling2D", "torch.nn.MaxUnpool2d", max_unpooling),
    Case("SpatialPyramidPooling2D", "torch adaptive_avg_pool2d", pyramid("average")),
    Case('SpatialPyramidPooling2D(pooling="max")', "torch adaptive_max_pool2d", pyramid("max")),
    Case("ASPP", "torchvision ASPP, training", aspp),
    Case(
        "DeformableConv2D: deform_conv2d",
        "torch grid_sample in float64, tap by tap",
        deformable,
    ),
]
