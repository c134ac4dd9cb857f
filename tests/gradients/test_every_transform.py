"""What all transforms keep: None, slices, types, and the same numbers however they are run."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk

FACTORIES = {
    "adaptive_clip": lambda: mk.gradients.adaptive_clip(0.1),
    "add_noise": lambda: mk.gradients.add_noise(0.5, seed=3),
    "centralize": mk.gradients.centralize,
    "chain": lambda: mk.gradients.chain(mk.gradients.centralize(), mk.gradients.scale(2.0)),
    "clip_by_global_norm": lambda: mk.gradients.clip_by_global_norm(0.7),
    "clip_by_norm": lambda: mk.gradients.clip_by_norm(0.7),
    "clip_by_value": lambda: mk.gradients.clip_by_value(0.4),
    "mask": lambda: mk.gradients.mask("never"),
    "normalize": mk.gradients.normalize,
    "normalize_each": lambda: mk.gradients.normalize(by="variable"),
    "scale": lambda: mk.gradients.scale(0.3, "kernel"),
    "skip_nonfinite": mk.gradients.skip_nonfinite,
}


def variables(dtype="float32"):
    shapes = {"conv/kernel": (3, 3, 2, 4), "conv/bias": (4,), "never": (2,), "embeddings": (6, 3)}
    rng = np.random.default_rng(0)
    return [
        keras.Variable(rng.normal(size=s), dtype=dtype, name=n.replace("/", "_"))
        for n, s in shapes.items()
    ]


def gradients(dtype="float32", sparse=True):
    rng = np.random.default_rng(1)
    kernel, bias = rng.normal(size=(3, 3, 2, 4)), rng.normal(size=4)
    rows, indices = rng.normal(size=(4, 3)), [5, 1, 5, 0]  # a row twice
    slices = tf.IndexedSlices(tf.constant(rows, dtype), tf.constant(indices), tf.constant([6, 3]))
    slices = slices if sparse else tf.convert_to_tensor(slices)
    return [tf.constant(kernel, dtype), tf.constant(bias, dtype), None, slices]


def arrays(found):
    return [None if g is None else tf.convert_to_tensor(g).numpy() for g in found]


def assert_equal(found, expected, **tolerance):
    assert [g is None for g in found] == [g is None for g in expected]
    for a, b in zip(found, expected, strict=True):
        if a is not None:
            np.testing.assert_allclose(a, b, **tolerance)


@pytest.mark.parametrize("name", FACTORIES)
def test_none_stays_and_rows_of_an_embedding_are_their_sum(name):
    sparse = arrays(FACTORIES[name]()(gradients(), variables()))
    dense = arrays(FACTORIES[name]()(gradients(sparse=False), variables()))
    assert [g is None for g in dense] == [False, False, True, False]
    assert_equal(sparse, dense, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", FACTORIES)
@pytest.mark.parametrize("jit", [False, True])
def test_a_graph_and_xla_give_what_eager_gives(name, jit):
    expected = arrays(FACTORIES[name]()(gradients(), variables()))
    transform, weights = FACTORIES[name](), variables()

    @tf.function(jit_compile=jit)
    def run(kernel, bias, values, indices):
        slices = tf.IndexedSlices(values, indices, tf.constant([6, 3]))
        found = transform([kernel, bias, None, slices], weights)
        return [tf.convert_to_tensor(g) for g in found if g is not None]

    kernel, bias, _, slices = gradients()
    found = [g.numpy() for g in run(kernel, bias, slices.values, slices.indices)]
    if jit and name == "add_noise":  # XLA draws other numbers from the same seed
        assert 0.4 < np.std(found[0] - kernel.numpy()) < 1.0
        return
    assert_equal(found, [g for g in expected if g is not None], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", FACTORIES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_the_type_stays(name, dtype):
    found = FACTORIES[name]()(gradients(dtype), variables(dtype))
    assert {g.dtype.name for g in found if g is not None} == {dtype}
    exact = arrays(FACTORIES[name]()(gradients(), variables()))
    half = {"float16": 1e-2, "bfloat16": 5e-2, "float64": 1e-5}[dtype]
    if name != "add_noise":  # float64 draws other numbers
        found = [None if g is None else tf.cast(tf.convert_to_tensor(g), "float32") for g in found]
        assert_equal(found, exact, atol=half, rtol=half)


@pytest.mark.parametrize("name", FACTORIES)
def test_half_precision_does_not_overflow(name):
    """300² is more than float16 holds."""
    grads = [tf.fill((3, 3, 2, 4), tf.constant(300.0, "float16")), None, None, None]
    found = FACTORIES[name]()(grads, variables("float16"))[0]
    assert np.isfinite(found.numpy()).all()


@pytest.mark.parametrize("name", FACTORIES)
def test_a_gradient_for_each_variable(name):
    with pytest.raises(ValueError, match="Received: 3 gradients, 4 variables"):
        FACTORIES[name]()(gradients()[:3], variables())


@pytest.mark.parametrize("name", [n for n in FACTORIES if n != "add_noise"])
def test_zero_stays_zero(name):
    zeros = [tf.zeros_like(tf.convert_to_tensor(g)) for g in gradients() if g is not None]
    found = FACTORIES[name]()([*zeros[:2], None, zeros[2]], variables())
    for g in found:
        assert g is None or not np.any(g.numpy())


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: mk.gradients.clip_by_global_norm(1.0), "clip_by_global_norm(1.0)"),
        (lambda: mk.gradients.adaptive_clip(axes={"a": (0,)}),
         "adaptive_clip(0.01, 0.001, axes={'a': (0,)})"),
        (lambda: mk.gradients.mask("a", "b"), "mask('a', 'b')"),
        (lambda: mk.gradients.add_noise(seed=0), "add_noise(0.3, 0.55, seed=0)"),
        (lambda: mk.gradients.chain(mk.gradients.centralize(), len), "chain(centralize(), len)"),
    ],
)  # fmt: skip
def test_a_transform_prints_as_it_is_written(make, text):
    assert repr(make()) == text


@pytest.mark.parametrize(
    "call",
    [
        lambda: mk.gradients.clip_by_global_norm(0),
        lambda: mk.gradients.clip_by_norm(-1.0),
        lambda: mk.gradients.clip_by_value(float("inf")),
        lambda: mk.gradients.adaptive_clip(0.0),
        lambda: mk.gradients.adaptive_clip(eps=0),
        lambda: mk.gradients.adaptive_clip(axes={"(": (0,)}),
        lambda: mk.gradients.add_noise(-1),
        lambda: mk.gradients.normalize("each"),
        lambda: mk.gradients.scale(float("nan")),
        lambda: mk.gradients.scale(1.0, "("),
        lambda: mk.gradients.mask(),
        lambda: mk.gradients.mask("["),
        lambda: mk.gradients.project_conflicting("max"),
    ],
)
def test_a_bad_setting_is_refused_and_named(call):
    with pytest.raises(ValueError, match=r"^`\w+` must"):
        call()


@pytest.mark.parametrize("factory", ["mask", "scale", "chain", "centralize", "clip_by_value"])
def test_a_factory_without_its_parentheses_is_no_transform(factory):
    with pytest.raises(TypeError):
        getattr(mk.gradients, factory)(gradients(), variables())
