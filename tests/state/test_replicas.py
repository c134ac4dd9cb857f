"""What replicas sum up when it is read comes back to each of them, and with another number too."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from loop_subjects import compiled, digits_like
from strategies import two_replicas

import mlkit as mk
from mlkit._state.replicas import copies
from mlkit._state.variables import Snapshot

X, Y = digits_like(151)


@pytest.fixture(scope="module")
def two():
    return two_replicas()


def variables(strategy):
    with strategy.scope():
        mean = keras.metrics.Mean()
        options = {"synchronization": tf.VariableSynchronization.ON_READ, "trainable": False}
        whole = tf.Variable(0, aggregation=tf.VariableAggregation.SUM, **options)
        average = tf.Variable(0.0, aggregation=tf.VariableAggregation.MEAN, **options)
        weight = keras.Variable([1.0, 2.0])
    return {
        "total": mean.variables[0], "whole": whole, "average": average, "weight": weight
    }  # fmt: skip


def hold(mine, values):
    for key, each in values.items():
        for copy, value in zip(copies(mine[key]), each, strict=True):
            copy.assign(value)


def held(mine):
    return {key: [copy.numpy().tolist() for copy in copies(v)] for key, v in mine.items()}


VALUES = {"total": [0.1, 1e8], "whole": [5, 2], "average": [0.5, 2.5], "weight": [[3.0, 4.0]]}


def test_each_replica_has_its_own_value_again(two, tmp_path):
    mine, again = variables(two), variables(two)
    hold(mine, VALUES)
    checkpoints = mk.training.Checkpointer(tmp_path)
    checkpoints.save(1, mine)
    checkpoints.restore(again)
    assert held(again) == held(mine)
    assert len(copies(again["total"])) == 2
    before = Snapshot(mine.values())
    hold(mine, {key: [0 * np.array(v) for v in each] for key, each in VALUES.items()})
    before.restore()
    assert held(mine) == held(again)


def test_with_another_number_of_replicas_the_first_has_the_sum(two, tmp_path):
    one = tf.distribute.get_strategy()
    single, double = variables(one), variables(two)
    hold(double, VALUES)
    checkpoints = mk.training.Checkpointer(tmp_path)
    checkpoints.save(1, double)
    checkpoints.restore(single)
    assert held(single) == {
        "total": [1e8], "whole": [7], "average": [1.5], "weight": [[3.0, 4.0]]
    }  # fmt: skip
    checkpoints.save(2, single)
    checkpoints.restore(double)
    assert held(double) == {
        "total": [1e8, 0.0], "whole": [7, 0], "average": [1.5, 1.5], "weight": [[3.0, 4.0]]
    }  # fmt: skip


def fit(strategy, run, stop_at=None):
    class Break(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == stop_at:
                raise KeyboardInterrupt

    keras.utils.set_random_seed(1)
    trainer = mk.Trainer(compiled(), strategy=strategy, seed=3, execution="step")
    options = {"epochs": 2, "batch_size": 32, "verbose": 0, "save_every": 3}
    return trainer.fit(X, Y, run=run, callbacks=[Break()], **options).history


def test_the_history_of_a_broken_run_is_that_of_a_whole_one_to_the_bit(two, tmp_path):
    whole = fit(two, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(two, tmp_path / "a", 3)
    assert fit(two, tmp_path / "a") == whole
