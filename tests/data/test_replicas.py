"""For a seed the same order and pictures, whatever the replicas, parallel calls and restarts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("replicas_script.py")
RUNS = {1: [(1, ()), (3, (0, 5, 6, 13))], 2: [(4, (1, 2, 11))]}


@pytest.mark.slow
def test_same_pictures_on_one_and_two_replicas(tmp_path):
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "TF_CPP_MIN_LOG_LEVEL": "3"}
    started = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(replicas), json.dumps(runs), str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for replicas, runs in RUNS.items()
    ]
    found = []
    for process in started:
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err[-2000:]
        lines = [line for line in out.splitlines() if line.startswith("RESULT ")]
        found += [json.loads(line[7:]) for line in lines]
    assert len(found) == 3
    assert len(set(found[0])) == 14  # another picture in each batch and epoch
    assert all(hashes == found[0] for hashes in found)
