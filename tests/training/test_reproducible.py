"""One switch, and every process computes the same bits."""

import subprocess
import sys
import textwrap

import pytest

import mlkit as mk

SCRIPT = """
    import hashlib
    import keras
    import numpy as np
    import tensorflow as tf
    import mlkit as mk

    mk.training.reproducible(7)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(2)])
    model.compile("adam", "mse")
    x = np.random.normal(size=(64, 4)).astype("float32")

    def noisy(x, y):
        return x + tf.random.normal(tf.shape(x)), y  # stateful, in a parallel map

    data = tf.data.Dataset.from_tensor_slices((x, x[:, :2])).map(noisy, num_parallel_calls=4)
    model.fit(data.shuffle(64).batch(8), epochs=2, verbose=0)
    print(hashlib.sha256(b"".join(v.numpy().tobytes() for v in model.variables)).hexdigest())
    """


@pytest.mark.slow
def test_two_processes_compute_the_same_bits_and_say_what_it_costs():
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT)]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(2)]
    assert runs[0].stdout == runs[1].stdout != ""
    assert "mlkit: reproducible, seed 7. XLA is off" in runs[0].stderr


def test_a_negative_seed():
    with pytest.raises(ValueError, match="`seed` must be"):
        mk.training.reproducible(-1)
