import subprocess
import sys

from command import START, start

import mlkit
from mlkit.cli import main


def test_help_and_version_need_no_tensorflow():
    for argument in ("--help", "--version"):
        done = start(argument, show="'tensorflow' in sys.modules or 'keras' in sys.modules")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "False"
    assert done.stdout.startswith(f"mlkit {mlkit.__version__}\n0\n")


def test_a_command_gets_the_whole_package():
    code = (
        f"import runpy, sys; sys.argv = ['mlkit', '--version']; "
        f"runpy.run_path({str(START)!r})['main']()\n"
        "from mlkit.cli import _package; mk = _package.load()\n"
        "import mlkit; print(mk is mlkit, mk.layers.Dense.__name__, mk.cli is mlkit.cli)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines()[-1] == "True Dense True", done.stderr


def test_no_command_prints_the_help(capsys):
    assert main([]) == 2
    assert "quickstart" in capsys.readouterr().err


def test_an_interrupt_is_told_and_not_a_traceback(monkeypatch, capsys):
    from mlkit.cli import _doctor

    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(_doctor, "examine", interrupt)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "mlkit: interrupted.\n"
