"""Each callback in a run that is broken off and resumed: what it saw is what it sees undisturbed.

The conformance kit compares `model.fit` with the programs of `mk.fit`; this is the column that it
does not have.
"""

import importlib.util
from pathlib import Path

import keras
import pytest
from callback_subjects import Breaks, data, model

import mlkit as mk
from mlkit.testing import CallbackSpec
from mlkit.testing._callback import _close as close

# Not here: LRFinder, as a test of the rate is not a run; TimeStopping, which looks at the clock;
# those that observe nothing but files.
RESUMED = (
    "ConfusionMatrix", "DeadUnits", "EMATeacher", "FreezeBN", "GradientLogger", "GradualUnfreeze",
    "OptimizerLogger", "StepEvaluator", "StochasticWeightAveraging", "TQDMProgressBar",
    "TopKCheckpoint",
)  # fmt: skip


# Kept, or their temporary folders would be removed with a warning.
MODULES = []


def specs():
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path != Path(__file__) and "SPECS = [" in path.read_text():
            spec = importlib.util.spec_from_file_location(f"matrix_{path.stem}", path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            MODULES.append(module)
            yield from (s for s in module.SPECS if isinstance(s, CallbackSpec) and s.observe)


SPECS_BY_NAME = {spec.cls.__name__: spec for spec in specs() if not spec.fit_kwargs}


def run(spec, directory, breaks_in=None):
    keras.utils.set_random_seed(0)
    made, callback, (x, y) = (spec.model or model)(), spec.make(), data()
    options = {"epochs": 3, "batch_size": 8, "verbose": 0, "validation_data": (x[:16], y[:16])}
    callbacks = [callback, Breaks(breaks_in)]
    mk.fit(made, x, y, run=directory, seed=0, callbacks=callbacks, execution="epoch", **options)
    return spec.observe(callback)


@pytest.mark.parametrize("name", RESUMED)
def test_resumed(name, tmp_path):
    spec = SPECS_BY_NAME[name]
    due = run(spec, tmp_path / "whole")
    with pytest.raises(RuntimeError, match="broken"):
        run(spec, tmp_path / "broken", breaks_in=2)
    assert close(run(spec, tmp_path / "broken"), due)
