import keras
import numpy as np
import pytest
from callback_subjects import LOOPS, model, train

from mlkit.callbacks import FreezeBN
from mlkit.testing import CallbackSpec


def subject():
    return model(keras.layers.Dense(5), keras.layers.BatchNormalization(name="norm"))


SPECS = [
    CallbackSpec(
        FreezeBN,
        kwargs={"epoch": 1, "verbose": 1},
        model=subject,
        observe=lambda callback: [callback.frozen, *callback.model.get_weights()],
    )
]


class Record(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        layers = self.model.layers
        self.seen.append([w.copy() for layer in layers for w in layer.get_weights()])


@pytest.mark.parametrize("loop", LOOPS)
def test_statistics_and_scale_stay_from_the_epoch_on(loop):
    record, made = Record(), subject()
    train([FreezeBN(1), record], loop, made)
    first, second, third = record.seen
    # Kernel and bias of the first layer, the four of the norm, kernel and bias of the head.
    same = [np.array_equal(a, b) for a, b in zip(second, third, strict=True)]
    assert same == [False, False, True, True, True, True, False, False]
    assert not np.array_equal(first[4], np.zeros(5))
    assert np.array_equal(first[4], second[4])
    assert made.get_layer("norm").trainable


def test_a_second_fit_begins_anew():
    freeze, record, made = FreezeBN(2), Record(), subject()
    train([freeze], made=made)
    train([freeze, record], made=made)
    assert not np.array_equal(record.seen[0][4], record.seen[1][4])
    assert np.array_equal(record.seen[1][4], record.seen[2][4])


def test_says_what_it_froze(capsys):
    train(FreezeBN(2, verbose=1), made=subject())
    assert capsys.readouterr().out == ("FreezeBN: epoch 3: 1 layers use their moving statistics.\n")


def test_a_model_without_it_is_refused():
    with pytest.raises(ValueError, match="no layer of BatchNormalization"):
        train(FreezeBN())
    with pytest.raises(ValueError, match="epoch=-1"):
        FreezeBN(-1)
