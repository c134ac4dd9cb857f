"""What this process holds, in MB, from Linux's `/proc`.

`getrusage` does not do: its peak begins with that of the process that started this one.
"""

from pathlib import Path

PROCESS = Path("/proc/self")


def _entry(name: str) -> float:
    lines = (PROCESS / "status").read_text(encoding="ascii").splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(name))) / 1024


def held() -> float:
    """Resident memory now."""
    return _entry("VmRSS")


def peak() -> float:
    """Most resident memory so far, or since `forget_peak`."""
    return _entry("VmHWM")


def forget_peak() -> None:
    """Let the peak be what is held now."""
    (PROCESS / "clear_refs").write_text("5", encoding="ascii")
