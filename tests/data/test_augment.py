"""Augmentations: right, the same for a key, and image, mask and boxes together."""

import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk

A = mk.data.augment
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (16, 12, 10, 3), dtype=np.uint8)
LABELS = np.arange(16, dtype=np.int32) % 4
KEY = mk.data.keys(0, 0, tf.range(16))
ALONE = {  # those that look at one example at a time
    "crop": A.crop(padding=3),
    "crop to a size": A.crop((8, 7), padding=0, mode="zero"),
    "flip": A.flip(vertical=True),
    "affine": A.affine(20, 0.2, 10, 0.1),
    "color": A.color(0.4, 0.4, 0.4, 0.2),
    "cutout": A.cutout((0.1, 0.4), aspect=3.0, probability=0.5),
    "rand_augment": A.rand_augment(3, 7),
}
MIXING = {"mixup": A.mixup(0.4, classes=4), "cutmix": A.cutmix(classes=4)}


@pytest.mark.parametrize("name", ALONE)
def test_an_example_does_not_depend_on_its_batch(name):
    whole, labels = ALONE[name]((IMAGES, LABELS), KEY)
    np.testing.assert_array_equal(labels, LABELS)
    assert whole.dtype == tf.uint8
    order = RNG.permutation(16)[:5]
    part, _ = ALONE[name]((IMAGES[order], LABELS[order]), tf.gather(KEY, order))
    np.testing.assert_array_equal(part, whole.numpy()[order])
    other, _ = ALONE[name]((IMAGES, LABELS), mk.data.keys(0, 1, tf.range(16)))
    assert not np.array_equal(other, whole)


@pytest.mark.parametrize("name", {**ALONE, **MIXING})
def test_graph_float_and_structures(name):
    change = {**ALONE, **MIXING}[name]
    eager = change((IMAGES, LABELS), KEY)
    spec = [tf.TensorSpec([None, 12, 10, 3], tf.uint8), tf.TensorSpec([None], tf.int32)]
    graph = tf.function(lambda x, y, k: change((x, y), k)).get_concrete_function(
        *spec, tf.TensorSpec([None], tf.uint64)
    )
    for a, b in zip(eager, graph(tf.constant(IMAGES), tf.constant(LABELS), KEY), strict=True):
        np.testing.assert_array_equal(a, b)
    named = change({"image": IMAGES, "label": LABELS, "other": LABELS}, KEY)
    np.testing.assert_array_equal(named["image"], eager[0])
    np.testing.assert_array_equal(named["other"], LABELS)
    if name != "rand_augment":
        floats, _ = change((IMAGES / np.float32(255.0), LABELS), KEY)
        assert floats.dtype == tf.float32
        np.testing.assert_allclose(floats * 255.0, eager[0], atol=0.51)


def test_crop_is_a_window_of_the_padded_picture():
    for mode, how in (("reflect", "reflect"), ("zero", "constant")):
        padded = np.pad(IMAGES, [(0, 0), (3, 3), (3, 3), (0, 0)], mode=how)
        places = []
        for i, picture in enumerate(A.crop(padding=3, mode=mode)(IMAGES, KEY).numpy()):
            found = [
                (y, x)
                for y in range(7)
                for x in range(7)
                if np.array_equal(padded[i, y : y + 12, x : x + 10], picture)
            ]
            assert len(found) == 1
            places += found
        assert len(set(places)) > 10
    every = A.crop(2, padding=0)(np.zeros((4000, 4, 4, 1), "u1"), mk.data.keys(1, 0, range(4000)))
    assert every.shape == (4000, 2, 2, 1)
    row = np.tile(np.arange(4, dtype="u1")[None, :, None, None], (4000, 1, 4, 1))
    first = A.crop(2, padding=0)(row, mk.data.keys(1, 0, range(4000))).numpy()[:, 0, 0, 0]
    np.testing.assert_allclose(np.bincount(first) / 4000, 1 / 3, atol=0.03)
    with pytest.raises(ValueError, match="larger than the pictures"):
        A.crop(40)(IMAGES, KEY)


