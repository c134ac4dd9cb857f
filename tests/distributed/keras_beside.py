"""The same job in `model.fit` of Keras and in ours, on several replicas, and what happens.

    python tests/distributed/keras_beside.py            # the table
    python tests/distributed/keras_beside.py -k clip    # those rows with a word in their name

Each job is run twice by both: on one device and on two replicas (two logical CPUs, or two processes
on loopback). The number is how far the final weights are apart, by the largest of each array.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent
# Lines of an error that say where, and not what.
FRAMES = ("Exception encountered", "Graph execution error", "Detected at", "File", "in user code")
# The name of a job, and its options: of the optimizer, of compile, of our trainer, of the data.
JOBS = {
    "plain": {},
    "global_clipnorm=0.1": {"optimizer": {"global_clipnorm": 0.1}},
    "clipvalue=0.01": {"optimizer": {"clipvalue": 0.01}},
    "accumulation over 4": {
        "optimizer": {"gradient_accumulation_steps": 4},
        "trainer": {"accumulate": 4},
    },
    "EMA of the weights": {
        "optimizer": {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 5},
        "trainer": {"ema": 0.9},
    },
    "fp16, NaN on replica 1": {"scaled": True, "nan": True},
    "several steps a call": {
        "compile": {"steps_per_execution": 4},
        "trainer": {"execution": "fused"},
    },
    "jit_compile=True": {
        "compile": {"jit_compile": True},
        "trainer": {"execution": "fused+xla"},
    },
    "a first batch of 33": {"batch": 33, "size": 99},
    "a last batch of 1": {"size": 33},
    "L2 on the kernel": {"l2": 0.05},
    "two workers": {"workers": True},
}


def data(job):
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.normal(size=(job.get("size", 128), 12)).astype("float32")
    y = np.argmax(x[:, :3], axis=1).astype("int64")
    weight = np.ones(len(x), "float32")
    if job.get("nan"):
        weight[31] = np.nan  # in the half of replica 1 of the first batch
    return x, y, weight


def model(job, who):
    import keras

    keras.utils.set_random_seed(1)
    regularizer = keras.regularizers.L2(job["l2"]) if "l2" in job else None
    net = keras.Sequential(
        [
            keras.Input((12,)),
            keras.layers.Dense(16, activation="tanh", kernel_regularizer=regularizer),
            keras.layers.Dense(3),
        ]
    )
    options = dict(job.get("optimizer", {}))
    if who == "mlkit" and "trainer" in job:
        options = {}  # ours is an argument of the trainer
    optimizer = keras.optimizers.SGD(0.1, **options)
    if job.get("scaled"):
        optimizer = keras.mixed_precision.LossScaleOptimizer(optimizer)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    more = {"jit_compile": False, **job.get("compile", {})} if who == "keras" else {}
    net.compile(optimizer, loss, **more)
    return net


def train(who, job, strategy):
    """The final weights of three epochs."""
    import contextlib

    import tensorflow as tf

    import mlkit as mk

    with strategy.scope() if strategy is not None else contextlib.nullcontext():
        net = model(job, who)
    batches = tf.data.Dataset.from_tensor_slices(data(job)).batch(job.get("batch", 32))
    if who == "keras":
        net.fit(batches, epochs=3, verbose=0)
    else:
        trainer = mk.Trainer(net, strategy=strategy, seed=0, **job.get("trainer", {}))
        trainer.fit(batches, epochs=3, verbose=0)
        trainer.finalize()
    return [v.numpy() for v in net.trainable_variables]


def child(who, name):
    """Print what happens on two replicas as one line of JSON."""
    import numpy as np
    import tensorflow as tf

    job = JOBS[name]
    cpu = tf.config.list_physical_devices("CPU")[0]
    if job.get("workers"):
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    else:
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    try:
        alone = train(who, job, None)
        found = train(who, job, strategy)
        far = max(
            float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(found, alone, strict=True)
        )
        finite = all(np.isfinite(v).all() for v in found)
        text = f"{far:.0e} from one device" if finite else "the weights are NaN"
        if not all(np.isfinite(v).all() for v in alone):
            text += " (on one device too)"
    except Exception as error:
        told = [line.strip() for line in str(error).splitlines()]
        told = [line for line in told if line and not line.startswith(FRAMES)]
        text = f"{type(error).__name__}: {told[0] if told else ''}"
    print("RESULT", json.dumps(text), flush=True)
    os._exit(0)  # a worker whose peer has failed waits for it at its end


def outcome(who, name):
    """What the children say; with two workers the first of them."""
    from mlkit.cli._group import configurations

    texts = configurations(2) if JOBS[name].get("workers") else [None]
    children = [
        subprocess.Popen(
            [sys.executable, __file__, "--child", who, "--job", name],
            env={**os.environ, **({"TF_CONFIG": text} if text else {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for text in texts
    ]
    try:
        out = children[0].communicate(timeout=120)[0]
    except subprocess.TimeoutExpired:
        return "hangs"
    finally:
        for one in children:
            one.kill()
    return next((json.loads(r[7:]) for r in out.splitlines() if r.startswith("RESULT")), "died")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-k", default="", help="only jobs with this in their name")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        return child(arguments.child, arguments.job)
    print(f"{'job':24}{'mlkit':50}Keras")
    for name in (n for n in JOBS if arguments.k in n):
        ours, theirs = outcome("mlkit", name), outcome("keras", name)
        print(f"{name:24}{ours:50.48}{theirs:.150}", flush=True)
    return 0


if __name__ == "__main__":
    sys.path[:0] = [str(TESTS), str(TESTS.parent)]
    sys.exit(main())
