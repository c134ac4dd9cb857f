"""Rules for where a part is found: its public path, its key in saved files, its docstring."""

import importlib
import inspect

import keras

from mlkit._core.registry import public_package
from mlkit.testing._check import check
from mlkit.testing._common_config import ALL
from mlkit.testing._kinds import KINDS
from mlkit.testing._report import CheckFailed, NotApplicable
from mlkit.testing._spec import Spec


def _is_ours(cls: type) -> bool:
    return cls.__module__.startswith("mlkit.")


@check(*ALL)
def public_path(spec: Spec) -> None:
    """A part of mlkit is reached under the package that holds its file."""
    cls = spec.cls
    if not _is_ours(cls):
        raise NotApplicable("not a part of mlkit")
    package = public_package(cls.__module__)
    if getattr(importlib.import_module(package), cls.__name__, None) is not cls:
        raise CheckFailed(
            f"{package}.{cls.__name__} is not {cls.__module__}.{cls.__qualname__}",
            why="Users would have to import it from a private file.",
            mend=f"In {package.replace('.', '/')}/__init__.py: "
            f"from {cls.__module__} import {cls.__name__} as {cls.__name__}",
        )


@check(*ALL)
def registered(spec: Spec) -> None:
    """The class is registered, so that saved files load without `custom_objects`."""
    cls = spec.cls
    if cls.__module__.partition(".")[0] == "keras":
        raise NotApplicable("a class of Keras, which Keras finds by its module")
    name = keras.saving.get_registered_name(cls)
    if _is_ours(cls):
        want = f"{public_package(cls.__module__)}>{cls.__name__}"
        if name == want:
            return
        raise CheckFailed(
            f"registered as {name!r}, not {want!r}",
            why="A saved model with this part does not load after `import mlkit` alone.",
            mend="Put @register (mlkit._core.registry) on the class.",
        )
    if keras.saving.get_registered_object(name) is not cls:
        raise CheckFailed(
            f"{cls.__name__} is not registered with Keras",
            why="keras.saving.load_model fails on a model that holds it, unless each caller says "
            f'custom_objects={{"{cls.__name__}": {cls.__name__}}}.',
            mend='Put @keras.saving.register_keras_serializable("my_package") on the class.',
        )


@check(*ALL)
def documented(spec: Spec) -> None:
    """The class has a docstring of its own that names every argument."""
    text = spec.cls.__dict__.get("__doc__") or ""
    if not text.strip():
        raise CheckFailed(
            f"{spec.cls.__name__} has no docstring of its own.",
            why="help() then shows that of the base class, which describes something else.",
            mend="Say in one line what it computes, then each argument with meaning and default.",
        )
    if spec.cls.__init__ is KINDS[spec.kind].base.__init__:
        return  # Keras' own arguments, which Keras documents
    init = inspect.getdoc(spec.cls.__init__) or ""
    silent = [n for n in spec.parameters if n not in text and n not in init]
    silent = [n for n in silent if n not in ("name", "dtype", "trainable", "reduction")]
    if silent:
        raise CheckFailed(
            f"the docstring does not mention: {', '.join(silent)}",
            why="Nobody can know what these arguments mean.",
            mend="Add them under `Args:`, each with meaning, unit, range and default.",
        )
