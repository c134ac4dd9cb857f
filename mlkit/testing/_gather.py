"""Finding specs in test files, and public parts that no spec is about."""

import ast
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from mlkit.testing._kinds import KINDS
from mlkit.testing._spec import Spec


def gather(directory: str | Path) -> list[Spec]:
    """The specs of all test files below a directory.

    Args:
        directory: folder of tests. Each `test_*.py` with a `SPECS = [...]` at the top level is
            imported, by path.

    Returns:
        The specs, in the order of the files' paths.

    Raises:
        FileNotFoundError: there is no such directory.
        TypeError: `SPECS` holds something else.
    """
    root = Path(directory).resolve()
    if not root.is_dir():
        raise FileNotFoundError(f"`directory` must be a folder of tests. Received: {directory}")
    found: list[Spec] = []
    for path in sorted(root.rglob("test_*.py")):
        if not _has_specs(path):
            continue
        for spec in _import(path, root).SPECS:
            if not isinstance(spec, Spec):
                raise TypeError(f"`SPECS` must hold specs. Received: {spec!r} in {path}")
            found.append(spec)
    return found


def _has_specs(path: Path) -> bool:
    """Whether the file assigns to `SPECS` at its top level: others are not imported."""
    text = path.read_text(encoding="utf-8")
    if "SPECS" not in text:
        return False
    assigned = [node for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    return any(
        isinstance(t, ast.Name) and t.id == "SPECS" for node in assigned for t in node.targets
    )


def _import(path: Path, root: Path) -> ModuleType:
    """The module at a path, under a name of its own: two folders may hold the same file name."""
    name = ".".join(("mlkit_specs", *path.relative_to(root).with_suffix("").parts))
    if name in sys.modules and sys.modules[name].__file__ == str(path):
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"Python cannot import {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and Keras look their module up by name
    sys.path.insert(0, str(root))  # where test files find what they share
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(str(root))
    return module


def unlisted(specs: list[Spec]) -> list[str]:
    """Public parts of mlkit that none of the specs is about, as `mlkit.layers.Name`.

    Discovered in the namespaces of the kinds, not in Keras' registry: a part without `@register`
    shall be seen.
    """
    listed = {spec.cls for spec in specs}
    missing = []
    for kind in KINDS.values():
        package = importlib.import_module(kind.package)
        for name in dir(package):
            part = getattr(package, name)
            if name.startswith("_") or not isinstance(part, type) or part in listed:
                continue
            if part.__module__.startswith("mlkit.") and issubclass(part, kind.base):
                missing.append(f"{kind.package}.{name}")
    return missing
