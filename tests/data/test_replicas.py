"""For a seed the same order and pictures, whatever the replicas, parallel calls and restarts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("replicas_script.py")
CASES = ((1, 1, ()), (2, 4, (1, 2, 11)), (1, 3, (0, 5, 6, 13)))


@pytest.mark.slow
def test_same_pictures_on_one_and_two_replicas(tmp_path):
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "TF_CPP_MIN_LOG_LEVEL": "3"}
    found = []
    for number, (replicas, parallel, restarts) in enumerate(CASES):
        folder = tmp_path / str(number)
        folder.mkdir()
        arguments = [str(replicas), str(parallel), json.dumps(restarts), str(folder)]
        done = subprocess.run(
            [sys.executable, str(SCRIPT), *arguments],
            capture_output=True,
            text=True,
            env=environment,
            timeout=240,
        )
        lines = [x for x in done.stdout.splitlines() if x.startswith("RESULT ")]
        assert lines, done.stderr[-2000:]
        found.append(json.loads(lines[0][7:]))
    assert len(set(found[0])) == 14  # another picture in each batch and epoch
    assert all(hashes == found[0] for hashes in found)
