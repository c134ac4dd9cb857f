"""The five models of the loop benchmark, with data of their shape."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

import mlkit as mk


@dataclass(frozen=True)
class Setting:
    """A model, its data and its batch size."""

    name: str
    build: Callable[[], keras.Model]
    data: Callable[[int], tuple[np.ndarray, np.ndarray]]
    batch: int
    steps: int  # an epoch of the benchmark
    epochs: int = 3  # a call of the benchmark


def _mlp(inputs: int, hidden: tuple[int, ...]) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        dense = [layers.Dense(h, activation="relu") for h in hidden]
        return keras.Sequential([keras.Input((inputs,)), *dense, layers.Dense(10)])

    return build


def _cnn() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )


def _transformer() -> keras.Model:
    inputs = x = keras.Input((64, 128))
    for _ in range(4):
        h = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(4, 32)(h, h)
        h = layers.LayerNormalization()(x)
        x = x + layers.Dense(128)(layers.Dense(256, activation="gelu")(h))
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling1D()(x)))


def _lstm() -> keras.Model:
    return keras.Sequential([keras.Input((32, 16)), layers.LSTM(64), layers.Dense(10)])


def _draw(shape: tuple[int, ...]) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    def data(size: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        x = rng.standard_normal((size, *shape)).astype("float32")
        return x, rng.integers(0, 10, size).astype("int32")

    return data


SETTINGS = {
    "a": Setting("MLP 64-128-10, batch 32", _mlp(64, (128,)), _draw((64,)), 32, 600, 10),
    "b": Setting(
        "MLP 784-256-128-10, batch 128", _mlp(784, (256, 128)), _draw((784,)), 128, 120, 5
    ),
    "c": Setting("CNN 28x28, batch 128", _cnn, _draw((28, 28, 1)), 128, 60),
    "d": Setting(
        "transformer 4x128, length 64, batch 32", _transformer, _draw((64, 128)), 32, 8, 2
    ),
    "e": Setting("LSTM 64, length 32, batch 32", _lstm, _draw((32, 16)), 32, 60),
}


def compiled(setting: Setting, build: Any = None, **kwargs: Any) -> keras.Model:
    """A new model, with Adam and the cross-entropy of logits, no metrics beside the loss."""
    keras.utils.set_random_seed(0)
    model = (build or setting.build)()
    kwargs.setdefault("loss", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.compile("adam", **kwargs)
    return model


@keras.saving.register_keras_serializable("benchmark")
def smoothed(y: Any, y_pred: Any) -> Any:
    """A loss of somebody's own: cross-entropy of logits with a little of the uniform's."""
    log_p = keras.ops.log_softmax(y_pred)
    own = keras.ops.take_along_axis(log_p, keras.ops.expand_dims(y, 1), 1)[:, 0]
    return -0.95 * own - 0.05 * keras.ops.mean(log_p, -1)


class OwnStep(keras.Model):
    """A functional model with a `train_step` of somebody's own."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        weights = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
        return {m.name: m.result() for m in self.metrics}


def own_step(setting: Setting) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        model = setting.build()
        return OwnStep(model.inputs, model.outputs)

    return build


def eight_metrics() -> list[Any]:
    """Of Keras and of ours."""
    return [
        "accuracy",
        keras.metrics.SparseTopKCategoricalAccuracy(3, name="top_3"),
        keras.metrics.SparseTopKCategoricalAccuracy(5, name="top_5"),
        keras.metrics.SparseCategoricalCrossentropy(from_logits=True),
        keras.metrics.MeanMetricWrapper(smoothed, name="smoothed"),
        mk.metrics.MatthewsCorrelationCoefficient(10),
        mk.metrics.CohenKappa(10, sparse_labels=True),
        mk.metrics.BalancedAccuracy(10),
    ]
