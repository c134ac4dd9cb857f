"""Who may import whom, and what `import mlkit` must leave alone."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "mlkit").rglob("*.py"))

# A package may import itself and what stands on a lower line; never a neighbour on its own.
ORDER = [
    {"_core"},
    {"ops"},
    {"_state"},  # the engine of checkpoints
    {"initializers", "activations", "regularizers", "constraints"},
    {"data", "layers", "losses", "metrics", "gradients", "optimizers"},
    {"models", "callbacks", "plotting"},
    {"training"},
    {"inspect", "export", "serving"},
    {"cli"},
    {"testing"},  # may use all; nothing but the root may use it
]
LEVEL = {package: level for level, packages in enumerate(ORDER) for package in packages}

# `file -> imported package`: an import against the order, and why. The aim is to have none.
AGAINST_THE_ORDER: dict[tuple[str, str], str] = {}

# Files that touch what Keras or TensorFlow keep private, and why. The aim is to have none.
PRIVATE: dict[str, str] = {}
PRIVATE_ROOTS = ("keras.src", "tensorflow.python", "tensorflow.core", "tensorflow.compiler")


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def modules(source: str) -> Iterator[tuple[int, str]]:
    """`(line, dotted name)` of everything that a source imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield node.lineno, "a relative import"
            else:
                yield from ((node.lineno, f"{node.module}.{a.name}") for a in node.names)


def against_the_order(package: str, source: str) -> list[tuple[int, str]]:
    """`(line, package)` of the imports in a file of `package` that point the wrong way."""
    wrong = []
    for line, name in modules(source):
        root, _, rest = name.partition(".")
        if name == "a relative import":
            wrong.append((line, name))
        elif root == "mlkit":
            target = rest.partition(".")[0]
            if target in ("", "_version", "__version__") or target == package:
                continue
            if LEVEL.get(target, len(ORDER)) >= LEVEL[package]:
                wrong.append((line, target))
    return wrong


def test_every_package_has_its_place():
    packages = {file.relative_to(ROOT / "mlkit").parts[0] for file in FILES}
    unknown = {name for name in packages if not name.endswith(".py")} - set(LEVEL)
    assert not unknown, "a package without a line in ORDER"


def test_imports_point_one_way():
    said, used = [], set()
    for file in FILES:
        package = file.relative_to(ROOT / "mlkit").parts[0]
        if package.endswith(".py"):
            continue  # the root sees all
        for line, target in against_the_order(package, file.read_text()):
            if (relative(file), target) in AGAINST_THE_ORDER:
                used.add((relative(file), target))
            else:
                said.append(
                    f"{relative(file)}:{line}: {package} may not import {target}. Move what both "
                    "need to mlkit/ops or mlkit/_core."
                )
    assert not said, "\n".join(said)
    assert used == set(AGAINST_THE_ORDER), "an exception that is no longer needed: remove it"


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("layers", "from mlkit.losses._focal import focal"),
        ("layers", "from mlkit import losses"),
        ("ops", "def f():\n    import mlkit.layers as l"),
        ("callbacks", "from mlkit.training import fit"),
        ("cli", "from mlkit import testing"),
        ("ops", "from ._masking import mask"),
        ("layers", "from mlkit.nowhere import x"),
    ],
)
def test_the_order_is_enforced(package, source):
    assert against_the_order(package, source)


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("layers", "from mlkit._core.registry import register\nfrom mlkit.ops import safe_norm"),
        ("data", "from mlkit._state import save"),
        ("training", "from mlkit.callbacks._base import Base\nimport mlkit.data"),
        ("optimizers", "from mlkit.optimizers.schedules import _warmup"),
        ("cli", "from mlkit import __version__"),
    ],
)
def test_the_order_allows_what_points_down(package, source):
    assert not against_the_order(package, source)


def private_uses(source: str) -> list[tuple[int, str]]:
    """`(line, name)` where a source imports, or reaches by attribute, what the host hides."""
    found = [(n, m) for n, m in modules(source) if m.startswith(PRIVATE_ROOTS)]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            if name in ("keras.src", "tf.python", "tf.__internal__", "tensorflow.python"):
                found.append((node.lineno, name))
    return found


def test_only_the_public_face_of_the_hosts():
    said, used = [], set()
    for file in FILES:
        for line, name in private_uses(file.read_text()):
            if relative(file) in PRIVATE:
                used.add(relative(file))
            else:
                said.append(f"{relative(file)}:{line}: {name} is private. Use the public API.")
    assert not said, "\n".join(said)
    assert used == set(PRIVATE), "an exception that is no longer needed: remove it"


def test_private_uses_are_seen():
    assert private_uses("from keras.src.layers import x")
    assert private_uses("def f():\n    from tensorflow.python.ops import y")
    assert private_uses("import keras\nkeras.src.layers")
    assert private_uses("import tensorflow as tf\ntf.__internal__.x")
    assert not private_uses("import keras\nfrom keras import ops\nkeras.layers")


def eager(source: str) -> list[tuple[int, str]]:
    """`(line, package)` of what a file imports at once and every user would pay for."""
    cheap = {*sys.stdlib_module_names, "numpy", "keras", "tensorflow", "mlkit"}
    return [
        (node.lineno, name)
        for node in ast.parse(source).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in {n.partition(".")[0] for _, n in modules(ast.unparse(node))}
        if name not in cheap
    ]


def test_files_import_only_keras_tensorflow_and_numpy_at_once():
    said = [
        f"{relative(file)}:{line}: import {name} in the function that needs it, by "
        "mlkit._core.optional.require."
        for file in FILES
        for line, name in eager(file.read_text())
    ]
    assert not said, "\n".join(said)


def test_eager_imports_are_seen():
    assert eager("import os\nfrom matplotlib import pyplot")
    assert eager("import pandas as pd")
    assert not eager("import keras\ndef f():\n    import pandas")


def test_files_are_private():
    said = [
        f"{relative(file)}: a public file can hide a name of Keras (mlkit.losses.dice would be the "
        "module). Begin its name with an underscore."
        for file in FILES
        if not file.name.startswith("_") and not relative(file).startswith("mlkit/_")
    ]
    assert not said, "\n".join(said)


# Keras itself imports pandas, scipy and more where they are installed: what counts is what we add.
ADDED = """
import sys, keras, tensorflow
before = {name.partition(".")[0] for name in sys.modules}
import mlkit
after = {name.partition(".")[0] for name in sys.modules}
print(*sorted(after - before - set(sys.stdlib_module_names) - {"mlkit"}))
"""


def test_import_loads_nothing_beside_keras_and_tensorflow():
    done = subprocess.run(
        [sys.executable, "-c", ADDED],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stdout.split(), "import them in the function, by mlkit._core.optional.require"
