"""The cluster of a job of Slurm or Kubernetes is that of `TF_CONFIG`."""

import json
import os

import pytest

from mlkit.training._cluster import read_config
from mlkit.training._schedulers import config_of_scheduler


@pytest.fixture
def config_in(monkeypatch):
    """What is found in an environment."""

    def find(environment):
        for name in [n for n in os.environ if n.startswith(("SLURM", "KUBERNETES", "JOB_"))]:
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return config_of_scheduler()

    return find


def task(node, local, **changed):
    """What srun sets for a task of a step on n9 and n10 (two tasks) and n11 (one)."""
    return {
        "SLURM_JOB_ID": "4711",
        "SLURM_NTASKS": "5",
        "SLURM_STEP_ID": "0",
        "SLURM_STEP_NUM_TASKS": "5",
        "SLURM_STEP_NODELIST": "n[9-11]",
        "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
        "SLURM_PROCID": "0",
        "SLURMD_NODENAME": node,
        "SLURM_LOCALID": str(local),
        **changed,
    }


def test_every_task_of_slurm_has_its_own_place_at_its_own_node(config_in):
    tasks = [("n9", 0), ("n9", 1), ("n10", 0), ("n10", 1), ("n11", 0)]
    clusters = [read_config(config_in(task(*t))) for t in tasks]
    addresses = clusters[0].addresses
    assert all(cluster.addresses == addresses for cluster in clusters)
    assert sorted(cluster.index for cluster in clusters) == list(range(5))
    for (node, local), cluster in zip(tasks, clusters, strict=True):
        assert addresses[cluster.index] == f"{node}:{12_000 + 4711 + local}"


def test_one_task_or_none_is_no_cluster(config_in):
    assert config_in({}) is None
    assert config_in({"SLURM_STEP_NUM_TASKS": "1", "SLURM_NTASKS": "1"}) is None
    assert config_in({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}) is None


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"SLURM_NTASKS": "4", "SLURM_JOB_ID": "1"}, "with `srun python"),
        (task("elsewhere", 0), "elsewhere:16711, is not among those"),
        ({"SLURM_STEP_NUM_TASKS": "2"}, "srun has not set a variable.*SLURM_JOB_ID"),
        (
            {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_COMPLETION_INDEX": "1"},
            "--template kubernetes",
        ),
    ],
)
def test_several_that_cannot_find_one_another_are_refused(config_in, environment, message):
    with pytest.raises(ValueError, match=message):
        config_in(environment)


def test_what_slurm_tells_is_json(config_in):
    config = json.loads(config_in(task("n11", 0)))
    assert config["task"]["type"] == "worker"
