"""What the scripts about crashes run: small training jobs, each in a process of its own.

The parent imports everything and runs no operation, so that the runtime has not started; a child is
a fork of it and begins training within a second, where an import would take three.
"""

import hashlib
import inspect
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[2]))

import keras
import numpy as np
import tensorflow as tf
from keras import layers

import mlkit as mk
from mlkit._state import files
from mlkit._state.variables import collect

EXAMPLES, BATCH, EPOCHS, SAVE_EVERY = 150, 32, 4, 3
STEPS = -(-EXAMPLES // BATCH)  # the last one is ragged
MOMENTS = ("anywhere", "data", "step", "save", "rename", "validation", "callback")
FINISHED = 0


@dataclass(frozen=True)
class Job:
    """One cell of the matrix."""

    replicas: int = 1
    policy: str = "float32"
    accumulate: int = 1
    data: str = "arrays"
    execution: str = "step"

    def __str__(self):
        return (
            f"{self.replicas} {self.policy:13s} x{self.accumulate} {self.data:8s} {self.execution}"
        )


def matrix():
    """All cells that can be run: `epoch` needs data in memory, two replicas a `strategy`."""
    replicas = (1, 2) if "strategy" in inspect.signature(mk.Trainer).parameters else (1,)
    return [
        Job(count, policy, accumulate, data, execution)
        for count in replicas
        for policy in ("float32", "mixed_float16")
        for accumulate in (1, 4)
        for data in ("arrays", "records", "parallel")
        for execution in ("step", "fused", "epoch")
        if execution != "epoch" or data == "arrays"
    ]


def images():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(EXAMPLES, 6, 6, 1)).astype("float32")
    return x, np.argmax(x.reshape(EXAMPLES, -1)[:, :3], axis=1).astype("int64")


def write_records(folder):
    """The file that the jobs over records read."""
    x, y = images()
    mk.data.write_records({"x": x, "y": y}, folder / "records")


def source(job, folder):
    """What the job trains on, as arguments of `fit`."""
    x, y = images()
    if job.data == "arrays":
        return (x, y), {"batch_size": BATCH}
    if job.data == "records":
        read = mk.data.read_records(folder / "records", resident=False)
        pairs = read.map(lambda row: (row["x"], row["y"]))
        # One order for all epochs: of several, TensorFlow forgets which comes after a short batch.
        shuffled = pairs.shuffle(50, seed=5, reshuffle_each_iteration=False)
        return (shuffled.batch(BATCH),), {}
    augment = [mk.data.augment.flip(), mk.data.augment.crop(padding=1)]
    return (mk.data.pipeline((x, y), BATCH, augment=augment, parallel=4, seed=5),), {}


class Kill(keras.callbacks.Callback):
    """Kills its process at a chosen moment; without a moment it does nothing.

    Args:
        moment: one of `MOMENTS`.
        at: at which update, or at which time that the moment comes.
        delay: seconds from then to the kill.
    """

    def __init__(self, moment=None, at=0, delay=0.0):
        super().__init__()
        self.moment, self.at, self.delay = moment, at, delay
        self.epoch, self.seen = 0, 0
        if moment in ("save", "rename"):
            files.failpoint = self.failpoint

    def fire(self):
        if not self.delay:
            os.kill(os.getpid(), signal.SIGKILL)
        threading.Thread(target=self.wait, daemon=True).start()

    def wait(self):
        time.sleep(self.delay)
        os.kill(os.getpid(), signal.SIGKILL)

    def count(self):
        self.seen += 1
        if self.seen == self.at:
            self.fire()

    def failpoint(self, name):
        place = "rename" if name in ("before-rename", "after-rename", "half-removed") else "save"
        if place == self.moment:
            self.count()

    def next_update(self, update):
        edge = self.moment in ("data", "step", "callback")
        return self.at if edge and update < self.at else None

    def on_train_batch_end(self, batch, logs=None):
        edge = self.moment in ("data", "step", "callback")
        if edge and self.epoch * STEPS + batch + 1 == self.at:
            self.fire()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_test_begin(self, logs=None):
        if self.moment == "validation":
            self.count()

    def get_state(self):
        return {}

    def set_state(self, state):
        """Nothing is carried over."""


