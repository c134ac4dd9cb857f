"""Each callback in `model.fit`, in every program, on two replicas, and broken off and resumed.

    PYTHONPATH=. python tests/callback_matrix.py [-k NAME]

prints the table: what a callback observed in `model.fit` is what it observes everywhere.
"""

import argparse
import contextlib
import io
import sys
import tempfile
from pathlib import Path

import keras
import tensorflow as tf
from callback_subjects import Breaks, data, model
from strategies import two_replicas

import mlkit as mk
from mlkit.testing import CallbackSpec
from mlkit.testing._callback import _close as close
from mlkit.testing._gather import gather

HERE = Path(__file__).parent
COLUMNS = ("fit", "step", "fused", "epoch", "2 replicas", "resumed")
NOT_RESUMED = {
    "LRFinder": "a test of the rate is no run",
    "TimeStopping": "it looks at the clock",
}
NOT_ON_REPLICAS = {
    "FreezeBN": "batch normalisation has the statistics of each replica's part, so other weights",
}
# In `mk.fit` it means `run=`: the column "resumed" is its very work, and tests of its own show it.
NOT_HERE = ("Resume",)


def specs(folder=HERE / "callbacks"):
    """The specs of all callbacks that observe something, by name."""
    found = [s for s in gather(folder) if isinstance(s, CallbackSpec) and s.observe is not None]
    return {s.id: s for s in found if s.cls.__name__ not in NOT_HERE}


class Broken(Exception):
    pass


def train(subjects, column, *others, run=None):
    """Three epochs of five updates; returns what each callback observed."""
    keras.utils.set_random_seed(0)
    made, (x, y) = (subjects[0].model or model)(), data()
    callbacks = [spec.make() for spec in subjects]
    options = {"epochs": 3, "batch_size": 8, "shuffle": False, "verbose": 0}
    options |= {"validation_data": (x[:16], y[:16]), "callbacks": [*callbacks, *others]}
    options |= subjects[0].fit_kwargs
    if column == "fit":
        made.fit(x, y, **options)
    else:
        program = {"2 replicas": "fused", "resumed": "epoch"}.get(column, column)
        strategy = two_replicas() if column == "2 replicas" else None
        trainer = mk.Trainer(made, execution=program, seed=0, strategy=strategy)
        trainer.fit(x, y, run=run, **options)
    return [spec.observe(callback) for spec, callback in zip(subjects, callbacks, strict=True)]


def observed(subjects, column):
    """What callbacks observe in a column of the table."""
    if column != "resumed":
        return train(subjects, column)
    with tempfile.TemporaryDirectory() as folder:
        try:
            train(subjects, column, Breaks(2, Broken), run=folder)
        except Broken:
            return train(subjects, column, Breaks(None), run=folder)
    raise RuntimeError("The run was not broken off: nothing was resumed.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-k", default="", help="only callbacks whose name holds this")
    wanted = parser.parse_args().k
    print(f"{'callback':32s}" + "".join(f"{column:>12s}" for column in COLUMNS))
    bad = 0
    for name, spec in specs().items():
        if wanted not in name:
            continue
        cells, due = [], None
        for column in COLUMNS:
            excused = {"resumed": NOT_RESUMED, "2 replicas": NOT_ON_REPLICAS}.get(column, {})
            if name in excused:
                cells.append("-")
                continue
            quiet = io.StringIO()
            with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
                found = observed([spec], column)
            due = found if column == "fit" else due
            cells.append("same" if close(found, due) else "OTHER")
        bad += cells.count("OTHER")
        print(f"{name:32s}" + "".join(f"{cell:>12s}" for cell in cells), flush=True)
    print("\nsame: the observations of model.fit, numbers up to rounding.  -: has no place there.")
    for column, excused in (("resumed", NOT_RESUMED), ("2 replicas", NOT_ON_REPLICAS)):
        for name, reason in excused.items():
            print(f"  {name}, {column}: {reason}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    main()
