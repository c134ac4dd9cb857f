"""What `mlkit launch --template` prints: a job for Slurm or Kubernetes."""

import argparse
import json
import re
import shlex
import textwrap

# The port of the workers in a cluster of Kubernetes, where each has an address of its own.
PORT = 2222
# Seconds before the end of an allocation at which a run saves.
NOTICE = 120
_INDEX = "batch.kubernetes.io/job-completion-index"


def rendered(arguments: argparse.Namespace) -> str:
    """The text of a template.

    Args:
        arguments: those of `mlkit launch`.

    Raises:
        ValueError: `--name` or `--image` does not fit.
    """
    name = arguments.name
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,40}[a-z0-9])?", name):
        raise ValueError(f"--name must be of a-z, 0-9 and '-', up to 42 long. Received: {name!r}")
    if arguments.template != "slurm" and not arguments.image:
        raise ValueError("give --image, with mlkit and the script in it")
    return _TEMPLATES[arguments.template](arguments)


def _slurm(arguments: argparse.Namespace) -> str:
    text = textwrap.dedent(f"""\
        #!/usr/bin/env bash
        # Submit with `sbatch`. In the script: strategy="auto", and run=... on a disk of all nodes.
        # When the time is over, submit it again: it goes on from what was saved.
        #SBATCH --job-name={arguments.name}
        #SBATCH --nodes={arguments.workers}
        #SBATCH --ntasks-per-node=1
        #SBATCH --cpus-per-task=8
        # GPUs of a worker: #SBATCH --gpus-per-task=1
        #SBATCH --time=24:00:00
        #SBATCH --signal=TERM@{NOTICE}
        #SBATCH --requeue
        #SBATCH --open-mode=append
        set -uo pipefail

        # When a worker dies, srun ends the others, and all go on from the last checkpoint.
        for attempt in $(seq 0 {arguments.max_restarts}); do
            srun --label --kill-on-bad-exit=1 python -u COMMAND && exit 0
            echo "attempt $attempt has failed" >&2
        done
        exit 1
        """)
    # Afterwards: an argument may have lines, which would disturb the indentation.
    return text.replace("COMMAND", shlex.join([arguments.script, *arguments.arguments]))


def _kubernetes(arguments: argparse.Namespace) -> str:
    name = arguments.name
    service = f"""\
        # Submit with `kubectl apply -f`. In the script: strategy="auto", and run=... on the volume.
        apiVersion: v1
        kind: Service
        metadata:
          name: {name}
        spec:
          clusterIP: None
          publishNotReadyAddresses: true
          selector:
            job-name: {name}
          ports:
            - name: grpc
              port: {PORT}
        ---
        """
    return textwrap.dedent(service) + _indexed_job(arguments)


def _indexed_job(arguments: argparse.Namespace) -> str:
    name, workers = arguments.name, arguments.workers
    hosts = [f"{name}-{index}.{name}:{PORT}" for index in range(workers)]
    # Kubernetes puts the value of the variable before it in the place of $(INDEX).
    task = '{"type": "worker", "index": $(INDEX)}'
    config = f'{{"cluster": {{"worker": {json.dumps(hosts)}}}, "task": {task}}}'
    return textwrap.dedent(f"""\
        apiVersion: batch/v1
        kind: Job
        metadata:
          name: {name}
        spec:
          completions: {workers}
          parallelism: {workers}
          completionMode: Indexed
          # When a worker dies the others end too: each restart of the job is one of every worker.
          backoffLimit: {workers * arguments.max_restarts}
          template:
            spec:
              subdomain: {name}
              restartPolicy: OnFailure
              terminationGracePeriodSeconds: {NOTICE}
              containers:
                - name: tensorflow
                  image: {json.dumps(arguments.image)}
                  command: {json.dumps(_command(arguments))}
                  env:
                    - name: INDEX
                      valueFrom:
                        fieldRef:
                          fieldPath: metadata.annotations['{_INDEX}']
                    - name: TF_CONFIG
                      value: {json.dumps(config)}
                  volumeMounts:
                    - name: runs
                      mountPath: /runs
              volumes:
                - name: runs
                  persistentVolumeClaim:
                    claimName: {name}-runs
        """)


def _tfjob(arguments: argparse.Namespace) -> str:
    return textwrap.dedent(f"""\
        # Submit with `kubectl apply -f`, where Kubeflow's training operator runs.
        # In the script: strategy="auto", and run=... on the volume.
        apiVersion: kubeflow.org/v1
        kind: TFJob
        metadata:
          name: {arguments.name}
        spec:
          runPolicy:
            backoffLimit: {arguments.workers * arguments.max_restarts}
          tfReplicaSpecs:
            Worker:
              replicas: {arguments.workers}
              restartPolicy: OnFailure
              template:
                spec:
                  terminationGracePeriodSeconds: {NOTICE}
                  containers:
                    - name: tensorflow
                      image: {json.dumps(arguments.image)}
                      command: {json.dumps(_command(arguments))}
                      volumeMounts:
                        - name: runs
                          mountPath: /runs
                  volumes:
                    - name: runs
                      persistentVolumeClaim:
                        claimName: {arguments.name}-runs
        """)


def _command(arguments: argparse.Namespace) -> list[str]:
    # Kubernetes reads $(NAME) as a variable, and $$ as a dollar.
    own = [arguments.script, *arguments.arguments]
    return ["python", "-u", *(part.replace("$", "$$") for part in own)]


_TEMPLATES = {"slurm": _slurm, "kubernetes": _kubernetes, "tfjob": _tfjob}
