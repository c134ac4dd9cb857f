import tempfile

import keras
import numpy as np
import pytest
from callback_subjects import LOOPS, Breaks, data, model, same_values, train

import mlkit as mk
from mlkit.callbacks import AverageModelCheckpoint
from mlkit.testing import CallbackSpec
from mlkit.training._callbacks import wants_every_batch

_FOLDER = tempfile.TemporaryDirectory()


def averaging(**kwargs):
    return model(optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.7, **kwargs))


SPECS = [
    CallbackSpec(
        AverageModelCheckpoint,
        kwargs={
            "update_weights": True,
            "filepath": _FOLDER.name + "/a.weights.h5",
            "monitor": "accuracy",
            "verbose": 1,
            "save_best_only": True,
            "save_weights_only": True,
            "mode": "max",
            "save_freq": 3,
        },
        model=averaging,
        stateful=True,
        observe=lambda callback: float(callback.best),
    )
]


def load(path):
    loaded = averaging()
    loaded.optimizer.build(loaded.trainable_variables)
    loaded.load_weights(path)
    return loaded


class Averages(keras.callbacks.Callback):
    """The averages by their definition, in numpy."""

    def on_train_begin(self, logs=None):
        self.values = [w.astype("float64") * 0 for w in self.model.get_weights()]
        self.first = True

    def on_train_batch_end(self, batch, logs=None):
        now = self.model.get_weights()
        if self.first:
            self.values, self.first = [w.astype("float64") for w in now], False
        pairs = zip(self.values, now, strict=True)
        self.values = [0.7 * a + 0.3 * w for a, w in pairs]


@pytest.mark.parametrize("loop", LOOPS)
def test_the_file_holds_the_averages_and_training_goes_on(loop, tmp_path):
    path = tmp_path / "average.weights.h5"
    due, save = Averages(), AverageModelCheckpoint(False, path, save_weights_only=True)
    made = averaging()
    train([due, save], loop, made)
    plain = averaging()
    train([], loop, plain)
    loaded = load(path)
    for mine, wanted in zip(loaded.get_weights(), due.values, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-4, atol=1e-5)
    # Keras puts the averages into the model when `fit` ends; until then nothing was changed.
    assert same_values(made.get_weights(), plain.get_weights())


def test_the_averages_stay_where_that_is_asked_for(tmp_path):
    class After(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.weights = self.model.get_weights()

    path, after = tmp_path / "average.weights.h5", After()
    train([AverageModelCheckpoint(True, path, save_weights_only=True), after], made=averaging())
    loaded = load(path)
    assert same_values(loaded.get_weights(), after.weights)


def test_saves_by_updates(tmp_path):
    def run(loop):
        save = AverageModelCheckpoint(
            False, tmp_path / f"{loop}.weights.h5", save_weights_only=True, save_freq=7
        )
        assert not wants_every_batch(save)
        train(save, loop, averaging())
        return load(tmp_path / f"{loop}.weights.h5").get_weights()

    for a, b in zip(run("fit"), run("epoch"), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_an_optimizer_that_keeps_no_averages_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Adam keeps no averages.*use_ema=True"):
        train(AverageModelCheckpoint(False, tmp_path / "a.keras"))


def test_the_best_is_kept_over_a_resume(tmp_path):
    save = AverageModelCheckpoint(False, tmp_path / "a.keras", "loss", save_best_only=True)
    train(save, made=averaging())
    again = AverageModelCheckpoint(False, tmp_path / "a.keras", "loss", save_best_only=True)
    again.set_state(save.get_state())
    assert again.best == save.best is not None


def test_the_best_is_put_back_before_there_is_a_model(tmp_path):
    # Only the model's metrics tell that more accuracy is better.
    save = AverageModelCheckpoint(False, tmp_path / "a.keras", "accuracy", save_best_only=True)
    save.set_state({**save.get_state(), "best": 0.5})
    assert save.get_state()["best"] == 0.5


class Bests(keras.callbacks.Callback):
    """The best value after each update."""

    def __init__(self, save):
        super().__init__()
        self.save, self.values = save, []

    def on_train_batch_end(self, batch, logs=None):
        self.values.append(self.save.best)


def test_a_resumed_run_saves_at_the_same_updates(tmp_path):
    def bests(breaks, run=None):
        save = SPECS[0].make()
        watch, (x, y) = Bests(save), data()
        options = {"epochs": 3, "batch_size": 8, "shuffle": False, "verbose": 0, "run": run}
        callbacks = [save, watch, breaks]
        mk.Trainer(averaging(), seed=0).fit(x, y, callbacks=callbacks, **options)
        return watch.values

    undisturbed = bests(Breaks(None))
    with pytest.raises(RuntimeError, match="broken"):
        bests(Breaks(2), tmp_path)
    assert bests(Breaks(None), tmp_path) == undisturbed[10:]


def test_a_metric_that_is_not_there_is_named(tmp_path):
    save = AverageModelCheckpoint(False, tmp_path / "a.keras", "val_f1", save_best_only=True)
    with pytest.raises(ValueError, match=r"'val_f1', which is not reported. There are: .*val_loss"):
        train(save, made=averaging())


def test_wrong_arguments():
    with pytest.raises(TypeError, match="update_weights='yes'"):
        AverageModelCheckpoint("yes", "a.keras")
