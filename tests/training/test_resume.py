"""A run that is broken off and goes on ends in the same bits as one that is not."""

import os
import signal
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from loop_subjects import compiled, digits_like, state

import mlkit as mk

X, Y = digits_like()


def model():
    keras.utils.set_random_seed(1)  # the layers take their seeds when they are made
    return compiled(layers.Dropout(0.3), layers.BatchNormalization())


class BreakAt(keras.callbacks.Callback):
    """Breaks the run off when so many updates are done."""

    def __init__(self, update):
        super().__init__()
        self.update, self.seen = update, 0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        if self.seen == self.update:
            raise KeyboardInterrupt

    def get_state(self):
        return {}

    def set_state(self, state):
        """Nothing is carried over."""


def job(run, break_at=10**9, data=None, trainer=None, **kwargs):
    """Three epochs of five updates; returns everything that was learned and measured."""
    stop = keras.callbacks.EarlyStopping("loss", patience=5, restore_best_weights=True)
    trainer = trainer or mk.Trainer(model(), seed=3, ema=0.9, execution="epoch")
    source = (X, Y) if data is None else (data(),)
    options = {"batch_size": 32} if data is None else {"steps_per_epoch": 5}
    history = trainer.fit(
        *source,
        epochs=3,
        validation_data=(X[:40], Y[:40]),
        run=run,
        verbose=0,
        callbacks=[stop, BreakAt(break_at)],
        **options,
        **kwargs,
    )
    return state(trainer.model), dict(history.history), stop.best


def assert_same(a, b):
    np.testing.assert_array_equal(a[0], b[0])
    assert a[1:] == b[1:]


def rows():
    return tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(150, seed=4)


def dataset():
    return rows().repeat().batch(32)


