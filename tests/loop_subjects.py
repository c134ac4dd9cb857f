"""Models and data that the tests of the loop share."""

import keras
import numpy as np
from keras import layers


def digits_like(size=150, features=12, classes=3, seed=0):
    """Labels that a small net can learn from random features."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(size, features)).astype("float32")
    return x, np.argmax(x[:, :classes], axis=1).astype("int64")


def compiled(*extra, metrics=("accuracy",), optimizer="adam", features=12, seed=1, **kwargs):
    """A small classifier, compiled; `extra` layers stand before the last."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [keras.Input((features,)), layers.Dense(16, activation="relu"), *extra, layers.Dense(3)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=list(metrics), **kwargs)
    return model


def weights(model):
    """All variables of a model but the state of its seeds, in one vector."""
    return np.concatenate([np.ravel(v.numpy()) for v in model.weights])


def state(model):
    """Weights, seeds and optimizer in one vector."""
    parts = [*model.variables, *model.optimizer.variables]
    return np.concatenate([np.ravel(v.numpy()).astype("float64") for v in parts])
