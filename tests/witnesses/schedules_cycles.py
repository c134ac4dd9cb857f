"""Schedules beside those of torch, or a formula in float64 where torch has none; rates by peak."""

import math

import numpy as np

from witnesses import Case

STEPS = 1000


def rates(schedule, peak=1.0):
    import tensorflow as tf

    @tf.function
    def run():
        return tf.map_fn(schedule, tf.range(STEPS), fn_output_signature=tf.float32)

    return {"every step of 1,000": np.array(run()) / peak}


def torch_rates(make, rate, entry="lr", **group):
    """What torch's scheduler sets before each of the updates."""
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate, **group)
    scheduler = make(optimizer)
    found = []
    for _ in range(STEPS):
        found.append(optimizer.param_groups[0][entry])
        optimizer.step()
        scheduler.step()
    return np.array(found)


def beside(schedule, theirs, peak):
    return rates(schedule, peak), {"every step of 1,000": theirs / peak}


def one_cycle(strategy, phases, momentum=False):
    def draw(rng):
        import torch

        import mlkit as mk

        peak, start = float(rng.uniform(0.1, 2)), float(rng.uniform(0.1, 0.49))
        low, high = float(rng.uniform(0.5, 0.8)), float(rng.uniform(0.85, 0.99))
        ours = mk.optimizers.schedules.OneCycle(
            peak, STEPS, start, strategy, div_factor=12.0, three_phase=phases == 3
        )

        def make(optimizer):
            return torch.optim.lr_scheduler.OneCycleLR(
                optimizer, peak, STEPS + 1, pct_start=start, anneal_strategy=strategy,
                div_factor=12.0, three_phase=phases == 3, base_momentum=low, max_momentum=high,
            )  # fmt: skip

        # torch refuses a step after the last, and asks for one more than it makes.
        ours.total_steps = STEPS + 1
        entry = "momentum" if momentum else "lr"
        theirs = torch_rates(make, peak, entry, momentum=0.9)
        return beside(ours.momentum(low, high) if momentum else ours, theirs, peak)

    part = f"OneCycle{'Momentum' if momentum else ''} ({strategy}, {phases} phases)"
    return Case(part, "torch OneCycleLR", draw)


def cyclical(name, mode):
    def draw(rng):
        import torch

        import mlkit as mk

        low, peak = float(rng.uniform(0.01, 0.1)), float(rng.uniform(0.2, 1))
        size, gamma = int(rng.integers(3, 200)), float(rng.uniform(0.98, 1))
        arguments = {"gamma": gamma} if mode == "exp_range" else {}
        ours = getattr(mk.optimizers.schedules, name)(low, peak, size, **arguments)

        def make(optimizer):
            return torch.optim.lr_scheduler.CyclicLR(
                optimizer, low, peak, size, mode=mode, gamma=gamma, cycle_momentum=False
            )

        return beside(ours, torch_rates(make, low), peak)

    return Case(name, f"torch CyclicLR {mode}", draw)


def restarts(rng):
    import torch

    import mlkit as mk

    peak, low = float(rng.uniform(0.1, 2)), float(rng.uniform(0, 0.1))
    first, factor = int(rng.integers(5, 200)), int(rng.integers(1, 4))
    ours = mk.optimizers.schedules.CosineWithWarmupRestarts(
        peak, first, t_mul=float(factor), alpha=low / peak
    )

    def make(optimizer):
        return torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, first, factor, low)

    return beside(ours, torch_rates(make, peak), peak)


def warm_restarts(rng):
    import mlkit as mk

    peak, first, warm = float(rng.uniform(0.1, 2)), int(rng.integers(30, 90)), 11
    ours = mk.optimizers.schedules.CosineWithWarmupRestarts(peak, first, warm, 1.5, 0.7, 0.05)

    def one(step):
        top, low, length = peak, 0.05 * peak, float(first)
        while step >= round(length):
            step, length, top = step - round(length), length * 1.5, top * 0.7
        share = (step - warm) / (round(length) - warm)
        height = step / warm if step < warm else (1 + math.cos(math.pi * share)) / 2
        return low + max(top - low, 0) * height

    return beside(ours, np.array([one(step) for step in range(STEPS)]), peak)


