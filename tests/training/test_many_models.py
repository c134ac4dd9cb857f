"""Many models in one process: each is traced once, TensorFlow warns of none, no data are kept."""

import gc
import logging
import weakref

import pytest
import tensorflow as tf
from loop_subjects import compiled, digits_like

import mlkit as mk

X, Y = digits_like()


@pytest.mark.parametrize("execution", ["step", "fused", "epoch"])
def test_a_sweep_is_not_taken_for_retracing(execution, caplog):
    with caplog.at_level(logging.WARNING, "tensorflow"):
        for _ in range(6):
            trainer = mk.Trainer(compiled(), execution=execution)
            trainer.fit(X, Y, epochs=1, validation_data=(X, Y), verbose=0)
            trainer.predict(X)
    assert [r.message for r in caplog.records if "retracing" in r.getMessage()] == []


@pytest.mark.parametrize("execution", ["eager", "step", "fused", "epoch", "auto"])
def test_a_trainer_lets_go_of_the_data(execution):
    x, y = (tf.constant(a) for a in digits_like(64))
    trainer = mk.Trainer(compiled(), execution=execution, seed=0)
    trainer.fit(x, y, validation_data=(x, y), epochs=2, verbose=0)
    trainer.evaluate(x, y)
    trainer.predict(x)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(32)
    if execution != "epoch":
        trainer.fit(batches, epochs=2, verbose=0)
    kept = weakref.ref(x), weakref.ref(y), weakref.ref(batches)
    del x, y, batches
    gc.collect()
    assert [ref() for ref in kept] == [None] * 3
