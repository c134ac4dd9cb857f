"""The `mlkit` command: quickstart, tutorials, launch, checkpoints, doctor.

A file for each command, found by `mlkit --help`. Nothing here imports TensorFlow before a command
needs it, so that help is quick and the doctor can speak where TensorFlow cannot be imported.
"""

from mlkit.cli._main import main as main
