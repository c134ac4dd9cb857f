import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sklearn

from mlkit.ops import confusion_matrix


@pytest.mark.parametrize("jit", [False, True])
def test_equals_scikit_learn(jit):
    rng = np.random.default_rng(0)
    y_true, scores = rng.integers(0, 5, 300), rng.normal(size=(300, 5)).astype("float32")
    weight = rng.uniform(size=300).astype("float32")
    ours = tf.function(confusion_matrix, jit_compile=jit)(
        tf.constant(y_true), tf.constant(scores), 5, tf.constant(weight)
    )
    theirs = sklearn.confusion_matrix(y_true, scores.argmax(1), sample_weight=weight)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_forms_of_the_same_data_agree():
    rng = np.random.default_rng(1)
    y_true, scores = rng.integers(0, 3, (4, 6)), rng.normal(size=(4, 6, 3))
    want = confusion_matrix(y_true, scores, 3)
    np.testing.assert_array_equal(confusion_matrix(y_true[..., None], scores, 3), want)
    np.testing.assert_array_equal(confusion_matrix(np.eye(3)[y_true], scores, 3), want)
    np.testing.assert_array_equal(confusion_matrix(y_true, scores, 3, 2.0), 2 * want)
    per_image = rng.uniform(size=4)
    spread = np.repeat(per_image[:, None], 6, axis=1)
    np.testing.assert_array_equal(
        confusion_matrix(y_true, scores, 3, per_image), confusion_matrix(y_true, scores, 3, spread)
    )


def test_one_score_for_two_classes():
    y_true, score = [0, 1, 1, 0], np.array([0.2, 0.9, 0.5, 0.7])
    want = [[1, 1], [1, 1]]
    np.testing.assert_array_equal(confusion_matrix(y_true, score, 2), want)
    np.testing.assert_array_equal(confusion_matrix(y_true, score[:, None], 2), want)
    logit = np.log(score / (1 - score))
    np.testing.assert_array_equal(confusion_matrix(y_true, logit, 2, threshold=0), want)


def test_unknown_class_is_not_counted_silently():
    scores = np.eye(3)[[0, 1, 2]]
    assert np.isnan(confusion_matrix([0, 1, 3], scores, 3)).any()
    assert np.isnan(confusion_matrix([0, 1, -1], scores, 3)).any()
    # A weight of 0 is how a class is left out.
    left_out = confusion_matrix([0, 1, -1], scores, 3, [1, 1, 0])
    np.testing.assert_array_equal(left_out, np.diag([1, 1, 0]))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (([0, 1], np.ones((2, 4)), 3), r"`y_pred` must have shape \[\.\.\., 3\]"),
        (([0, 1], np.ones(2), 3), r"y_pred.shape=\(2,\)"),
        (([0, 1, 2], np.ones((2, 3)), 3), r"`y_true` must have shape"),
        (([0, 1], np.ones(2), 1), r"num_classes=1"),
    ],
)
def test_wrong_arguments(args, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(*args)
