"""What the source must look like. Each message says what to write instead.

`python tests/test_source.py` prints the sizes.
"""

import ast
import re
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "mlkit").rglob("*.py"))
TREES = {file: ast.parse(file.read_text()) for file in FILES}

# Where TensorFlow itself is the subject. Everywhere else the arithmetic is keras.ops.
TENSORFLOW = {"_core", "_state", "data", "training", "inspect", "export", "serving", "testing"}
TENSORFLOW |= {"cli", "plotting", "__init__.py"}

COMPONENTS = (
    "initializers activations regularizers constraints layers losses metrics optimizers callbacks"
).split()

MAX_FILE, MAX_FUNCTION = 400, 40

# Files that hold more than one public class, and why.
SEVERAL_CLASSES = {
    "mlkit/testing/_spec.py": "one record a kind, read side by side",
    "mlkit/testing/_report.py": "the outcomes of a check, read side by side",
}

TOP_LEVEL = {"pyproject.toml", "mlkit", "tutorials", "tests", "notebooks"}
TOP_LEVEL |= {"README.md", "LICENSE", "NOTICE"}

# Written in pieces, so that this file does not find itself.
FOREIGN = re.compile(
    r"(?<![\w.}/-])/(?:" + "|".join(["work", "opt", "root", "home"]) + r")/"
    r"|(?:extra-)?index" + r"-url|https?://(?:localhost|127\.|10\.|192\.168\.)\S*simple"
)
LATER = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]) + r")\b")


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def package(file: Path) -> str:
    return file.relative_to(ROOT / "mlkit").parts[0]


def committed() -> list[str]:
    """All files of the repository, and those that are about to be added."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        return [name for name in done.stdout.splitlines() if (ROOT / name).exists()]
    return [relative(file) for file in ROOT.rglob("*") if file.is_file()]


def tensorflow_without_reason(source: str) -> list[int]:
    """Lines that import TensorFlow and have no comment on them or above them."""
    lines = source.splitlines()
    bare = []
    for node in ast.walk(ast.parse(source)):
        imported = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(name.partition(".")[0] == "tensorflow" for name in imported):
            above = lines[node.lineno - 2].strip() if node.lineno > 1 else ""
            comment = lines[node.lineno - 1].partition("#")[2].replace("noqa", "")
            comment = comment or (above[1:] if above.startswith("#") else "")
            if len(re.findall(r"\w+", comment)) < 3:
                bare.append(node.lineno)
    return bare


def swallowed(tree: ast.AST) -> list[int]:
    """Lines of `except` clauses that catch everything or do nothing about what they caught."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or all(isinstance(s, ast.Pass) for s in node.body))
    ]


def functions(tree: ast.AST) -> Iterator[tuple[str, int, int]]:
    """`(name, line, lines of code)` of each function: its body without the docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            length = node.end_lineno - body[0].lineno + 1 if body else 0
            yield node.name, node.lineno, length


def classes(tree: ast.Module) -> list[str]:
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]


def unannotated(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """`(line, what)` of the public functions and methods whose signature says too little."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    static = any(
                        getattr(d, "id", "") == "staticmethod" for d in method.decorator_list
                    )
                    yield from _unannotated(method, skip=0 if static else 1)
        elif isinstance(node, ast.FunctionDef):
            yield from _unannotated(node, skip=0)


def _unannotated(node: ast.FunctionDef, skip: int) -> Iterator[tuple[int, str]]:
    if node.name.startswith("_") and node.name not in ("__init__", "__call__"):
        return
    given = node.args
    arguments = [*given.posonlyargs, *given.args][skip:] + given.kwonlyargs
    arguments += [a for a in (given.vararg, given.kwarg) if a]
    missing = [a.arg for a in arguments if a.annotation is None]
    missing += [] if node.returns or node.name == "__init__" else ["return"]
    if missing:
        yield node.lineno, f"{node.name}: {', '.join(missing)}"


def test_components_compute_with_keras_ops():
    said = [
        f"{relative(file)}:{line}: a component computes with keras.ops. If only TensorFlow has the "
        "operation, say so in a comment at the import."
        for file in FILES
        if package(file) not in TENSORFLOW
        for line in tensorflow_without_reason(file.read_text())
    ]
    assert not said, "\n".join(said)


def test_no_assert_in_the_package():
    said = [
        f"{relative(file)}:{node.lineno}: python -O removes an assert. Raise an error that names "
        "the argument, the value and the way out (mlkit._core.checks)."
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]
    assert not said, "\n".join(said)


def test_no_error_is_swallowed():
    said = [
        f"{relative(file)}:{line}: name the exception and handle it; if doing nothing is right, "
        "contextlib.suppress(ThatError) with the reason in a comment."
        for file, tree in TREES.items()
        for line in swallowed(tree)
    ]
    assert not said, "\n".join(said)


def test_nothing_is_left_for_later():
    said = [
        f"{relative(file)}:{number}: do it now, or let the docstring say what is not done."
        for file in FILES
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if LATER.search(line)
    ]
    assert not said, "\n".join(said)


def test_files_are_short():
    said = [
        f"{relative(file)} has {length} lines (at most {MAX_FILE}): it holds two concepts."
        for file in FILES
        if (length := len(file.read_text().splitlines())) > MAX_FILE
    ]
    assert not said, "\n".join(said)


