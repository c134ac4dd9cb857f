"""What comes out of a check: a failure that teaches, a result, a report that can be read."""

import textwrap
from dataclasses import dataclass


class CheckFailed(AssertionError):
    """A part breaks a rule of its kind.

    Args:
        what: what was seen, with the values.
        why: what goes wrong for whoever uses such a part.
        mend: what to change.
    """

    def __init__(self, what: str, *, why: str, mend: str):
        self.what, self.why, self.mend = what, why, mend
        super().__init__(f"{what}\nWhy it matters: {why}\nHow to mend it: {mend}")


class NotApplicable(Exception):
    """Raised by a check that has nothing to ask of this part."""


class NotRun(Exception):
    """Raised by a check that cannot run here, such as for want of a second device."""


@dataclass(frozen=True)
class Result:
    """One check on one part.

    Args:
        check: name of the check.
        status: `"passed"`, `"failed"`, `"excused"`, `"not applicable"` or `"not run"`.
        what: what was seen, or the reason of the excuse, or why the check was not run.
        why, mend: of a failure.
    """

    check: str
    status: str
    what: str = ""
    why: str = ""
    mend: str = ""

    def __str__(self) -> str:
        lines = [f"{_SIGNS[self.status]} {self.check}: {self.status}"]
        if self.status == "failed":
            lines += [
                _indent("what   ", self.what),
                _indent("why    ", self.why),
                _indent("mend   ", self.mend),
            ]
        elif self.what:
            lines[0] += f" ({self.what})"
        return "\n".join(lines)


_SIGNS = {"passed": "✓", "failed": "✗", "excused": "e", "not applicable": "·", "not run": "?"}


def _indent(label: str, text: str) -> str:
    lead = "    " + label
    out = []
    for line in text.splitlines() or [""]:
        pad = lead if not out else " " * len(lead)
        out.append(textwrap.fill(line, 100, initial_indent=pad, subsequent_indent=" " * len(lead)))
    return "\n".join(out)


@dataclass(frozen=True)
class Report:
    """All checks on one part. Prints as text; `ok` says whether nothing failed.

    Args:
        part: name of the part.
        kind: its kind.
        results: one a check.
    """

    part: str
    kind: str
    results: tuple[Result, ...]

    @property
    def failures(self) -> tuple[Result, ...]:
        return tuple(r for r in self.results if r.status == "failed")

    @property
    def ok(self) -> bool:
        return not self.failures

    def __getitem__(self, check: str) -> Result:
        """The result of one check, by its name."""
        for result in self.results:
            if result.check == check:
                return result
        raise KeyError(f"No check {check!r}. There are: {', '.join(r.check for r in self.results)}")

    def __str__(self) -> str:
        asked = [r for r in self.results if r.status in ("passed", "failed", "excused")]
        failed = len(self.failures)
        verdict = f"{failed} of {len(asked)} checks failed" if failed else f"{len(asked)} checks"
        head = f"{self.part} ({self.kind}): {verdict}"
        shown = [*self.failures, *(r for r in self.results if r.status in ("excused", "not run"))]
        passed = [r.check for r in self.results if r.status == "passed"]
        tail = [_indent("passed ", ", ".join(passed))] if passed else []
        return "\n".join([head, *map(str, shown), *tail])


class ConformanceError(AssertionError):
    """A part fails some of its checks: the message is the report.

    Args:
        report: the `Report`, kept under this name.
    """

    def __init__(self, report: Report):
        self.report = report
        super().__init__(str(report))
