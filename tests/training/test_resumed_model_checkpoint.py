"""Checkpoints of Keras between epochs, in a run that was broken off."""

import keras
import pytest
from callback_subjects import Breaks, data, model

import mlkit as mk


@pytest.mark.parametrize("mode", ["auto", "max"])
def test_the_best_value_is_compared_before_the_first_epoch_ends(tmp_path, mode):
    best = []
    for epoch in (2, None):
        keras.utils.set_random_seed(0)
        x, y = data()
        checkpoint = keras.callbacks.ModelCheckpoint(
            tmp_path / "best.weights.h5",
            monitor="loss",
            mode=mode,
            save_best_only=True,
            save_weights_only=True,
            save_freq=7,
        )
        try:
            mk.Trainer(model(), seed=0, execution="step").fit(
                x,
                y,
                epochs=3,
                batch_size=8,
                verbose=0,
                callbacks=[checkpoint, Breaks(epoch, KeyboardInterrupt)],
                run=tmp_path / "run",
            )
        except KeyboardInterrupt:
            assert epoch == 2
        best.append(float(checkpoint.best))
    assert best[1] <= best[0] if mode == "auto" else best[1] >= best[0]
    # The comparison itself: of a loss, smaller is better unless the caller says otherwise.
    assert bool(checkpoint.monitor_op(0.0, 1.0)) == (mode == "auto")
