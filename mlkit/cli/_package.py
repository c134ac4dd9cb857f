"""The package itself, for the commands that need it."""

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any


def load() -> Any:
    """`mlkit`, run now if the command has only put it in place."""
    package: Any = importlib.import_module("mlkit")
    if not hasattr(package, "__version__") and package.__spec__ is not None:
        package.__spec__.loader.exec_module(package)
    return sys.modules["mlkit"]


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Keep back what TensorFlow writes to stderr while it starts; show it if that fails.

    It says in ten lines that there is no CUDA, and knows no setting that it obeys this early.
    `mlkit doctor` says the same in one line, and what mends it.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield
        except BaseException:
            file.seek(0)
            os.write(kept, file.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
