"""A pipeline whose examples are in memory: the programs cut its batches, bit for bit."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk
from mlkit.training import _arrays
from mlkit.training._resident import ResidentPipeline
from mlkit.training._sources import source

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (22, 6, 6, 3), dtype=np.uint8)
Y = RNG.integers(0, 3, 22).astype("i4")
A = mk.data.augment


def scaled(x, y):
    return tf.cast(x, tf.float32) / 255.0, tf.one_hot(y, 3)


PIPELINES = {
    "as it is": lambda: mk.data.pipeline((X / np.float32(255), np.eye(3, dtype="f4")[Y]), 5),
    "no remainder": lambda: mk.data.pipeline(
        (X / np.float32(255), np.eye(3, dtype="f4")[Y]), 5, drop_remainder=True
    ),
    "map": lambda: mk.data.pipeline((X, Y), 5, map=scaled, seed=3),
    "augment": lambda: mk.data.pipeline(
        (X, Y), 5, map=scaled, augment=[A.crop(padding=1), A.flip(), A.mixup(1.0)], seed=3
    ),
}


def stream(pipeline):
    """The same batches, as a data set that the loop knows nothing of."""
    return pipeline.map(lambda *batch: batch)


def trained(data, execution="fused", **kwargs):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6, 6, 3)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    model.compile(keras.optimizers.Adam(0.01), keras.losses.CategoricalCrossentropy(True))
    trainer = mk.Trainer(model, execution=execution)
    losses = trainer.fit(data, epochs=3, verbose=0, **kwargs).history["loss"]
    return [w.numpy() for w in model.weights], losses, trainer


@pytest.mark.parametrize("name", PIPELINES)
def test_every_program_learns_what_a_stream_teaches(name):
    pipeline = PIPELINES[name]()
    assert isinstance(source(pipeline, resident=True), ResidentPipeline)
    wanted, losses, _ = trained(stream(pipeline), steps_per_epoch=pipeline.steps_per_epoch)
    for execution in ("eager", "step", "fused", "epoch", "epoch+xla", "auto"):
        weights, got, trainer = trained(PIPELINES[name](), execution)
        close = 2e-5 if execution in ("epoch+xla", "eager") else 1e-6
        for a, b in zip(weights, wanted, strict=True):
            np.testing.assert_allclose(a, b, atol=close, err_msg=execution)
        np.testing.assert_allclose(got, losses, rtol=1e-5)
        assert "22 examples in memory" in trainer.plan
    assert "execution   epoch" in trainer.plan  # what "auto" takes


def test_two_pipelines_of_one_trainer_are_kept_apart():
    def made(seed):
        return mk.data.pipeline((X, Y), 5, map=scaled, augment=A.crop(padding=2), seed=seed)

    _, _, trainer = trained(made(1), "epoch")
    _, _, other = trained(stream(made(1)), steps_per_epoch=5)
    trainer.fit(made(2), epochs=2, verbose=0)
    other.fit(stream(made(2)), steps_per_epoch=5, epochs=2, verbose=0)
    for a, b in zip(trainer.model.weights, other.model.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)


def test_a_set_that_would_not_fit_twice_is_gathered_batch_by_batch(monkeypatch):
    monkeypatch.setattr(_arrays, "free_memory", lambda: 1000)
    _, _, trainer = trained(PIPELINES["map"](), "auto")
    assert "execution   fused" in trainer.plan
    assert "gathered batch by batch" in trainer.plan


@pytest.mark.parametrize(
    "pipeline",
    [
        lambda: mk.data.pipeline((X, Y), 5, epochs=2),
        lambda: mk.data.pipeline((X, Y), 5, training=False),
        lambda: mk.data.pipeline((X, Y), 5).at(1, 2),
        lambda: mk.data.pipeline(mk.data.Indexed(range(9), load_row=lambda i: i), 3, cache=False),
        lambda: mk.data.pipeline([[1, 2], [3], [4]], 3),
    ],
)
def test_others_stay_streams(pipeline):
    assert not isinstance(source(pipeline(), resident=True), ResidentPipeline)


class Stop(keras.callbacks.Callback):
    def __init__(self, update):
        super().__init__()
        self.update = update

    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations.numpy() == self.update:
            raise KeyboardInterrupt


def test_a_run_goes_on_from_the_middle_of_an_epoch(tmp_path):
    def run(path, update):
        pipeline = PIPELINES["augment"]()
        return trained(pipeline, "step", run=path, save_every=20, callbacks=[Stop(update)])[0]

    whole = run(tmp_path / "whole", 0)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", 7)
    for a, b in zip(run(tmp_path / "broken", 0), whole, strict=True):
        np.testing.assert_array_equal(a, b)
