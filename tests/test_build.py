"""Do the wheel and the source archive hold what the code needs, and no more?"""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with both archives; built with what is installed, so without a network."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_wheel_holds_what_the_code_needs(built):
    (file,) = built.glob("mlkit_tf-*-py3-none-any.whl")
    with zipfile.ZipFile(file) as wheel:
        names = set(wheel.namelist())
        start = wheel.read("_mlkit_start.py")
    source = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "mlkit").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    # The file that starts the command lies beside the package, not in it.
    assert source - names == {"mlkit/cli/_start.py"}
    assert {
        "mlkit/py.typed",
        "mlkit/data/_bundled/digits.npz",
        "mlkit/data/_bundled/NOTICE.txt",
    } <= names
    notebooks = {file.name for file in (ROOT / "notebooks").glob("*.ipynb")}
    assert {f"mlkit/_notebooks/{name}" for name in notebooks} <= names
    outside = {name.partition("/")[0] for name in names} - {"mlkit", "_mlkit_start.py"}
    (info,) = outside
    licences = {name for name in names if name.startswith(f"{info}/licenses/")}
    assert {name.removeprefix(f"{info}/licenses/") for name in licences} == {
        "LICENSE",
        "NOTICE",
        "mlkit/data/_bundled/NOTICE.txt",
    }
    assert start == (ROOT / "mlkit" / "cli" / "_start.py").read_bytes()


def test_the_source_archive_can_be_tested(built):
    (file,) = built.glob("mlkit_tf-*.tar.gz")
    with tarfile.open(file) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = "README.md LICENSE NOTICE pyproject.toml mlkit/py.typed mlkit/data/_bundled/digits.npz"
    assert set(wanted.split()) <= names
    assert {"tests/conftest.py", "tests/readme.py", "tests/cli/test_main.py"} <= names
