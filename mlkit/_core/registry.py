"""One decorator that makes a class or function loadable wherever mlkit is imported."""

from typing import Any, TypeVar

import keras

T = TypeVar("T")


def public_package(module: str) -> str:
    """The public package of a private file: `mlkit.losses._focal` is in `mlkit.losses`."""
    parts = module.split(".")
    for i, part in enumerate(parts):
        if i and part.startswith("_"):
            return ".".join(parts[:i])
    return module


def register(obj: T) -> T:
    """Register a public class or function with Keras under its public path.

    The key is the public package and the name, such as `mlkit.layers>DropPath`, so that a file may
    move inside its package and a loss and a metric may share a name. Keras replaces an object under
    a known key without a word; here that is an error.

    Args:
        obj: a class or function at the top level of a private file of mlkit.

    Returns:
        `obj` itself.

    Raises:
        ValueError: another object is registered under the same key.
    """
    named: Any = obj
    package = public_package(named.__module__)
    key = f"{package}>{named.__name__}"
    known: Any = keras.saving.get_custom_objects().get(key)
    # The same definition again is a module that was reloaded, not a second object.
    same = known is not None and (known.__module__, known.__qualname__) == (
        named.__module__,
        named.__qualname__,
    )
    if known is not None and not same:
        raise ValueError(
            f"Two objects want the key {key!r}: {known.__module__}.{known.__qualname__} and "
            f"{named.__module__}.{named.__qualname__}. A saved model could load either. "
            "Rename one of them."
        )
    return keras.saving.register_keras_serializable(package, named.__name__)(obj)
