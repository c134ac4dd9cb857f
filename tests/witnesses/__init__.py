"""Cases for `tests/benchmarks/accuracy.py`: ours beside somebody else's, on random inputs.

A module here is named after its kind (`layers_norm.py`, `losses_focal.py`) and holds `CASES`. It
may import torch, timm, torchmetrics, pytorch-metric-learning or torchvision inside its functions
only: where they are missing, the row says so.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Values = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """One part beside one witness.

    Args:
        part: name of ours, with what is special about the case: `"InstanceNormalization(axis=1)"`.
        witness: what it is compared with: `"torch.nn.InstanceNorm2d"`.
        draw: from a generator, `(ours, theirs)`: for each of the keys `"forward"`, `"d input"`,
            `"d weights"` (as far as they make sense) an array of each.
        goal: largest relative difference that is in order in float32.
        reason: why `goal` is larger than 1e-5, where it is.
    """

    part: str
    witness: str
    draw: Callable[[np.random.Generator], tuple[Values, Values]]
    goal: float = 1e-5
    reason: str = ""
