"""Image operations beside scipy."""

import numpy as np
import pytest
import tensorflow as tf
from numeric import check_gradients
from scipy import ndimage
from scipy.interpolate import RBFInterpolator

import mlkit as mk

I = mk.ops.image  # noqa: E741
RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(2, 6, 7, 3)).astype("float32")
MODES = {
    "constant": "grid-constant",
    "nearest": "nearest",
    "reflect": "reflect",
    "wrap": "grid-wrap",
}


def mapped(image, y, x, order, mode="nearest", cval=0.0):
    """One image (H, W, C) read at rows y and columns x by scipy."""
    channels = [
        ndimage.map_coordinates(np.float64(c), [y, x], order=order, mode=mode, cval=cval)
        for c in np.moveaxis(image, -1, 0)
    ]
    return np.stack(channels, -1)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("interpolation", "order"), [("nearest", 0), ("bilinear", 1)])
def test_transform_beside_scipy(mode, interpolation, order):
    maps = np.array([[0.8, 0.3, -1.2, -0.2, 1.1, 0.7, 0.01, -0.02]] * 2)
    maps[1] += 0.05
    y = I.transform(IMAGES, maps, interpolation, mode, (5, 8), fill_value=0.5)
    rows, columns = np.mgrid[:5.0, :8.0]
    for image, m, got in zip(IMAGES, maps, y, strict=True):
        k = m[6] * columns + m[7] * rows + 1
        u, v = (m[0] * columns + m[1] * rows + m[2]) / k, (m[3] * columns + m[4] * rows + m[5]) / k
        want = mapped(image, v, u, order, MODES[mode], 0.5)
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_are_exact(turns):
    square = IMAGES[:, :6, :6]
    y = I.rotate(square, turns * np.pi / 2)
    np.testing.assert_array_equal(y, np.rot90(square, turns, axes=(1, 2)))


def test_rotate_by_an_angle_each_beside_scipy():
    angles = np.array([0.3, -1.1])
    for image, angle, got in zip(IMAGES, angles, I.rotate(IMAGES, angles, "bilinear"), strict=True):
        want = ndimage.rotate(
            np.float64(image), np.degrees(angle), (1, 0), False, order=1, mode="grid-constant"
        )
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_translate_and_shear():
    y = I.translate(IMAGES, [[2, 1], [0, -1]])
    want = np.zeros_like(IMAGES)
    want[0, 1:, 2:], want[1, :-1] = IMAGES[0, :-1, :-2], IMAGES[1, 1:]
    np.testing.assert_array_equal(y, want)
    rows, columns = np.mgrid[:6.0, :7.0]
    for shear, v, u in (
        (I.shear_x, rows, columns + 0.4 * rows),
        (I.shear_y, rows + 0.4 * columns, columns),
    ):
        got = shear(IMAGES, 0.4, 1.0, "bilinear")[1]
        np.testing.assert_allclose(got, mapped(IMAGES[1], v, u, 1, "grid-constant", 1.0), atol=1e-5)


