import json
import math

import keras
import pytest

from mlkit.optimizers.schedules import CyclicalLearningRate
from mlkit.testing import ScheduleSpec


@keras.saving.register_keras_serializable("mlkit-tests")
def over_root(count):
    return keras.ops.rsqrt(count)


def wave(step, size):
    cycle = math.floor(1 + step / (2 * size))
    return cycle, 1 - abs(step / size - 2 * cycle + 1)


def reference(step):
    cycle, height = wave(step, 30)
    return 0.1 + 0.7 * height * math.tanh(cycle)


def by_step(step):
    return 0.1 + 0.7 * wave(step, 30)[1] / (1 + math.exp(-step))


SPECS = [
    ScheduleSpec(
        CyclicalLearningRate,
        kwargs={
            "initial_learning_rate": 0.1,
            "maximal_learning_rate": 0.8,
            "step_size": 30,
            "scale_fn": keras.activations.tanh,
            "scale_mode": "cycle",
            "name": "wave",
        },
        reference=reference,
        knots=(30, 60, 90, 120),
        excuse={"kwargs_complete": 'the other mode stands below; "cycle" is the default'},
    ),
    ScheduleSpec(
        CyclicalLearningRate,
        kwargs={
            "initial_learning_rate": 0.1,
            "maximal_learning_rate": 0.8,
            "step_size": 30,
            "scale_fn": keras.activations.sigmoid,
            "scale_mode": "iterations",
            "name": "wave",
        },
        reference=by_step,
        knots=(30, 60),
        name="CyclicalLearningRate-iterations",
    ),
]


def test_a_function_of_ones_own_comes_back_from_json():
    schedule = CyclicalLearningRate(0.1, 0.8, 30, over_root)
    config = json.loads(json.dumps(keras.optimizers.schedules.serialize(schedule)))
    back = keras.optimizers.schedules.deserialize(config)
    assert float(back.scale_fn(keras.ops.convert_to_tensor(4.0))) == 0.5


def test_a_lambda_is_refused():
    with pytest.raises(ValueError, match="a lambda cannot be saved and loaded"):
        CyclicalLearningRate(0.1, 0.8, 30, lambda x: x)


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((0.1, 0.8, 30, "sqrt"), TypeError, "scale_fn='sqrt'"),
        ((-0.1, 0.8, 30, over_root), ValueError, "initial_learning_rate=-0.1"),
        ((0.1, None, 30, over_root), TypeError, "maximal_learning_rate=None"),
        ((0.1, 0.8, 0, over_root), ValueError, "step_size=0"),
        ((0.1, 0.8, 30, over_root, "step"), ValueError, "scale_mode='step'"),
    ],
)
def test_wrong_arguments(args, error, message):
    with pytest.raises(error, match=message):
        CyclicalLearningRate(*args)
