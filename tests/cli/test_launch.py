"""`mlkit launch` runs workers, prefixes what they print, ends and restarts them together."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from command import START, start

HEAD = """
import json, os, pathlib, signal, sys, time
config = json.loads(os.environ["TF_CONFIG"])
index = config["task"]["index"]
folder = pathlib.Path(sys.argv[1])
"""


def script(tmp_path, text):
    path = tmp_path / "script.py"
    path.write_text(HEAD + textwrap.dedent(text))
    return str(path)


def test_workers_get_a_cluster_and_print_with_their_number(tmp_path):
    text = 'print("of", len(config["cluster"]["worker"]), sys.argv[1:])'
    out = start("launch", "-n", "3", script(tmp_path, text), str(tmp_path), "--flag")
    assert out.returncode == 0, out.stderr
    lines = sorted(line for line in out.stdout.splitlines() if line.startswith("["))
    assert lines == [f"[{i}] of 3 {[str(tmp_path), '--flag']}" for i in range(3)]
    assert "0\n" in out.stdout


def test_when_one_dies_all_end_and_begin_again(tmp_path):
    text = """
    marks = folder / f"{index}"
    times = len(marks.read_text()) if marks.exists() else 0
    marks.write_text("x" * (times + 1))
    if times < 2:
        if index == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(600)
    print("done")
    """
    began = time.monotonic()
    out = start("launch", "--max-restarts", "2", script(tmp_path, text), str(tmp_path))
    assert "[0] done" in out.stdout
    assert out.stderr.count("worker 1 was ended by SIGKILL; all begin again") == 2
    assert time.monotonic() - began < 60
    assert (tmp_path / "0").read_text() == "xxx"


def test_no_restarts_left_is_an_error_that_names_the_worker(tmp_path):
    out = start("launch", script(tmp_path, "sys.exit(3 * index)"), str(tmp_path))
    assert "worker 1 ended with exit status 3; no restarts are left" in out.stderr
    assert out.stdout.splitlines()[-1] == "None"


def test_a_stopped_worker_is_found_and_ended(tmp_path):
    text = """
    mark = folder / f"stopped{index}"
    if index == 0 and not mark.exists():
        mark.write_text("")
        os.kill(os.getpid(), signal.SIGSTOP)
    print("done")
    """
    out = start("launch", "--max-restarts", "1", script(tmp_path, text), str(tmp_path))
    assert "worker 0 has been stopped for 5 s; all begin again" in out.stderr
    assert "[0] done" in out.stdout


def test_the_launcher_takes_its_workers_along(tmp_path):
    text = '(folder / f"pid{index}").write_text(str(os.getpid()))\ntime.sleep(600)'
    arguments = ["mlkit", "launch", script(tmp_path, text), str(tmp_path)]
    code = (
        f"import runpy, sys; sys.argv = {arguments!r}\n"
        f"sys.exit(runpy.run_path({str(START)!r})['main']())"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    files = [tmp_path / "pid0", tmp_path / "pid1"]
    while not all(f.exists() and f.read_text() for f in files):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    for file in files:
        with pytest.raises(ProcessLookupError):
            os.kill(int(file.read_text()), 0)


def test_bad_arguments():
    out = start("launch", "/nowhere/script.py")
    assert "there is no file /nowhere/script.py" in out.stderr
    out = start("launch", "-n", "0", __file__)
    assert "--workers must be ≥ 1" in out.stderr


SERVED = """
kind = config["task"]["type"]
sizes = {name: len(hosts) for name, hosts in config["cluster"].items()}
mark = folder / f"{kind}{index}"
again = mark.exists()
mark.write_text("")
def until(path):
    while not (folder / path).exists():
        time.sleep(0.05)
"""


@pytest.mark.parametrize("restarts", [0, 1])
def test_with_servers_the_others_go_on_when_a_worker_dies(tmp_path, restarts):
    text = f"""
    {textwrap.indent(SERVED, " " * 4).strip()}
    if kind == "worker" and index == 1:
        if not again:
            os.kill(os.getpid(), signal.SIGKILL)
        (folder / "back").write_text("")
    if kind == "chief":
        until("back" if {restarts} else "worker1")
        time.sleep(1)
        print("done", sizes)
    else:
        time.sleep(600)
    """
    options = ("-n", "2", "--servers", "1", "--max-restarts", str(restarts))
    out = start("launch", *options, script(tmp_path, text), str(tmp_path))
    assert "[chief] done {'chief': 1, 'worker': 2, 'ps': 1}" in out.stdout
    then = "it begins again, the others go on" if restarts else "the others go on without it"
    assert f"worker 1 was ended by SIGKILL; {then}" in out.stderr
    assert out.stdout.splitlines()[-2:] == ["0", "None"]


def test_a_server_that_dies_ends_the_job(tmp_path):
    text = f"""
    {textwrap.indent(SERVED, " " * 4).strip()}
    sys.exit(4) if kind == "ps" else time.sleep(600)
    """
    out = start("launch", "--servers", "1", script(tmp_path, text), str(tmp_path))
    assert "ps 0 ended with exit status 4; no restarts are left" in out.stderr
    assert out.stdout.splitlines()[-2:] == ["1", "None"]