def test_ranks_and_whole_numbers():
    image = RNG.integers(0, 256, (6, 7, 3)).astype("uint8")
    y = np.asarray(I.rotate(image, 0.4, "bilinear"))
    assert y.dtype == np.uint8
    assert y.shape == (6, 7, 3)
    np.testing.assert_array_equal(I.rotate(image[..., 0], 0.4, "bilinear"), y[..., 0])
    exact = np.asarray(I.rotate(image.astype("float32"), 0.4, "bilinear"))
    np.testing.assert_allclose(y, exact, atol=0.5 + 1e-3)
    with pytest.raises(ValueError, match="`images` must have shape"):
        I.rotate(np.zeros(3), 1.0)
    with pytest.raises(ValueError, match="`fill_mode` must be one of"):
        I.rotate(image, 1.0, fill_mode="mirror")
    with pytest.raises(ValueError, match="`translations` must be"):
        I.translate(image, [1, 2, 3])


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (4, 2)])
@pytest.mark.parametrize("padding", ["REFLECT", "CONSTANT", "SYMMETRIC"])
def test_filters_beside_scipy(shape, padding):
    mode = {"REFLECT": "mirror", "CONSTANT": "constant", "SYMMETRIC": "reflect"}[padding]
    # scipy puts the middle of an even window one further.
    origin = [-1 if n % 2 == 0 else 0 for n in shape]
    settings = dict(mode=mode, cval=0.5)
    gauss, mean, median = (np.empty_like(IMAGES, np.float64) for _ in range(3))
    weights = []
    for n, sigma in zip(shape, (1.3, 0.8), strict=True):
        w = np.exp(-0.5 * ((np.arange(n) - (n - 1) // 2) / sigma) ** 2)
        weights.append(w / w.sum())
    for i in np.ndindex(2, 3):
        x = np.float64(IMAGES[i[0], ..., i[1]])
        at = (i[0], slice(None), slice(None), i[1])
        gauss[at] = ndimage.correlate(x, np.outer(*weights), origin=origin, **settings)
        mean[at] = ndimage.correlate(
            x, np.full(shape, 1 / np.prod(shape)), origin=origin, **settings
        )
        median[at] = ndimage.generic_filter(x, np.median, shape, origin=origin, **settings)
    options = dict(padding=padding, constant_values=0.5)
    np.testing.assert_allclose(
        I.gaussian_filter2d(IMAGES, shape, (1.3, 0.8), **options), gauss, atol=1e-5
    )
    np.testing.assert_allclose(I.mean_filter2d(IMAGES, shape, **options), mean, atol=1e-5)
    np.testing.assert_allclose(I.median_filter2d(IMAGES, shape, **options), median, atol=1e-5)


def test_filters_refuse():
    with pytest.raises(ValueError, match="`sigma` must be a number in"):
        I.gaussian_filter2d(IMAGES, sigma=-1.0)
    with pytest.raises(ValueError, match="`filter_shape` must be a number or two"):
        I.median_filter2d(IMAGES, (3, 3, 3))
    with pytest.raises(ValueError, match="`padding` must be one of"):
        I.mean_filter2d(IMAGES, padding="SAME")


def test_dense_warp_value_and_gradients():
    flow = RNG.uniform(-2, 2, size=(2, 6, 7, 2)).astype("float32")
    rows, columns = np.mgrid[:6.0, :7.0]

    def formula(images, flow):
        return np.stack(
            [
                mapped(a, np.clip(rows - f[..., 0], 0, 5), np.clip(columns - f[..., 1], 0, 6), 1)
                for a, f in zip(images, flow, strict=True)
            ]
        )

    check_gradients(I.dense_image_warp, formula, [IMAGES, flow], tolerance=1e-4)


def test_resampler_and_interpolate_bilinear():
    places = RNG.uniform(0, 5, size=(2, 4, 2)).astype("float32")
    want = np.stack([mapped(a, p[:, 0], p[:, 1], 1) for a, p in zip(IMAGES, places, strict=True)])
    np.testing.assert_allclose(I.interpolate_bilinear(IMAGES, places), want, atol=1e-5)
    turned = places[..., ::-1]
    np.testing.assert_allclose(I.interpolate_bilinear(IMAGES, turned, "xy"), want, atol=1e-5)
    np.testing.assert_allclose(I.resampler(IMAGES, turned), want, atol=1e-5)
    np.testing.assert_allclose(
        I.resampler(IMAGES, turned.reshape(2, 2, 2, 2))[:, 1, 1], want[:, 3], atol=1e-5
    )
    assert not np.any(I.resampler(IMAGES, np.full((2, 1, 2), -2.0)))


@pytest.mark.parametrize(
    ("order", "kernel"), [(1, "linear"), (2, "thin_plate_spline"), (3, "cubic")]
)
def test_spline_beside_scipy(order, kernel):
    points, values = RNG.uniform(size=(12, 2)), RNG.normal(size=(12, 3))
    places = RNG.uniform(size=(5, 2))
    ours = I.interpolate_spline(points[None], values[None], places[None], order)[0]
    theirs = RBFInterpolator(points, values, kernel=kernel, degree=1)(places)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("boundary", [0, 1, 3])
def test_sparse_warp_moves_the_points(boundary):
    old = RNG.uniform(1, 4, size=(2, 5, 2)).astype("float32")
    new = old + RNG.uniform(-0.5, 0.5, size=old.shape).astype("float32")
    warped, flow = I.sparse_image_warp(IMAGES, old, new, num_boundary_points=boundary)
    np.testing.assert_allclose(warped, I.dense_image_warp(IMAGES, flow), atol=1e-6)
    edge = (
        np.array([[i, j] for i in (0, 5) for j in (0, 6)], float) if boundary else np.empty((0, 2))
    )
    if boundary == 3:
        sides = [[i, j] for i in (0, 5) for j in (2, 4)]
        edge = np.concatenate([edge, sides, [[i, j] for i in (5 / 3, 10 / 3) for j in (0, 6)]])
    places = np.stack(np.mgrid[:6.0, :7.0], -1).reshape(-1, 2)
    for o, n, f in zip(old, new, flow, strict=True):
        centres = np.concatenate([n, edge]).astype("float64")
        moves = np.concatenate([n - o, np.zeros_like(edge)])
        spline = RBFInterpolator(centres, moves, kernel="thin_plate_spline", degree=1)
        np.testing.assert_allclose(np.reshape(f, (-1, 2)), spline(places), atol=2e-3)


def test_gradients_and_xla():
    def run(images, angle):
        x = I.rotate(images, angle, "bilinear", "reflect")
        x = I.median_filter2d(I.gaussian_filter2d(x), 3)
        return I.sparse_image_warp(x, POINTS, POINTS + 0.3, num_boundary_points=2)[0]

    images, angle = tf.Variable(IMAGES), tf.Variable([0.3, 0.5])

    def both():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sin(run(images, angle)))
        return [loss, *tape.gradient(loss, [images, angle])]

    eager, compiled = both(), tf.function(both, jit_compile=True)()
    for a, b in zip(eager, compiled, strict=True):
        assert np.isfinite(a).all()
        assert np.any(a)
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


POINTS = RNG.uniform(1, 4, size=(2, 3, 2)).astype("float32")
