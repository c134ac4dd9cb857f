"""The jobs that `mlkit launch --template` prints are read by the parsers of what they are for."""

import json
import re
import shlex
import subprocess

import jsonschema
import pytest
import yaml

from mlkit.cli._main import _parser
from mlkit.training._cluster import read_config

ODD = ["--name", "a b", "it's $(HOME)", 'two\nlines "x"', "-n=3"]

NAME = {"type": "string", "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63}
OBJECT = {"type": "object"}


def object_of(required, **properties):
    return {"type": "object", "required": required, "properties": properties}


# What the schemas of Kubernetes and of Kubeflow's operator ask of the fields that we write;
# `additionalProperties` so that a field of a wrong name is seen.
CONTAINER = {
    **object_of(
        ["name", "image", "command", "volumeMounts"],
        name=NAME,
        image={"type": "string", "minLength": 1},
        command={"type": "array", "items": {"type": "string"}, "minItems": 3},
        env={"type": "array", "items": object_of(["name"], value={"type": "string"})},
        ports={"type": "array", "items": object_of(["containerPort"])},
        volumeMounts={"type": "array", "items": object_of(["name", "mountPath"])},
    ),
    "additionalProperties": False,
}
POD = {
    **object_of(
        ["restartPolicy", "containers", "volumes"],
        subdomain=NAME,
        restartPolicy={"enum": ["OnFailure", "Never"]},
        terminationGracePeriodSeconds={"type": "integer", "minimum": 0},
        containers={"type": "array", "items": CONTAINER, "minItems": 1, "maxItems": 1},
        volumes={"type": "array", "items": object_of(["name", "persistentVolumeClaim"])},
    ),
    "additionalProperties": False,
}
TEMPLATE = {**object_of(["spec"], spec=POD), "additionalProperties": False}
HEAD = {"metadata": object_of(["name"], name=NAME)}
COUNT = {"type": "integer", "minimum": 1}
SERVICE = object_of(
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "v1"},
    kind={"const": "Service"},
    spec=object_of(["clusterIP", "selector", "ports"], clusterIP={"const": "None"}),
    **HEAD,
)
JOB = object_of(
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "batch/v1"},
    kind={"const": "Job"},
    spec={
        **object_of(
            ["completions", "parallelism", "completionMode", "backoffLimit", "template"],
            completions=COUNT,
            parallelism=COUNT,
            completionMode={"const": "Indexed"},
            backoffLimit={"type": "integer", "minimum": 0},
            template=TEMPLATE,
        ),
        "additionalProperties": False,
    },
    **HEAD,
)
WORKER = {
    **object_of(
        ["replicas", "restartPolicy", "template"],
        replicas=COUNT,
        restartPolicy={"enum": ["Always", "OnFailure", "Never", "ExitCode"]},
        template={
            **object_of(["spec"], spec={**POD, "required": ["containers", "volumes"]}),
            "additionalProperties": False,
        },
    ),
    "additionalProperties": False,
}
TFJOB = object_of(
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "kubeflow.org/v1"},
    kind={"const": "TFJob"},
    spec={
        **object_of(
            ["runPolicy", "tfReplicaSpecs"],
            runPolicy=object_of(["backoffLimit"], backoffLimit={"type": "integer"}),
            tfReplicaSpecs=object_of(["Worker"], Worker=WORKER),
        ),
        "additionalProperties": False,
    },
    **HEAD,
)


def render(capsys, template, *arguments):
    """What is printed, and on the error stream; for a script with odd arguments."""
    parsed = _parser().parse_args(["launch", "--template", template, *arguments, "go.py", *ODD])
    status = parsed.run(parsed)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_slurm_is_a_shell_script_that_runs_what_was_given(capsys, tmp_path):
    status, text, _ = render(capsys, "slurm", "-n", "3", "--max-restarts", "2")
    assert status == 0
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0
    options = dict(re.findall(r"^#SBATCH --([a-z-]+)=(\S+)$", text, re.MULTILINE))
    assert options["nodes"] == "3"
    assert options["ntasks-per-node"] == "1"
    assert "--requeue" in text
    # Run with a `srun` that fails twice: three attempts, each with the arguments as they are.
    srun = tmp_path / "srun"
    log = tmp_path / "log"
    srun.write_text(f'#!/bin/bash\nprintf "%q " "$@" >> {log}\necho x >> {log}.n\n'
                    f"test $(wc -l < {log}.n) -gt 2\n")  # fmt: skip
    srun.chmod(0o755)
    found = subprocess.run(
        ["bash"], input=text, text=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False,
        capture_output=True)  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert (tmp_path / "log.n").read_text().count("x") == 3
    assert "failed" in found.stderr
    once = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {log.read_text()}"], capture_output=True, text=True
    ).stdout.split("\0")[:-1]
    assert once[: len(once) // 3][-len(ODD) - 1 :] == ["go.py", *ODD]
    assert shlex.split("python -u")[0] in once


def test_kubernetes_is_a_service_and_an_indexed_job(capsys):
    options = ("-n", "3", "--max-restarts", "2", "--image", "registry/mine:1")
    status, text, _ = render(capsys, "kubernetes", *options)
    assert status == 0
    service, job = yaml.safe_load_all(text)
    jsonschema.validate(service, SERVICE)
    jsonschema.validate(job, JOB)
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == 3
    pod = job["spec"]["template"]["spec"]
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert pod["subdomain"] == service["metadata"]["name"]
    container = pod["containers"][0]
    escaped = [part.replace("$", "$$") for part in ODD]
    assert container["command"] == ["python", "-u", "go.py", *escaped]
    index, config = container["env"]
    assert index["name"] == "INDEX"
    for i in range(3):
        cluster = read_config(config["value"].replace("$(INDEX)", str(i)))
        assert cluster.index == i
        assert cluster.addresses == [f"train-{j}.train:2222" for j in range(3)]


def test_tfjob_is_a_job_of_kubeflow(capsys):
    status, text, _ = render(capsys, "tfjob", "-n", "4", "--image", "registry/mine:1")
    assert status == 0
    job = yaml.safe_load(text)
    jsonschema.validate(job, TFJOB)
    worker = job["spec"]["tfReplicaSpecs"]["Worker"]
    assert worker["replicas"] == 4
    # The operator looks for a container of this name.
    assert worker["template"]["spec"]["containers"][0]["name"] == "tensorflow"
    assert json.dumps(worker["template"]["spec"]["containers"][0]["command"]).count("go.py") == 1


@pytest.mark.parametrize(
    ("template", "arguments", "message"),
    [
        ("kubernetes", (), "give --image"),
        ("tfjob", (), "give --image"),
        ("slurm", ("--name", "Mine_1"), "--name must be of a-z"),
        ("slurm", ("-n", "0"), "--workers must be"),
    ],
)
def test_what_does_not_fit_is_refused(capsys, template, arguments, message):
    status, text, error = render(capsys, template, *arguments)
    assert status == 2
    assert text == ""
    assert message in error
