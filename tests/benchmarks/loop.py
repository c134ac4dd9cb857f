"""How long a step takes: our programs, `auto`, and others' loops, in alternation.

    python tests/benchmarks/loop.py [a b c d e] [--only steady own jobs short inference memory]
        [--rounds 5] [--json FILE]

Each row runs some epochs in each round, the rows in turn, and the figure is the median over the
rounds: the machine's speed drifts, and all rows drift with it. The goals stand beside the ratios.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[i]) for i in range(3)]

import loop_jobs as jobs
import loop_rivals as rivals
from loop_models import SETTINGS, Setting, compiled, eight_metrics, own_step, smoothed

import mlkit as mk

PROGRAMS = ("step", "step+xla", "fused", "fused+xla", "epoch", "epoch+xla", "auto")
# (row, slower rival, goal): how many times slower the rival must be than `auto`.
GOALS = {
    "a": {"fit numpy": 35, "fit tf.data": 20, "Lightning": 30, "PyTorch": 6, "Orbit": 4,
          "JAX scan": 1.0},
    "b": {"fit numpy": 3.5, "fit tf.data": 3.5, "Lightning": 4, "PyTorch": 1.8, "JAX scan": 1.0},
    "c": {"fit numpy": 1.8, "fit tf.data": 1.5, "Lightning": 2.5},
    "d": {"fit numpy": 1.3},
    "e": {"fit numpy": 1.3},
}  # fmt: skip
QUICK_TURNS = 3  # of a row whose turn is under a second, for one of the others
Rows = dict[str, Callable[[], rivals.Run]]


class StopAfter(mk.callbacks.Callback):
    """Breaks a long job off: `auto` is to choose for the long one."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.stop_training = epoch + 1 >= self.epochs


def ours(setting: Setting, x: Any, y: Any, execution: str, **kwargs: Any) -> rivals.Run:
    trainer = mk.Trainer(compiled(setting, **kwargs), execution=execution, seed=0)
    given = {"batch_size": setting.batch, "epochs": 100_000, "verbose": 0}
    return lambda epochs: trainer.fit(x, y, callbacks=[StopAfter(epochs)], **given)


def slow_with_xla(setting: Setting) -> bool:
    """A convolution in an XLA loop on a CPU takes 50 times as long as outside."""
    return setting.name.startswith("CNN")


def steady(setting: Setting, x: Any, y: Any) -> Rows:
    rows: Rows = {
        **{name: lambda n=name: ours(setting, x, y, n) for name in PROGRAMS},
        "fit numpy": lambda: rivals.fit_numpy(setting, x, y),
        "fit tf.data": lambda: rivals.fit_dataset(setting, x, y),
        "fit 32 steps a call": lambda: rivals.fit_dataset(setting, x, y, steps_per_execution=32),
        "fit jit": lambda: rivals.fit_dataset(setting, x, y, jit_compile=True),
        "tf.function by hand": lambda: rivals.hand_written(setting, x, y),
        "compiled loop by hand": lambda: rivals.bare_compiled(setting, x, y),
        "Orbit": lambda: rivals.orbit_style(setting, x, y),
        "PyTorch": lambda: rivals.pytorch(setting, x, y),
        "Lightning": lambda: rivals.lightning(setting, x, y),
        "JAX scan": lambda: rivals.jax_scan(setting, x, y),
    }
    compiled_rows = ("compiled loop by hand", "fit jit")
    slow = slow_with_xla(setting)
    return {k: v for k, v in rows.items() if not (slow and ("xla" in k or k in compiled_rows))}


def own(setting: Setting, x: Any, y: Any) -> Rows:
    """What somebody's own code in the step costs, ours and `fit`'s."""
    kinds: dict[str, Any] = {
        "own loss": {"loss": smoothed},
        "own train_step": {"build": own_step(setting)},
        "eight metrics": {"metrics": None},
    }
    rows: Rows = {"auto": lambda: ours(setting, x, y, "auto")}
    for name, given in kinds.items():

        def arguments(given: Any = given) -> Any:
            return {"metrics": eight_metrics()} if "metrics" in given else given

        rows[f"auto, {name}"] = lambda a=arguments: ours(setting, x, y, "auto", **a())
        rows[f"fit, {name}"] = lambda a=arguments: rivals.fit_numpy(setting, x, y, **a())
    return rows


def medians(rows: Rows, setting: Setting, rounds: int) -> dict[str, float]:
    """Median microseconds a step of each row."""
    made: dict[str, tuple[rivals.Run, int, int]] = {}
    for name, make in rows.items():
        try:
            run = make()
            run(1)  # trace, measure and compile
            # A second or so a call, and at least as many epochs that a call's own cost is small.
            epoch = jobs.seconds(lambda r=run: r(1))
            epochs = max(3, min(setting.epochs, int(1 / epoch)))
            # A neighbour's burst is as long as a quick row's turn: those take more of them.
            made[name] = run, epochs, 1 if epochs * epoch < 1 else QUICK_TURNS
        except ModuleNotFoundError as error:
            print(f"  {name}: no {error.name}")
    times: dict[str, list[float]] = {name: [] for name in made}
    for turn in range(rounds * QUICK_TURNS):
        for name, (run, epochs, every) in made.items():
            if turn % every == 0:
                seconds = jobs.seconds(lambda r=run, n=epochs: r(n))
                times[name].append(seconds / (setting.steps * epochs) * 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


def report_steady(key: str, figures: dict[str, float]) -> None:
    base = figures["auto"]
    for name, value in figures.items():
        goal = GOALS[key].get(name)
        note = "" if goal is None else jobs.verdict(value / base, goal)
        print(f"  {name:24s} {value:10.1f} us a step  {value / base:7.2f}x of auto  {note}")
    best = min((figures[n], n) for n in PROGRAMS if n in figures and n != "auto")
    print(f"  auto against the best program, {best[1]}: {jobs.verdict(best[0] / base, 0.95)}")


def report_own(key: str, figures: dict[str, float]) -> None:
    for name, value in figures.items():
        print(f"  {name:24s} {value:10.1f} us a step  {value / figures['auto']:7.2f}x of auto")
    for name in ("own loss", "own train_step", "eight metrics"):
        gain = figures[f"fit, {name}"] / figures[f"auto, {name}"]
        print(f"  {name}: {jobs.verdict(gain, GOALS[key]['fit numpy'])} against fit with the same")


def figures_of(section: str, key: str, rounds: int) -> dict[str, float]:
    """Measure and print one section for one model."""
    setting = SETTINGS[key]
    if section in ("steady", "own"):
        x, y = setting.data(setting.batch * setting.steps)
        make, report = (steady, report_steady) if section == "steady" else (own, report_own)
        figures = medians(make(setting, x, y), setting, rounds)
        report(key, figures)
        return figures
    return getattr(jobs, section)(key, rounds)


def main() -> None:
    sections = ("steady", "own", "jobs", "short", "inference", "memory")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(SETTINGS))
    parser.add_argument("--only", nargs="*", default=sections, choices=sections)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    everything: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["MLKIT_CACHE"] = cache  # nothing is known from earlier runs
        for key in args.models:
            for section in args.only:
                if section in jobs.MODELS and key not in jobs.MODELS[section]:
                    continue
                print(f"({key}) {SETTINGS[key].name}: {section}", flush=True)
                everything[f"{key} {section}"] = figures_of(section, key, args.rounds)
    if args.json:
        args.json.write_text(json.dumps(everything, indent=2))


if __name__ == "__main__":
    main()
