"""Each callback on two replicas, and in a run that is broken off and resumed.

The conformance kit compares `model.fit` with the programs of `mk.fit`; these are the two columns of
the table (`tests/callback_matrix.py` prints it) that the kit does not have.
"""

import functools

import callback_matrix
import pytest

from mlkit.testing._callback import _close as close

# These change what is trained, when it stops, or want a model of their own; the others watch one
# run together.
ALONE = (
    "AverageModelCheckpoint", "DeadUnits", "FreezeBN", "GradualUnfreeze", "LRFinder", "NaNRecovery",
    "ScheduleFreeSwap", "StepEvaluator", "StochasticWeightAveraging", "TimeStopping",
    "WarmupReduceLROnPlateau",
)  # fmt: skip


def groups():
    specs = callback_matrix.specs()
    together = [spec for name, spec in specs.items() if name not in ALONE]
    assert all(spec.model is None and not spec.fit_kwargs for spec in together)
    return {"those that watch": together, **{name: [specs[name]] for name in ALONE}}


GROUPS = groups()


@functools.cache
def due(name):
    return callback_matrix.observed(GROUPS[name], "step")


@pytest.mark.slow
@pytest.mark.parametrize("column", ["2 replicas", "resumed"])
@pytest.mark.parametrize("name", GROUPS)
def test_same_observations(name, column):
    if column == "resumed" and name in callback_matrix.NOT_RESUMED:
        pytest.skip(callback_matrix.NOT_RESUMED[name])
    found = callback_matrix.observed(GROUPS[name], column)
    for spec, got, want in zip(GROUPS[name], found, due(name), strict=True):
        assert close(got, want), f"{spec.id} observed {got!r}, in one run of steps {want!r}"