def test_functions_are_short():
    said = [
        f"{relative(file)}:{line}: {name} has {length} lines of code (at most {MAX_FUNCTION}): "
        "give a step of it a name of its own."
        for file, tree in TREES.items()
        for name, line, length in functions(tree)
        if length > MAX_FUNCTION
    ]
    assert not said, "\n".join(said)


def test_one_public_class_a_file_named_after_it():
    said = []
    for file, tree in TREES.items():
        found = classes(tree)
        if not found or relative(file) in SEVERAL_CLASSES:
            continue
        if len(found) > 1:
            said.append(f"{relative(file)} has {found}: a file each (or an underscore).")
        elif package(file) in COMPONENTS and found[0].lower() != file.stem.replace("_", ""):
            said.append(f"{relative(file)} holds {found[0]}: name the file after the class.")
    assert not said, "\n".join(said)


def test_every_exception_is_still_needed():
    unused = [
        name for name in SEVERAL_CLASSES
        if not (ROOT / name).exists() or len(classes(TREES[ROOT / name])) < 2
    ]  # fmt: skip
    assert not unused, "an exception that is no longer needed: remove it"


def test_every_public_class_is_registered():
    import keras
    import names

    said = []
    for path, name, value in names.parts(*COMPONENTS, "optimizers.schedules"):
        kind = path.partition(".")[0]
        if kind == "callbacks":
            continue  # not part of a saved model: Keras' callbacks have no get_config to register
        if isinstance(value, type) or kind in ("activations", "losses"):
            key = keras.saving.get_registered_name(value)
            if key != f"mlkit.{path}>{name}":
                said.append(f"mlkit.{path}.{name} has the key {key!r}: put @register above it.")
    assert not said, "\n".join(said)


def test_public_signatures_are_annotated():
    said = [
        f"{relative(file)}:{line}: annotate {what}"
        for file, tree in TREES.items()
        for line, what in unannotated(tree)
    ]
    assert not said, "\n".join(said)


def test_no_path_or_address_of_one_machine():
    said = []
    for name in committed():
        try:
            text = (ROOT / name).read_text()
        except UnicodeDecodeError:
            continue  # a picture, an archive
        said += [
            f"{name}:{number}: {found[0]!r} exists on one machine only. Use a path relative to the "
            "file, tmp_path or an argument."
            for number, line in enumerate(text.splitlines(), 1)
            if (found := FOREIGN.search(line))
        ]
    assert not said, "\n".join(said)


def test_the_top_level_holds_what_it_should():
    found = {name.partition("/")[0] for name in committed()}
    stray = {name for name in found if not name.startswith(".")} - TOP_LEVEL
    assert not stray, f"{sorted(stray)}: move it into one of {sorted(TOP_LEVEL)}"


def test_no_two_names_differ_only_by_case():
    groups = defaultdict(set)
    for name in committed():
        groups[name.lower()].add(name)
    clashes = [sorted(group) for group in groups.values() if len(group) > 1]
    assert not clashes, f"one file on macOS and Windows: {clashes}"


@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        (
            tensorflow_without_reason,
            "import numpy\nimport tensorflow as tf\n",
            "import tensorflow as tf  # keras.ops has no CTC\n",
        ),
        (
            tensorflow_without_reason,
            "def f():\n    from tensorflow.nn import relu\n",
            "# keras.ops has no sparse lookup\nimport tensorflow as tf\n",
        ),
        (
            lambda source: swallowed(ast.parse(source)),
            "try:\n    f()\nexcept OSError:\n    pass\n",
            "try:\n    f()\nexcept OSError:\n    g()\n",
        ),
        (
            lambda source: swallowed(ast.parse(source)),
            "try:\n    f()\nexcept:\n    g()\n",
            "with suppress(OSError):\n    f()\n",
        ),
        (
            lambda source: list(unannotated(ast.parse(source))),
            "class A:\n    def call(self, x) -> int: ...\n",
            "class A:\n    def call(self, x: int) -> int: ...\n    def _own(self, x): ...\n",
        ),
        (
            lambda source: list(unannotated(ast.parse(source))),
            "def f(x: int): ...\n",
            "def f(x: int, *a: int, **k: int) -> None: ...\n",
        ),
        (
            lambda source: list(unannotated(ast.parse(source))),
            "class A:\n    def __init__(self, **kwargs): ...\n",
            "class A:\n    def __init__(self, **kwargs: Any): ...\n",
        ),
        (
            lambda source: [f for f in functions(ast.parse(source)) if f[2] > 2],
            'def f():\n    """Text."""\n    a = 1\n    b = 2\n    return a\n',
            'def f():\n    """Text\n\n    and\n    text."""\n    return 1\n',
        ),
        (FOREIGN.search, "see /" + "home/me/x", "tmp/home/x"),
        (FOREIGN.search, "'/" + "opt/tool/x'", "https://opt.example.org/opt/x"),
        (FOREIGN.search, "pip --index" + "-url=x", "pip install x"),
        (LATER.search, "# TO" + "DO(me): later", "# to do is to be"),
    ],
)  # fmt: skip
def test_the_rules_tell_bad_from_good(rule, bad, good):
    assert rule(bad)
    assert not rule(good)


def main() -> None:
    files = [len(file.read_text().splitlines()) for file in FILES if file.name != "__init__.py"]
    bodies = [length for tree in TREES.values() for _, _, length in functions(tree)]
    for what, sizes in (("files", files), ("functions", bodies)):
        print(f"{len(sizes)} {what}: median {statistics.median(sizes):g} lines, max {max(sizes)}")


if __name__ == "__main__":
    main()
