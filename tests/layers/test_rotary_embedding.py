import math

import numpy as np
import pytest
from numeric import check_gradients

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.RotaryEmbedding,
        kwargs=dict(
            max_wavelength=500.0,
            layout="interleaved",
            scaling={"rope_type": "linear", "factor": 2.0},
            sequence_axis=2,
        ),
        input_shape=(2, 3, 5, 8),
        dynamic_axes=(1, 2),
    ),
]


def turn(x, positions, frequencies, layout, factor=1.0):
    """Each pair as a complex number, times exp(i t w). `x` is (batch, time, heads, features)."""
    half = x.shape[-1] // 2
    a, b = (x[..., :half], x[..., half:]) if layout == "half" else (x[..., ::2], x[..., 1::2])
    z = (a + 1j * b) * np.exp(1j * positions[..., None, None] * frequencies) * factor
    if layout == "half":
        return np.concatenate([z.real, z.imag], -1)
    return np.stack([z.real, z.imag], -1).reshape(x.shape)


@pytest.mark.parametrize("layout", ["half", "interleaved"])
def test_value_and_gradients(layout):
    x = np.random.default_rng(0).normal(size=(2, 5, 2, 6)).astype("float32")
    w = 10000.0 ** (-np.arange(3) / 3)
    layer = mk.layers.RotaryEmbedding(layout=layout)
    check_gradients(layer, lambda x: turn(x, np.arange(5)[None], w, layout), [x])


@pytest.mark.parametrize("layout", ["half", "interleaved"])
def test_products_depend_on_the_distance_alone(layout):
    q, k = np.random.default_rng(0).normal(size=(2, 1, 1, 1, 8)).astype("float32")
    layer = mk.layers.RotaryEmbedding(layout=layout)

    def product(i, j):
        return float(np.sum(layer(q, start_index=i) * layer(k, start_index=j)))

    assert product(3, 7) == pytest.approx(product(103, 107), abs=1e-5)
    assert product(3, 7) != pytest.approx(product(3, 8), abs=1e-3)


def test_start_index_and_positions_continue_a_sequence():
    x = np.random.default_rng(0).normal(size=(2, 6, 3, 4)).astype("float32")
    layer = mk.layers.RotaryEmbedding()
    whole = np.asarray(layer(x))
    np.testing.assert_allclose(layer(x[:, 4:], start_index=4), whole[:, 4:], atol=1e-6)
    np.testing.assert_allclose(layer(x[:, 4:], start_index=np.int32(4)), whole[:, 4:], atol=1e-6)
    np.testing.assert_allclose(layer(x[:, [5, 1]], positions=[5, 1]), whole[:, [5, 1]], atol=1e-6)
    both = np.stack([x[0, :2], x[1, 3:5]])
    rows = layer(both, positions=np.array([[0, 1], [3, 4]]))
    np.testing.assert_allclose(rows, np.stack([whole[0, :2], whole[1, 3:5]]), atol=1e-6)


def test_another_sequence_axis():
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype("float32")
    a = mk.layers.RotaryEmbedding(sequence_axis=2)(x)
    b = mk.layers.RotaryEmbedding()(np.swapaxes(x, 1, 2))
    np.testing.assert_allclose(a, np.swapaxes(b, 1, 2), atol=1e-6)


def llama3(w, factor, length, low=1.0, high=4.0):
    """Pair by pair, by the three cases of the published code."""
    result = []
    for frequency in w:
        wavelength = 2 * math.pi / frequency
        if wavelength < length / high:
            result.append(frequency)
        elif wavelength > length / low:
            result.append(frequency / factor)
        else:
            smooth = (length / wavelength - low) / (high - low)
            result.append((1 - smooth) * frequency / factor + smooth * frequency)
    return np.array(result)


def yarn(d, base, factor, length, fast=32.0, slow=1.0):
    """Pair by pair: interpolated where slow, kept where fast, a line between."""

    def dimension(turns):
        return d * math.log(length / (turns * 2 * math.pi)) / (2 * math.log(base))

    low, high = math.floor(dimension(fast)), math.ceil(dimension(slow))
    low, high = max(low, 0), min(high, d - 1)
    result = []
    for i in range(d // 2):
        frequency = base ** (-2 * i / d)
        ramp = min(max((i - low) / (high - low), 0.0), 1.0)
        result.append(frequency / factor * ramp + frequency * (1 - ramp))
    return np.array(result)


def scaled(kind, d, base):
    w = base ** (-np.arange(0, d, 2) / d)
    if kind == "linear":
        return dict(factor=4.0), w / 4, 1.0
    if kind == "ntk":
        return dict(factor=4.0), (base * 4 ** (d / (d - 2))) ** (-np.arange(0, d, 2) / d), 1.0
    given = dict(factor=8.0, original_max_position_embeddings=256)
    if kind == "llama3":
        return given, llama3(w, 8.0, 256), 1.0
    return given, yarn(d, base, 8.0, 256), 0.1 * math.log(8.0) + 1


@pytest.mark.parametrize("kind", ["linear", "ntk", "llama3", "yarn"])
def test_scalings(kind):
    x = np.random.default_rng(0).normal(size=(1, 40, 1, 32)).astype("float32")
    arguments, w, factor = scaled(kind, 32, 1000.0)
    layer = mk.layers.RotaryEmbedding(1000.0, scaling={"rope_type": kind, **arguments})
    expected = turn(x.astype("float64"), np.arange(40)[None], w, "half", factor)
    np.testing.assert_allclose(layer(x), expected, atol=1e-4)


def test_half_precision_keeps_far_positions_apart():
    x = np.ones((1, 2, 1, 4), "float16")
    y = mk.layers.RotaryEmbedding(dtype="mixed_float16")(x, start_index=3001)
    assert y.dtype == "float16"
    z = turn(x.astype("float64"), np.array([[3001, 3002]]), np.array([1.0, 0.01]), "half")
    np.testing.assert_allclose(y, z, atol=2e-3)  # in float16, 3001 itself would be 3000 or 3002


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        (dict(max_wavelength=1.0), "`max_wavelength` must be"),
        (dict(layout="pairs"), "`layout` must be one of 'half', 'interleaved'"),
        (dict(scaling={"factor": 2.0}), r"`scaling\['rope_type'\]` must be one of"),
        (dict(scaling={"rope_type": "llama3", "factor": 2.0}), "missing: .'original_max_pos"),
        (dict(scaling={"rope_type": "ntk", "factor": 2, "beta": 1}), r"Unknown: \['beta'\]"),
        (dict(scaling={"rope_type": "ntk", "factor": 0.5}), r"`scaling\['factor'\]` must be"),
    ],
)
def test_impossible_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        mk.layers.RotaryEmbedding(**kwargs)


@pytest.mark.parametrize(
    ("shape", "axis", "message"),
    [
        ((None, 4, 5), 1, r"must be even. Received: input_shape=\(None, 4, 5\)"),
        ((None, 4, None), 1, "must be known"),
        ((None, 4), 1, "expects inputs with 3 "),
        ((None, 4, 6), 2, "`sequence_axis` must be an axis between"),
    ],
)
def test_wrong_shapes(shape, axis, message):
    with pytest.raises(ValueError, match=message):
        mk.layers.RotaryEmbedding(sequence_axis=axis).build(shape)
