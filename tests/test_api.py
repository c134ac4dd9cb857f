"""The public face: all of Keras and tf.data as the same objects, and nothing hidden by ours."""

import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jedi
import keras
import names
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(params=names.MIRRORED, ids=lambda path: names.join("mlkit", path))
def mirrored(request):
    path = request.param
    found = names.compare(path, names.package(path), names.MIRRORED[path])
    return names.join("mlkit", path), found


def test_every_name_of_the_host_is_the_same_object(mirrored):
    path, found = mirrored
    assert found.same, f"{path} holds nothing of its host"
    assert not found.retire, f"Keras has {found.retire} of {path} now: retire ours."
    assert not found.missing, f"{path} lacks {found.missing}: import them in its __init__.py."
    assert not found.replaced, f"{path} has other objects under {found.replaced}."


def test_no_override_outlives_its_reason():
    used = {
        names.join(path, name)
        for path, host in names.MIRRORED.items()
        for name in names.compare(path, names.package(path), host).overridden
    }
    assert used == set(names.OVERRIDES), "an override that overrides nothing: remove it"


@pytest.mark.parametrize("path", names.packages(), ids=lambda path: names.join("mlkit", path))
def test_what_is_not_the_hosts_is_defined_in_a_private_file_of_the_package(path):
    ours, host = names.package(path), names.MIRRORED.get(path)
    inside = names.join("mlkit", path)
    stray = [
        name
        for name in names.public(ours)
        if not hasattr(host, name) and not names.is_ours(getattr(ours, name), inside)
    ]
    assert not stray, f"{inside} shows {stray}: import them as _name, or define them in {inside}._*"


def test_a_name_that_keras_adopts_rings(monkeypatch):
    adopted = type("Dense", (), {"__module__": "mlkit.layers._dense"})
    monkeypatch.setattr(names.package("layers"), "Dense", adopted)
    found = names.compare("layers", names.package("layers"), keras.layers)
    assert found.retire == ["Dense"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("mk.layers.Den", "Dense"),
        ("mk.data.Dataset.from_ten", "from_tensor_slices"),
        ("mk.ops.image.res", "resize"),
        ("mk.optimizers.schedules.Cos", "CosineDecay"),
        ("mk.losses.Sparse", "SparseCategoricalCrossentropy"),
    ],
)
def test_editors_complete(code, expected):
    script = jedi.Script(f"import mlkit as mk\n{code}", project=jedi.Project(ROOT))
    assert expected in [completion.name for completion in script.complete()]


def test_editors_complete_and_find_every_part_of_ours():
    paths = sorted({path for path, _, _ in names.parts() if path})
    for path in paths:
        inside = names.join("mk", path)
        script = jedi.Script(f"import mlkit as mk\n{inside}.", project=jedi.Project(ROOT))
        offered = {completion.name for completion in script.complete()}
        ours = {name for at, name, _ in names.parts() if at == path}
        assert ours <= offered, f"jedi does not offer {sorted(ours - offered)} in {inside}"


def test_editors_find_the_definition():
    script = jedi.Script("import mlkit as mk\nmk.layers.Dense", project=jedi.Project(ROOT))
    (found,) = script.goto(follow_imports=True)
    assert found.module_path == Path(inspect.getsourcefile(keras.layers.Dense))


def check_types(folder: Path, code: str) -> list[dict]:
    """What the type checker says about `code`."""
    where = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    checker = shutil.which("basedpyright", path=where) or shutil.which("pyright", path=where)
    assert checker, 'no type checker: pip install "mlkit-tf[test]"'
    (folder / "pyrightconfig.json").write_text(
        json.dumps({"extraPaths": [str(ROOT)], "typeCheckingMode": "basic"})
    )
    (folder / "user.py").write_text(code)
    command = [checker, "--outputjson", "--pythonpath", sys.executable, "user.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    return json.loads(done.stdout)["generalDiagnostics"]


def test_the_type_checker_knows_the_names_and_finds_a_typo(tmp_path):
    said = check_types(
        tmp_path,
        "import mlkit as mk\n"
        "reveal_type(mk.layers.Dense)\n"
        "reveal_type(mk.data.Dataset)\n"
        "mk.layers.Densee(3)\n"
        "mk.Modell\n",
    )
    revealed = [d["message"] for d in said if d["severity"] == "information"]
    assert revealed[0].endswith('is "type[Dense]"')
    assert '"type[Dataset[' in revealed[1]
    errors = [(d["range"]["start"]["line"], d["rule"]) for d in said if d["severity"] == "error"]
    assert errors == [(3, "reportAttributeAccessIssue"), (4, "reportAttributeAccessIssue")]


def test_another_backend_gives_one_clear_error():
    done = subprocess.run(
        [sys.executable, "-c", "import mlkit"],
        env={**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    error = done.stderr.strip().splitlines()[-1]
    assert error.startswith("ImportError: mlkit needs the TensorFlow backend of Keras")
    assert "KERAS_BACKEND='torch'" in error
    assert "KERAS_BACKEND=tensorflow" in error
    assert done.stderr.count("Traceback") == 1
