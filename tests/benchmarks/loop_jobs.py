"""Whole jobs, short epochs, inference and memory of the loop benchmark."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import keras
import loop_rivals as rivals
import tensorflow as tf
from _memory import held, peak
from loop_models import SETTINGS, Setting, compiled

import mlkit as mk

# The models of a section that has not all five.
MODELS = {"own": "ab", "short": "a", "inference": "ac", "memory": "b"}
STEPS = 56


def verdict(ratio: float, goal: float, most: bool = False) -> str:
    """A ratio beside the least (or the most) that it should be."""
    holds = ratio <= goal if most else ratio >= goal
    return (
        f"{ratio:.2f}x, goal {'at most ' if most else ''}{goal}x: {'holds' if holds else 'MISSED'}"
    )


def seconds(run: Any) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def in_turns(rows: dict[str, Any], rounds: int) -> dict[str, float]:
    """Median seconds of each row."""
    times: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(rounds):
        for name, run in rows.items():
            times[name].append(seconds(run))
    return {name: statistics.median(values) for name, values in times.items()}


def jobs(key: str, rounds: int) -> dict[str, float]:
    """Three epochs on 2,000 examples with a new model: tracing, measuring, compiling included."""
    setting = SETTINGS[key]
    x, y = setting.data(2000)
    times: dict[str, list[float]] = {"auto": [], "auto, known job": [], "fit": []}

    def train(name: str) -> float:
        model = compiled(setting, metrics=["accuracy"])
        given = {"batch_size": setting.batch, "epochs": 3, "verbose": 0}
        call = model.fit if name == "fit" else mk.Trainer(model, seed=0).fit
        return seconds(lambda: call(x, y, **given))

    kept = os.environ["MLKIT_CACHE"]
    train("fit")  # the first job of a process loads what all need
    for _ in range(rounds):
        for name, measured in times.items():
            with tempfile.TemporaryDirectory() as new:
                os.environ["MLKIT_CACHE"] = new if name == "auto" else kept
                measured.append(train(name))
    os.environ["MLKIT_CACHE"] = kept
    figures = {name: statistics.median(values) for name, values in times.items()}
    for name, value in figures.items():
        print(f"  {name:24s} {value:8.3f} s the whole job")
    print(f"  fit against auto: {verdict(figures['fit'] / figures['auto'], 1.0)}")
    return figures


class Notes(keras.callbacks.Callback):
    """What many callbacks do: keep the logs of an epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.logs = dict(logs or {})


def bare_validation(setting: Setting, x: Any, y: Any) -> Any:
    """A compiled loop by hand over held-out data: the mean loss."""
    model = compiled(setting)
    loss_fn, size = model.loss, setting.batch
    count = len(x) // size
    xs, ys = tf.constant(x), tf.constant(y)

    @tf.function(jit_compile=True)
    def run(xs: Any, ys: Any) -> Any:
        def body(i: Any, total: Any) -> Any:
            a = tf.slice(xs, [i * size, 0], [size, x.shape[1]])
            b = tf.slice(ys, [i * size], [size])
            return i + 1, total + loss_fn(b, model(a, training=False))

        return tf.while_loop(lambda i, _: i < count, body, (0, 0.0))[1] / count

    return lambda: float(run(xs, ys))


def short(key: str, rounds: int) -> dict[str, float]:
    """Epochs of 56 steps with callbacks, metrics and validation, beside the bare loop by hand."""
    setting = SETTINGS[key]
    (x, y), (xv, yv) = setting.data(setting.batch * STEPS), setting.data(setting.batch * 14)
    bare, checked = rivals.bare_compiled(setting, x, y), bare_validation(setting, xv, yv)
    trainer = mk.Trainer(compiled(setting, metrics=["accuracy"]), execution="epoch+xla", seed=0)
    plain = mk.Trainer(compiled(setting), execution="epoch+xla", seed=0)
    epochs, given = 50, {"batch_size": setting.batch, "verbose": 0}
    rows = {
        "bare loop": lambda: bare(epochs),
        "bare loop and validation": lambda: rivals.again(lambda: (bare(1), checked()))(epochs),
        "ours, the loss alone": lambda: plain.fit(x, y, epochs=epochs, **given),
        "ours, everything": lambda: trainer.fit(
            x, y, epochs=epochs, validation_data=(xv, yv), callbacks=[Notes()], **given
        ),
    }
    for run in rows.values():
        run()
    figures = {k: 1e3 * v / epochs for k, v in in_turns(rows, max(rounds, 7)).items()}
    for name, value in figures.items():
        print(f"  {name:24s} {value:8.3f} ms an epoch of {STEPS} steps")
    everything = figures["ours, everything"]
    print(f"  everything / bare: {verdict(everything / figures['bare loop'], 1.25, most=True)}")
    both = everything / figures["bare loop and validation"]
    print(f"  everything / bare with validation: {verdict(both, 1.25, most=True)}")
    return figures


