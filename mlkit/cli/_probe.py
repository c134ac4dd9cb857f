"""What TensorFlow can do here, asked in a process of its own: it may die or hang on the way.

Run by path and without mlkit, since `import mlkit` is one of the questions. The last line of the
output is JSON.
"""

import json
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any


def attempt(function: Callable[[], Any]) -> dict[str, Any]:
    """What a question comes to: a value, or the last line of the error."""
    begin = time.perf_counter()
    try:
        answer = {"value": function()}
    except Exception:
        answer = {"error": traceback.format_exc().strip().splitlines()[-1]}
    return {**answer, "seconds": round(time.perf_counter() - begin, 2)}


def devices() -> dict[str, Any]:
    import tensorflow as tf  # the devices are its own

    named = [
        tf.config.experimental.get_device_details(device).get("device_name", device.name)
        for device in tf.config.list_physical_devices("GPU")
    ]
    others = [d.name for d in tf.config.list_physical_devices() if d.device_type != "GPU"]
    return {"gpus": named, "others": others, "cuda": tf.test.is_built_with_cuda()}


def xla() -> bool:
    import tensorflow as tf  # the compiler is asked for by tf.function

    @tf.function(jit_compile=True)
    def program(x: Any) -> Any:
        return tf.reduce_sum(tf.tanh(x @ x))

    x = tf.eye(8)
    return bool(abs(float(program(x)) - float(tf.reduce_sum(tf.tanh(x @ x)))) < 1e-4)


def mixed_precision() -> dict[str, Any]:
    import keras
    import numpy as np

    works = {}
    for policy in ("mixed_bfloat16", "mixed_float16"):
        output = keras.layers.Dense(4, dtype=policy)(np.ones((2, 3), "float32"))
        works[policy] = keras.backend.standardize_dtype(output.dtype)
    return {"policy": keras.config.dtype_policy().name, "works": works}


def import_mlkit() -> str:
    import mlkit

    return mlkit.__version__


def main() -> None:
    questions = (devices, xla, mixed_precision, import_mlkit)
    answers = {question.__name__: attempt(question) for question in questions}
    sys.stdout.write("\n" + json.dumps(answers) + "\n")


if __name__ == "__main__":
    main()
