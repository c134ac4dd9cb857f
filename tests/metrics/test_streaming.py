"""What every metric of ours promises beyond the conformance checks: bad input above all."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from mlkit.testing import MetricSpec
from mlkit.testing._gather import gather
from mlkit.testing._spec import draw

PARTS = [s for s in gather(Path(__file__).parent) if isinstance(s, MetricSpec)]
every = pytest.mark.parametrize("spec", PARTS, ids=lambda spec: spec.id)


def data(spec, seed=0):
    """The arguments of `update_state` without weights, and the number of examples."""
    given = [x for x in (spec.y_true, spec.y_pred) if x is not None]
    y = [draw(x, seed + i) for i, x in enumerate(given)]
    return y, len(y[0])


def flat(result):
    values = result.values() if isinstance(result, dict) else [result]
    return np.array([float(value) for value in values])


def value(spec, arguments, weight=None):
    metric = spec.make()
    metric.update_state(*arguments, sample_weight=weight)
    return flat(metric.result())


@every
def test_weights_of_another_length_are_refused(spec):
    arguments, n = data(spec)
    for wrong in (np.ones(n - 1), np.ones((n, 2)), np.ones((1, n))):
        with pytest.raises(ValueError, match="`sample_weight` must be a number or have"):
            spec.make().update_state(*arguments, sample_weight=wrong)


@every
def test_what_has_weight_zero_may_be_anything(spec):
    (y_true, *rest), n = data(spec)
    if not rest:
        return
    y_pred, weight = rest[0].copy(), np.ones(n)
    weight[::3] = 0.0
    want = value(spec, (y_true, y_pred), weight)
    y_pred[::3] = np.nan if np.issubdtype(y_pred.dtype, np.floating) else -9
    np.testing.assert_allclose(value(spec, (y_true, y_pred), weight), want, rtol=1e-6)


@every
def test_nan_raises_outside_xla_and_is_nan_inside(spec):
    arguments, _ = data(spec)
    bad = arguments[-1].copy()
    bad[3] = np.nan
    arguments = [*arguments[:-1], bad]
    with pytest.raises(ValueError, match="must"):
        spec.make().update_state(*arguments)
    in_graph, in_xla = spec.make(), spec.make()
    with pytest.raises(tf.errors.InvalidArgumentError, match="must"):
        tf.function(in_graph.update_state)(*arguments)
    tf.function(in_xla.update_state, jit_compile=True)(*arguments)
    assert np.isnan(flat(in_xla.result())).all()


@every
def test_an_empty_batch_adds_nothing(spec):
    arguments, _ = data(spec)
    metric = spec.make()
    metric.update_state(*(x[:0] for x in arguments))
    assert np.isnan(flat(metric.result())).all() or not flat(metric.result()).any()
    metric.update_state(*arguments)
    np.testing.assert_allclose(flat(metric.result()), value(spec, arguments), rtol=1e-6)


@every
def test_shapes_that_differ_are_refused(spec):
    arguments, n = data(spec)
    if len(arguments) == 1:
        return
    y_true, y_pred = arguments
    for wrong in (y_true[: n - 1], np.float32(1.0), np.ones((n, 7, 1)), np.ones((1, 1))):
        with pytest.raises(ValueError, match="must"):
            spec.make().update_state(wrong, y_pred)


@every
def test_merging_with_a_stranger_is_refused(spec):
    with pytest.raises(ValueError, match="`metrics` must hold metrics like this"):
        spec.make().merge_state([tf.keras.metrics.Mean()])


@every
def test_fit_logs_scalars(spec):
    """Names of two metrics of one class do not meet in the logs."""
    arguments, _ = data(spec)
    metric = spec.make(name="one")
    metric.update_state(*arguments)
    result = metric.result()
    assert all(k.startswith("one_") for k in result) if isinstance(result, dict) else True
    assert all(np.ndim(v) == 0 for v in (result.values() if isinstance(result, dict) else [result]))
