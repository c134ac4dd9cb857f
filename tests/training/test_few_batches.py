"""`fast_dev_run` and `overfit_batches`: runs that only try whether all of it works."""

import numpy as np
import pytest
import tensorflow as tf
from loop_subjects import compiled, digits_like, state

import mlkit as mk

X, Y = digits_like()


class Seen(mk.Trainer):
    """Keeps the labels of each batch."""

    def train_step(self, batch):
        self.seen.append(batch[1].numpy().tolist())
        return super().train_step(batch)


def seen(x, y=None, **kwargs):
    trainer = Seen(compiled(), execution="eager", seed=0)
    trainer.seen = []
    history = trainer.fit(x, y, verbose=0, **kwargs)
    return trainer.seen, history


def test_fast_dev_run_is_one_batch_of_each_and_writes_nothing(tmp_path):
    ended = []
    callback = mk.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ended.append(epoch))
    batches, history = seen(
        X, Y, batch_size=20, epochs=9, validation_data=(X, Y), callbacks=[callback],
        run=tmp_path / "a", fast_dev_run=True,
    )  # fmt: skip
    assert batches == [Y[:20].tolist()]
    assert ended == [0]
    assert list(history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert not (tmp_path / "a").exists()


def test_overfit_batches_are_the_same_in_each_epoch():
    expected = [Y[:20].tolist(), Y[20:40].tolist()]
    batches, history = seen(
        X, Y, batch_size=20, epochs=3, validation_data=(X, Y), overfit_batches=2
    )
    assert batches == 3 * expected
    assert "val_loss" not in history
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(150).batch(20)
    batches, _ = seen(dataset, epochs=3, overfit_batches=2)
    assert len(batches) == 6
    assert batches[:2] == batches[2:4] == batches[4:]


def test_weights_dicts_and_datasets_of_validation_are_cut_too():
    held_out = tf.data.Dataset.from_tensor_slices((X, Y)).batch(10)
    batches, _ = seen(
        X, Y, sample_weight=np.ones(len(X)), batch_size=8, validation_data=held_out,
        fast_dev_run=True,
    )  # fmt: skip
    assert batches == [Y[:8].tolist()]


def test_what_has_no_beginning_to_go_back_to_is_refused():
    def batches():
        yield X[:4], Y[:4]

    model = compiled()
    before = state(model)
    with pytest.raises(ValueError, match=r"need arrays or a tf.data.Dataset.*steps_per_epoch"):
        mk.fit(model, batches(), fast_dev_run=True, verbose=0)
    with pytest.raises(ValueError, match="`fast_dev_run` or `overfit_batches`, not both"):
        mk.fit(model, X, Y, fast_dev_run=True, overfit_batches=1, verbose=0)
    with pytest.raises(ValueError, match="`overfit_batches`"):
        mk.fit(model, X, Y, overfit_batches=0, verbose=0)
    np.testing.assert_array_equal(state(model), before)


def test_max_time_ends_training():
    history = mk.fit(compiled(), X, Y, epochs=10_000, max_time=1e-3, verbose=0)
    assert len(history.epoch) == 1
    with pytest.raises(ValueError, match="`max_time` must be"):
        mk.fit(compiled(), X, Y, max_time=0, verbose=0)
