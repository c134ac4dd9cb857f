import keras
import numpy as np
import pytest
import tensorflow as tf

from mlkit.optimizers import SGD
from mlkit.optimizers.schedules import ScaledSchedule
from mlkit.testing import ScheduleSpec

SPECS = [
    ScheduleSpec(
        ScaledSchedule,
        kwargs={
            "learning_rate": keras.optimizers.schedules.PolynomialDecay(0.5, 100, 0.1),
            "scale": 0.5,
            "name": "half",
        },
        reference=lambda step: 0.5 * (0.1 + 0.4 * (1 - min(step, 100) / 100)),
        knots=(100,),
    )
]


@pytest.mark.parametrize("jit", [False, True])
def test_a_compiled_step_sees_a_new_scale(jit):
    rate = ScaledSchedule(keras.optimizers.schedules.ExponentialDecay(1.0, 10, 0.5))
    weight, optimizer = keras.Variable(np.zeros(1, "f4")), SGD(rate)
    optimizer.build([weight])
    run = tf.function(lambda: optimizer.apply([-tf.ones(1)], [weight]), jit_compile=jit)
    run()
    rate.scale = 0.0
    run()
    assert float(weight[0]) == 1.0
    rate.scale = 2.0
    run()
    np.testing.assert_allclose(weight, [1 + 2 * 0.5**0.2], rtol=1e-6)


def test_the_scale_of_the_moment_is_saved():
    rate = ScaledSchedule(0.5)
    rate.scale = 0.25
    assert float(ScaledSchedule.from_config(rate.get_config())(3)) == 0.125


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [((0.1, -1), ValueError, "scale=-1"), ((-0.1,), ValueError, "learning_rate=-0.1")],
)
def test_wrong_arguments(args, error, message):
    with pytest.raises(error, match=message):
        ScaledSchedule(*args)
    with pytest.raises(ValueError, match="scale=-2"):
        ScaledSchedule(0.1).scale = -2
