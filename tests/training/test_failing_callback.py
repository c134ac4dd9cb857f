"""A callback that raises: all others end, the state is saved, and the error has its name."""

import keras
import numpy as np
import pytest
from loop_subjects import compiled, digits_like, state

import mlkit as mk

X, Y = digits_like()


class Fails(keras.callbacks.Callback):
    """Fails once, in one hook, the n-th time."""

    def __init__(self, hook, time):
        super().__init__()
        self.hook, self.time, self.seen = hook, time, 0

    def _look(self, hook):
        self.seen += hook == self.hook
        if hook == self.hook and self.seen == self.time:
            raise OSError("disk on fire")

    def on_train_begin(self, logs=None):
        self._look("on_train_begin")

    def on_epoch_begin(self, epoch, logs=None):
        self._look("on_epoch_begin")

    def on_train_batch_end(self, batch, logs=None):
        self._look("on_train_batch_end")

    def on_test_begin(self, logs=None):
        self._look("on_test_begin")

    def on_test_end(self, logs=None):
        self._look("on_test_end")

    def on_epoch_end(self, epoch, logs=None):
        self._look("on_epoch_end")

    def on_train_end(self, logs=None):
        self._look("on_train_end")


class Ends(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.ended, self.epochs = 0, []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(epoch)

    def on_train_end(self, logs=None):
        self.ended += 1


def job(run, *callbacks):
    """Three epochs of five updates; the average of weights counts the epochs that it was told."""
    swa = mk.callbacks.StochasticWeightAveraging(0)
    last = mk.callbacks.MetricsLogger(every=None)
    trainer = mk.Trainer(compiled(), seed=3, execution="epoch")
    trainer.fit(
        X, Y, batch_size=32, epochs=3, validation_data=(X[:40], Y[:40]), run=run, verbose=0,
        callbacks=[swa, *callbacks, last],
    )  # fmt: skip
    return state(trainer.model), swa.count, last.history


@pytest.mark.parametrize(
    ("hook", "time", "update"),
    [
        ("on_epoch_begin", 2, 5),
        ("on_train_batch_end", 7, 7),
        ("on_test_begin", 2, 10),
        ("on_test_end", 2, 10),
        ("on_epoch_end", 2, 10),
    ],
)
def test_the_state_is_saved_and_the_run_goes_on_from_there(hook, time, update, tmp_path):
    ends = Ends()
    with pytest.raises(OSError, match="disk on fire") as caught:
        job(tmp_path / "a", Fails(hook, time), ends)
    assert ends.ended == 1
    assert caught.value.__notes__ == [
        f"Raised by the callback Fails, in {hook}.",
        f"The run was saved at update {update}.",
    ]
    again, ends = Fails(hook, 10**9), Ends()
    resumed = job(tmp_path / "a", again, ends)
    whole = job(tmp_path / "b", Fails(hook, 10**9), Ends())
    np.testing.assert_array_equal(resumed[0], whole[0])
    assert resumed[1:] == whole[1:]
    assert ends.epochs == ([1, 2] if update >= 5 else [0, 1, 2])


@pytest.mark.parametrize("hook", ["on_train_begin", "on_train_end"])
def test_before_and_after_training(hook):
    ends = Ends()
    with pytest.raises(OSError, match="disk on fire") as caught:
        mk.fit(compiled(), X, Y, verbose=0, callbacks=[Fails(hook, 1), ends])
    assert caught.value.__notes__ == [f"Raised by the callback Fails, in {hook}."]
    assert ends.ended == (hook == "on_train_end")


def test_what_cannot_be_saved_is_said_beside_the_error(tmp_path, monkeypatch):
    monkeypatch.setattr("mlkit.training._keeper.Keeper.save", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(OSError, match="disk on fire") as caught:
        job(tmp_path, Fails("on_train_batch_end", 3))
    assert (
        "The run could not be saved: ZeroDivisionError: division by zero" in caught.value.__notes__
    )
