"""mlkit runs on the TensorFlow backend of Keras: say so before anything half-works."""

import os

_WAY_OUT = (
    "Set the environment variable KERAS_BACKEND=tensorflow (or remove it, and any other backend "
    'from ~/.keras/keras.json) and start Python again: "import keras" fixes the backend once '
    "for the life of a process."
)


def check_environment() -> None:
    """Raise `ImportError` if `KERAS_BACKEND` names another backend. Call before importing keras."""
    named = os.environ.get("KERAS_BACKEND")
    if named is not None and named != "tensorflow":
        raise ImportError(
            f"mlkit needs the TensorFlow backend of Keras, but KERAS_BACKEND={named!r}. {_WAY_OUT}"
        )


def check_loaded() -> None:
    """Raise `ImportError` if keras was set up with another backend by its configuration file."""
    import keras

    running = keras.backend.backend()
    if running != "tensorflow":
        raise ImportError(
            f"mlkit needs the TensorFlow backend of Keras, but Keras runs on {running!r}. "
            f"{_WAY_OUT}"
        )
