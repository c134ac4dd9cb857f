"""Positions, gates, poolings, cells, chains and attention beside torch and its family."""

import numpy as np

from witnesses import Case, Values
from witnesses._gradients import of_ours, of_torch
from witnesses._torchvision import load


def _floats(rng: np.random.Generator, *shapes: tuple) -> list[np.ndarray]:
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def _fill(weights, rng: np.random.Generator, scale: float = 1.0) -> list[np.ndarray]:
    values = [(scale * rng.normal(size=w.shape)).astype("float32") for w in weights]
    for weight, value in zip(weights, values, strict=True):
        weight.assign(value)
    return values


def _tensors(values):
    import torch

    return [torch.tensor(v, requires_grad=True) for v in values]


def _rotary(layout: str):
    def draw(rng: np.random.Generator) -> tuple[Values, Values]:
        import torch

        import mlkit as mk

        x, upstream = _floats(rng, (2, 9, 3, 8), (2, 9, 3, 8))
        start = int(rng.integers(50))
        layer = mk.layers.RotaryEmbedding(layout=layout)

        def complex_form(t):
            w = 10000.0 ** (-torch.arange(4, dtype=torch.float64) / 4)
            angle = torch.arange(start, start + 9, dtype=torch.float64)[:, None] * w
            turn = torch.polar(torch.ones_like(angle), angle).to(torch.complex64)[None, :, None]
            if layout == "half":
                z = torch.complex(t[..., :4], t[..., 4:]) * turn
                return torch.cat([z.real, z.imag], -1)
            z = torch.view_as_complex(t.reshape(2, 9, 3, 4, 2)) * turn
            return torch.view_as_real(z).reshape(t.shape)

        ours = of_ours(lambda t: layer(t, start_index=start), [x], upstream)
        return ours, of_torch(complex_form, [x], upstream)

    return draw


def _squeeze_excite(rng: np.random.Generator) -> tuple[Values, Values]:
    import torch

    import mlkit as mk

    torchvision = load()
    x, upstream = _floats(rng, (2, 5, 6, 16), (2, 5, 6, 16))
    layer = mk.layers.SqueezeExcite2D(squeeze_channels=4)
    layer.build(x.shape)
    w1, b1, w2, b2 = _fill(layer.weights, rng, 0.5)
    module = torchvision.ops.SqueezeExcitation(16, 4)
    module.fc1.weight.data = torch.tensor(w1.T[..., None, None].copy())
    module.fc2.weight.data = torch.tensor(w2.T[..., None, None].copy())
    module.fc1.bias.data, module.fc2.bias.data = torch.tensor(b1), torch.tensor(b2)
    theirs = of_torch(
        lambda t: module(t.permute(0, 3, 1, 2)).permute(0, 2, 3, 1),
        [x],
        upstream,
        [module.fc1.weight, module.fc1.bias, module.fc2.weight, module.fc2.bias],
        [lambda t: t[..., 0, 0].T, lambda t: t, lambda t: t[..., 0, 0].T],
    )
    return of_ours(layer, [x], upstream, layer.weights), theirs


def _gem(dimensions: int):
    def draw(rng: np.random.Generator) -> tuple[Values, Values]:
        import torch

        import mlkit as mk

        shape = (2, *(6, 5)[:dimensions], 4)
        x = rng.uniform(0.05, 3, size=shape).astype("float32")
        upstream = rng.normal(size=(2, 4)).astype("float32")
        layer = getattr(mk.layers, f"GeneralizedMeanPooling{dimensions}D")(float(rng.uniform(1, 6)))
        layer.build(shape)
        (log_p,) = _tensors([layer.log_p.numpy()])
        axes = tuple(range(1, dimensions + 1))

        def pooled(t):
            p = torch.exp(log_p)
            return t.clamp(min=1e-6).pow(p).mean(axes).pow(1 / p)

        ours = of_ours(layer, [x], upstream, [layer.log_p])
        return ours, of_torch(pooled, [x], upstream, [log_p])

    return draw


def _gated(name: str, function: str):
    def draw(rng: np.random.Generator) -> tuple[Values, Values]:
        import torch

        import mlkit as mk

        x, upstream = _floats(rng, (2, 5, 6), (2, 5, 6))
        layer = mk.layers.GatedFFN(10, activation=name, use_bias=True, fused=True)
        layer.build(x.shape)
        w, b, down, c = weights = _tensors(_fill(layer.weights, rng, 0.5))
        act = getattr(torch.nn.functional, function)

        def block(t):
            gate, up = (t @ w + b).chunk(2, -1)
            return (act(gate) * up) @ down + c

        return of_ours(layer, [x], upstream, layer.weights), of_torch(block, [x], upstream, weights)

    return draw


