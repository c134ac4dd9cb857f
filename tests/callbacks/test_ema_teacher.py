import keras
import numpy as np
import pytest
from callback_subjects import model, train

from mlkit.callbacks import EMATeacher
from mlkit.testing import CallbackSpec

SPECS = [
    CallbackSpec(
        EMATeacher,
        kwargs={
            "decay": 0.9,
            "every": 2,
            "warmup": False,
            "teacher": keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]),
        },
        stateful=True,
        excuse={"keeps_arguments": "the kit hands each callback a copy of the teacher"},
        observe=lambda callback: callback.teacher.get_weights(),
    )
]


class Record(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.weights = [self.model.get_weights()]

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append(self.model.get_weights())


@pytest.mark.parametrize("every", [1, 4])
def test_the_closed_form(every):
    record, ema = Record(), EMATeacher(0.9, every=every, warmup=False)
    train([record, ema])
    d = 0.9**every
    seen = [record.weights[i] for i in range(0, 16, every)]
    n = len(seen) - 1
    factors = [d**n] + [(1 - d) * d ** (n - i) for i in range(1, n + 1)]
    for place, mine in enumerate(ema.teacher.get_weights()):
        due = sum(f * w[place].astype("float64") for f, w in zip(factors, seen, strict=True))
        np.testing.assert_allclose(mine, due, rtol=1e-5, atol=1e-6)


def test_with_warmup_the_start_is_forgotten():
    record, ema = Record(), EMATeacher(0.99)
    train([record, ema])
    due = record.weights[0]
    for t, now in enumerate(record.weights[1:], 1):
        d = min(0.99, (1 + t) / (10 + t))
        due = [d * a + (1 - d) * w for a, w in zip(due, now, strict=True)]
    for mine, wanted in zip(ema.teacher.get_weights(), due, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-5, atol=1e-6)


def test_moving_statistics_are_copied():
    made = model(keras.layers.BatchNormalization())
    ema = EMATeacher(0.9)
    train(ema, made=made)
    norm, copied = made.layers[0], ema.teacher.layers[0]
    np.testing.assert_array_equal(norm.moving_mean, copied.moving_mean)
    assert not np.array_equal(norm.gamma, copied.gamma)
    assert ema.teacher.trainable_variables == []


def test_the_student_is_left_alone():
    alone, taught = train([]), train(EMATeacher(0.9))
    for a, b in zip(alone.get_weights(), taught.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_teacher_of_another_shape_is_refused():
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="weights of the same shapes"):
        train(EMATeacher(teacher=other))


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"decay": 1.0}, ValueError, "decay=1.0"),
        ({"every": 0}, ValueError, "every=0"),
        ({"warmup": "no"}, TypeError, "warmup='no'"),
    ],
)
def test_wrong_arguments(kwargs, error, message):
    with pytest.raises(error, match=message):
        EMATeacher(**kwargs)