@pytest.mark.parametrize("data", [None, dataset])
@pytest.mark.parametrize("break_at", [3, 7, 10])
def test_a_broken_run_ends_in_the_same_bits(tmp_path, data, break_at):
    execution = "epoch" if data is None else "fused"

    def trainer():
        return mk.Trainer(model(), seed=3, ema=0.9, execution=execution)

    whole = job(tmp_path / "whole", data=data, trainer=trainer(), save_every=2)
    with pytest.raises(KeyboardInterrupt):
        job(tmp_path / "a", break_at, data=data, trainer=trainer(), save_every=2)
    assert_same(job(tmp_path / "a", data=data, trainer=trainer(), save_every=2), whole)
    lines = (tmp_path / "a" / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 3


def pipeline():
    return mk.data.pipeline((X, Y), 32, seed=4)


def test_a_pipeline_of_ours_goes_on_too(tmp_path):
    def trainer():
        return mk.Trainer(model(), seed=3, ema=0.9, execution="fused")

    whole = job(tmp_path / "whole", data=pipeline, trainer=trainer(), save_every=2)
    with pytest.raises(KeyboardInterrupt):
        job(tmp_path / "a", 7, data=pipeline, trainer=trainer(), save_every=2)
    assert_same(job(tmp_path / "a", data=pipeline, trainer=trainer(), save_every=2), whole)


def test_a_dataset_that_cannot_go_on_is_refused_at_the_start(tmp_path):
    def numbers():
        yield from zip(X, Y, strict=True)

    spec = (tf.TensorSpec([12]), tf.TensorSpec([], tf.int64))
    data = tf.data.Dataset.from_generator(numbers, output_signature=spec).batch(32)
    with pytest.raises(ValueError, match="from_generator"):
        mk.fit(model(), data, run=tmp_path / "a", verbose=0)
    assert not (tmp_path / "a").exists()


def test_an_order_that_tensorflow_forgets_is_refused_at_the_start(tmp_path):
    for data in (rows().batch(32), rows().batch(32, drop_remainder=True).prefetch(2)):
        with pytest.raises(
            ValueError,
            match=r"`shuffle`, `batch`, and then `repeat` .or the next epoch.. Use `mk.dat",
        ):
            mk.fit(model(), data, run=tmp_path / "a", verbose=0)
    unknown = rows().filter(lambda x, y: True).batch(32)
    with pytest.raises(ValueError, match=r"`FilterDataset`, and then `repeat`"):
        mk.fit(model(), unknown, run=tmp_path / "a", verbose=0)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("break_at", [3, 6, 8])
def test_steps_that_are_no_epoch_go_on_in_their_order(tmp_path, break_at):
    def go(run, at=10**9):
        trainer = mk.Trainer(model(), execution="step")  # the order is that of the first process
        history = trainer.fit(
            X, Y, steps_per_epoch=3, epochs=4, batch_size=32, run=run, save_every=2, verbose=0,
            callbacks=[BreakAt(at)],
        )  # fmt: skip
        return state(trainer.model), history.history

    keras.utils.set_random_seed(5)
    whole = go(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "a", break_at)
    keras.utils.set_random_seed(6)
    again = go(tmp_path / "a")
    np.testing.assert_array_equal(again[0], whole[0])
    assert again[1] == whole[1]


def test_a_finished_run_is_not_trained_again(tmp_path):
    first = job(tmp_path / "a")
    assert_same(job(tmp_path / "a"), first)


def test_more_epochs_go_on_where_the_run_ended(tmp_path):
    trainer = mk.Trainer(model(), seed=3)
    trainer.fit(X, Y, epochs=2, run=tmp_path / "a", verbose=0)
    longer = mk.Trainer(model(), seed=3)
    history = longer.fit(X, Y, epochs=4, run=tmp_path / "a", verbose=0)
    assert history.epoch == [0, 1, 2, 3]
    at_once = mk.Trainer(model(), seed=3)
    at_once.fit(X, Y, epochs=4, verbose=0)
    np.testing.assert_array_equal(state(longer.model), state(at_once.model))


def test_another_job_is_refused_with_what_differs(tmp_path):
    job(tmp_path / "a")
    other = mk.Trainer(compiled(layers.Dense(4)), seed=3, ema=0.9)
    with pytest.raises(ValueError, match=r"was another job.*parameters: \d+ then, \d+ now"):
        job(tmp_path / "a", trainer=other)
    with pytest.raises(ValueError, match=r"batch_size: 32 then, 50 now"):
        mk.Trainer(model(), seed=3).fit(X, Y, batch_size=50, run=tmp_path / "a", verbose=0)
    with pytest.raises(ValueError, match=r"the first examples: '\w+' then, '\w+' now"):
        mk.Trainer(model(), seed=3).fit(X + 1, Y, batch_size=32, run=tmp_path / "a", verbose=0)
    with pytest.raises(ValueError, match=r"elements of the data: .*float32.* now"):
        mk.Trainer(model(), seed=3).fit(X[:99], Y[:99], run=tmp_path / "a", verbose=0)
    other = mk.Trainer(model(), loss="sparse_categorical_crossentropy", seed=3)
    with pytest.raises(ValueError, match=r"loss: 'SparseCategoricalCrossentropy' then, 'sparse_"):
        other.fit(X, Y, run=tmp_path / "a", verbose=0)


def test_never_and_must(tmp_path):
    with pytest.raises(ValueError, match=r'resume="must", but there is no checkpoint'):
        job(tmp_path / "a", resume="must")
    first = job(tmp_path / "a")
    again = job(tmp_path / "a", resume="never")
    assert_same(first, again)
    assert (tmp_path / "a" / "checkpoints.1").is_dir()
    with pytest.raises(ValueError, match="`resume` must be one of 'auto', 'must', 'never'"):
        job(tmp_path / "a", resume="yes")


def test_a_directory_in_use_is_refused(tmp_path):
    (tmp_path / "a").mkdir()
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        lock = f'{{"pid": {other.pid}, "host": "{os.uname().nodename}"}}'
        (tmp_path / "a" / "lock").write_text(lock)
        with pytest.raises(RuntimeError, match=f"in use by process {other.pid}"):
            job(tmp_path / "a")
    finally:
        other.communicate(b"\n")
        other.wait()
    job(tmp_path / "a")  # the lock of a process that is gone is stale


@pytest.mark.slow
def test_sigterm_saves_and_says_so_by_the_exit_status(tmp_path):
    script = f"""
        import sys
        sys.path[:0] = {[os.path.dirname(os.path.dirname(__file__))]!r}
        from loop_subjects import compiled, digits_like
        import mlkit as mk
        x, y = digits_like()
        print("ready", flush=True)
        mk.fit(compiled(), x, y, epochs=100000, seed=0, run=sys.argv[1], save_every=10**6,
               execution="epoch", verbose=0)
        """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "a")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    while not (tmp_path / "a" / "metrics.jsonl").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.stdout.close()
    assert process.wait(30) == 128 + signal.SIGTERM
    saved = mk.training.Checkpointer(tmp_path / "a" / "checkpoints").load()
    assert saved.update > 0
    assert not (tmp_path / "a" / "lock").exists()
