import json
import subprocess

import pytest

from mlkit.cli import _doctor, _gpu, _health, main
from mlkit.cli._finding import Finding
from mlkit.cli._gpu import Signs

HEALTHY = {
    "devices": {"value": {"gpus": [], "others": ["CPU:0"], "cuda": True}, "seconds": 1.0},
    "xla": {"value": True, "seconds": 0.2},
    "mixed_precision": {
        "value": {"policy": "float32", "works": {"mixed_bfloat16": "bfloat16"}},
        "seconds": 0.1,
    },
    "import_mlkit": {"value": "0.1.0", "seconds": 0.0},
}


@pytest.mark.slow
def test_this_machine(capsys):
    status = main(["doctor", "--json"])
    record = json.loads(capsys.readouterr().out)
    broken = [f for f in record["findings"] if f["status"] == "broken"]
    assert record["ok"] == (not broken) == (status == 0)
    found = {f["name"]: f for f in record["findings"]}
    for name in ("tensorflow", "keras", "backend", "devices", "XLA", "mixed precision"):
        assert found[name]["status"] == "ok", found[name]


def test_the_report_and_the_status(monkeypatch, capsys):
    findings = [Finding("a", "ok", "fine"), Finding("bee", "broken", "is not.", "mend it")]
    monkeypatch.setattr(_doctor, "examine", lambda: findings)
    assert main(["doctor"]) == 1
    assert capsys.readouterr().out == (
        "ok      a    fine\nBROKEN  bee  is not.\n             -> mend it\n\n1 of 2 broken.\n"
    )
    findings.pop()
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out.endswith("Nothing is broken.\n")


def test_answers_of_tensorflow():
    assert {f.status for f in _doctor.judge(HEALTHY, "")} == {"ok"}
    sick = {**HEALTHY, "xla": {"error": "InternalError: no compiler", "seconds": 0.1}}
    (bad,) = [f for f in _doctor.judge(sick, "") if f.status == "broken"]
    assert (bad.name, bad.found) == ("XLA", "InternalError: no compiler")
    wrong = {**HEALTHY, "xla": {"value": False, "seconds": 0.1}}
    (bad,) = [f for f in _doctor.judge(wrong, "") if f.status == "broken"]
    assert bad.found == "gives a wrong result."
    (bad,) = _doctor.judge({"devices": {"error": "ImportError: libfoo.so"}}, "")
    assert bad.status == "broken"
    assert "libfoo" in bad.found
    (bad,) = _doctor.judge({"died": "it died of SIGILL"}, "")
    assert bad.found == "starts, and it died of SIGILL."


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.kill(os.getpid(), 4)", "it died of SIGILL (does this CPU have AVX?)"),
        ("raise SystemExit('libfoo is lost')", "it ended with status 1: libfoo is lost"),
        ("import time; time.sleep(60)", "it did not answer within 3 seconds"),
    ],
)
def test_a_tensorflow_that_dies(monkeypatch, code, said):
    run = subprocess.run
    monkeypatch.setattr(_doctor, "_PATIENCE", 3)
    monkeypatch.setattr(
        subprocess, "run", lambda command, **kwargs: run([command[0], "-c", code], **kwargs)
    )
    answers, _ = _doctor.probe()
    assert answers == {"died": said}


@pytest.mark.parametrize(
    ("signs", "built", "status", "found", "mend"),
    [
        (Signs(), True, "ok", "none on this machine", ""),
        (Signs(card=True), True, "broken", "the NVIDIA driver is not loaded", "nvidia-driver"),
        (Signs(card=True, container=True), True, "broken", "into this container", "--gpus all"),
        (Signs(card=True, driver=True), True, "broken", "no device files", "nvidia-modprobe"),
        (Signs(True, True, True), False, "broken", "without CUDA", "mlkit-tf[gpu]"),
        (Signs(True, True, True), True, "broken", "CUDA libraries", "mlkit-tf[gpu]"),
        (Signs(True, True, True, libraries=True), True, "broken", "failed call to cuInit", "smi"),
        (Signs(True, True, True, visible="-1"), True, "note", "on purpose", "unset CUDA_VIS"),
    ],
)
def test_why_a_gpu_is_not_seen(signs, built, status, found, mend):
    log = "noise\nE0000 00:00 cuda_platform.cc:52] failed call to cuInit: 303\nnoise"
    finding = _gpu.explain([], built, signs, log)
    assert finding.status == status
    assert found in finding.found
    assert mend in finding.mend


def test_a_gpu_that_is_seen():
    assert _gpu.explain(["NVIDIA L4"], True, Signs(True, True, True)).found == "NVIDIA L4"


def test_signs_are_read_from_the_system(tmp_path):
    assert _gpu.look(tmp_path, {}) == Signs(libraries=_gpu.look(tmp_path, {}).libraries)
    card = tmp_path / "sys/bus/pci/devices/0000:00:1e.0"
    card.mkdir(parents=True)
    (card / "vendor").write_text("0x10de\n")
    (card / "class").write_text("0x030200\n")
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidia0").touch()
    (tmp_path / ".dockerenv").touch()
    signs = _gpu.look(tmp_path, {"CUDA_VISIBLE_DEVICES": "0"})
    assert (signs.card, signs.driver, signs.nodes, signs.container) == (True, False, True, True)
    assert signs.visible == "0"
    (card / "class").write_text("0x040300\n")  # its sound
    assert not _gpu.look(tmp_path, {}).card


def test_packages_and_python():
    assert _health.python((3, 12)).status == "ok"
    assert _health.python((3, 14)).status == "broken"
    assert _health.package("tensorflow", "2.21").status == "ok"
    old = _health.package("tensorflow", "99.1")
    assert (old.status, old.mend) == ("broken", 'pip install --upgrade "tensorflow>=99.1"')
    lost = _health.package("no-such-package", "")
    assert (lost.status, lost.mend) == ("broken", 'pip install --upgrade "no-such-package"')


def test_the_backend(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert _health.backend().status == "ok"
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    assert "'jax'" in _health.backend().found
    (tmp_path / "keras.json").write_text("{")
    assert _health.backend().mend == f"rm {tmp_path / 'keras.json'}"
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert _health.backend().mend == "unset KERAS_BACKEND"


def test_folders(monkeypatch, tmp_path):
    assert _health.folder("x", tmp_path / "to" / "come", "mend").status == "ok"
    (tmp_path / "file").touch()
    bad = _health.folder("x", tmp_path / "file" / "inside", "mend")
    assert (bad.status, bad.mend) == ("broken", "mend")
    monkeypatch.setattr(_health, "_SPACE", 1e30)
    assert "of disk are left" in _health.folder("x", tmp_path, "mend").found


def test_extras(monkeypatch):
    lines = ['matplotlib>=3.9; extra == "plot"', "no-such-package; extra == 'serving'", "keras"]
    monkeypatch.setattr(_health.importlib.metadata, "requires", lambda name: lines)
    found = {f.name: f for f in _health.optional()}
    assert found["[plot]"].status == "ok"
    assert found["[serving]"].mend == 'pip install "mlkit-tf[serving]"'
    assert found["[serving]"].found == "not installed: no-such-package"
