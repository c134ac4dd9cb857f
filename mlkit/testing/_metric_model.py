"""Rules for metrics: numbers in other precisions and shapes, compiled, in `evaluate`, saved."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlkit.testing._check import check
from mlkit.testing._compare import must_agree, worlds
from mlkit.testing._layer_replicas import strategy
from mlkit.testing._loss_data import batch, weights
from mlkit.testing._loss_model import identity_model
from mlkit.testing._metric import measured, needs_predictions, update, value
from mlkit.testing._report import NotApplicable
from mlkit.testing._spec import MetricSpec


@check("metric")
def cancellation(spec: MetricSpec) -> None:
    """Data far from zero keep their digits: both shifted by 1000, against the witness."""
    y_true, y_pred = batch(spec)
    floats = all(np.issubdtype(a.dtype, np.floating) for a in (y_true, y_pred))
    inside = floats and y_true.min() >= 0 and y_true.max() <= 1
    if spec.reference is None or not floats or inside or y_true.shape != y_pred.shape:
        raise NotApplicable("not a regression with a `reference`")
    far = [(a + np.float32(1000)).astype(np.float32) for a in (y_true, y_pred)]
    must_agree(
        measured(spec, *far),
        spec.reference(*far, None),
        1e-3,
        "targets and predictions shifted by 1000",
        why="Temperatures in kelvin, years and prices are such data; a difference of large sums "
        "loses every digit of the variance in float32.",
        mend="Sum deviations from a running mean (Welford, Chan), or sum in float64.",
    )


@check("metric")
def half_precision(spec: MetricSpec) -> None:
    """Predictions in float16 and bfloat16 give what the same numbers in float32 give."""
    needs_predictions(spec)
    y_true, y_pred = batch(spec)
    if not np.issubdtype(y_pred.dtype, np.floating):
        raise NotApplicable("the predictions are not floats")
    for dtype in ("float16", "bfloat16"):
        low = tf.cast(y_pred, dtype)
        must_agree(
            measured(spec, y_true, low),
            measured(spec, y_true, tf.cast(low, "float32")),
            1e-4,
            f"predictions in {dtype}",
            why="Under mixed precision the metric sums rounded numbers.",
            mend="Cast `y_pred` to the dtype of the metric before anything else.",
        )


@check("metric")
def target_dtypes(spec: MetricSpec) -> None:
    """Integer, boolean and float targets of the same values give the same result."""
    y_true, y_pred = batch(spec)
    whole = np.asarray(y_true, np.float64)
    if not np.array_equal(whole, np.round(whole)):
        raise NotApplicable("the targets are not whole numbers")
    dtypes = ["int32", "int64", "float32", "float16"]
    dtypes += ["bool", "uint8"] if set(np.unique(whole)) <= {0.0, 1.0} else []
    for dtype in dtypes:
        must_agree(
            measured(spec, y_true.astype(dtype), y_pred),
            measured(spec, y_true, y_pred),
            1e-3 if dtype == "float16" else 1e-6,
            f"targets in {dtype}",
            why="Labels come as uint8 or bool from files, and as int64 from NumPy.",
            mend="Cast `y_true` first.",
        )


@check("metric")
def broadcasting(spec: MetricSpec) -> None:
    """(N,) against (N, 1) is right or refused; never a silent matrix of all pairs."""
    y_true, y_pred = batch(spec)
    if any(a.size != len(y_pred) for a in (y_true, y_pred)):
        raise NotApplicable("targets and predictions are not one number for each example")
    true, pred = y_true.reshape(-1, 1), y_pred.reshape(-1, 1)
    want = measured(spec, y_true, y_pred)
    for a, b in ((true, pred), (true[:, 0], pred), (true, pred[:, 0]), (true[:, 0], pred[:, 0])):
        try:
            got = measured(spec, a, b)
        except (ValueError, TypeError, tf.errors.InvalidArgumentError):
            continue
        must_agree(
            got,
            want,
            1e-5,
            f"targets {a.shape} and predictions {b.shape}",
            why="All targets are compared with all predictions: a plausible, wrong number.",
            mend="Bring both to one shape, or raise (mlkit parts: mlkit._core.targets).",
        )


@check("metric")
def compiled(spec: MetricSpec) -> None:
    """Updated in a graph of unknown batch size, or by XLA, the result is that of eager mode."""
    y_true, y_pred = batch(spec)
    weight = weights(len(y_pred)) if spec.weighted else None
    arrays = [a for a in (y_true, y_pred, weight) if a is not None]
    want = measured(spec, *arrays)
    signature = [tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in arrays]
    ways = {
        **worlds(),
        "unknown batch": lambda run: tf.function(run, input_signature=signature),
    }
    for name, way in ways.items():
        metric = spec.make()
        # Lazily made variables must exist before XLA runs, as in `fit`, which builds first.
        update(metric, *(a[:1] for a in arrays))
        metric.reset_state()

        def run(*tensors: Any, metric: Any = metric) -> None:
            update(metric, *tensors)

        way(run)(*map(tf.constant, arrays))
        must_agree(
            value(metric),
            want,
            1e-5,
            f"updated under {name}",
            why="`fit` and `evaluate` compile the update.",
            mend="Use keras.ops on static shapes; no NumPy, no Python `if` on tensors, no "
            "boolean_mask, unique or nonzero.",
        )


def _reported(model: Any, x: Any, y: Any, weight: Any) -> list[float]:
    """The metric's values as `evaluate` reports them, sorted, batches of five."""
    logs = model.evaluate(x, y, sample_weight=weight, batch_size=5, verbose=0, return_dict=True)
    return sorted(float(entry) for name, entry in logs.items() if name != "loss")


