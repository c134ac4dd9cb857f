"""What is drawn of a batch: pictures, masks, boxes, curves, texts and labels."""

import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk
from mlkit.plotting import show_batch

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


def drawn(axes):
    return axes.images[0].get_array()


def test_pictures_of_a_pipeline():
    figure = show_batch(mk.data.pipeline((IMAGES, np.arange(6)), 6, training=False), count=4)
    assert titles(figure) == ["0", "1", "2", "3"]
    np.testing.assert_allclose(drawn(figure.axes[2]), IMAGES[2] / 255.0)
    assert figure.get_suptitle().startswith("uint8 (6, 5, 4, 3), from ")
    assert figure._repr_png_()


def test_a_source_is_batched_and_names_its_classes():
    source = mk.data.Indexed((tf.constant(IMAGES), tf.constant([0, 1, 0, 1, 0, 1])))
    source.classes = ["cat", "dog"]
    assert titles(show_batch(source, count=3)) == ["cat", "dog", "cat"]
    pipeline = mk.data.pipeline(source, 2, training=False)
    assert titles(show_batch(pipeline)) == ["cat", "dog"]
    assert titles(show_batch(pipeline, names=["x", "y"])) == ["x", "y"]


def test_floats_share_one_scale():
    images = np.stack([np.full((4, 4, 1), v, "f4") for v in (-2.0, 0.0, 2.0)])
    values = [float(drawn(axes)[0, 0]) for axes in show_batch(images).axes]
    np.testing.assert_allclose(values, [0.0, 0.5, 1.0])
    unit = [float(drawn(a)[0, 0]) for a in show_batch(np.full((2, 4, 4), 0.25, "f4")).axes]
    np.testing.assert_allclose(unit, 0.25)


def test_masks_and_boxes():
    mask = np.zeros((6, 5, 4), "i4")
    mask[:, 1, 2] = 3
    boxes = np.full((6, 2, 4), -1.0, "f4")
    boxes[:, 0] = 1, 2, 3, 4
    figure = show_batch({"image": IMAGES, "mask": mask, "boxes": boxes, "label": np.arange(6)})
    axes = figure.axes[0]
    assert axes.images[1].get_array()[1, 2] == 3
    assert axes.images[1].get_array().mask.sum() == 19
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [0.5, 2.5, 2.5, 0.5, 0.5])
    assert len(axes.lines) == 1
    assert len(show_batch((IMAGES, mask)).axes[0].images) == 2


def test_labels_of_all_kinds():
    def label(values, **kwargs):
        return titles(show_batch((IMAGES[:2], np.asarray(values)), **kwargs))

    assert label([[1.0, 0.0], [0.3, 0.7]], names=["a", "b"]) == ["a", "b 0.70\na 0.30"]
    assert label([0.5, 2.0]) == ["0.5", "2"]
    assert label([[1], [0]], names=["a", "b"]) == ["b", "a"]
    assert label([b"x", b"y"]) == ["x", "y"]
    assert label([[1.0, 2.0, 3.0, 4.0]] * 2) == ["1, 2, 3 …"] * 2


def test_curves_and_texts():
    waves = RNG.normal(size=(3, 50)).astype("f4")
    figure = show_batch((waves, np.arange(3)))
    np.testing.assert_array_equal(figure.axes[1].lines[0].get_ydata(), waves[1])
    figure = show_batch(tf.constant(["some wörds", "more"]))
    assert figure.axes[0].texts[0].get_text() == "some wörds"


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (tf.data.Dataset.range(0), "is empty"),
        (np.zeros((2, 3, 4, 5, 6)), r"shape \(2, 3, 4, 5, 6\)"),
        (np.zeros(3), r"shape \(3,\)"),
        ({"x": np.zeros((2, 3))}, 'component "image"'),
    ],
)
def test_what_cannot_be_drawn(dataset, message):
    with pytest.raises(ValueError, match=message):
        show_batch(dataset)
    with pytest.raises(ValueError, match="`count`"):
        show_batch(IMAGES, count=0)
