"""ConfidencePenalty: the entropy with the other sign."""

import numpy as np
import pytest
from regularizers._gradients import numeric, slope
from scipy.special import softmax
from scipy.stats import entropy

from mlkit.regularizers import ConfidencePenalty
from mlkit.testing import RegularizerSpec


def penalty(p, factor, axis):
    return -factor * entropy(p, axis=axis).sum()


SPECS = [
    RegularizerSpec(
        ConfidencePenalty,
        kwargs=dict(factor=0.3, from_logits=True, axis=1),
        shape=(5, 4),
        reference=lambda x: penalty(softmax(x, axis=1), 0.3, 1),
        zero_at=lambda shape: np.broadcast_to([2e4, 0.0, 0.0, 0.0], shape),
    )
]


@pytest.mark.parametrize("axis", [-1, 1])
def test_probabilities(axis):
    p = softmax(np.random.default_rng(0).normal(size=(4, 3, 5)), axis=axis)
    value, gradient = slope(ConfidencePenalty(0.3, axis=axis), p)
    np.testing.assert_allclose(value, penalty(p, 0.3, axis), rtol=1e-9)
    np.testing.assert_allclose(gradient, 0.3 * (np.log(p) + 1), rtol=1e-9)


def test_logits():
    x = np.random.default_rng(0).normal(size=(4, 5))
    value, gradient = slope(ConfidencePenalty(0.3, from_logits=True), x)
    np.testing.assert_allclose(value, penalty(softmax(x, axis=-1), 0.3, -1), rtol=1e-9)
    expected = numeric(lambda x: penalty(softmax(x, axis=-1), 0.3, -1), x)
    np.testing.assert_allclose(gradient, expected, atol=1e-8)


@pytest.mark.parametrize("from_logits", [True, False])
def test_ends_of_the_range(from_logits):
    x = np.eye(3, dtype="float32") * (2e4 if from_logits else 1.0)
    value, gradient = slope(ConfidencePenalty(1.0, from_logits=from_logits), x)
    assert value == 0.0
    assert np.isfinite(gradient).all()


def test_refuses():
    with pytest.raises(TypeError, match="`from_logits` must be True or False"):
        ConfidencePenalty(from_logits=1)
