"""Projections of weights."""

import numpy as np

from witnesses import Case, Values


def _case(make, reference, *shape):
    def draw(rng) -> tuple[Values, Values]:
        w = rng.normal(size=shape).astype("float32")
        return {"forward": np.asarray(make()(w))}, {"forward": np.asarray(reference(w))}

    return draw


def _ours(name, *args, **kwargs):
    def make():
        import mlkit as mk

        return getattr(mk.constraints, name)(*args, **kwargs)

    return make


def clip(w):
    import torch

    return torch.tensor(w).clamp(-0.5, 0.3)


def spectral(w):
    import torch

    matrix = torch.tensor(w, dtype=torch.float64).reshape(-1, w.shape[-1])
    return (matrix / max(1.0, torch.linalg.matrix_norm(matrix, 2) / 0.7)).reshape(w.shape)


def qr(w):
    import torch

    q, r = torch.linalg.qr(torch.tensor(w, dtype=torch.float64).reshape(-1, w.shape[-1]))
    return (q * r.diagonal().sign()).reshape(w.shape)


def polar(w):
    from scipy.linalg import polar

    return polar(w.astype("float64").reshape(-1, w.shape[-1]))[0].reshape(w.shape)


def simplex(w):
    from scipy.optimize import minimize

    def nearest(row):
        found = minimize(
            lambda p: ((p - row) ** 2).sum(),
            np.full(len(row), 1 / len(row)),
            jac=lambda p: 2 * (p - row),
            bounds=[(0, None)] * len(row),
            constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
            options={"ftol": 1e-14, "maxiter": 500},
        )
        return found.x

    return np.stack([nearest(row) for row in w.astype("float64")])


def centred(w):
    import torch

    t = torch.tensor(w, dtype=torch.float64)
    return t - t.mean(dim=(0, 1, 2), keepdim=True)


KERNEL = (3, 3, 4, 6)
CASES = [
    Case("Clip", "torch.clamp", _case(_ours("Clip", -0.5, 0.3), clip, *KERNEL)),
    Case(
        "SpectralNorm (constraint)",
        "torch matrix_norm",
        _case(_ours("SpectralNorm", 0.7), spectral, *KERNEL),
    ),
    Case("Orthogonal", "torch.linalg.qr", _case(_ours("Orthogonal"), qr, *KERNEL)),
    Case(
        'Orthogonal("bjorck")',
        "scipy.linalg.polar",
        _case(_ours("Orthogonal", "bjorck"), polar, *KERNEL),
    ),
    Case(
        "Simplex",
        "scipy minimize (SLSQP)",
        _case(_ours("Simplex"), simplex, 5, 6),
    ),
    Case("ZeroMean", "torch mean", _case(_ours("ZeroMean"), centred, *KERNEL)),
]
