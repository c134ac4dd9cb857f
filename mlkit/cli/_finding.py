"""What the doctor finds out about one thing."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "note", "broken"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report.

    Args:
        name: what was looked at.
        status: `"ok"`; `"note"`, works but worth knowing; `"broken"`, does not work.
        found: what is the case, in words.
        mend: the command or the step that mends it; empty where nothing is to be done.
    """

    name: str
    status: Status
    found: str
    mend: str = ""
