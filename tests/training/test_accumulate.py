"""Accumulation in parts is the update of the whole batch, whatever the loss is reduced by."""

import keras
import numpy as np
import pytest
from loop_subjects import digits_like, weights

import mlkit as mk

X, Y = digits_like(150)


def trained(reduction, accumulate):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)
    rate = keras.optimizers.schedules.PolynomialDecay(0.01, 20)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), loss)
    weight = np.linspace(0.5, 2.0, len(X)).astype("float32")
    trainer = mk.Trainer(model, accumulate=accumulate, ema=0.5, seed=0)
    trainer.fit(X, Y, sample_weight=weight, batch_size=64, epochs=3, verbose=0)
    trainer.finalize()
    return weights(model), int(model.optimizer.iterations)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
def test_four_parts_are_the_whole_batch(reduction):
    whole, updates = trained(reduction, 1)
    parts, updates_in_parts = trained(reduction, 4)
    assert updates == updates_in_parts == 9
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-6 * max(1.0, np.abs(whole).max()))
