"""What happens to input that cannot be read."""

import warnings
from collections.abc import Sequence
from typing import Any

from mlkit._core.checks import check_choice

_SHOWN = 5


def check_on_error(on_error: str) -> None:
    check_choice("on_error", on_error, ("raise", "skip"))


def report(damages: Sequence[Any], total: int, what: str, on_error: str) -> None:
    """Raise with the first damages, or warn with their number.

    Args:
        damages: what could not be read; `str` of each names the place and the reason.
        total: number of things that were tried.
        what: what they are, such as "records".
        on_error: "raise" or "skip".
    """
    if not damages:
        return
    shown = [f"- {damage}" for damage in damages[:_SHOWN]]
    if len(damages) > _SHOWN:
        shown.append(f"- and {len(damages) - _SHOWN} more")
    places = "\n".join(shown)
    if on_error == "raise":
        raise ValueError(
            f"Cannot read {len(damages)} of {total} {what}:\n{places}\n"
            'Mend or remove them, or pass on_error="skip" to go on without them.'
        )
    warnings.warn(f"Skipped {len(damages)} of {total} {what}:\n{places}", stacklevel=3)
