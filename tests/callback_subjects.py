"""What the tests of callbacks share: a job that runs in every loop."""

import keras
import numpy as np

import mlkit as mk

LOOPS = ("fit", "eager", "step", "fused", "epoch")


def data(size=40, features=4, classes=3):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(size, features)).astype("float32")
    return x, np.argmax(x[:, :classes], axis=1)


def model(*layers, optimizer=None, metrics=("accuracy",), **kwargs):
    keras.utils.set_random_seed(0)
    built = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(3, name="head")])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    built.compile(optimizer or keras.optimizers.Adam(0.05), loss, metrics=list(metrics), **kwargs)
    return built


def train(callbacks, loop="fit", made=None, *, epochs=3, **kwargs):
    """Three epochs of five updates in one of the loops; returns the model."""
    made = made if made is not None else model()
    x, y = data()
    callbacks = callbacks if isinstance(callbacks, list) else [callbacks]
    options = {"epochs": epochs, "batch_size": 8, "shuffle": False, "verbose": 0}
    options |= {"validation_data": (x[:16], y[:16]), "callbacks": callbacks, **kwargs}
    if loop == "fit":
        made.fit(x, y, **options)
    else:
        mk.Trainer(made, execution=loop, seed=0).fit(x, y, **options)
    return made


class Breaks(keras.callbacks.Callback):
    """Breaks a run off as an epoch begins; with None it never does."""

    def __init__(self, epoch, error=RuntimeError):
        super().__init__()
        self.epoch = epoch
        self.error = error

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise self.error("broken")


def values(made):
    """All variables of a model and of its optimizer, as arrays."""
    return [np.array(v) for v in [*made.variables, *made.optimizer.variables]]


def same_values(a, b):
    return len(a) == len(b) and all(np.array_equal(u, v) for u, v in zip(a, b, strict=True))
