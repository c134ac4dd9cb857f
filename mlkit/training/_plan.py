"""What the outer loop has to do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Epochs of so many steps at most may go on in one call each before anybody knows how long one is.
SHORT_EPOCH = 200


@dataclass
class Plan:
    """What the outer loop has to do.

    Args:
        epochs: number of the last epoch, exclusive.
        initial_epoch: number of the first epoch.
        steps: batches an epoch, or None where only the data know.
        validate: runs a validation and returns its logs, or None.
        validate_epochs: whether to validate after an epoch (its number from 1).
        validate_every: updates between validations, in the place of those after epochs; or None.
        in_one_call: whether epochs are short and nobody looks within them.
    """

    epochs: int
    initial_epoch: int
    steps: int | None
    validate: Callable[[], dict[str, Any]] | None
    validate_epochs: Callable[[int], bool]
    validate_every: int | None = None
    in_one_call: bool = False