def moment(rng, kind):
    """A random moment of a kind, for `Kill`."""
    delay = {"data": 0.001, "step": 0.02, "save": 0.003, "validation": 0.02}.get(kind, 0.0)
    high = {"save": 10, "rename": 15, "validation": EPOCHS}.get(kind, EPOCHS * STEPS - 1)
    return {"moment": kind, "at": rng.randint(1, high), "delay": rng.random() * delay}


def make_model():
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dropout(0.3),
            layers.BatchNormalization(),
            layers.Dense(3, dtype="float32"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return model


def train(job, folder, run, kill=None, trainer_class=mk.Trainer, patience=50, **options):
    """Run a job to its end, or to the kill; returns its trainer, history and callbacks.

    The first epoch is the best one for EarlyStopping: a run of more than `patience` epochs ends.
    """
    strategy = None
    if job.replicas > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        devices = [tf.config.LogicalDeviceConfiguration()] * job.replicas
        tf.config.set_logical_device_configuration(cpu, devices)
        strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(job.replicas)])
    keras.mixed_precision.set_global_policy(job.policy)
    with nullcontext() if strategy is None else strategy.scope():
        model = make_model()
    own = {} if strategy is None else {"strategy": strategy}
    trainer = trainer_class(
        model, seed=3, ema=0.9, accumulate=job.accumulate, execution=job.execution, **own
    )
    callbacks = [
        # The loss falls, so that the first epoch stays the best: its memory is needed to the end.
        keras.callbacks.EarlyStopping(
            "loss", mode="max", patience=patience, restore_best_weights=True
        ),
        keras.callbacks.ReduceLROnPlateau("val_loss", patience=1),
        Kill(**(kill or {})),
    ]
    x, y = images()
    data, extra = source(job, folder)
    settings = {"epochs": EPOCHS, "save_every": SAVE_EVERY, "verbose": 0, **extra, **options}
    history = trainer.fit(
        *data, validation_data=(x[:40], y[:40]), callbacks=callbacks, run=run, **settings
    )
    return trainer, history, callbacks


def digest(trainer, history, callbacks):
    """SHA-256 of each part of the state: every variable, the history, what callbacks remember."""
    stop, plateau, _ = callbacks
    remembered = [stop.best, stop.wait, stop.best_epoch, plateau.best, plateau.wait]
    parts = {
        "history": repr([history.history, history.epoch]).encode(),
        "callbacks": repr(remembered).encode(),
    }
    for key, variable in collect(trainer).items():
        value = np.asarray(variable.numpy())
        parts[key] = f"{value.dtype} {value.shape}".encode() + value.tobytes()
    return {key: hashlib.sha256(data).hexdigest() for key, data in sorted(parts.items())}


def run_and_write(job, folder, run, kill, result):
    """What a child does: the job, and then its digest into a file."""
    parts = digest(*train(job, folder, run, kill))
    whole = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    result.write_text(json.dumps({"sha256": whole, "parts": parts}))


def forked(function, *args, quiet=True):
    """Run a function in a fork of this process; returns the pid."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        if quiet:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 2)
        function(*args)
        status = FINISHED
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException as error:  # the parent must hear of it, and the child must end here
        print(f"  child: {type(error).__name__}: {error}", flush=True)
    finally:
        os._exit(status)


def ended(pid, kill_after=None, limit=900.0):
    """Wait for a child; returns its exit status, negative for a signal.

    Args:
        pid: of the child.
        kill_after: seconds after which it is killed.
        limit: seconds after which it is taken to hang.
    """
    begin = time.monotonic()
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        passed = time.monotonic() - begin
        if kill_after is not None and passed >= kill_after:
            os.kill(pid, signal.SIGKILL)
            kill_after = None
        if passed > limit:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise TimeoutError(f"a child did not end within {limit} s")
        time.sleep(0.002)


def clean(path):
    shutil.rmtree(path, ignore_errors=True)


def rng_of(seed, *parts):
    return random.Random(f"{seed} {parts}")
