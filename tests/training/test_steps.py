"""A loop of one's own, broken off and gone on with, ends in the same bits."""

import os
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf
from loop_subjects import compiled, digits_like

import mlkit as mk

X, Y = digits_like()


def loop(run, break_at=None, total=12, number=None, **kwargs):
    keras.utils.set_random_seed(1)  # layers take their seeds when they are made
    model = compiled(keras.layers.Dropout(0.3))
    model.optimizer.build(model.trainable_variables)
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    mean, noise = keras.metrics.Mean(), keras.random.SeedGenerator(5)
    mean.update_state(0.0)
    data = tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(150, seed=4).repeat().batch(32)
    batches = iter(data)
    state = {"model": model, "mean": [mean], "noise": noise, "batches": batches}

    # For the shapes that the data declare, as `steps` says.
    @tf.function(input_signature=[data.element_spec])
    def step(batch):
        def loss_of(part):
            x = part[0] + 0.1 * keras.random.normal(tf.shape(part[0]), seed=noise)
            return loss_fn(part[1], model(x, training=True))

        loss, grads = mk.training.value_and_grad(loss_of, model.trainable_variables, batch)
        model.optimizer.apply(grads, model.trainable_variables)
        mean.update_state(loss)

    for i in mk.training.steps(state, total=total, run=run, save_every=3, **kwargs):
        if i == break_at:
            if number is None:
                break
            os.kill(os.getpid(), number)
        step(next(batches))
    parts = [*model.variables, *model.optimizer.variables, *mean.variables, noise.state]
    return [v.numpy().tobytes() for v in parts]


@pytest.mark.parametrize("break_at", [1, 4, 7, 11])
def test_ends_in_the_same_bits(tmp_path, break_at):
    whole = loop(tmp_path / "whole")
    loop(tmp_path / "a", break_at)
    assert loop(tmp_path / "a", resume="must" if break_at > 3 else "auto") == whole


def test_sigterm_saves_after_the_running_step(tmp_path):
    whole = loop(tmp_path / "whole")
    with pytest.raises(SystemExit) as ended:
        loop(tmp_path / "a", 7, number=signal.SIGTERM)
    assert ended.value.code == 128 + signal.SIGTERM
    assert mk.training.Checkpointer(tmp_path / "a" / "checkpoints").load().update == 8
    assert loop(tmp_path / "a") == whole


def test_what_cannot_be_resumed_is_refused(tmp_path):
    data = tf.data.Dataset.range(9).map(lambda i: tf.random.uniform([]))
    with pytest.raises(ValueError, match=r"tf\.random\.uniform"):
        mk.training.steps({"data": iter(data)}, total=3, run=tmp_path / "a")
    short = tf.data.Dataset.range(9).shuffle(9, seed=1).batch(2).repeat()
    with pytest.raises(ValueError, match="`shuffle`, `batch`, and then `repeat`"):
        mk.training.steps({"data": iter(short)}, total=3, run=tmp_path / "a")
    with pytest.raises(TypeError, match=r"`state\['model'\]` has no variables.*Sequential"):
        mk.training.steps({"model": keras.Sequential()}, total=3, run=tmp_path / "a")
    with pytest.raises(ValueError, match="no good checkpoint"):
        next(mk.training.steps({"w": tf.Variable(1)}, total=3, run=tmp_path / "a", resume="must"))
    assert list(mk.training.steps({"w": tf.Variable(1)}, total=2, run=tmp_path / "a")) == [0, 1]
    with pytest.raises(ValueError, match="of other variables"):
        next(mk.training.steps({"v": tf.Variable(1)}, total=3, run=tmp_path / "a"))


def test_weights_alone_go_into_a_changed_model(tmp_path):
    model = compiled()
    mk.fit(model, X, Y, run=tmp_path, verbose=0)
    same = compiled(seed=2)
    assert mk.training.load_weights(same, tmp_path)["loaded"] == [v.path for v in same.variables]
    for mine, theirs in zip(same.variables, model.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
    other = compiled(keras.layers.Dense(7), seed=2)
    before = [v.numpy() for v in other.variables]
    with pytest.raises(ValueError, match="strict=False loads what matches"):
        mk.training.load_weights(other, tmp_path)
    for mine, value in zip(other.variables, before, strict=True):
        np.testing.assert_array_equal(mine.numpy(), value)
    report = mk.training.load_weights(other, tmp_path, strict=False)
    assert len(report["loaded"]) == 2
    assert report["unused"] == []
    assert [len(report[k]) for k in ("missing", "shape")] == [2, 2]
