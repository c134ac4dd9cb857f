import keras
import numpy as np
import pytest
import tensorflow as tf
from optimizer_lockstep import Witness, must_stay_together

from mlkit.optimizers import SOAP
from mlkit.testing import OptimizerSpec


def witness(
    learning_rate=0.003, beta_1=0.95, beta_2=0.95, epsilon=1e-8, shampoo_beta=None,
    precondition_frequency=10, max_size=4096, weight_decay=0.0,
):  # fmt: skip
    """Algorithm 3 with Kronecker products: the weights as one long vector, one basis for all."""
    kept = beta_2 if shampoo_beta is None else shampoo_beta

    def covariance(g, axis):
        others = [i for i in range(g.ndim) if i != axis]
        return np.tensordot(g, g, (others, others))

    def rotation(s, shape):
        whole = np.eye(1)
        for axis, size in enumerate(shape):
            whole = np.kron(whole, s["Q"].get(axis, np.eye(size)))
        return whole

    def rule(w, g, s, t):
        axes = [a for a, n in enumerate(g.shape) if g.ndim > 1 and n <= max_size]
        old = s.get("L", {a: 0 for a in axes})
        s["L"] = {a: kept * old[a] + (1 - kept) * covariance(g, a) for a in axes}
        if t == 1:
            s["Q"] = {a: np.linalg.eigh(s["L"][a])[1][:, ::-1] for a in axes}
            s["m"], s["v"] = np.zeros(g.size), np.zeros(g.shape)
            return w
        turn = rotation(s, g.shape)
        s["m"] = beta_1 * s["m"] + (1 - beta_1) * g.ravel()
        s["v"] = beta_2 * s["v"] + (1 - beta_2) * np.reshape((turn.T @ g.ravel()) ** 2, g.shape)
        scale = np.sqrt(1 - beta_2 ** (t - 1)) / (1 - beta_1 ** (t - 1))
        step = turn @ (turn.T @ s["m"] * scale / (np.sqrt(s["v"]).ravel() + epsilon))
        if (t - 1) % precondition_frequency == 0:
            for a in axes:
                q = s["Q"][a]
                order = np.argsort(-np.diag(q.T @ s["L"][a] @ q))
                s["v"] = np.take(s["v"], order, a)
                s["Q"][a] = np.linalg.qr(s["L"][a] @ q[:, order])[0]
        return w - learning_rate * step.reshape(w.shape)

    return Witness(rule, decay=learning_rate * weight_decay)


SPECS = [
    OptimizerSpec(
        SOAP,
        kwargs={
            "learning_rate": 0.02,
            "beta_1": 0.9,
            "beta_2": 0.98,
            "epsilon": 1e-4,
            "shampoo_beta": 0.8,
            "precondition_frequency": 3,
            "max_size": 4,
        },
        reference=witness,
    )
]


@pytest.mark.parametrize("beta_1", [0.0, 0.95])
@pytest.mark.parametrize("frequency", [1, 10])
@pytest.mark.parametrize("max_size", [2, 3, 4])
@pytest.mark.parametrize("shampoo_beta", [None, 0.9])
def test_two_hundred_updates_beside_the_paper(beta_1, frequency, max_size, shampoo_beta):
    kwargs = {"beta_1": beta_1, "precondition_frequency": frequency, "max_size": max_size}
    kwargs |= {"shampoo_beta": shampoo_beta, "weight_decay": 0.1}
    must_stay_together(SOAP(0.003, **kwargs), witness(0.003, **kwargs))


def test_a_kernel_has_a_basis_for_each_axis():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(2, 3, 4))
    kernel, theirs = keras.Variable(first, dtype="float64"), [first]
    optimizer, other = SOAP(0.01, precondition_frequency=2), witness(
        0.01, precondition_frequency=2
    )  # fmt: skip
    for _ in range(20):
        gradient = rng.normal(size=(2, 3, 4))
        optimizer.apply([tf.constant(gradient)], [kernel])
        theirs = other.step(theirs, [gradient])
    np.testing.assert_allclose(kernel, theirs[0], atol=1e-8)  # the rate is float32
    shapes = [tuple(v.shape) for v in optimizer.variables if "basis" in v.path]
    assert shapes == [(2, 2), (3, 3), (4, 4)]


@pytest.mark.parametrize("jit", [False, True])
def test_gradients_of_zero_leave_the_weights(jit):
    weight = keras.Variable(np.ones((3, 2), "f4"))
    optimizer = SOAP(0.1, epsilon=0, precondition_frequency=1)
    optimizer.build([weight])
    run = tf.function(lambda g: optimizer.apply([g], [weight]), jit_compile=jit)
    for _ in range(3):
        run(tf.zeros((3, 2)))
    np.testing.assert_array_equal(weight, np.ones((3, 2)))


def test_the_direction_does_not_depend_on_the_basis_of_the_problem():
    """A rotated problem is solved by rotated steps, which Adam's are not."""
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    gradients = [rng.normal(size=(4, 4)) for _ in range(15)]
    found = []
    for q in (np.eye(4), turn):
        weight = keras.Variable(np.zeros((4, 4)), dtype="float64")
        optimizer = SOAP(0.1, precondition_frequency=1)
        for gradient in gradients:
            optimizer.apply([tf.constant(q @ gradient)], [weight])
        found.append(q.T @ np.array(weight))
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"beta_1": 1}, {"beta_2": 1}, {"shampoo_beta": 1}, {"epsilon": -1},
        {"precondition_frequency": 0}, {"max_size": 0},
    ],
)  # fmt: skip
def test_wrong_arguments(kwargs):
    ((name, value),) = kwargs.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}={value}"):
        SOAP(**kwargs)
