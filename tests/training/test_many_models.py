"""Many models in one process: each is traced once, and TensorFlow warns of none."""

import logging

import pytest
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