def wsd(decay, shape):
    def draw(rng):
        import mlkit as mk

        peak = float(rng.uniform(0.1, 2))
        warm, stable, down = (int(n) for n in rng.integers(20, 400, 3))
        ours = mk.optimizers.schedules.WSD(peak, warm, stable, down, decay, 0.01, 0.001)
        knots = [0, warm, warm + stable, warm + stable + down]
        step = np.arange(STEPS)
        linear = np.interp(step, knots, [0.01, peak, peak, peak])
        f = np.clip((step - knots[2]) / down, 0, 1)
        return beside(ours, np.where(f > 0, 0.001 + (peak - 0.001) * shape(f), linear), peak)

    return Case(f"WSD ({decay})", "the formula in float64", draw)


def roots(rng):
    import mlkit as mk

    peak, warm = float(rng.uniform(0.1, 2)), int(rng.integers(1, 400))
    step = np.arange(STEPS)
    later = peak * np.sqrt(warm / np.maximum(step, 1))
    theirs = np.where(step < warm, 0.01 + (peak - 0.01) * step / warm, later)
    return beside(mk.optimizers.schedules.InverseSqrt(peak, warm, 0.01), theirs, peak)


def noam(rng):
    import mlkit as mk

    width, warm = int(rng.integers(8, 1024)), int(rng.integers(1, 900))
    t = np.arange(STEPS) + 1.0
    theirs = width**-0.5 * np.minimum(t**-0.5, t * warm**-1.5)
    return beside(mk.optimizers.schedules.Noam(width, warm), theirs, theirs.max())


def sequential(rng):
    import torch

    import mlkit as mk

    s, lr = mk.optimizers.schedules, torch.optim.lr_scheduler
    knots = np.sort(rng.choice(np.arange(10, 900), 2, replace=False)).tolist()
    ours = s.SequentialSchedule([0.3, s.ExponentialDecay(0.6, 1, 0.99), 0.06], knots)

    def make(optimizer):
        parts = [
            lr.ConstantLR(optimizer, 0.5, 10_000),
            lr.ExponentialLR(optimizer, 0.99),
            lr.ConstantLR(optimizer, 0.1, 10_000),
        ]
        return lr.SequentialLR(optimizer, parts, knots)

    return beside(ours, torch_rates(make, 0.6), 0.6)


def piecewise(rng):
    import mlkit as mk

    knots = np.sort(rng.choice(np.arange(900), 6, replace=False)).tolist()
    values = rng.uniform(0, 1, 6).tolist()
    theirs = np.interp(np.arange(STEPS), knots, values)
    return beside(mk.optimizers.schedules.PiecewiseLinear(knots, values), theirs, max(values))


CASES = [
    *(one_cycle(strategy, phases) for strategy in ("cos", "linear") for phases in (2, 3)),
    *(one_cycle(strategy, phases, True) for strategy in ("cos", "linear") for phases in (2, 3)),
    cyclical("TriangularCyclicalLearningRate", "triangular"),
    cyclical("Triangular2CyclicalLearningRate", "triangular2"),
    cyclical("ExponentialCyclicalLearningRate", "exp_range"),
    Case("CosineWithWarmupRestarts (no warm-up)", "torch CosineAnnealingWarmRestarts", restarts),
    Case("CosineWithWarmupRestarts", "the formula in float64", warm_restarts),
    wsd("linear", lambda f: 1 - f),
    wsd("sqrt", lambda f: 1 - np.sqrt(f)),
    wsd("cosine", lambda f: (1 + np.cos(np.pi * f)) / 2),
    Case("InverseSqrt", "the formula in float64", roots),
    Case("Noam", "the formula in float64", noam),
    Case("SequentialSchedule", "torch SequentialLR", sequential),
    Case("PiecewiseLinear", "numpy.interp", piecewise),
]
