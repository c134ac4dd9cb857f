import itertools

import numpy as np
import pytest
import tensorflow as tf

from mlkit.ops import deform_conv2d


def read(image, y, x):
    """Bilinear interpolation of an image (height, width, channels), zero outside."""
    top, left = int(np.floor(y)), int(np.floor(x))
    value = np.zeros(image.shape[-1])
    for row, column in itertools.product((top, top + 1), (left, left + 1)):
        if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
            value += (1 - abs(y - row)) * (1 - abs(x - column)) * image[row, column]
    return value


def reference(x, offsets, kernel, mask, strides, padding, rate):
    """The definition, tap by tap."""
    rows, columns, depth, filters = kernel.shape
    taps, channels = rows * columns, x.shape[-1]
    groups, kernel_groups = offsets.shape[-1] // (2 * taps), channels // depth
    b, height, width, _ = offsets.shape
    before = [0, 0]
    if padding == "same":
        for a, (count, size) in enumerate(zip((height, width), (rows, columns), strict=True)):
            needed = (count - 1) * strides[a] + rate[a] * (size - 1) + 1 - x.shape[1 + a]
            before[a] = max(needed, 0) // 2
    out = np.zeros((b, height, width, filters))
    for n, i, j, g, k in itertools.product(*map(range, (b, height, width, groups, taps))):
        at = (g * taps + k) * 2
        y0 = i * strides[0] - before[0] + rate[0] * (k // columns) + offsets[n, i, j, at]
        x0 = j * strides[1] - before[1] + rate[1] * (k % columns) + offsets[n, i, j, at + 1]
        value = read(x[n], y0, x0)
        value = value * (1.0 if mask is None else mask[n, i, j, g * taps + k])
        for c in range(g * channels // groups, (g + 1) * channels // groups):
            kg = c // depth
            of = slice(kg * filters // kernel_groups, (kg + 1) * filters // kernel_groups)
            out[n, i, j, of] += value[c] * kernel[k // columns, k % columns, c % depth, of]
    return out


CASES = [
    dict(size=(3, 3), strides=(1, 1), padding="valid", rate=(1, 1), groups=1, kernel_groups=1),
    dict(size=(3, 2), strides=(2, 1), padding="same", rate=(1, 1), groups=2, kernel_groups=1),
    dict(size=(2, 3), strides=(1, 2), padding="same", rate=(2, 1), groups=1, kernel_groups=2),
    dict(size=(3, 3), strides=(2, 2), padding="valid", rate=(1, 2), groups=2, kernel_groups=4),
]


def draw(case, modulated, rng):
    channels, filters = 4, 8
    taps = case["size"][0] * case["size"][1]
    x = rng.normal(size=(2, 7, 8, channels))
    sizes = []
    for n, k, s, d in zip((7, 8), case["size"], case["strides"], case["rate"], strict=True):
        reach = 1 if case["padding"] == "same" else d * (k - 1) + 1
        sizes.append((n - reach) // s + 1)
    # Far enough to leave the image on every side.
    offsets = rng.normal(size=(2, *sizes, case["groups"] * taps * 2)) * 3
    mask = rng.uniform(size=(2, *sizes, case["groups"] * taps)) if modulated else None
    kernel = rng.normal(size=(*case["size"], channels // case["kernel_groups"], filters))
    return x, offsets, kernel, mask


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("modulated", [True, False])
def test_value_and_gradients(case, modulated):
    rng = np.random.default_rng(0)
    arrays = draw(case, modulated, rng)
    how = (case["strides"], case["padding"], case["rate"])
    tensors = [None if a is None else tf.constant(a) for a in arrays]
    known = [t for t in tensors if t is not None]
    with tf.GradientTape() as tape:
        tape.watch(known)
        y = deform_conv2d(*tensors, *how)
    np.testing.assert_allclose(y, reference(*arrays, *how), atol=1e-10)
    upstream = rng.normal(size=y.shape)
    slopes = iter(tape.gradient(y, known, output_gradients=tf.constant(upstream)))
    for position, array in enumerate(arrays):
        if array is None:
            continue
        slope = np.asarray(next(slopes))
        direction = rng.normal(size=array.shape)
        ends = []
        for step in (1e-7, -1e-7):
            moved = [a + step * direction if p == position else a for p, a in enumerate(arrays)]
            ends.append(np.sum(upstream * reference(*moved, *how)))
        np.testing.assert_allclose(
            np.sum(slope * direction), (ends[0] - ends[1]) / 2e-7, rtol=1e-5, atol=1e-5
        )


def test_reading_at_pixels_and_at_the_border_is_exact():
    x = np.arange(12.0).reshape(1, 3, 4, 1)
    for dy, dx in itertools.product([-4.0, -1.0, -0.5, 0.0, 0.5, 1.0, 5.0], repeat=2):
        offsets = np.broadcast_to([dy, dx], (1, 3, 4, 2)).copy()
        kernel = np.ones((1, 1, 1, 1))
        expected = reference(x, offsets, kernel, None, (1, 1), "valid", (1, 1))
        np.testing.assert_allclose(deform_conv2d(x, offsets, kernel), expected, atol=1e-12)


def test_impossible():
    x, offsets = np.zeros((1, 4, 4, 3)), np.zeros((1, 4, 4, 2))
    with pytest.raises(ValueError, match="`offsets` must have 2 \\* 9 channels"):
        deform_conv2d(x, offsets, np.zeros((3, 3, 3, 1)))
    with pytest.raises(ValueError, match="`kernel` must have a number of channels that divides"):
        deform_conv2d(x, offsets, np.zeros((1, 1, 2, 1)))