def test_flip():
    mirrored = A.flip(probability=1.0)(IMAGES, KEY)
    np.testing.assert_array_equal(mirrored, IMAGES[:, :, ::-1])
    both = A.flip(vertical=True, probability=1.0)(IMAGES, KEY)
    np.testing.assert_array_equal(both, IMAGES[:, ::-1, ::-1])
    half = A.flip()(IMAGES, KEY).numpy()
    count = sum(np.array_equal(a, b) for a, b in zip(half, IMAGES, strict=True))
    assert 3 <= count <= 13
    with pytest.raises(ValueError, match="neither"):
        A.flip(horizontal=False)


def test_affine_against_known_moves():
    from mlkit.data.augment import _affine

    square = RNG.uniform(0, 1, (3, 9, 9, 2)).astype("f4")
    fields = {"image": tf.constant(square)}
    turned = _affine.transform(fields, _affine.matrices(9, 9, angle=[np.pi / 2] * 3), "constant")
    # Rows count downwards: the turn that takes x to y is clockwise on the screen.
    np.testing.assert_allclose(turned["image"], np.rot90(square, -1, (1, 2)), atol=1e-4)
    moved = _affine.transform(fields, _affine.matrices(9, 9, shift_x=[2.0] * 3), "constant")
    np.testing.assert_allclose(moved["image"][:, :, 2:], square[:, :, :-2], atol=1e-5)
    np.testing.assert_array_equal(moved["image"][:, :, :2], 0.0)


def test_affine_against_scipy():
    ndimage = pytest.importorskip("scipy.ndimage")
    from mlkit.data.augment import _affine

    image = RNG.uniform(0, 1, (1, 15, 11, 1)).astype("f4")
    matrix = _affine.matrices(15, 11, angle=[0.3], scale=1.2, shear_x=0.2, shift_y=1.5)
    ours = _affine.transform({"image": tf.constant(image)}, matrix, "constant")["image"]
    swap = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]])  # (x, y) to (row, column)
    inverse = swap @ np.linalg.inv(matrix[0].numpy().astype(np.float64)) @ swap
    theirs = ndimage.affine_transform(image[0, ..., 0], inverse, order=1, mode="grid-constant")
    np.testing.assert_allclose(ours[0, ..., 0], theirs, atol=1e-4)


@pytest.mark.parametrize(
    "change",
    [A.crop(padding=4, mode="zero"), A.flip(vertical=True), A.affine(25, 0.2, 10, 0.1, "constant")],
    ids=str,
)
def test_boxes_and_masks_move_with_the_picture(change):
    n = 40
    image, boxes = np.zeros((n, 40, 40, 1), "f4"), np.full((n, 3, 4), -1.0, "f4")
    for i in range(n):
        x, y = RNG.integers(8, 24, 2)
        w, h = RNG.integers(3, 9, 2)
        boxes[i, 1] = x, y, x + w, y + h
        image[i, y : y + h, x : x + w] = 1.0
    batch = {"image": image, "mask": image[..., 0].astype("i4"), "boxes": boxes}
    changed = {k: v.numpy() for k, v in change(batch, mk.data.keys(3, 0, tf.range(n))).items()}
    assert changed["mask"].dtype == np.int32
    for i in range(n):
        np.testing.assert_array_equal(changed["boxes"][i, [0, 2]], -1.0)
        ys, xs = np.nonzero(changed["mask"][i])
        hull = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
        exact = not change.name.startswith("affine")
        np.testing.assert_allclose(changed["boxes"][i, 1], hull, atol=0 if exact else 1.6)
        # The nearest pixel has at least a quarter of the bilinear weight.
        np.testing.assert_allclose(
            changed["mask"][i], changed["image"][i, ..., 0], atol=0 if exact else 0.76
        )
    tuples = change((image, batch["mask"]), mk.data.keys(3, 0, tf.range(n)))
    np.testing.assert_array_equal(tuples[1], changed["mask"])


def test_boxes_outside_vanish():
    boxes = np.array([[[0, 0, 4, 4], [10, 10, 14, 14]]], "f4")
    image = np.zeros((1, 20, 20, 1), "f4")
    moved = A.crop(6, padding=0)({"image": image, "boxes": boxes}, mk.data.keys(0, 0, [3]))["boxes"]
    area = (moved[..., 2] - moved[..., 0]) * (moved[..., 3] - moved[..., 1])
    assert all((np.asarray(b) == -1).all() or a > 0 for b, a in zip(moved[0], area[0], strict=True))
    assert (np.asarray(moved) == -1).any()


