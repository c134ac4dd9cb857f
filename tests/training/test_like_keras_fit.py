"""What `model.fit` does, ours does: the same calls, arguments and logs."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import callbacks
from loop_subjects import compiled, digits_like, weights

import mlkit as mk

X, Y = digits_like()
VALIDATION = (X[:40], Y[:40])


class Recorder(callbacks.Callback):
    """Every hook that is called, with its arguments; numbers are kept to 5 digits."""

    HOOKS = tuple(
        f"on_{what}_{when}"
        for what in ("train", "test", "epoch", "train_batch")
        for when in ("begin", "end")
    )

    def __init__(self):
        super().__init__()
        self.calls = []
        for hook in self.HOOKS:
            setattr(self, hook, self._record(hook))

    def _record(self, hook):
        def call(*args, logs=None):
            *position, logs = (*args, logs) if logs is not None or not args else (*args, None)
            if position and isinstance(position[-1], dict):
                *position, logs = position
            numbers = {k: round(float(v), 5) for k, v in sorted((logs or {}).items())}
            self.calls.append((hook, tuple(position), numbers))

        return call


def both(make_callback, **kwargs):
    """One job run by `model.fit` and by ours, unshuffled: callbacks, weights, histories."""
    results = []
    for fit in (lambda m, **k: m.fit(X, Y, **k), lambda m, **k: mk.fit(m, X, Y, **k)):
        model = compiled()
        callback = make_callback()
        history = fit(
            model,
            epochs=kwargs.get("epochs", 5),
            batch_size=32,
            shuffle=False,
            verbose=0,
            validation_data=VALIDATION,
            callbacks=[callback],
        )
        results.append((callback, weights(model), history.history, model))
    return results


def assert_same(results, rtol=1e-5):
    (_, a, h, _), (_, b, g, _) = results
    np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-6)
    assert h.keys() == g.keys()
    for name in h:
        np.testing.assert_allclose(h[name], g[name], rtol=1e-4, err_msg=name)


def test_hooks_arguments_and_order_are_the_same():
    results = both(Recorder, epochs=3)
    theirs, ours = results[0][0].calls, results[1][0].calls
    assert [c[:2] for c in ours] == [c[:2] for c in theirs]
    for (hook, _, a), (_, _, b) in zip(ours, theirs, strict=True):
        assert a.keys() == b.keys(), hook
        np.testing.assert_allclose(list(a.values()), list(b.values()), rtol=1e-3, err_msg=hook)
    assert_same(results)


def schedule(epoch, rate):
    return rate * 0.5 if epoch else rate


CALLBACKS = {
    "EarlyStopping": lambda: callbacks.EarlyStopping(
        "val_loss", patience=0, min_delta=0.05, restore_best_weights=True
    ),
    "ReduceLROnPlateau": lambda: callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=0.2),
    "LearningRateScheduler": lambda: callbacks.LearningRateScheduler(schedule),
    "TerminateOnNaN": callbacks.TerminateOnNaN,
    "LambdaCallback": lambda: callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks_of_keras_act_the_same(name):
    assert_same(both(CALLBACKS[name], epochs=8))


def test_model_checkpoint_saves_the_same_epochs(tmp_path):
    def saved(folder, options):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "{epoch}-{val_loss:.3f}.weights.h5"
        return callbacks.ModelCheckpoint(path, save_weights_only=True, **options)

    folders = iter(["theirs", "ours"])
    options = {"save_best_only": True, "monitor": "val_loss"}
    assert_same(both(lambda: saved(next(folders), options)))
    found = [sorted(p.name for p in (tmp_path / f).iterdir()) for f in ("theirs", "ours")]
    assert found[0] == found[1]
    assert found[0]


def test_model_checkpoint_by_updates(tmp_path):
    paths = iter([tmp_path / "theirs", tmp_path / "ours"])

    def make():
        folder = next(paths)
        folder.mkdir()
        return callbacks.ModelCheckpoint(
            folder / "{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=3
        )

    both(make, epochs=2)
    found = [sorted(p.name for p in (tmp_path / f).iterdir()) for f in ("theirs", "ours")]
    assert found[0] == found[1]
    assert found[0]


def test_csv_logger_writes_the_same_columns_and_rows(tmp_path):
    paths = iter([tmp_path / "theirs.csv", tmp_path / "ours.csv"])
    both(lambda: callbacks.CSVLogger(next(paths)), epochs=3)
    a, b = ((tmp_path / f"{n}.csv").read_text().splitlines() for n in ("theirs", "ours"))
    assert a[0] == b[0]
    numbers = [[list(map(float, line.split(","))) for line in rows[1:]] for rows in (a, b)]
    np.testing.assert_allclose(*numbers, rtol=1e-4)


def test_tensorboard_writes_the_same_tags(tmp_path):
    paths = iter([tmp_path / "theirs", tmp_path / "ours"])
    both(lambda: callbacks.TensorBoard(next(paths), write_graph=False), epochs=2)

    def tags(folder):
        found = set()
        for file in folder.rglob("events*"):
            for record in tf.data.TFRecordDataset(str(file)):
                event = tf.compat.v1.Event.FromString(record.numpy())
                found |= {(file.parent.name, v.tag, event.step) for v in event.summary.value}
        return found

    assert tags(tmp_path / "ours") == tags(tmp_path / "theirs")
    assert tags(tmp_path / "ours")


def test_backup_and_restore_goes_on_at_the_same_epoch(tmp_path):
    class Stop(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    model = compiled()
    backup = callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
    with pytest.raises(KeyboardInterrupt):
        mk.fit(model, X, Y, epochs=4, verbose=0, callbacks=[backup, Stop()])
    again = callbacks.BackupAndRestore(tmp_path / "backup")
    history = mk.fit(compiled(), X, Y, epochs=4, verbose=0, callbacks=[again])
    assert history.epoch == [2, 3]


def test_swap_ema_weights_evaluates_with_the_averages():
    results = []
    for run in ("fit", "ours"):
        optimizer = keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.5)
        model = compiled(optimizer=optimizer)
        options = {
            "epochs": 3,
            "batch_size": 32,
            "shuffle": False,
            "verbose": 0,
            "validation_data": VALIDATION,
            "callbacks": [callbacks.SwapEMAWeights()],
        }
        history = model.fit(X, Y, **options) if run == "fit" else mk.fit(model, X, Y, **options)
        results.append((None, weights(model), history.history, None))
    assert_same(results)


def test_terminate_on_nan_stops_at_the_batch():
    weight = np.ones(len(X), "float32")
    weight[70] = np.nan  # in the third batch of 32
    steps = []
    for run in ("fit", "ours"):
        model = compiled(optimizer="sgd")
        options = {
            "epochs": 3,
            "batch_size": 32,
            "shuffle": False,
            "verbose": 0,
            "sample_weight": weight,
            "callbacks": [callbacks.TerminateOnNaN()],
        }
        if run == "fit":
            model.fit(X, Y, **options)
        else:
            mk.fit(model, X, Y, **options)
        steps.append(int(model.optimizer.iterations))
    assert steps == [3, 3]


def test_on_train_end_is_called_after_an_error_and_the_error_is_raised():
    ended = []

    class Bad(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("disk on fire")

        def on_train_end(self, logs=None):
            ended.append(True)

    with pytest.raises(RuntimeError, match="disk on fire"):
        mk.fit(compiled(), X, Y, verbose=0, callbacks=[Bad()])
    assert ended == [True]


def test_looking_at_the_data_first_draws_no_random_number():
    pictures = np.random.default_rng(0).random((40, 6, 6, 1)).astype("float32")
    labels = np.arange(40) % 3
    losses = []
    for fit in (lambda m, *a, **k: m.fit(*a, **k), mk.fit):
        keras.utils.set_random_seed(1)
        flip = keras.layers.RandomFlip(seed=2)
        model = keras.Sequential(
            [keras.Input((6, 6, 1)), flip, keras.layers.Flatten(), keras.layers.Dense(3)]
        )
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        history = fit(model, pictures, labels, epochs=2, batch_size=16, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)
