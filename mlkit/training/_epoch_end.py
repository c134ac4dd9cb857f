"""How far the end of an epoch has come."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass
class EpochEnd:
    """The logs of an epoch whose steps are done, and what is done with them.

    In a run that breaks off while an epoch ends, it is saved: nothing is done twice.

    Args:
        logs: numbers and arrays by name; None: there are steps left.
        validated: whether those of the validation are among them.
        told: how many callbacks know.
    """

    logs: dict[str, Any] | None = None
    validated: bool = False
    told: int = 0

    def kept(self) -> dict[str, Any] | None:
        """As JSON takes it; None where there is nothing to keep."""
        if self.logs is None:
            return None
        logs = {name: np.asarray(value).tolist() for name, value in self.logs.items()}
        return {**asdict(self), "logs": logs}

    @classmethod
    def restored(cls, kept: dict[str, Any] | None) -> "EpochEnd":
        """What `kept` gave."""
        if kept is None:
            return cls()
        logs = {
            name: np.asarray(value) if isinstance(value, list) else value
            for name, value in kept["logs"].items()
        }
        return cls(logs, kept["validated"], kept["told"])
