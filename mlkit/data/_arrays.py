"""What a data set is when it is loaded: two pairs of arrays."""

from typing import TypeAlias

import numpy as np

Pair: TypeAlias = tuple[np.ndarray, np.ndarray]
Arrays: TypeAlias = tuple[Pair, Pair]
