"""The cluster of a job of Slurm or Kubernetes, in the words of `TF_CONFIG`."""

import json
import os

import tensorflow as tf

# Ports of workers: by the job, as jobs may share a node; below those of outgoing connections.
_FIRST_PORT, _PORTS = 12_000, 20_000


def config_of_scheduler() -> str | None:
    """`TF_CONFIG` for this process, or None where no scheduler has started several.

    Raises:
        ValueError: there are several, and nobody can say where.
    """
    environment = os.environ
    if int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        try:
            return _of_slurm()
        except (KeyError, RuntimeError) as error:
            raise ValueError(
                f"strategy='auto': srun has not set a variable for this task: {error}"
            ) from None
    if int(environment.get("SLURM_NTASKS", "1")) > 1 and "SLURM_STEP_ID" not in environment:
        raise ValueError(
            f"strategy='auto': Slurm has {environment['SLURM_NTASKS']} tasks for this job, but "
            "this process is none of them. Start the script with `srun python ...`, or leave out "
            "`strategy`."
        )
    if "KUBERNETES_SERVICE_HOST" in environment and "JOB_COMPLETION_INDEX" in environment:
        # TensorFlow's KubernetesClusterResolver lists the addresses of nodes, not of pods, does
        # not know which pod is this one, and needs a configuration that pods do not have.
        raise ValueError(
            "strategy='auto': this is a pod of an Indexed Job of Kubernetes, which does not tell "
            "its pods how many they are. Give them TF_CONFIG, as the job that `mlkit launch "
            "--template kubernetes` prints does, or leave out `strategy` where each pod is to "
            "train a model of its own."
        )
    return None


def _of_slurm() -> str:
    environment = os.environ
    port = _FIRST_PORT + int(environment["SLURM_JOB_ID"]) % _PORTS
    # One "GPU" a task: without any the resolver fails. TensorFlow takes those that it sees.
    most = max(_tasks_of_nodes(environment["SLURM_STEP_TASKS_PER_NODE"]))
    resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
        port_base=port, gpus_per_node=most, gpus_per_task=1, auto_set_gpu=False
    )
    addresses = resolver.cluster_spec().as_dict()["worker"]
    # Not the task's number: the resolver sorts nodes by name, n10 before n9, and Slurm does not.
    own = f"{environment['SLURMD_NODENAME']}:{port + int(environment['SLURM_LOCALID'])}"
    if own not in addresses:
        raise ValueError(
            f"strategy='auto': this task, {own}, is not among those of the step of Slurm: "
            f"{', '.join(addresses)}."
        )
    task = {"type": "worker", "index": addresses.index(own)}
    return json.dumps({"cluster": {"worker": addresses}, "task": task})


def _tasks_of_nodes(text: str) -> list[int]:
    """`2(x3),1`: the tasks of three nodes and of another."""
    return [int(part.partition("(")[0]) for part in text.split(",")]
