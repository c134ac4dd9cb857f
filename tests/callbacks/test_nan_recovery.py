"""NaN on any step is rolled back, in every loop."""

import os
import tempfile

import keras
import numpy as np
import pytest
from loop_subjects import compiled, digits_like

import mlkit as mk
from mlkit.callbacks import NaNRecovery
from mlkit.testing import CallbackSpec

BAD = os.path.join(tempfile.gettempdir(), "no_such_batch")
SPECS = [
    CallbackSpec(
        NaNRecovery,
        kwargs={"every": 3, "spike": 50.0, "factor": 0.5, "tries": 2, "path": BAD},
        observe=lambda callback: callback.rollbacks,
    )
]

X, Y = digits_like(size=320)


def fit(loop, recovery, x=X, epochs=2, **options):
    model = compiled()
    callbacks = [] if recovery is None else [recovery]
    common = {"epochs": epochs, "batch_size": 32, "verbose": 0, "shuffle": False, **options}
    if loop is None:
        model.fit(x, Y, callbacks=callbacks, **common)
    else:
        mk.Trainer(model, execution=loop, seed=0, ema=0.9).fit(x, Y, callbacks=callbacks, **common)
    return model


def with_fault(example, value=3e38):
    x = X.copy()
    x[example] = value
    return x


@pytest.mark.parametrize("loop", [None, "step", "fused", "epoch"])
def test_a_nan_is_rolled_back_and_its_window_skipped(loop, capsys):
    recovery = NaNRecovery(every=3, factor=0.5)
    model = fit(loop, recovery, with_fault(100))
    assert recovery.rollbacks == 2  # once an epoch
    assert all(np.isfinite(v.numpy()).all() for v in [*model.variables, *model.optimizer.variables])
    assert float(model.optimizer.learning_rate) == pytest.approx(0.00025)
    assert "compute_loss" not in vars(model)
    assert "the state is that of the last look (1 of 3 rollbacks)" in capsys.readouterr().err


@pytest.mark.parametrize("loop", [None, "epoch"])
def test_the_rate_of_a_schedule_is_cut_too(loop):
    model, schedule = compiled(), mk.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    model.compile(keras.optimizers.SGD(schedule), model.loss)
    options = {"batch_size": 32, "epochs": 2, "verbose": 0, "shuffle": False}
    options |= {"callbacks": [NaNRecovery(every=5, factor=0.25)]}
    job = model if loop is None else mk.Trainer(model, execution=loop, seed=0)
    job.fit(with_fault(3), Y, **options)
    updates = int(model.optimizer.iterations)
    assert updates == 10  # two of four windows of five are put back
    due = 0.25**2 * 0.1 * 0.5 ** (updates / 10)
    assert float(model.optimizer.learning_rate) == pytest.approx(due)


@pytest.mark.parametrize("loop", [None, "step"])
def test_a_nan_in_the_first_batch_of_all(loop):
    recovery = NaNRecovery(every=1)
    model = fit(loop, recovery, with_fault(0))
    assert recovery.rollbacks == 2
    assert all(np.isfinite(v.numpy()).all() for v in [*model.variables, *model.optimizer.variables])


@pytest.mark.parametrize("loop", [None, "epoch"])
def test_without_a_fault_it_changes_nothing(loop):
    with_it, without = fit(loop, NaNRecovery(every=3, spike=1e6)), fit(loop, None)
    for a, b in zip(with_it.variables, without.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_a_second_training_is_not_traced_anew():
    traces, recovery = [], NaNRecovery(every=3, factor=0.5)
    model = compiled()

    def loss(y, y_pred):
        traces.append(None)
        return keras.losses.sparse_categorical_crossentropy(y, y_pred, from_logits=True)

    trainer = mk.Trainer(model, loss=loss, optimizer="adam", execution="epoch", seed=0)
    options = {"batch_size": 32, "verbose": 0, "shuffle": False, "callbacks": [recovery]}
    trainer.fit(X, Y, **options)
    before = len(traces)
    trainer.fit(X, Y, **options)
    assert len(traces) == before > 0
    trainer.fit(with_fault(100), Y, **options)
    assert recovery.rollbacks == 1
    assert len(traces) == before
    mk.Trainer(compiled(), execution="epoch", seed=0).fit(with_fault(100), Y, **options)
    assert recovery.rollbacks == 1  # another model has hooks of its own


def test_a_jump_of_the_loss_is_as_bad():
    recovery = NaNRecovery(every=3, spike=20.0)
    # The first 20 updates are not judged: the fault comes in the third epoch of ten.
    x = np.concatenate([X, X, with_fault(slice(200, 216), 1e4)])
    model = compiled()
    mk.Trainer(model, execution="epoch").fit(
        x, np.tile(Y, 3), batch_size=32, shuffle=False, verbose=0, callbacks=[recovery]
    )
    assert recovery.rollbacks == 1


@pytest.mark.parametrize("update", [2, 3, 12])
def test_what_is_saved_is_good_and_goes_on(update, tmp_path):
    def job(run, breaks_at=None):
        class Break(keras.callbacks.Callback):
            epoch = 0

            def on_epoch_begin(self, epoch, logs=None):
                self.epoch = epoch

            def on_train_batch_end(self, batch, logs=None):
                if self.epoch * 10 + batch + 1 == breaks_at:
                    raise KeyboardInterrupt

        # The saves come between the looks, and the fault between both.
        recovery = NaNRecovery(every=5, tries=9, spike=50.0)
        trainer = mk.Trainer(compiled(), execution="step", seed=0)
        options = {"epochs": 3, "batch_size": 32, "verbose": 0, "shuffle": False, "save_every": 2}
        x = with_fault((update - 1) % 10 * 32)
        trainer.fit(x, Y, run=run, callbacks=[recovery, Break()], **options)
        whole = [*trainer.model.variables, *trainer.model.optimizer.variables]
        return [v.numpy().tolist() for v in whole], recovery.get_state()

    whole = job(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        job(tmp_path / "a", update + update % 2 + 1)
    saved = mk.training.Checkpointer(tmp_path / "a" / "checkpoints").load()
    assert all(np.isfinite(v).all() for v in saved.values.values())
    again = job(tmp_path / "a")
    assert again == whole
    assert again[1]["rollbacks"] == 3


def test_it_gives_up_with_the_batch_on_disk(tmp_path):
    recovery = NaNRecovery(every=3, tries=1, path=tmp_path / "bad")
    with pytest.raises(FloatingPointError, match=r"in 2 windows.*first bad batch is in .*bad\.npz"):
        fit(None, recovery, with_fault(100))
    saved = np.load(tmp_path / "bad.npz")
    np.testing.assert_array_equal(saved["x0"], with_fault(100)[96:128])
    np.testing.assert_array_equal(saved["y0"].ravel(), Y[96:128])


def test_wrong_arguments():
    for name, value in {"every": 0, "spike": 1.0, "factor": 0.0, "tries": -1}.items():
        with pytest.raises(ValueError, match=f"`{name}`"):
            NaNRecovery(**{name: value})
    assert issubclass(NaNRecovery, keras.callbacks.Callback)