def color_numpy(image, brightness, contrast, saturation, angle):
    x = image.astype(np.float64)
    grey = x @ [0.299, 0.587, 0.114]
    i, q = x @ [0.596, -0.274, -0.322], x @ [0.211, -0.523, 0.312]
    chroma = (i + 1j * q) * np.exp(1j * angle) * saturation
    yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    x = np.stack([grey, chroma.real, chroma.imag], -1) @ np.linalg.inv(yiq).T
    x = (x * contrast + (1 - contrast) * grey.mean()) * brightness
    return x.clip(0, 255)


def test_color_against_numpy():
    from mlkit.data.augment import _color

    b, c, s, a = (RNG.uniform(0.6, 1.4, 16).astype("f4") for _ in range(4))
    ours = _color.apply_color(tf.constant(IMAGES), *(tf.constant(v) for v in (b, c, s, a)))
    for i in range(16):
        theirs = color_numpy(IMAGES[i], b[i], c[i], s[i], a[i])
        np.testing.assert_allclose(ours[i], theirs, atol=0.51)
    same = A.color()(IMAGES, KEY)
    np.testing.assert_array_equal(same, IMAGES)
    grey = A.color(0.5, 0.5)(IMAGES[..., :1], KEY)
    assert grey.shape == (16, 12, 10, 1)
    with pytest.raises(ValueError, match="needs 3 channels"):
        A.color(hue=0.1)(IMAGES[..., :1], KEY)


def test_cutout():
    ones = np.ones((500, 20, 20, 2), "f4")
    key = mk.data.keys(0, 0, range(500))
    holes = A.cutout(0.25, value=-1.0)(ones, key).numpy()
    sizes = (holes == -1).sum((1, 2, 3)) / 2
    assert sizes.max() == 100
    for hole in holes[:50, ..., 0]:
        ys, xs = np.nonzero(hole == -1)
        assert len(ys) == (np.ptp(ys) + 1) * (np.ptp(xs) + 1)
        assert max(np.ptp(ys), np.ptp(xs)) < 10
    none = A.cutout(0.25, probability=0.3)(ones, key).numpy()
    assert abs((none == 1).all((1, 2, 3)).mean() - 0.7) < 0.07


def test_beta_against_scipy():
    stats = pytest.importorskip("scipy.stats")
    from mlkit.data.augment import _mixup

    p = np.linspace(0.001, 0.999, 997).astype("f4")
    for alpha in (0.1, 0.2, 0.5, 1.0, 2.0, 8.0):
        ours = _mixup.beta(tf.constant(p), _mixup.beta_table(alpha), alpha)
        np.testing.assert_allclose(ours, stats.beta.ppf(p, alpha, alpha), atol=2e-4)


def test_mixup_and_cutmix():
    hot = np.eye(4, dtype="f4")[LABELS]
    x, y = A.mixup(1.0, classes=4)((IMAGES / np.float32(255), LABELS), KEY)
    x2, y2 = A.mixup(1.0)((IMAGES / np.float32(255), hot), KEY)
    np.testing.assert_array_equal(y, y2)
    share = np.asarray([np.dot(y[i], hot[i]) for i in range(16)])
    assert share.min() < 0.3 < 0.7 < share.max()
    for i in range(16):
        expected = share[i] * IMAGES[i] + (1 - share[i]) * IMAGES[i - 1]
        np.testing.assert_allclose(x[i] * 255, expected, atol=1e-3)
    np.testing.assert_array_equal(x, x2)

    x, y = A.cutmix(classes=4)((IMAGES, LABELS), KEY)
    for i in range(16):
        from_next = (x[i] == IMAGES[i - 1]).numpy().all(-1)
        from_own = (x[i] == IMAGES[i]).numpy().all(-1)
        assert (from_next | from_own).all()
        np.testing.assert_allclose(np.dot(y[i], hot[i]), from_own.mean(), atol=1e-6)
    with pytest.raises(ValueError, match="`classes` is needed"):
        A.mixup()((IMAGES, LABELS), KEY)
    with pytest.raises(ValueError, match="mixes labels"):
        A.cutmix()(IMAGES, KEY)


