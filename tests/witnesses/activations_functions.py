"""Activations beside torch's."""

from collections.abc import Callable
from typing import Any

import numpy as np

from witnesses import Case, Values
from witnesses._gradients import of_ours, of_torch


def _beside(name: str, theirs: Callable[[Any], Any], **arguments: float):
    def draw(rng: np.random.Generator) -> tuple[Values, Values]:
        import mlkit as mk

        x, upstream = rng.normal(0, 3, size=(2, 4, 50)).astype("float32")
        ours = getattr(mk.activations, name)
        return of_ours(lambda t: ours(t, **arguments), [x], upstream), of_torch(
            theirs, [x], upstream
        )

    return draw


def _rrelu(x: Any) -> Any:
    import torch

    return torch.nn.functional.rrelu(x, 0.2, 0.4, training=False)


def _snake(x: Any) -> Any:
    return x + (1 - (2 * 1.7 * x).cos()) / (2 * 1.7)


CASES = [
    Case("lisht", "torch, formula", _beside("lisht", lambda x: x * x.tanh())),
    Case("rrelu", "torch.nn.functional.rrelu", _beside("rrelu", _rrelu, lower=0.2, upper=0.4)),
    Case("snake", "torch, formula by cos", _beside("snake", _snake, frequency=1.7)),
]