def _no_loss(_: Any, y_pred: Any) -> Any:
    """Zero for any targets: `evaluate` asks for a loss."""
    rows = keras.ops.reshape(y_pred, (keras.ops.shape(y_pred)[0], -1))
    return 0.0 * keras.ops.mean(rows, axis=-1)


@check("metric")
def evaluate(spec: MetricSpec) -> None:
    """A compiled model reports its value from `evaluate`, also when saved and loaded."""
    needs_predictions(spec)
    y_true, y_pred = batch(spec)
    model, x = identity_model(y_pred)
    y = y_true.reshape(len(y_true), -1) if y_pred.ndim == 1 else y_true
    weight = weights(len(x)) if spec.weighted else None
    kind = "weighted_metrics" if spec.weighted else "metrics"
    model.compile("sgd", _no_loss, **{kind: [spec.make()]})
    want = measured(spec, y, x, weight)
    due = sorted(float(v) for v in (want.values() if isinstance(want, dict) else [want]))
    must_agree(
        _reported(model, x, y, weight),
        due,
        1e-5,
        "what evaluate reports",
        why="The value in the progress line and in `History` is not the metric's.",
        mend="Take tensors in their own dtype, batch first; see `batches` and `compiled`.",
    )
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.keras")
        known = {spec.cls.__name__: spec.cls, "_no_loss": _no_loss}
        loaded = keras.saving.load_model(Path(folder) / "model.keras", custom_objects=known)
    must_agree(
        _reported(loaded, x, y, weight),
        due,
        1e-5,
        "what evaluate reports for the loaded model",
        why="The metric of a saved model measures something else, silently.",
        mend="Return every argument from get_config under its own name, unaltered.",
    )


@check("metric")
def replicas(spec: MetricSpec) -> None:
    """On two replicas, each with half of the data, the result is that of all of them."""
    mirrored = strategy()
    y_true, y_pred = batch(spec)
    count = len(y_pred) // 2 * 2
    weight = weights(count) if spec.weighted else None
    arrays = [a for a in (y_true[:count], y_pred[:count], weight) if a is not None]
    with mirrored.scope():
        metric = spec.make()
        update(metric, *(a[:1] for a in arrays))
        metric.reset_state()
    halves = [np.split(a, 2) for a in arrays]
    both = mirrored.experimental_distribute_values_from_function(
        lambda context: tuple(
            tf.convert_to_tensor(half[context.replica_id_in_sync_group]) for half in halves
        )
    )

    def step(*tensors: Any) -> None:
        update(metric, *tensors)

    tf.function(lambda: mirrored.run(step, args=both))()
    must_agree(
        value(metric),
        measured(spec, *arrays),
        1e-5,
        "two replicas, against one",
        why="Keras sums a metric's variables over the replicas when it reads them: means, "
        "maxima and centred moments come out wrong, plausibly.",
        mend="Keep sums only; or say in the docstring that the metric is for one device, and "
        'excuse={"replicas": "why"}.',
    )
