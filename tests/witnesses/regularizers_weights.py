"""Penalties on weights and on predictions."""

from witnesses import Case, Values
from witnesses._gradients import of_ours, of_torch


def _case(make, reference, *shape):
    """A penalty on a normal array beside a torch function of it."""

    def draw(rng) -> tuple[Values, Values]:
        import numpy as np

        w = rng.normal(size=shape).astype("float32")
        upstream = np.float32(rng.normal())
        return of_ours(make(), [w], upstream), of_torch(reference, [w], upstream)

    return draw


def _ours(name, *args, **kwargs):
    def make():
        import mlkit as mk

        return getattr(mk.regularizers, name)(*args, **kwargs)

    return make


def _excess(w):
    import torch

    matrix = w.reshape(-1, w.shape[-1])
    return matrix.T @ matrix - torch.eye(w.shape[-1])


def soft(w):
    return 0.3 * (_excess(w) ** 2).sum()


def srip(w):
    import torch

    return 0.3 * torch.linalg.matrix_norm(_excess(w), 2)


def spectral(w):
    import torch

    return 0.15 * torch.linalg.matrix_norm(w.reshape(-1, w.shape[-1]), 2) ** 2


def lasso(w):
    return 0.3 * (w[..., 0].numel() ** 0.5) * w.flatten(0, -2).norm(dim=0).sum()


def entropy(x):
    import torch

    return 0.3 * torch.distributions.Categorical(logits=x).entropy().sum()


def hoyer(w):
    return 0.3 * w.abs().sum() ** 2 / (w**2).sum()


KERNEL = (3, 3, 4, 6)
CASES = [
    Case("SoftOrthogonal", "torch", _case(_ours("SoftOrthogonal", 0.3), soft, *KERNEL)),
    Case(
        'SoftOrthogonal(mode="srip")',
        "torch.linalg.matrix_norm",
        _case(_ours("SoftOrthogonal", 0.3, "srip"), srip, *KERNEL),
    ),
    Case(
        "SpectralNorm (regularizer)",
        "torch.linalg.matrix_norm",
        _case(_ours("SpectralNorm", 0.3), spectral, *KERNEL),
    ),
    Case("GroupLasso", "torch norm", _case(_ours("GroupLasso", 0.3), lasso, *KERNEL)),
    Case("Entropy", "torch Categorical.entropy", _case(_ours("Entropy", 0.3, True), entropy, 5, 7)),
    Case(
        "ConfidencePenalty",
        "torch Categorical.entropy",
        _case(_ours("ConfidencePenalty", 0.3, True), lambda x: -entropy(x), 5, 7),
    ),
    Case("Hoyer", "torch", _case(_ours("Hoyer", 0.3), hoyer, *KERNEL)),
]
