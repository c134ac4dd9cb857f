"""Each check of callbacks fails on a callback that breaks its rule, and only on such."""

import keras
import pytest

from mlkit.testing import CallbackSpec, check_callback
from mlkit.testing._check import checks
from mlkit.testing._run import run


class Sound(keras.callbacks.Callback):
    """Counts updates, and remembers the best loss."""

    def __init__(self, monitor="loss"):
        super().__init__()
        self.monitor = monitor

    def on_train_begin(self, logs=None):
        self.updates, self.best = 0, float("inf")

    def on_train_batch_end(self, batch, logs=None):
        self.updates += 1

    def on_epoch_end(self, epoch, logs=None):
        if self.monitor not in logs:
            raise ValueError(f"{self.monitor} is not among {sorted(logs)}")
        self.best = min(self.best, logs[self.monitor])

    def get_state(self):
        return {"best": self.best}

    def set_state(self, state):
        self.best = state["best"]


def spec(cls=Sound, **fields):
    given = {
        "kwargs": {"monitor": "val_loss"},
        "observe": lambda c: (c.updates, c.best),
        "monitors": "monitor",
        "stateful": True,
    }
    return CallbackSpec(cls, **{**given, **fields})


def variant(**methods):
    return type("Variant", (Sound,), methods)


def swallow(self, logs=None):
    raise RuntimeError("a file was closed twice")


def lost(self, monitor="loss"):
    Sound.__init__(self, "loss")


class QuietBlocks(Sound):
    """Lets blocks be long, and counts its calls all the same."""

    def next_update(self, update):
        return None


def no_reset(self, logs=None):
    self.updates = getattr(self, "updates", 0)
    self.best = getattr(self, "best", float("inf"))


def silent(self, epoch, logs=None):
    self.best = min(self.best, logs.get(self.monitor, self.best))


FAULTS = {
    "keeps_arguments": variant(__init__=lost),
    "same_in_every_loop": QuietBlocks,
    "used_again": variant(on_train_begin=no_reset),
    "ends_after_an_error": variant(on_train_end=swallow),
    "missing_monitor": variant(on_epoch_end=silent),
    "state": variant(set_state=lambda self, state: setattr(self, "best", 0.0)),
}


def test_a_sound_callback_passes():
    report = run(spec())
    assert report.ok, report


def test_every_check_has_a_planted_fault():
    assert FAULTS.keys() == {c.name for c in checks("callback")}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(name):
    assert run(spec(FAULTS[name]))[name].status == "failed"


def test_callbacks_of_keras():
    check_callback(
        keras.callbacks.ReduceLROnPlateau,
        {"monitor": "loss", "factor": 0.5, "patience": 0, "min_delta": 0.1},
        observe=lambda c: c.best,
        monitors="monitor",
        verbose=False,
    )