def inference(key: str, rounds: int) -> dict[str, float]:
    """`evaluate` and `predict` beside Keras'."""
    setting = SETTINGS[key]
    goal = {"a": 10, "c": 1.3}[key]
    x, y = setting.data(setting.batch * setting.steps)
    model = compiled(setting, metrics=["accuracy"])
    trainer = mk.Trainer(model, seed=0)
    size = {"batch_size": setting.batch}
    rows = {
        "evaluate": lambda: trainer.evaluate(x, y, **size),
        "Keras' evaluate": lambda: model.evaluate(x, y, verbose=0, **size),
        "predict": lambda: trainer.predict(x, **size),
        "Keras' predict": lambda: model.predict(x, verbose=0, **size),
    }
    for run in rows.values():
        run()
    figures = {k: 1e6 * v / setting.steps for k, v in in_turns(rows, max(rounds, 5)).items()}
    for name in ("evaluate", "predict"):
        theirs = figures[f"Keras' {name}"]
        print(
            f"  {name}: {figures[name]:.1f} us a batch, Keras' {theirs:.1f}: "
            f"{verdict(theirs / figures[name], goal)}"
        )
    return figures


def memory_of(key: str, how: str) -> dict[str, float]:
    """Peak of a training of 3 epochs, or the growth over 20,000 steps; run in its own process."""
    setting = SETTINGS[key]
    x, y = setting.data(setting.batch * 400)
    model = compiled(setting)
    given = {"batch_size": setting.batch, "verbose": 0}
    before = held()
    if how == "fit":
        model.fit(x, y, epochs=3, **given)
    elif how == "flat":
        trainer = mk.Trainer(model, execution="epoch", seed=0)
        trainer.fit(x, y, epochs=5, **given)
        before = held()
        trainer.fit(x, y, epochs=50, **given)
        return {"growth": held() - before}
    else:
        mk.Trainer(model, execution=how, seed=0).fit(x, y, epochs=3, **given)
    most = peak()
    return {"peak": most, "growth": most - before, "data": (x.nbytes + y.nbytes) / 2**20}


def memory(key: str, rounds: int) -> dict[str, float]:
    """Peaks of our programs beside `fit`'s, each in a process of its own."""
    figures: dict[str, float] = {}
    found = {}
    for how in ("fit", "fused", "epoch", "epoch+xla", "flat"):
        command = [sys.executable, __file__, key, how]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[how] = json.loads(said.splitlines()[-1])
        figures[how] = found[how].get("peak", found[how]["growth"])
    one_copy = found["fit"]["data"]
    for how in ("fused", "epoch", "epoch+xla"):
        allowed = 1.1 * figures["fit"] + (one_copy if how.startswith("epoch") else 0)
        print(
            f"  {how}: peak {figures[how]:.0f} MB, fit {figures['fit']:.0f} MB, data {one_copy:.0f}"
            f" MB: at most {allowed:.0f} MB: {'holds' if figures[how] <= allowed else 'MISSED'}"
        )
    holds = "holds" if figures["flat"] <= 1 else "MISSED"
    print(f"  growth over 20,000 steps: {figures['flat']:.2f} MB, at most 1 MB: {holds}")
    return figures


if __name__ == "__main__":
    print(json.dumps(memory_of(*sys.argv[1:])))
