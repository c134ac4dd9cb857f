import keras
import numpy as np
import pytest
from callback_subjects import LOOPS, data, model, train

from mlkit.callbacks import ScheduleFreeSwap, StochasticWeightAveraging
from mlkit.optimizers import SGD, SWA, MovingAverage, ScheduleFree
from mlkit.testing import CallbackSpec

BETA = 0.75


def free_model(inner=None):
    return model(optimizer=ScheduleFree(inner or SGD(0.1), BETA))


def last_losses(callback):
    return callback.model.history.history["val_loss"]


SPECS = [CallbackSpec(ScheduleFreeSwap, observe=last_losses, model=free_model)]


class Three(keras.callbacks.Callback):
    """At the ends of epochs and validations: y in the model, x and z by the formula."""

    def __init__(self):
        super().__init__()
        self.z, self.x, self.seen, self.validated = None, None, [], []

    def on_train_begin(self, logs=None):
        self.y = [w.astype("float64") for w in self.model.get_weights()]
        self.z, self.x, self.t = self.y, self.y, 0

    def on_train_batch_end(self, batch, logs=None):
        # With gradient descent z goes by what y would have gone without the average:
        # y' = (1 - b) z' + b x' and x' = x + (z' - x) / t give z' from y'.
        self.t += 1
        now = [w.astype("float64") for w in self.model.get_weights()]
        share = 1 - BETA + BETA / self.t
        self.z = [
            (y - BETA * (1 - 1 / self.t) * x) / share for y, x in zip(now, self.x, strict=True)
        ]
        self.x = [x + (z - x) / self.t for x, z in zip(self.x, self.z, strict=True)]
        self.y = now

    def on_test_begin(self, logs=None):
        self.validated.append((self.model.get_weights(), self.x))

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append((self.model.get_weights(), self.y))


@pytest.mark.parametrize("loop", LOOPS)
def test_validation_sees_x_and_training_goes_on_with_y_to_the_bit(loop):
    three = Three()
    made = train([ScheduleFreeSwap(), three], loop, free_model())
    assert len(three.validated) == len(three.seen) == 3
    for found, due in three.validated:
        for a, b in zip(found, due, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    for found, due in three.seen:
        for a, b in zip(found, due, strict=True):
            np.testing.assert_array_equal(a, b)
    alone = train([], loop, free_model())
    for a, b in zip(made.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_last_validation_is_of_the_model_that_fit_leaves():
    x, y = data()
    made = train(ScheduleFreeSwap(), made=free_model())
    due = made.evaluate(x[:16], y[:16], verbose=0, return_dict=True)["loss"]
    assert made.history.history["val_loss"][-1] == pytest.approx(due, rel=1e-6)


@pytest.mark.parametrize("wrapper", [SWA, MovingAverage])
def test_other_averages_are_validated_too(wrapper):
    x, y = data()
    made = train(ScheduleFreeSwap(), made=model(optimizer=wrapper(SGD(0.1))))
    due = made.evaluate(x[:16], y[:16], verbose=0, return_dict=True)["loss"]
    assert made.history.history["val_loss"][-1] == pytest.approx(due, rel=1e-6)


def test_after_an_error_in_a_validation_the_model_has_y():
    class Bad(keras.callbacks.Callback):
        def on_test_begin(self, logs=None):
            raise RuntimeError("broken")

    class Last(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.weights = self.model.get_weights()

    made, last = free_model(), Last()
    with pytest.raises(RuntimeError, match="broken"):
        train([ScheduleFreeSwap(), last, Bad()], "step", made)
    for a, b in zip(made.get_weights(), last.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="SGD keeps no averages"):
        train(ScheduleFreeSwap(), made=model(optimizer=SGD(0.1)))
    with pytest.raises(ValueError, match="both put weights into the model"):
        train([ScheduleFreeSwap(), StochasticWeightAveraging()], made=free_model())
