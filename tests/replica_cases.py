"""The jobs whose results on one device, on two replicas and in two processes are compared."""

import itertools

import keras
import numpy as np
from keras import layers

import mlkit as mk

FEATURES = ("clip", "accumulate", "ema", "scale", "regularize", "weights", "ragged")
OPTIMIZERS = {
    "sgd": lambda **kwargs: keras.optimizers.SGD(0.1, momentum=0.9, **kwargs),
    "adam": lambda **kwargs: keras.optimizers.Adam(0.01, **kwargs),
}
# Eight examples of three classes a batch of 32 and one of 23 or 32; 12 features.
BATCH, RAGGED, EVEN = 32, 151, 160


def combinations(full=False):
    """`(optimizer, features)`: none, each, each pair, all; with `full` the whole product."""
    sizes = range(len(FEATURES) + 1) if full else (0, 1, 2, len(FEATURES))
    sets = [c for n in sizes for c in itertools.combinations(FEATURES, n)]
    return list(itertools.product(OPTIMIZERS, sets))


def name(optimizer, features):
    return "+".join([optimizer, *(features if len(features) < len(FEATURES) else ["all"])])


def data(size):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(size, 12)).astype("float32")
    return x, np.argmax(x[:, :3], axis=1).astype("int64")


def model(optimizer, features, *extra):
    """A small compiled classifier; `extra` layers stand before the last."""
    keras.utils.set_random_seed(1)
    regularizer = keras.regularizers.L2(0.01) if "regularize" in features else None
    net = keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(16, activation="tanh", kernel_regularizer=regularizer),
            *extra,
            layers.Dense(3),
        ]
    )
    made = OPTIMIZERS[optimizer]()
    if "scale" in features:
        made = keras.mixed_precision.LossScaleOptimizer(made)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(made, loss, metrics=["accuracy"])
    return net


def trainer(optimizer, features, strategy=None, execution="fused", net=None):
    clip = [mk.gradients.clip_by_global_norm(0.1)] if "clip" in features else []
    return mk.Trainer(
        net or model(optimizer, features),
        accumulate=4 if "accumulate" in features else 1,
        gradients=clip,
        ema=0.9 if "ema" in features else None,
        execution=execution,
        strategy=strategy,
        seed=5,
    )


def run(optimizer, features, strategy=None, **kwargs):
    """Three epochs; returns the final weights (of the average, with `ema`) and the history."""
    job = trainer(optimizer, features, strategy, **kwargs)
    x, y = data(RAGGED if "ragged" in features else EVEN)
    weights = {0: 0.5, 1: 1.0, 2: 2.0} if "weights" in features else None
    history = job.fit(
        x, y, batch_size=BATCH, epochs=3, class_weight=weights, validation_data=(x[:41], y[:41]),
        verbose=0,
    )  # fmt: skip
    job.finalize()
    return [v.numpy() for v in job.model.weights], history.history


def difference(found, expected):
    """The largest difference of two lists of weights, by the largest of each array."""
    return max(
        float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(found, expected, strict=True)
    )
