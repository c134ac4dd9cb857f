"""Each optimizer learns the same in every loop: repeated rows, any precision."""

import keras
import numpy as np
import pytest
from strategies import two_replicas

import mlkit as mk

pytestmark = pytest.mark.slow  # 15 optimizers, each compiled in nine loops

opt = mk.optimizers
OPTIMIZERS = {
    "RectifiedAdam": lambda: opt.RectifiedAdam(0.01, weight_decay=0.01),
    "AdaBelief": lambda: opt.AdaBelief(0.01, epsilon=1e-8, clipnorm=1.0),
    "SGDW": lambda: opt.SGDW(0.01, 0.1, momentum=mk.optimizers.schedules.OneCycle(0.9, 9)),
    "LazyAdam": lambda: opt.LazyAdam(mk.optimizers.schedules.WarmupSchedule(0.01, 3)),
    "LARS": lambda: opt.LARS(0.5, trust_coefficient=0.1, weight_decay=0.01),
    "Adan": lambda: opt.Adan(0.01),
    "Yogi": lambda: opt.Yogi(0.01),
    "NovoGrad": lambda: opt.NovoGrad(0.01, weight_decay=0.01),
    "COCOB": lambda: opt.COCOB(10),
    "ProximalAdagrad": lambda: opt.ProximalAdagrad(0.1, l1_regularization_strength=1e-3),
    "Lookahead": lambda: opt.Lookahead(opt.RectifiedAdam(0.01), 2),
    "SWA": lambda: opt.SWA(opt.Yogi(0.01), 2, 2),
    "MovingAverage": lambda: opt.MovingAverage(opt.LazyAdam(0.01), 0.5, dynamic_decay=True),
    "ScheduleFree": lambda: opt.ScheduleFree(opt.Yogi(0.01)),
    "LearningRateMultiplier": lambda: opt.LearningRateMultiplier(opt.Adan(0.01), {"dense": 0.1}),
}
LOOPS = ("keras", "replicas", "step", "fused", "epoch", "step+xla", "epoch+xla")

X = np.random.default_rng(0).integers(0, 9, (24, 5))
Y = np.random.default_rng(1).normal(size=(24, 2)).astype("float32")


def trained(optimizer, loop):
    keras.utils.set_random_seed(0)
    layers = [keras.Input((5,), dtype="int32"), keras.layers.Embedding(9, 3)]
    model = keras.Sequential(
        [*layers, keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(2, dtype="float32")]
    )
    model.compile(optimizer, "mse", jit_compile=False)
    options = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    if loop == "keras":
        model.fit(X, Y, **options)
    elif loop == "replicas":
        mk.fit(model, X, Y, execution="fused", strategy=two_replicas(), **options)
    else:
        mk.fit(model, X, Y, execution=loop, **options)
    return model


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_same_weights_come_out_of_every_loop(name):
    want = trained(OPTIMIZERS[name](), "eager")
    assert int(want.optimizer.iterations) == 6
    for loop in LOOPS:
        got = trained(OPTIMIZERS[name](), loop)
        assert int(got.optimizer.iterations) == 6
        for a, b in zip(got.get_weights(), want.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5, err_msg=loop)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_mixed_precision_wraps_it_and_trains(name):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = trained(OPTIMIZERS[name](), "keras")
        other = trained(OPTIMIZERS[name](), "fused")
    finally:
        keras.config.set_dtype_policy("float32")
    assert isinstance(model.optimizer, keras.mixed_precision.LossScaleOptimizer)
    wide = trained(OPTIMIZERS[name](), "keras")
    for a, b, c in zip(model.get_weights(), other.get_weights(), wide.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(a, c, rtol=0.05, atol=0.05)
