"""Models that override `train_step` and compile no loss, as the guides of Keras write them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import mlkit as mk

X = np.random.default_rng(0).random((50, 8)).astype("float32")
PROGRAMS = ["eager", "step", "fused", "epoch", "auto"]


class Adversarial(keras.Model):
    """Two networks, two optimizers, noise from a seed, a `compile` of its own, no `call`."""

    def __init__(self):
        super().__init__()
        self.judge = keras.Sequential([layers.Dense(8, "relu"), layers.Dense(1)])
        self.maker = keras.Sequential([layers.Dense(8)])
        self.seeds = keras.random.SeedGenerator(5)

    def compile(self, judges, makes):
        super().compile()
        self.judges, self.makes = judges, makes
        self.error = keras.losses.BinaryCrossentropy(from_logits=True)
        self.judged, self.made = keras.metrics.Mean("judge"), keras.metrics.Mean("maker")

    @property
    def metrics(self):
        return [self.judged, self.made]

    def train_step(self, data):
        real = data
        ones = ops.ones((ops.shape(real)[0], 1))
        noise = keras.random.normal((ops.shape(real)[0], 3), seed=self.seeds)
        with tf.GradientTape() as first, tf.GradientTape() as second:
            fake = self.judge(self.maker(noise))
            maker = self.error(ones, fake)
            judge = self.error(ones, self.judge(real)) + self.error(1 - ones, fake)
        for tape, loss, network, optimizer in (
            (first, judge, self.judge, self.judges),
            (second, maker, self.maker, self.makes),
        ):
            variables = network.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        self.judged.update_state(judge)
        self.made.update_state(maker)
        return {m.name: m.result() for m in self.metrics}


class Untracked(keras.Model):
    """Returns the loss of its batch, and updates no metric."""

    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(1)

    def call(self, x):
        return self.inner(x)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = ops.mean((self(data) - 1) ** 2)
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return {"loss": loss}


def adversarial():
    keras.utils.set_random_seed(1)
    model = Adversarial()
    model.compile(keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01))
    return model


def untracked():
    keras.utils.set_random_seed(1)
    model = Untracked()
    model.compile(keras.optimizers.SGD(0.1))
    return model


ASKED = {"epochs": 3, "batch_size": 16, "shuffle": False, "verbose": 0}


@pytest.mark.parametrize("execution", PROGRAMS)
def test_an_adversarial_model_learns_what_it_learns_in_keras(execution):
    theirs, ours = adversarial(), adversarial()
    expected = theirs.fit(X, **ASKED).history
    found = mk.fit(ours, X, execution=execution, **ASKED).history
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5)
    for a, b in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_its_run_goes_on_in_the_same_bits(tmp_path):
    whole, parts = adversarial(), adversarial()
    asked = {**ASKED, "shuffle": True, "seed": 4, "execution": "fused"}
    mk.fit(whole, X, run=tmp_path / "whole", **asked)
    mk.fit(parts, X, run=tmp_path / "parts", **{**asked, "epochs": 1})
    again = adversarial()
    mk.fit(again, X, run=tmp_path / "parts", **asked)
    assert whole.weights
    for a, b in zip(again.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("execution", PROGRAMS)
def test_a_loss_that_no_metric_tracks_is_that_of_the_last_batch(execution):
    last = []

    class Witness(Untracked):
        def train_step(self, data):
            logs = super().train_step(data)
            last.append(float(logs["loss"]))
            return logs

    keras.utils.set_random_seed(1)
    witness = Witness()
    witness.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    witness.fit(X, **ASKED)
    found = mk.fit(untracked(), X, execution=execution, **ASKED)
    # Four batches an epoch; Keras' own history has 0 here.
    np.testing.assert_allclose(found["loss"], last[3::4], rtol=1e-5)


def test_nan_that_no_metric_tracks_is_seen():
    x = X.copy()
    x[20] = np.nan
    stopped = mk.callbacks.TerminateOnNaN()
    model = untracked()
    found = mk.fit(model, x, execution="fused", callbacks=[stopped], **ASKED)
    assert len(found["loss"]) == 1
    assert np.isnan(found["loss"][0])
    assert int(model.optimizer.iterations) == 2


def test_a_model_without_trainable_weights_is_told():
    model = keras.Sequential([keras.Input((8,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.trainable = False
    with pytest.warns(UserWarning, match="no trainable weights"):
        mk.fit(model, X, X[:, :1], **ASKED)


def test_its_evaluation_needs_no_training_step():
    class Judged(Adversarial):
        def test_step(self, data):
            self.judged.update_state(ops.mean(self.judge(data[0])) + ops.mean(data[1]))
            return {"judge": self.judged.result()}

    keras.utils.set_random_seed(1)
    model = Judged()
    model.compile(keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01))
    trainer = mk.Trainer(model)
    found = trainer.evaluate(X, X[:, :1])
    np.testing.assert_allclose(found["judge"], model.evaluate(X, X[:, :1], verbose=0), rtol=1e-5)
    trainer.fit(X, **ASKED)
    assert model.judges.built
