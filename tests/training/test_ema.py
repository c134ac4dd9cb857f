"""The moving average of the weights: its formula, where it is used, and that it is put back."""

import keras
import numpy as np
import pytest
from loop_subjects import compiled, digits_like

import mlkit as mk

X, Y = digits_like()


class Weights(keras.callbacks.Callback):
    """The first kernel after each update, and at the end of each epoch."""

    def __init__(self):
        super().__init__()
        self.steps, self.epochs = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(self.model.layers[0].kernel.numpy().astype("float64"))

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(self.model.layers[0].kernel.numpy())


def expected(start, steps, decay):
    average = start.astype("float64")
    for t, weights in enumerate(steps, 1):
        d = min(decay, (1 + t) / (10 + t))
        average = d * average + (1 - d) * weights
    return average


@pytest.mark.parametrize("decay", [0.5, 0.999])
def test_the_average_is_that_of_the_formula_and_the_weights_come_back(decay):
    model, seen = compiled(), Weights()
    start = model.layers[0].kernel.numpy()
    trainer = mk.Trainer(model, ema=decay, seed=0)
    trainer.fit(X, Y, epochs=2, verbose=0, callbacks=[seen])
    np.testing.assert_allclose(seen.epochs[-1], expected(start, seen.steps, decay), atol=1e-6)
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), seen.steps[-1])
    with trainer.averaged():
        np.testing.assert_array_equal(model.layers[0].kernel.numpy(), seen.epochs[-1])
        inside = model.predict(X, verbose=0)
    np.testing.assert_allclose(trainer.predict(X), inside, atol=1e-6)
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), seen.steps[-1])


def test_fit_leaves_the_averages_in_the_model():
    model, seen = compiled(), Weights()
    mk.fit(model, X, Y, epochs=1, ema=0.9, seed=0, verbose=0, callbacks=[seen])
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), seen.epochs[-1])
    assert np.abs(model.layers[0].kernel.numpy() - seen.steps[-1]).max() > 0


def test_the_weights_come_back_after_an_error():
    class Bad(Weights):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("stop")

    model, seen = compiled(), Bad()
    with pytest.raises(RuntimeError, match="stop"):
        mk.Trainer(model, ema=0.5, seed=0).fit(X, Y, verbose=0, callbacks=[seen])
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), seen.steps[-1])


def test_an_average_of_a_decay_of_one_is_refused():
    with pytest.raises(ValueError, match=r"`ema` must be a number in \[0, 1\)"):
        mk.Trainer(compiled(), ema=1.0)
