"""How long a step takes: our programs, `auto`, and others' loops, in alternation.

    python tests/benchmarks/loop.py [a b c d e] [--rounds 7] [--json FILE]

Each row runs one epoch in each round, the rows in turn, and the figure is the median over the
rounds: the machine's speed drifts, and all rows drift with it.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[i]) for i in range(3)]

import loop_rivals as rivals
from loop_models import SETTINGS, Setting, compiled

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


def ours(setting: Setting, x: Any, y: Any, execution: str) -> Any:
    trainer = mk.Trainer(compiled(setting), execution=execution, seed=0)
    return lambda: trainer.fit(x, y, batch_size=setting.batch, epochs=1, verbose=0)


def rows(setting: Setting, x: Any, y: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    candidates: dict[str, Any] = {
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
    for name, make in candidates.items():
        if "conv" in setting.name.lower() or setting.name.startswith("CNN"):
            if "xla" in name or name in ("compiled loop by hand", "fit jit"):
                continue  # a convolution in an XLA loop on a CPU is 50 times slower
        try:
            epoch = make()
            epoch()  # trace and compile
            made[name] = epoch
        except ModuleNotFoundError as error:
            print(f"  {name}: no {error.name}")
    return made


def measure(setting: Setting, rounds: int) -> dict[str, float]:
    """Median microseconds a step of each row."""
    x, y = setting.data(setting.batch * setting.steps)
    made = rows(setting, x, y)
    times: dict[str, list[float]] = {name: [] for name in made}
    for _ in range(rounds):
        for name, epoch in made.items():
            start = time.perf_counter()
            epoch()
            times[name].append((time.perf_counter() - start) / setting.steps * 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


def report(key: str, figures: dict[str, float]) -> None:
    base = figures["auto"]
    for name, value in figures.items():
        ratio = value / base
        goal = GOALS[key].get(name)
        note = "" if goal is None else f"goal {goal}x: {'holds' if ratio >= goal else 'MISSED'}"
        print(f"  {name:24s} {value:10.1f} us a step  {ratio:7.2f}x of auto  {note}")
    best = min((figures[n], n) for n in PROGRAMS if n in figures and n != "auto")
    print(f"  auto against the best program ({best[1]}): {best[0] / base:.2f} (goal 0.95)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(SETTINGS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    everything = {}
    for key in args.models:
        setting = SETTINGS[key]
        print(f"({key}) {setting.name}, {setting.steps} steps an epoch", flush=True)
        everything[key] = measure(setting, args.rounds)
        report(key, everything[key])
    if args.json:
        args.json.write_text(json.dumps(everything, indent=2))


if __name__ == "__main__":
    main()