def equalize_numpy(channel):
    """As in PIL, whose rule the reference code follows."""
    counts = np.bincount(channel.ravel(), minlength=256)
    step = (counts.sum() - counts[counts > 0][-1]) // 255
    if step == 0:
        return channel
    table = (np.r_[0, np.cumsum(counts)[:-1]] + step // 2) // step
    return table.clip(0, 255)[channel]


def test_parts_of_rand_augment():
    from mlkit.data.augment import _rand_augment as r

    images = (RNG.beta(2, 5, (14, 40, 40, 3)) * 200 + 20).astype("u1")
    chosen = tf.range(14)
    out = r._apply_one({"image": tf.constant(images)}, chosen, tf.ones([14]), 0.5)["image"].numpy()
    by_name = dict(zip(r.OPERATIONS, zip(images, out, strict=True), strict=True))
    np.testing.assert_array_equal(*by_name["identity"])
    before, after = by_name["equalize"]
    for c in range(3):
        np.testing.assert_array_equal(after[..., c], equalize_numpy(before[..., c]))
    before, after = by_name["autocontrast"]
    low, high = before.min((0, 1)).astype(int), before.max((0, 1)).astype(int)
    np.testing.assert_array_equal(after, (before.astype(int) - low) * 255 // (high - low))
    before, after = by_name["solarize"]
    np.testing.assert_array_equal(after, np.where(before >= 128, 255 - before, before))
    before, after = by_name["posterize"]
    np.testing.assert_array_equal(after, before // 4 * 4)
    before, after = by_name["shift_x"]
    np.testing.assert_array_equal(after[:, 9:], before[:, :-9])
    before, after = by_name["brightness"]
    np.testing.assert_allclose(after, (before * 1.45).clip(0, 255), atol=0.51)
    for name, (before, after) in by_name.items():
        assert (name == "identity") == np.array_equal(before, after)
    with pytest.raises(ValueError, match="takes uint8 images"):
        A.rand_augment()(IMAGES / 255.0, KEY)


@pytest.mark.parametrize(
    ("change", "axis"), [(A.time_mask(5, 2), 1), (A.frequency_mask(4), 2)], ids=str
)
def test_spans(change, axis):
    x = RNG.uniform(1, 2, (200, 30, 20)).astype("f4")
    key = mk.data.keys(0, 0, range(200))
    out = change(x, key).numpy()
    gone = (out == 0).all(3 - axis)
    np.testing.assert_array_equal(np.where(np.expand_dims(gone, 3 - axis), 0, x), out)
    widths = gone.sum(1)
    assert widths.max() <= (10 if axis == 1 else 4)
    assert widths.min() == 0
    assert gone[:, 0].any()
    assert gone[:, -1].any()
    four = change(x[..., None], key).numpy()
    np.testing.assert_array_equal(four[..., 0], out)
    with pytest.raises(ValueError, match="takes spectrograms"):
        change(x[0], key)


def test_in_a_pipeline():
    ds = mk.data.pipeline(
        (IMAGES, LABELS),
        8,
        map=lambda x, y: (tf.cast(x, tf.float32) / 255.0, tf.one_hot(y, 4)),
        augment=[A.crop(), A.crop(), A.flip(), A.mixup()],
        seed=1,
    )
    assert "crop(same size, padding=4), crop(same size, padding=4), flip" in str(ds)
    x, y = next(iter(ds))
    assert x.shape == (8, 12, 10, 3)
    np.testing.assert_allclose(y.numpy().sum(1), 1.0, atol=1e-6)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="must have the shape"):
        A.flip()(IMAGES[0], KEY)
    with pytest.raises(ValueError, match='component "image"'):
        A.flip()({"picture": IMAGES}, KEY)


def test_as_a_stage_of_plain_tf_data(tmp_path):
    both = [A.crop(padding=3), A.flip()]

    def build(parts):
        plain = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(5).repeat()
        return mk.data.augment_batches(plain, parts, seed=3)

    whole = [x.numpy().tobytes() for x, _ in build(both).take(9)]
    assert len(set(whole)) == 9  # 4 batches an epoch, and another picture in each
    mk.data.check_resumable(build(both))
    iterator = iter(build(both))
    for _ in range(5):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "here"))
    again = iter(build(both))
    tf.train.Checkpoint(iterator=again).read(path)
    assert [next(again)[0].numpy().tobytes() for _ in range(4)] == whole[5:]
    one, two = (next(iter(build(p)))[0] for p in ([A.flip()], A.flip()))
    np.testing.assert_array_equal(one, two)
    with pytest.raises(ValueError, match=r"Put `\.repeat\(\)` before"):
        mk.data.augment_batches(tf.data.Dataset.from_tensors(IMAGES), A.flip())
