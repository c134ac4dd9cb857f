"""Rules for losses: compiled, in `fit`, saved with a model."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlkit.testing._check import check, shared
from mlkit.testing._compare import must_agree, worlds
from mlkit.testing._config import differences, plain
from mlkit.testing._loss_data import batch, value_and_gradient
from mlkit.testing._report import CheckFailed, NotApplicable
from mlkit.testing._spec import LossSpec


def identity_model(y_pred: np.ndarray) -> tuple[keras.Model, np.ndarray]:
    """A model that returns its input and could be trained to do otherwise; and that input."""
    if not np.issubdtype(y_pred.dtype, np.floating):
        raise NotApplicable("the predictions are not floats")
    x = y_pred[:, None] if y_pred.ndim == 1 else y_pred
    inputs = keras.Input(x.shape[1:])
    outputs = keras.layers.Dense(x.shape[-1], kernel_initializer="identity")(inputs)
    return keras.Model(inputs, outputs), x


@check("loss")
def compiled(spec: LossSpec) -> None:
    """A graph of unknown batch size, and XLA, give the value and the gradient of eager mode."""
    y_true, y_pred = batch(spec)
    if not np.issubdtype(y_pred.dtype, np.floating):
        raise NotApplicable("the predictions are not floats")
    loss = spec.make()
    want = value_and_gradient(loss, y_true, y_pred)

    def both(true: Any, pred: Any) -> Any:
        return value_and_gradient(loss, true, pred)

    signature = [tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in (y_true, y_pred)]
    open_graph = tf.function(both, input_signature=signature)
    ways = {**{name: way(both) for name, way in worlds().items()}, "unknown batch": open_graph}
    for name, run in ways.items():
        found = run(tf.constant(y_true), tf.constant(y_pred))
        for what, got, due in zip(("value", "gradient"), found, want, strict=True):
            if due is not None:
                must_agree(
                    got,
                    due,
                    1e-5,
                    f"the {what} under {name}",
                    why="`fit` compiles the loss: it trains on another one than was tried by hand.",
                    mend="Use keras.ops on static shapes, ops.shape(x)[0] for the batch size; no "
                    "NumPy, no Python `if` on tensors, no boolean_mask, unique or nonzero.",
                )


@check("loss")
def fit(spec: LossSpec) -> None:
    """A model compiled with it trains a step, and reports the loss of its predictions."""
    y_true, y_pred = batch(spec)
    model, x = identity_model(y_pred)
    model.compile(keras.optimizers.SGD(1e-4), spec.make())
    want = spec.make()(
        y_true.reshape(-1, 1) if y_true.shape == y_pred.shape[:1] and y_pred.ndim == 1 else y_true,
        x,
    )
    history = model.fit(x, y_true, batch_size=len(x), shuffle=False, verbose=0).history
    must_agree(
        np.float32(history["loss"][0]),
        want,
        1e-5,
        "the loss that fit reports for one batch",
        why="The printed loss is not the one that was asked for.",
        mend="Take `y_true` as `fit` gives it: as a tensor in its own dtype, batch first.",
    )
    (kernel, _) = model.get_weights()
    if np.array_equal(kernel, np.eye(*kernel.shape)) and np.isfinite(history["loss"][0]):
        raise CheckFailed(
            "a step of fit left the weights as they were",
            why="A model compiled with it does not train.",
            mend="See gradient_exists.",
        )


def _saved_and_loaded(spec: LossSpec) -> tuple[Any, Any]:
    y_true, y_pred = batch(spec)
    model, x = identity_model(y_pred)
    model.compile("sgd", spec.make())
    model.train_on_batch(x, y_true)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        known = {spec.cls.__name__: spec.cls}
        loaded = keras.saving.load_model(path, custom_objects=known)
    return model, loaded


@check("loss")
def saved_model(spec: LossSpec) -> None:
    """A compiled model comes back from `.keras` with the same loss: arguments and values."""
    model, loaded = shared(spec, "saved", lambda: _saved_and_loaded(spec))
    found = differences(plain(model.loss.get_config()), plain(loaded.loss.get_config()))
    if found:
        raise CheckFailed(
            f"the loss of the loaded model has another configuration: {'; '.join(found)}",
            why="Training that is continued from a saved model minimises something else, silently.",
            mend="Return every argument from get_config, and take it in `__init__`.",
        )
    y_true, y_pred = batch(spec)
    must_agree(
        loaded.loss(y_true, y_pred),
        spec.make()(y_true, y_pred),
        1e-6,
        "the loss of the loaded model",
        why="Training that is continued from a saved model minimises something else, silently.",
        mend="Return every argument from get_config under its own name, unaltered.",
    )
