import keras
import numpy as np
import pytest
import tensorflow as tf
from optimizer_lockstep import Witness, must_stay_together

from mlkit.optimizers import LazyAdam
from mlkit.testing import OptimizerSpec


def witness(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False):
    def rule(w, g, s, t):
        s["m"] = beta_1 * s.get("m", 0) + (1 - beta_1) * g
        s["v"] = beta_2 * s.get("v", 0) + (1 - beta_2) * g**2
        s["top"] = np.maximum(s.get("top", 0), s["v"])
        rate = learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        return w - rate * s["m"] / (np.sqrt(s["top" if amsgrad else "v"]) + epsilon)

    return Witness(rule)


SPECS = [
    OptimizerSpec(
        LazyAdam,
        kwargs={
            "learning_rate": 0.02,
            "beta_1": 0.8,
            "beta_2": 0.99,
            "epsilon": 1e-4,
            "amsgrad": True,
        },
        reference=witness,
    )
]


@pytest.mark.parametrize("beta_1", [0.0, 0.9])
@pytest.mark.parametrize("beta_2", [0.9, 0.999])
@pytest.mark.parametrize("epsilon", [1e-7, 1e-2])
@pytest.mark.parametrize("amsgrad", [False, True])
def test_two_hundred_dense_updates_are_adam(beta_1, beta_2, epsilon, amsgrad):
    args = (0.01, beta_1, beta_2, epsilon, amsgrad)
    must_stay_together(LazyAdam(*args), witness(*args))


def batches(steps, rows=9, words=6):
    rng = np.random.default_rng(3)
    for _ in range(steps):
        yield rng.integers(0, rows, words), rng.normal(size=(words, 2)).astype("f4")


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("jit", [False, True])
def test_rows_that_are_used_step_by_their_sums_and_others_stay(amsgrad, jit):
    table = keras.Variable(np.random.default_rng(0).normal(size=(9, 2)).astype("f4"))
    want = np.asarray(table, np.float64)
    m, v, top = (np.zeros((9, 2)) for _ in range(3))
    optimizer = LazyAdam(0.05, 0.8, 0.99, 1e-5, amsgrad)
    optimizer.build([table])

    @tf.function(jit_compile=jit)
    def step(values, indices):
        optimizer.apply([tf.IndexedSlices(values, indices, tf.constant([9, 2]))], [table])

    for t, (rows, values) in enumerate(batches(200), 1):
        step(tf.constant(values), tf.constant(rows))
        for row in np.unique(rows):
            g = values[rows == row].astype(np.float64).sum(0)
            m[row] = 0.8 * m[row] + 0.2 * g
            v[row] = 0.99 * v[row] + 0.01 * g**2
            top[row] = np.maximum(top[row], v[row])
            rate = 0.05 * np.sqrt(1 - 0.99**t) / (1 - 0.8**t)
            want[row] -= rate * m[row] / (np.sqrt((top if amsgrad else v)[row]) + 1e-5)
        np.testing.assert_allclose(table, want, rtol=1e-5, atol=1e-5, err_msg=f"step {t}")


@pytest.mark.parametrize(
    "clip", [{"clipnorm": 0.3}, {"clipvalue": 0.1}, {"global_clipnorm": 0.3}], ids=str
)
def test_clipping_is_of_the_sums(clip):
    def after(gradient):
        table = keras.Variable(np.ones((3, 1), "f4"))
        optimizer = LazyAdam(0.1, epsilon=0.1, **clip)
        for _ in range(3):
            optimizer.apply([gradient], [table])
        return np.asarray(table)[:, 0]

    shape = tf.constant([3, 1])
    twice = tf.IndexedSlices(tf.constant([[0.2], [0.2]]), tf.constant([1, 1]), shape)
    once = tf.IndexedSlices(tf.constant([[0.4]]), tf.constant([1]), shape)
    np.testing.assert_allclose(after(twice), after(once), rtol=1e-6)
    assert after(twice)[1] < after(twice)[0] == 1.0


def test_it_works_in_a_loss_scale_optimizer():
    table = keras.Variable(np.ones((3, 1), "f4"))
    optimizer = keras.mixed_precision.LossScaleOptimizer(LazyAdam(0.1), initial_scale=4.0)
    gradient = tf.IndexedSlices(
        tf.constant([[2.0], [2.0]]), tf.constant([1, 1]), tf.constant([3, 1])
    )
    optimizer.apply([gradient], [table])
    np.testing.assert_allclose(np.asarray(table)[:, 0], [1.0, 0.9, 1.0], rtol=1e-5)


@pytest.mark.parametrize(
    "kwargs", [{"beta_1": 1}, {"beta_2": -1}, {"epsilon": -1}, {"learning_rate": -1}]
)
def test_wrong_arguments(kwargs):
    ((name, value),) = kwargs.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}={value}"):
        LazyAdam(**kwargs)
