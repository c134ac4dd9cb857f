"""Transforms that draw, count, choose and join."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk


def test_noise_has_the_variance_of_its_update():
    noise = mk.gradients.add_noise(eta=0.5, gamma=0.8, seed=1)
    zero, weight = tf.zeros(200_000), keras.Variable(np.zeros(200_000, "float32"))
    for t in range(4):
        drawn = noise([zero], [weight])[0].numpy()
        assert abs(drawn.mean()) < 0.01
        np.testing.assert_allclose(drawn.var(), 0.5 / (1 + t) ** 0.8, rtol=0.02)


def test_noise_differs_from_variable_to_variable_and_from_call_to_call():
    noise = mk.gradients.add_noise(gamma=0.0, seed=0)
    weights = [keras.Variable(np.zeros(50, "float32")) for _ in range(3)]
    draws = [g.numpy() for _ in range(3) for g in noise([tf.zeros(50)] * 3, weights)]
    for i in range(9):
        for j in range(i):
            assert abs(np.corrcoef(draws[i], draws[j])[0, 1]) < 0.5


def test_noise_goes_on_from_its_saved_variables():
    def draws(transform, calls):
        weight = keras.Variable(np.zeros(5, "float32"))
        return [transform([tf.zeros(5)], [weight])[0].numpy() for _ in range(calls)]

    first = mk.gradients.add_noise(seed=4)
    draws(first, 2)
    second = mk.gradients.add_noise(seed=99)
    for a, b in zip(second.state_variables, first.state_variables, strict=True):
        a.assign(b)
    np.testing.assert_array_equal(draws(first, 3), draws(second, 3))


def test_without_a_seed_the_global_one_decides():
    drawn = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        noise = mk.gradients.add_noise()
        drawn.append(noise([tf.zeros(4)], [keras.Variable(np.zeros(4))])[0].numpy())
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_a_chain_owns_the_variables_of_its_parts():
    noise, skip = mk.gradients.add_noise(), mk.gradients.skip_nonfinite()
    joined = mk.gradients.chain(noise, mk.gradients.chain(skip))
    assert joined.state_variables == [*noise.state_variables, *skip.state_variables]
    assert len(joined.state_variables) == 3


def test_a_chain_takes_plain_functions_and_none():
    grads = [tf.constant([1.0])]
    double = lambda g, v: [2 * x for x in g]  # noqa: E731
    add = lambda g, v: [x + 1 for x in g]  # noqa: E731
    assert mk.gradients.chain(double, add)(grads, [None])[0].numpy() == 3.0
    assert mk.gradients.chain(add, double)(grads, [None])[0].numpy() == 4.0
    assert mk.gradients.chain()(grads, [None]) == grads


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_one_bad_entry_makes_all_gradients_zero_and_is_counted(bad):
    skip = mk.gradients.skip_nonfinite()
    good = [tf.constant([1.0, 2.0]), None, tf.constant(3.0)]
    for found, given in zip(skip(good, [None] * 3), good, strict=True):
        assert found is None if given is None else np.array_equal(found, given)
    found = skip([tf.constant([1.0, bad]), None, tf.constant(3.0)], [None] * 3)
    assert [None if g is None else g.numpy().tolist() for g in found] == [[0.0, 0.0], None, 0.0]
    assert int(skip.state_variables[0]) == 1


def test_patterns_are_found_in_paths_and_must_be_found():
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2, name="body"), keras.layers.Dense(1, name="head")]
    )
    grads = [tf.ones(v.shape) for v in model.trainable_variables]
    frozen = mk.gradients.mask("body", "bias")(grads, model.trainable_variables)
    assert [g is None for g in frozen] == [True, True, False, True]
    scaled = mk.gradients.scale(3.0, "head/")(grads, model.trainable_variables)
    assert [float(tf.reduce_max(g)) for g in scaled] == [1.0, 1.0, 3.0, 3.0]
    with pytest.raises(ValueError, match=r"'tail' is in no variable's path.*body/kernel.*head"):
        mk.gradients.mask("tail")(grads, model.trainable_variables)


def pcgrad(tasks, orders):
    """The paper's algorithm on flat vectors in float64."""
    total = np.zeros_like(tasks[0])
    for i, order in enumerate(orders):
        g = tasks[i].copy()
        for j in order:
            if j != i and g @ tasks[j] < 0:
                g -= (g @ tasks[j]) / (tasks[j] @ tasks[j]) * tasks[j]
        total += g
    return total


def flat(found):
    return np.concatenate([np.ravel(g) for g in found])


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_projection_is_that_of_the_paper(count):
    rng = np.random.default_rng(count)
    shapes = [(3, 2), (4,)]
    weights = [keras.Variable(np.zeros(s)) for s in shapes]
    project = mk.gradients.project_conflicting(shuffle=False)
    for _ in range(10):
        arrays = [[rng.normal(size=s) for s in shapes] for _ in range(count)]
        tasks = [[tf.constant(a, "float32") for a in task] for task in arrays]
        expected = pcgrad([flat(t) for t in arrays], [range(count)] * count)
        np.testing.assert_allclose(flat(project(tasks, weights)), expected, rtol=1e-4, atol=1e-5)


def test_the_random_order_is_one_of_the_orders_and_changes():
    rng = np.random.default_rng(3)
    arrays = [np.array([1.0, 0.2]), np.array([-1.0, 0.1]), np.array([0.1, -1.0])]
    arrays = [a + rng.normal(0, 0.1, 2) for a in arrays]
    tasks = [[tf.constant(a, "float32")] for a in arrays]
    others = [[(1, 2), (2, 1)], [(0, 2), (2, 0)], [(0, 1), (1, 0)]]
    possible = [pcgrad(arrays, (a, b, c)) for a in others[0] for b in others[1] for c in others[2]]
    project = tf.function(mk.gradients.project_conflicting(seed=0), jit_compile=True)
    weight = [keras.Variable(np.zeros(2))]
    seen = set()
    for _ in range(20):
        found = project(tasks, weight)[0].numpy()
        distances = [np.abs(found - p).max() for p in possible]
        assert min(distances) < 1e-5
        seen.add(tuple(np.round(found, 4)))
    assert len(seen) > 1


def test_projection_of_none_of_slices_and_of_a_mean():
    weights = [keras.Variable(np.zeros((4, 2)), name="embeddings"), keras.Variable(0.0)]
    weights.append(keras.Variable(0.0))
    slices = tf.IndexedSlices(tf.ones((2, 2)), tf.constant([1, 1]), tf.constant([4, 2]))
    tasks = [[slices, None, None], [None, tf.constant(2.0), None]]
    found = mk.gradients.project_conflicting("mean")(tasks, weights)
    np.testing.assert_array_equal(found[0], [[0, 0], [1, 1], [0, 0], [0, 0]])
    assert float(found[1]) == 1.0
    assert found[2] is None


def test_projection_wants_a_list_for_each_task():
    weight = keras.Variable([0.0])
    with pytest.raises(ValueError, match=r"for each task.*lists of \[2\] gradients, 1 variables"):
        mk.gradients.project_conflicting()([[tf.ones(1), tf.ones(1)]], [weight])
