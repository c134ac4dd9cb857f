"""Epochs of an MLP 64-128-10 with each callback that does not act, beside the bare epochs.

Both sides run eleven epochs of 400 updates of 32 examples in the `epoch` program with XLA, by one
trainer, which compiles once. What is between the beginning of an epoch and its end is timed; the
goal is 1 µs an update, and `--seconds 10` tells it from the noise of the machine. Printed beside it
is what a callback costs at the ends of epochs and of the run: a file is opened, a teacher made.
NaNRecovery acts in each update: it looks at the loss and at all gradients.
"""

import functools
import tempfile
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from _row import Row

import mlkit as mk

C = mk.callbacks
BATCH, STEPS, EPOCHS = 32, 400, 11
NEVER = 10**9
RNG = np.random.default_rng(0)
X = RNG.normal(size=(BATCH * STEPS, 64)).astype("float32")
Y = RNG.integers(0, 10, len(X))
FOLDER = tempfile.TemporaryDirectory()


@functools.cache
def trainer() -> mk.Trainer:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(128, "relu"), keras.layers.Dense(10)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return mk.Trainer(model, loss=loss, optimizer="adam", execution="epoch+xla", seed=0)


class Start(keras.callbacks.Callback):
    """When an epoch began; the last of the callbacks."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.time = time.perf_counter()


class Stop(keras.callbacks.Callback):
    """Seconds within the epochs; the first of the callbacks."""

    def __init__(self, start: Start) -> None:
        super().__init__()
        self.start = start

    def on_train_begin(self, logs: Any = None) -> None:
        self.seconds = 0.0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds += time.perf_counter() - self.start.time


def run(make: Callable[[], list[Any]]) -> Callable[[], float]:
    # Made outside of what is measured: the cost of a callback is what it does in a run.
    start = Start()
    stop = Stop(start)
    callbacks = [stop, *make(), start]

    def once() -> float:
        job = trainer()
        job.fit(X, Y, batch_size=BATCH, epochs=EPOCHS, verbose=0, callbacks=callbacks)
        return stop.seconds

    return once


def row(name: str, make: Callable[[], Any]) -> Row:
    return Row(
        name,
        "the same without it",
        lambda: run(lambda: [make()]),
        lambda: run(list),
        goal=1.0,
        updates=STEPS * EPOCHS,
    )


ROWS = [
    row("TimeStopping", lambda: C.TimeStopping()),
    row("TQDMProgressBar", lambda: C.TQDMProgressBar(show_epoch_progress=False)),
    row(
        "TopKCheckpoint",
        lambda: C.TopKCheckpoint(FOLDER.name, "loss", mode="max", k=1, last=0, minutes=9.0),
    ),
    row("StochasticWeightAveraging", lambda: C.StochasticWeightAveraging(NEVER)),
    row("EMATeacher", lambda: C.EMATeacher(every=NEVER)),
    row("GradientLogger", lambda: C.GradientLogger(X[:32], Y[:32], every=NEVER)),
    row("OptimizerLogger", lambda: C.OptimizerLogger(every=NEVER)),
    row("Throughput", lambda: C.Throughput(every=NEVER)),
    row("DeadUnits", lambda: C.DeadUnits(X[:32], every=NEVER)),
    row("MetricsLogger", lambda: C.MetricsLogger(every=NEVER)),
    row("PredictionLogger", lambda: C.PredictionLogger(X[:8], Y[:8], every=NEVER)),
    row("WarmupReduceLROnPlateau", lambda: C.WarmupReduceLROnPlateau("loss", patience=NEVER)),
    row("SnapshotEnsemble", lambda: C.SnapshotEnsemble(FOLDER.name, NEVER)),
    row("TensorBoardLogger", lambda: C.TensorBoardLogger(FOLDER.name, every=NEVER, histograms=0)),
    row("NaNRecovery", lambda: C.NaNRecovery(every=STEPS)),
    row("ConfusionMatrix", lambda: C.ConfusionMatrix(X[:32], Y[:32], every=NEVER)),
    row("StepEvaluator", lambda: C.StepEvaluator(X[:32], Y[:32], every=NEVER)),
]
