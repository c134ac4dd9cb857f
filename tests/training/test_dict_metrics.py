"""A metric that gives several values, in each program."""

import numpy as np
import pytest

import mlkit as mk

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(64, 3)).astype("float32"), RNG.normal(size=(64, 1)).astype("float32")
OPTIONS = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0}


def quantile_model():
    mk.utils.set_random_seed(0)
    model = mk.Sequential([mk.Input((3,)), mk.layers.Dense(2)])
    coverage = mk.metrics.QuantileCoverage([0.1, 0.9])
    model.compile("sgd", mk.losses.PinballLoss([0.1, 0.9]), metrics=[coverage])
    return model


@pytest.mark.slow
@pytest.mark.parametrize("execution", ["auto", "step", "epoch"])
def test_a_metric_of_several_values_is_reported_as_by_keras(execution):
    theirs = quantile_model().fit(X, Y, **OPTIONS).history
    ours = mk.fit(quantile_model(), X, Y, execution=execution, **OPTIONS)
    for name in ("loss", "quantile_coverage_0.1", "quantile_coverage_0.9"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5)
