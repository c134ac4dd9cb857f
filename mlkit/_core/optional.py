"""Packages that mlkit uses when they are there."""

import importlib
import importlib.util
from types import ModuleType


def available(module: str) -> bool:
    """Whether `module` can be imported, without importing it."""
    return importlib.util.find_spec(module) is not None


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional package, or say which command installs it.

    Args:
        module: name to import, such as `"matplotlib.pyplot"`.
        extra: extra of mlkit-tf that brings it, such as `"plot"`.
        purpose: what needs it, as the subject of a sentence: `"History.plot"`.

    Raises:
        ImportError: the package is not installed; the message holds the command that mends it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] != package:
            raise  # the package is there, but not something that it needs
        raise ImportError(
            f"{purpose} needs {package}, which is not installed. "
            f'Run: pip install "mlkit-tf[{extra}]"'
        ) from None
