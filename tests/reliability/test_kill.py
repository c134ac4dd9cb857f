"""The scripts about crashes, in small; each prints its table when it fails."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["kill.py", "--kills", "25"],
        ["corrupt.py", "--cases", "200"],
        ["sigterm.py", "--runs", "6"],
    ],
    ids=lambda command: command[0],
)
def test_nothing_is_lost(command):
    script, *options = command
    done = subprocess.run(
        [sys.executable, HERE / script, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
