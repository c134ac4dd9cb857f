"""Layers that came from TensorFlow Addons, and those of vocabularies, beside torch."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from witnesses import Case, Values
from witnesses._gradients import of_ours, of_torch


def _beside(
    make: Callable[[Any], Any],
    formula: Callable[..., Any],
    *shapes: tuple[int, ...],
    call: Callable[..., Any] = lambda layer, *inputs: layer(*inputs),
):
    """A layer with random weights beside a function of torch of (inputs..., weights...)."""

    def draw(rng: np.random.Generator) -> tuple[Values, Values]:
        import torch

        import mlkit as mk

        inputs = [rng.normal(size=s).astype("float32") for s in shapes]
        layer = make(mk)
        y = call(layer, *inputs)
        for w in layer.weights:
            w.assign(rng.normal(size=w.shape).astype("float32"))
        upstream = rng.normal(size=y.shape).astype("float32")
        trained = layer.trainable_weights
        weights = [torch.tensor(np.array(w), requires_grad=w.trainable) for w in layer.weights]
        learned = [w for w in weights if w.requires_grad]
        ours = of_ours(lambda *t: call(layer, *t), inputs, upstream, trained)
        return ours, of_torch(lambda *t: formula(*t, *weights), inputs, upstream, learned)

    return draw


def _bag(combiner: str):
    words = np.random.default_rng(0).integers(0, 7, size=(4, 5))

    def theirs(factor: Any, table: Any) -> Any:
        import torch

        found = torch.nn.functional.embedding_bag(
            torch.tensor(words),
            table,
            mode=combiner,
            per_sample_weights=factor if combiner == "sum" else None,
        )
        return found + 0 * factor.sum()

    def ours(layer: Any, factor: Any) -> Any:
        return layer(words, factor) if combiner == "sum" else layer(words) + 0 * factor[:, :1]

    return _beside(
        lambda mk: mk.layers.EmbeddingBag(7, 3, combiner=combiner), theirs, (4, 5), call=ours
    )


def _echo(x: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    import torch

    h = torch.zeros(len(x), 4)
    for step in range(x.shape[1]):
        h = 0.7 * h + 0.3 * torch.tanh(x[:, step] @ kernel + h @ recurrent + bias)
    return h


def _nas(x: Any, m: Any, c: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    u, v = (x @ kernel).chunk(8, 1), (m @ recurrent + bias).chunk(8, 1)
    left = ((u[0] + v[0]).sigmoid() * (u[1] + v[1]).relu()).tanh()
    gate = ((u[2] + v[2]).sigmoid() + (u[3] * v[3]).relu()).tanh()
    right = ((u[4] + v[4]).tanh() * (u[5] + v[5]).sigmoid()).tanh()
    out = ((u[6] + v[6]).tanh() + (u[7] + v[7]).sigmoid()).sigmoid()
    c = (left + c).tanh() * gate
    return (c * (right + out).tanh()).tanh()


def _peephole(x: Any, h: Any, c: Any, *weights: Any) -> Any:
    kernel, recurrent, bias, at_i, at_f, at_o = weights
    i, f, new, o = (x @ kernel + h @ recurrent + bias).chunk(4, 1)
    c = (f + at_f * c).sigmoid() * c + (i + at_i * c).sigmoid() * new.tanh()
    return (o + at_o * c).sigmoid() * c.tanh()


def _vlad(x: Any, kernel: Any, bias: Any, centers: Any) -> Any:
    import torch

    found = []
    for example in x:
        shares = (example @ kernel + bias).softmax(-1)
        residuals = example[:, :, None] - centers[None]
        v = torch.nn.functional.normalize((shares[:, None, :] * residuals).sum(0), dim=0)
        found.append(torch.nn.functional.normalize(v.flatten(), dim=0))
    return torch.stack(found)


def _paths(x: Any, chain: Any, left: Any, right: Any, kernel: Any, bias: Any) -> Any:
    """The score of every path, `(batch, paths)`."""
    import torch

    potentials = x @ kernel + bias
    steps, tags = potentials.shape[1:]
    scores = []
    for path in itertools.product(range(tags), repeat=steps):
        score = sum(potentials[:, t, tag] for t, tag in enumerate(path))
        score = score + sum(chain[a, b] for a, b in itertools.pairwise(path))
        scores.append(score + left[path[0]] + right[path[-1]])
    return torch.stack(scores, 1)


TAGS = np.random.default_rng(0).integers(0, 3, size=(4, 5))


def _crf_loss(x: Any, *weights: Any) -> Any:
    import torch

    scores = _paths(x, *weights)
    number = torch.tensor(TAGS) @ torch.tensor([81, 27, 9, 3, 1])
    return scores.logsumexp(1) - scores.gather(1, number[:, None])[:, 0]


def _crf_loss_of_ours(layer: Any, x: Any) -> Any:
    import mlkit as mk

    return mk.losses.CRFLoss(layer, reduction=None)(TAGS, layer(x)[1])


def _crf_tags(rng: np.random.Generator) -> tuple[Values, Values]:
    import torch

    import mlkit as mk

    x, layer = rng.normal(size=(4, 5, 6)).astype("float32"), mk.layers.CRF(3)
    layer(x)
    for w in layer.weights:
        w.assign(rng.normal(size=w.shape).astype("float32"))
    weights = [torch.tensor(np.array(w)) for w in layer.weights]
    best = _paths(torch.tensor(x), *weights).argmax(1).numpy()
    paths = np.array(list(itertools.product(range(3), repeat=5)))
    return {"tags": np.asarray(layer(x)[0])}, {"tags": paths[best]}


def _crossing(first: Any, x: Any, *weights: Any) -> Any:
    *kernels, bias = weights
    product = x
    for kernel in kernels:
        product = product @ kernel
    return first * (product + 0.5 * x) + x + bias


def _pair(layer: Any, first: Any, x: Any) -> Any:
    return layer((first, x))


def _crossed(inner: int | None):
    def make(mk: Any) -> Any:
        return mk.layers.PolynomialCrossing(inner, diag_scale=0.5)

    return _beside(make, _crossing, (4, 6), (4, 6), call=_pair)


def _cell(make: Callable[[Any], Any], formula: Callable[..., Any], swapped: bool):
    """A cell of two states; `swapped`: the memory stands first among ours."""

    def call(cell: Any, x: Any, h: Any, c: Any) -> Any:
        return cell(x, [c, h] if swapped else [h, c])[0]

    return _beside(make, formula, (4, 3), (4, 5), (4, 5), call=call)


CASES = [
    Case("EmbeddingBag, weighted sum", "torch embedding_bag", _bag("sum")),
    Case("EmbeddingBag, mean", "torch embedding_bag", _bag("mean")),
    Case(
        "ESN, ESNCell",
        "torch, formula",
        _beside(lambda mk: mk.layers.ESN(4, leaky=0.3), _echo, (3, 6, 2)),
    ),
    Case(
        "NASCell",
        "torch, formula",
        _cell(lambda mk: mk.layers.NASCell(5, use_bias=True), _nas, True),
    ),
    Case(
        "PeepholeLSTMCell",
        "torch, formula",
        _cell(lambda mk: mk.layers.PeepholeLSTMCell(5), _peephole, False),
    ),
    Case("NetVLAD", "torch normalize", _beside(lambda mk: mk.layers.NetVLAD(4), _vlad, (3, 7, 5))),
    Case("PolynomialCrossing", "torch, formula", _crossed(None)),
    Case("PolynomialCrossing(2)", "torch, formula", _crossed(2)),
    Case(
        "TLU",
        "torch.maximum",
        _beside(lambda mk: mk.layers.TLU(), lambda x, tau: x.maximum(tau), (3, 4, 5)),
    ),
    Case(
        "TLU(affine=True)",
        "torch.maximum",
        _beside(
            lambda mk: mk.layers.TLU(affine=True),
            lambda x, tau, alpha: x.maximum(alpha * x + tau),
            (3, 4, 5),
        ),
    ),
    Case(
        "VocabularyProjection",
        "torch, formula",
        _beside(lambda mk: mk.layers.VocabularyProjection(9), lambda x, w, b: x @ w + b, (3, 4, 5)),
    ),
    Case(
        "CRF with CRFLoss",
        "torch, every path",
        _beside(lambda mk: mk.layers.CRF(3), _crf_loss, (4, 5, 6), call=_crf_loss_of_ours),
    ),
    Case("CRF, tags", "the best of every path", _crf_tags),
]