def _cell(kind: str):
    def draw(rng: np.random.Generator) -> tuple[Values, Values]:
        import keras
        import torch

        import mlkit as mk

        x, upstream = _floats(rng, (3, 6, 4), (3, 5))
        cell = getattr(mk.layers, f"LayerNorm{kind}Cell")(5)
        rnn = keras.layers.RNN(cell)
        rnn.build(x.shape)
        ours_weights = [cell.kernel, cell.recurrent_kernel, cell.bias]
        for norm in (cell.kernel_norm, cell.recurrent_norm, getattr(cell, "state_norm", None)):
            ours_weights += [] if norm is None else [norm.gamma, norm.beta]
        # In float64: each step normalises the state again, which multiplies the rounding.
        weights = _tensors([w.astype("float64") for w in _fill(ours_weights, rng, 0.7)])
        w, u, b, gk, bk, gr, br = weights[:7]

        def norm(t, gamma, beta):
            return torch.nn.functional.layer_norm(t, t.shape[-1:], gamma, beta, 1e-3)

        def lstm(t):
            h = c = t.new_zeros(3, 5)
            for step in t.unbind(1):
                z = norm(step @ w, gk, bk) + norm(h @ u, gr, br) + b
                i, f, g, o = z.chunk(4, -1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                c = norm(c, *weights[7:])
                h = o.sigmoid() * c.tanh()
            return h

        def gru(t):
            h = t.new_zeros(3, 5)
            for step in t.unbind(1):
                zx, rx, nx = (norm(step @ w, gk, bk) + b).chunk(3, -1)
                zh, rh, nh = norm(h @ u, gr, br).chunk(3, -1)
                z = (zx + zh).sigmoid()
                h = z * h + (1 - z) * (nx + (rx + rh).sigmoid() * nh).tanh()
            return h

        doubles = x.astype("float64"), upstream.astype("float64")
        theirs = of_torch(lstm if kind == "LSTM" else gru, doubles[:1], doubles[1], weights)
        return of_ours(rnn, [x], upstream, ours_weights), theirs

    return draw


def _zoneout(rng: np.random.Generator) -> tuple[Values, Values]:
    import keras
    import torch

    import mlkit as mk

    x, upstream = _floats(rng, (3, 6, 4), (3, 5))
    inner = keras.layers.GRUCell(5)
    rnn = keras.layers.RNN(mk.layers.Zoneout(inner, rate=0.3))
    rnn.build(x.shape)
    w, u, b = weights = _tensors(_fill(inner.weights, rng, 0.5))

    def unrolled(t):
        h = torch.zeros(3, 5)
        for step in t.unbind(1):
            zx, rx, nx = (step @ w + b[0]).chunk(3, -1)
            zh, rh, nh = (h @ u + b[1]).chunk(3, -1)
            z = (zx + zh).sigmoid()
            new = z * h + (1 - z) * (nx + (rx + rh).sigmoid() * nh).tanh()
            h = 0.3 * h + 0.7 * new
        return h

    return of_ours(rnn, [x], upstream, inner.weights), of_torch(unrolled, [x], upstream, weights)


def _attention_pooling(rng: np.random.Generator) -> tuple[Values, Values]:
    import torch

    import mlkit as mk

    load()
    import timm.layers

    x, upstream = _floats(rng, (3, 7, 8), (3, 8))
    layer = mk.layers.AttentionPooling1D(num_heads=2)
    layer.build(x.shape)
    query, wk, wv, wo, bv, bo = _fill(layer.weights, rng, 0.5)
    module = timm.layers.AttentionPoolLatent(8, num_heads=2)
    module.mlp = torch.nn.Identity()
    module.norm = torch.nn.Identity()
    module.latent.data = torch.tensor(query.reshape(1, 1, 8))
    module.q = torch.nn.Identity()  # the latent is the query
    module.kv.weight.data = torch.tensor(np.concatenate([wk.T, wv.T]))
    module.kv.bias.data = torch.tensor(np.concatenate([np.zeros(8, "float32"), bv]))
    module.proj.weight.data, module.proj.bias.data = torch.tensor(wo.T.copy()), torch.tensor(bo)
    theirs = of_torch(
        lambda t: module(t) / 2,  # x + mlp(norm(x)) of identities
        [x],
        upstream,
        [
            module.latent,
            module.kv.weight,
            module.kv.weight,
            module.proj.weight,
            module.kv.bias,
            module.proj.bias,
        ],
        [lambda t: t, lambda t: t[:8].T, lambda t: t[8:].T, lambda t: t.T, lambda t: t[8:]],
    )
    return of_ours(layer, [x], upstream, layer.weights), theirs


def _positions(learnt: bool):
    def draw(rng: np.random.Generator) -> tuple[Values, Values]:
        import torch

        import mlkit as mk

        x, upstream = _floats(rng, (2, 6, 5), (2, 6, 5))
        start = int(rng.integers(20))
        if learnt:
            layer = mk.layers.LearnedPositionEmbedding(30)
            layer.build(x.shape)
            table = _tensors(_fill(layer.weights, rng))
        else:
            layer, table = mk.layers.SinePositionalEncoding(), []

        def added(t):
            if learnt:
                return t + torch.nn.functional.embedding(torch.arange(start, start + 6), table[0])
            position = torch.arange(start, start + 6, dtype=torch.float64)[:, None]
            angle = position * 10000.0 ** (-torch.arange(0, 5, 2, dtype=torch.float64) / 5)
            both = torch.stack([angle.sin(), angle.cos()], -1).reshape(6, 6)[:, :5]
            return t + both.float()

        ours = of_ours(lambda t: layer(t, start_index=start), [x], upstream, layer.weights)
        return ours, of_torch(added, [x], upstream, table)

    return draw


def _torch_log_norm(x, a, lengths):
    import torch

    alpha = x[:, 0]
    alphas = [alpha]
    for t in range(1, x.shape[1]):
        alpha = x[:, t] + torch.logsumexp(alpha[:, :, None] + a, 1)
        alphas.append(alpha)
    last = torch.stack(alphas, 1)[torch.arange(len(lengths)), torch.tensor(lengths) - 1]
    return torch.logsumexp(last, 1)


def _crf(spread: float):
    def draw(rng: np.random.Generator) -> tuple[Values, Values]:
        import torch

        import mlkit as mk

        x = (spread * rng.normal(size=(4, 12, 6))).astype("float32")
        a = (spread * rng.normal(size=(6, 6))).astype("float32")
        upstream = rng.normal(size=4).astype("float32")
        tags, lengths = rng.integers(0, 6, size=(4, 12)), rng.integers(1, 13, size=4)
        valid = torch.tensor((np.arange(12) < lengths[:, None]).astype("float32"))
        index = torch.tensor(tags)

        def theirs(x, a):
            unary = (x.gather(2, index[..., None])[..., 0] * valid).sum(1)
            binary = (a[index[:, :-1], index[:, 1:]] * valid[:, 1:]).sum(1)
            return unary + binary - _torch_log_norm(x, a, lengths)

        ours = of_ours(
            lambda x, a: mk.ops.crf_log_likelihood(x, tags, lengths, a)[0], [x, a], upstream
        )
        # In float64: their sums, not normalised, lose three digits where the spread is large.
        doubles = [t.astype("float64") for t in (x, a, upstream)]
        return ours, of_torch(theirs, doubles[:2], doubles[2])

    return draw


def _chunked(causal: bool, groups: int):
    def draw(rng: np.random.Generator) -> tuple[Values, Values]:
        import torch

        import mlkit as mk

        q, upstream = _floats(rng, (2, 50, 4, 8), (2, 50, 4, 8))
        k, v = _floats(rng, (2, 50, groups, 8), (2, 50, groups, 8))

        def theirs(q, k, v):
            q, k, v = (t.transpose(1, 2) for t in (q, k, v))
            y = torch.nn.functional.scaled_dot_product_attention(
                q, k, v, is_causal=causal, enable_gqa=True
            )
            return y.transpose(1, 2)

        layer = mk.layers.ChunkedAttention(chunk_size=16, is_causal=causal)
        ours = of_ours(lambda q, k, v: layer([q, v, k]), [q, k, v], upstream)
        return ours, of_torch(theirs, [q, k, v], upstream)

    return draw


SDPA = "torch scaled_dot_product_attention"
CASES = [
    Case("RotaryEmbedding", "torch, complex numbers", _rotary("half")),
    Case('RotaryEmbedding(layout="interleaved")', "torch, complex numbers", _rotary("interleaved")),
    Case("SqueezeExcite2D", "torchvision.ops.SqueezeExcitation", _squeeze_excite),
    Case("GeneralizedMeanPooling1D", "torch, powers", _gem(1)),
    Case("GeneralizedMeanPooling2D", "torch, powers", _gem(2)),
    Case("GatedFFN (SwiGLU)", "torch composition", _gated("silu", "silu")),
    Case("GatedFFN (GEGLU)", "torch composition", _gated("gelu", "gelu")),
    Case("GatedFFN (ReGLU)", "torch composition", _gated("relu", "relu")),
    Case(
        "LayerNormLSTMCell",
        "torch, unrolled",
        _cell("LSTM"),
        goal=2e-5,
        reason="18 normalisations in a row: torch's float32 is 7.4e-6 from its float64",
    ),
    Case("LayerNormGRUCell", "torch, unrolled", _cell("GRU")),
    Case("Zoneout", "torch, unrolled", _zoneout),
    Case("AttentionPooling1D", "timm.layers.AttentionPoolLatent", _attention_pooling),
    Case("SinePositionalEncoding", "torch, formula", _positions(False)),
    Case("LearnedPositionEmbedding", "torch embedding", _positions(True)),
    Case("crf_log_likelihood", "torch, logsumexp", _crf(1.0)),
    Case("crf_log_likelihood, large spread", "torch, logsumexp", _crf(40.0)),
    Case("ChunkedAttention", SDPA, _chunked(False, 4)),
    Case("ChunkedAttention(is_causal=True), 2 groups", SDPA, _chunked(True, 2)),
]
