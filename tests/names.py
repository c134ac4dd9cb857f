"""Every mirrored namespace beside its host: missing, replaced, ours.

`python tests/names.py` prints the counts; `test_api.py` asserts what they must be.
"""

import importlib
import inspect
import pkgutil
import types
from collections.abc import Iterator
from dataclasses import dataclass, field

import keras
import tensorflow as tf

import mlkit

# Path of ours under `mlkit` -> the host's namespace.
MIRRORED = {
    "": keras,
    "data": tf.data,
    **{
        name: getattr(keras, name)
        for name in (
            "layers losses metrics optimizers callbacks initializers regularizers constraints "
            "activations ops models export"
        ).split()
    },
    "ops.image": keras.ops.image,
    "optimizers.schedules": keras.optimizers.schedules,
}

# Names of a host that ours does not hold, or holds as something else, and why.
OVERRIDES = {
    "src": "the private side of Keras",
    "version": "`mk.version()` would tell another package's version; ours is `mk.__version__`",
}


@dataclass
class Comparison:
    """What ours has of a host's names, and what it has beside them."""

    same: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)  # by something that is not ours
    retire: list[str] = field(default_factory=list)  # by a part of ours
    overridden: list[str] = field(default_factory=list)
    ours: list[str] = field(default_factory=list)


def join(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def package(path: str) -> types.ModuleType:
    return importlib.import_module(join("mlkit", path))


def public(namespace: types.ModuleType) -> list[str]:
    return [name for name in dir(namespace) if not name.startswith("_")]


def is_ours(value: object, inside: str = "mlkit") -> bool:
    """Whether `value` is a package under `inside` or is defined in a private file of it."""
    if inspect.ismodule(value):
        return value.__name__.startswith(f"{inside}.")
    home = getattr(value, "__module__", None) or ""
    return home.startswith(f"{inside}._" if inside != "mlkit" else "mlkit.")


def compare(path: str, ours: types.ModuleType, host: types.ModuleType) -> Comparison:
    """Sort the public names of both. A mirrored namespace inside this one counts as the same."""
    result = Comparison()
    for name in public(host):
        full = join(path, name)
        theirs, mine = getattr(host, name), getattr(ours, name, None)
        if mine is theirs or (full in MIRRORED and mine is package(full)):
            result.same.append(name)
        elif full in OVERRIDES:
            result.overridden.append(name)
        elif mine is None and not hasattr(ours, name):
            result.missing.append(name)
        else:
            (result.retire if is_ours(mine) else result.replaced).append(name)
    result.ours = [name for name in public(ours) if not hasattr(host, name)]
    return result


def packages() -> list[str]:
    """Paths of all public packages of ours, mirrored or not; `""` is the root."""
    found = [
        module.name.removeprefix("mlkit.")
        for module in pkgutil.walk_packages(mlkit.__path__, "mlkit.")
        if module.ispkg and "._" not in module.name
    ]
    return ["", *found]


def parts(*kinds: str) -> Iterator[tuple[str, str, object]]:
    """`(path, name, object)` of each public class or function of ours, once, where it is public."""
    seen = set()
    for path in sorted(packages(), key=lambda path: (path == "", path)):
        if kinds and path not in kinds:
            continue
        namespace = package(path)
        for name in public(namespace):
            value = getattr(namespace, name)
            if (inspect.isclass(value) or callable(value)) and is_ours(value):
                if id(value) not in seen:
                    seen.add(id(value))
                    yield path, name, value


def main() -> None:
    print(f"{'namespace':28s} {'host':>5s} {'same':>5s} {'ours':>5s}  other")
    for path, host in MIRRORED.items():
        found = compare(path, package(path), host)
        other = found.missing + found.replaced + found.retire + found.overridden
        print(
            f"{join('mlkit', path):28s} {len(public(host)):5d} {len(found.same):5d} "
            f"{len(found.ours):5d}  {' '.join(other)}"
        )


if __name__ == "__main__":
    main()
