import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from mlkit.optimizers.schedules import WarmupSchedule
from mlkit.testing import ScheduleSpec


def constant(step):
    return 0.01 + (0.5 - 0.01) * step / 20 if step < 20 else 0.5


def cosine(step):
    if step < 20:
        return 0.01 + (0.5 - 0.01) * step / 20
    return 0.5 * 0.5 * (1 + math.cos(math.pi * min(step - 20, 100) / 100))


SPECS = [
    ScheduleSpec(
        WarmupSchedule,
        kwargs={
            "learning_rate": 0.5,
            "warmup_steps": 20,
            "initial_learning_rate": 0.01,
            "name": "warm",
        },
        reference=constant,
        knots=(20,),
    ),
    ScheduleSpec(
        WarmupSchedule,
        kwargs={
            "learning_rate": keras.optimizers.schedules.CosineDecay(0.5, 100),
            "warmup_steps": 20,
            "initial_learning_rate": 0.01,
            "name": "warm",
        },
        reference=cosine,
        knots=(20, 120),
        name="WarmupSchedule-cosine",
    ),
]


@pytest.mark.parametrize("kind", [int, float, np.int64, tf.constant])
def test_equals_the_formula_for_each_kind_of_step(kind):
    schedule = WarmupSchedule(keras.optimizers.schedules.CosineDecay(0.5, 100), 20, 0.01)
    for step in (0, 1, 10, 19, 20, 21, 70, 119, 120, 121, 10_000):
        np.testing.assert_allclose(schedule(kind(step)), cosine(step), rtol=1e-5, atol=1e-8)


def test_first_rate_and_the_knot_are_exact():
    schedule = WarmupSchedule(0.3, 7, initial_learning_rate=0.1)
    assert float(schedule(0)) == np.float32(0.1)
    assert float(schedule(7)) == np.float32(0.3)


def test_no_warm_up_is_the_schedule_itself():
    inner = keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.5)
    schedule = WarmupSchedule(inner, 0, initial_learning_rate=0.1)
    assert [float(schedule(s)) for s in range(5)] == [float(inner(s)) for s in range(5)]


def test_nested_schedules_come_back_from_json():
    inner = keras.optimizers.schedules.CosineDecay(0.5, 100, alpha=0.1)
    schedule = WarmupSchedule(WarmupSchedule(inner, 5), 20, 0.01, name="outer")
    config = json.loads(json.dumps(keras.optimizers.schedules.serialize(schedule)))
    back = keras.optimizers.schedules.deserialize(config)
    assert isinstance(back.learning_rate.learning_rate, keras.optimizers.schedules.CosineDecay)
    assert back.get_config() == schedule.get_config()
    steps = range(0, 130, 3)
    assert [float(back(s)) for s in steps] == [float(schedule(s)) for s in steps]


def test_an_optimizer_trains_and_saves_with_it(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(WarmupSchedule(0.1, 4)), "mse")
    before = model.layers[0].kernel.numpy()
    x = np.ones((4, 3), "float32")
    model.fit(x, x[:, :1], batch_size=4, verbose=0)
    # One update at the rate of step 0, which is 0.
    np.testing.assert_array_equal(model.layers[0].kernel, before)
    model.fit(x, x[:, :1], batch_size=4, verbose=0)
    assert np.abs(model.layers[0].kernel.numpy() - before).max() > 0
    model.save(tmp_path / "model.keras")
    back = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(back.optimizer.learning_rate, 0.05, rtol=1e-6)


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        (("fast", 5), TypeError, r"`learning_rate` must be .* Received: learning_rate='fast'"),
        ((-0.1, 5), ValueError, r"learning_rate=-0.1"),
        ((0.1, -5), ValueError, r"warmup_steps=-5"),
        ((0.1, 2.5), TypeError, r"warmup_steps=2.5"),
        ((0.1, 5, -1), ValueError, r"initial_learning_rate=-1"),
    ],
)
def test_wrong_arguments(args, error, message):
    with pytest.raises(error, match=message):
        WarmupSchedule(*args)
