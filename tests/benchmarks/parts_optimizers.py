"""Updates of each optimizer beside Keras' Adam: 50 variables of 100,000 weights, in a loop.

Both sides make the same number of updates in one compiled `tf.while_loop`, in a tf.function and
under XLA. The gradients depend on the weights, so that nothing can be computed before the loop. A
goal stands only where the arithmetic is that of Adam: moments and a root for each weight.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from _row import Row

import mlkit as mk

opt = mk.optimizers
VARIABLES, SIZE, UPDATES = 50, 100_000, 5
SAME, ANY = 1 / 1.3, 0.0


def loop(optimizer: keras.Optimizer, jit: bool) -> Callable[[], Any]:
    """A run of all updates."""
    rng = np.random.default_rng(0)
    weights = [keras.Variable(rng.normal(size=SIZE).astype("f4")) for _ in range(VARIABLES)]
    optimizer.build(weights)

    @tf.function(jit_compile=jit)
    def run() -> Any:
        def body(i: Any) -> Any:
            optimizer.apply([w.value * 0.1 for w in weights], weights)
            return (i + 1,)

        tf.while_loop(lambda i: i < UPDATES, body, (tf.constant(0),))
        return weights[0].value[0]

    return run


def rows(make: Callable[[], keras.Optimizer], goal: float, name: str = "") -> list[Row]:
    name = name or type(make()).__name__

    def row(jit: bool) -> Row:
        way = "XLA" if jit else "tf.function"
        return Row(
            f"{name} ({way})",
            f"keras.optimizers.Adam ({way})",
            lambda: loop(make(), jit),
            lambda: loop(keras.optimizers.Adam(1e-3), jit),
            goal=goal,
        )

    return [row(False), row(True)]


ROWS = [
    *rows(lambda: opt.RectifiedAdam(), SAME),
    *rows(lambda: opt.AdaBelief(), SAME),
    *rows(lambda: opt.LazyAdam(), SAME, "LazyAdam, dense"),
    *rows(lambda: opt.Yogi(), SAME),
    *rows(lambda: opt.Lookahead(opt.Adam(1e-3)), SAME, "Lookahead(Adam)"),
    *rows(lambda: opt.SWA(opt.Adam(1e-3)), SAME, "SWA(Adam)"),
    *rows(lambda: opt.ScheduleFree(opt.SGD(1e-3)), ANY, "ScheduleFree(SGD)"),
    *rows(lambda: opt.SOAP(1e-3), SAME, "SOAP, vectors"),
    *rows(lambda: opt.SGDW(1e-4, 1e-3, 0.9), ANY, "SGDW, momentum"),
    *rows(lambda: opt.MovingAverage(opt.Adam(1e-3)), ANY, "MovingAverage(Adam)"),
    *rows(
        lambda: opt.LearningRateMultiplier(opt.Adam(1e-3), {"variable": 0.1}),
        ANY,
        "Multiplier(Adam)",
    ),
    *rows(lambda: opt.LARS(), ANY),
    *rows(lambda: opt.NovoGrad(), ANY),
    *rows(lambda: opt.ProximalAdagrad(), ANY),
    *rows(lambda: opt.Adan(), ANY),
    *rows(lambda: opt.COCOB(), ANY),
]
