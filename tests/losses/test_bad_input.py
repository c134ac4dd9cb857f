"""What every loss does with labels that are no class, NaN, nothing, and shapes that do not fit."""

import inspect
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from mlkit import losses
from mlkit.testing import LossSpec
from mlkit.testing._gather import gather

SPECS_HERE = [s for s in gather(Path(__file__).parent) if isinstance(s, LossSpec)]
OURS = [s for s in SPECS_HERE if s.cls.__name__ != "SigmoidFocalCrossEntropy"]
IDS = [s.id for s in OURS]
OWN = [s for s in OURS if s.cls is not losses.Weighted]  # what that wraps is Keras' own


def uses_labels(spec):
    return "not used" not in inspect.getdoc(spec.function or spec.cls)


def data(spec, seed=0):
    rng = np.random.default_rng(seed)
    y_true, y_pred = (d(rng) if callable(d) else d for d in (spec.y_true, spec.y_pred))
    return y_true, np.asarray(y_pred, "float32")


def own(spec, reduction=None):
    known = {"across_replicas": False} if "across_replicas" in spec.kwargs else {}
    return spec.cls(**{**spec.kwargs, **known}, reduction=reduction)


@pytest.mark.parametrize("spec", OURS, ids=IDS)
def test_nan_is_refused_eagerly_and_kept_when_compiled(spec):
    y_true, y_pred = data(spec)
    flat = y_pred.reshape(len(y_pred), -1)
    flat[1, 0] = np.nan
    if spec.cls is losses.SimSiamLoss or spec.cls is losses.Weighted:
        flat[1] = np.nan
    loss = own(spec)
    if spec.cls is not losses.Weighted:  # that is the wrapped loss's own affair
        with pytest.raises(ValueError, match=r"holds NaN in"):
            loss(y_true, y_pred)
    for jit in (False, True):
        found = np.asarray(tf.function(loss, jit_compile=jit)(y_true, tf.constant(y_pred)))
        row = found if found.ndim == 0 or spec.batchwise else found[1]
        assert np.isnan(row).any(), f"jit_compile={jit}: {found}"
        if not spec.batchwise and found.ndim and spec.cls is not losses.SequenceLoss:
            assert np.isfinite(found[2]).all()


@pytest.mark.parametrize("spec", OWN, ids=lambda s: s.id)
def test_an_empty_batch_is_refused(spec):
    y_true, y_pred = data(spec)
    with pytest.raises(ValueError, match="at least one example"):
        own(spec)(y_true[:0], y_pred[:0])


SPARSE = [s for s in OURS if "one class" not in s.id and "ignore_class" in s.kwargs]
SPARSE += [s for s in OURS if s.cls in (losses.CoralLoss, losses.WeightedKappaLoss)]


@pytest.mark.parametrize("spec", SPARSE, ids=lambda s: s.id)
@pytest.mark.parametrize("label", [-1, 50])
def test_labels_that_are_no_class(spec, label):
    y_true, y_pred = data(spec)
    y_true = np.array(y_true, "int64")
    y_true.reshape(-1)[-1] = label
    loss = own(spec)
    with pytest.raises(ValueError, match="`y_true` must hold"):
        loss(y_true, y_pred)
    with pytest.raises(tf.errors.InvalidArgumentError, match="`y_true` must hold"):
        tf.function(loss)(tf.constant(y_true), tf.constant(y_pred))
    compiled = tf.function(loss, jit_compile=True)
    found = np.asarray(compiled(tf.constant(y_true), tf.constant(y_pred)))
    assert np.isnan(found[-1]).any()
    assert spec.batchwise or np.isfinite(found[0]).all()


@pytest.mark.parametrize("spec", OWN, ids=lambda s: s.id)
def test_another_rank_is_refused(spec):
    y_true, y_pred = data(spec)
    if uses_labels(spec):
        y_true = np.stack([y_true, y_true, y_true], -1)[:, None]
    else:
        y_pred = y_pred[:, 0]
    with pytest.raises((ValueError, TypeError)):
        own(spec)(y_true, y_pred)


@pytest.mark.parametrize("spec", [s for s in OWN if uses_labels(s)], ids=lambda s: s.id)
def test_another_batch_size_is_refused(spec):
    y_true, y_pred = data(spec)
    with pytest.raises(ValueError, match=r"shape|mutually consistent|Received"):
        own(spec)(y_true[:-1], y_pred)


@pytest.mark.parametrize("shape", [(3,), (3, 1), ()])
def test_weights_of_examples_reach_every_element(shape):
    """Keras multiplies (N,) with (N, T) along the wrong axis when N = T."""
    y, z = np.zeros((3, 3), int), np.random.default_rng(0).normal(size=(3, 3, 2)).astype("float32")
    weights = np.arange(1.0, 1 + max(1, int(np.prod(shape)))).reshape(shape).astype("float32")
    loss = losses.WeightedCrossentropy(from_logits=True, reduction=None)
    wanted = np.array(loss(y, z)) * (weights.reshape(-1, 1) if shape else weights)
    np.testing.assert_allclose(loss(y, z, weights), wanted, rtol=1e-6)


def test_weights_that_do_not_fit_are_refused():
    loss = losses.CharbonnierLoss()
    x = np.zeros((4, 2), "float32")
    for weights in (np.ones(3), np.ones((4, 2)), np.ones((1, 4, 1))):
        with pytest.raises(ValueError, match="`sample_weight` must be a scalar or have"):
            loss(x, x, weights)


def test_a_mask_of_steps_cannot_hide_them_from_a_value_of_the_whole():
    x = keras.layers.Masking(0.0)(np.zeros((2, 3, 4), "float32"))
    with pytest.raises(ValueError, match="`mask` must be a scalar or have"):
        losses.DiceLoss()(np.zeros((2, 3), int), x)
