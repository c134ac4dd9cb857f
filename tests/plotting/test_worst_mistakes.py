import numpy as np
import pytest

from mlkit.plotting import worst_mistakes

IMAGES = np.arange(5 * 4 * 4, dtype="float32").reshape(5, 4, 4, 1)
TRUE = np.array([0, 1, 2, 1, 0])
SCORES = np.array(
    [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.3, 0.3, 0.4]]
)


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


def test_the_surest_errors_come_first():
    figure = worst_mistakes(IMAGES, TRUE, SCORES)
    assert titles(figure) == [
        "says 0 (90 %)\nis 2 (0 %)",
        "says 0 (60 %)\nis 1 (30 %)",
        "says 2 (40 %)\nis 0 (30 %)",
    ]
    assert figure.get_suptitle() == "3 of 5 images wrong (60.0 %)"
    drawn = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(drawn, np.arange(16).reshape(4, 4) / 15, rtol=1e-6)


def test_forms_of_the_same_data_agree():
    want = titles(worst_mistakes(IMAGES, TRUE, SCORES))
    assert titles(worst_mistakes(IMAGES[..., 0], TRUE[:, None], SCORES)) == want
    assert titles(worst_mistakes(np.repeat(IMAGES, 3, -1), np.eye(3)[TRUE], SCORES)) == want
    logits = np.log(SCORES + 1e-9) + 7
    assert titles(worst_mistakes(IMAGES, TRUE, logits, from_logits=True)) == want


def test_count_and_names():
    figure = worst_mistakes(IMAGES, TRUE, SCORES, count=1, names=["cat", "dog", "owl"])
    assert titles(figure) == ["says cat (90 %)\nis owl (0 %)"]
    assert figure.get_suptitle() == "3 of 5 images wrong (60.0 %), the surest error"


def test_no_mistake_and_a_blank_image():
    figure = worst_mistakes(np.zeros((2, 4, 4)), [0, 1], np.eye(2))
    assert figure.get_suptitle() == "0 of 2 images wrong (0.0 %)"
    assert figure.axes == []
    assert worst_mistakes(np.zeros((2, 4, 4)), [1, 1], np.eye(2))._repr_png_()


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "message"),
    [
        ((IMAGES, TRUE, SCORES[:, 0]), {}, ValueError, r"y_pred.shape=\(5,\)"),
        ((IMAGES[..., 0, 0], TRUE, SCORES), {}, ValueError, r"images.shape=\(5, 4\)"),
        ((IMAGES, TRUE[:3], SCORES), {}, ValueError, r"Received: 5, 3 and 5"),
        ((IMAGES, TRUE, SCORES), {"names": ["a"]}, ValueError, r"names=\['a'\]"),
        ((IMAGES, TRUE, SCORES), {"count": 0}, ValueError, r"count=0"),
        ((IMAGES, TRUE, SCORES), {"from_logits": 1}, TypeError, r"from_logits=1"),
    ],
)
def test_wrong_arguments(args, kwargs, error, message):
    with pytest.raises(error, match=message):
        worst_mistakes(*args, **kwargs)
