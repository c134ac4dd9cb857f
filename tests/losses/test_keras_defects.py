"""Where Keras' own losses are wrong: its number, the truth, and ours.

Each test fails on the day that Keras mends the defect: then ours has one reason less.
"""

import keras
import numpy as np
import pytest

from mlkit import losses


def again(loss):
    return keras.losses.deserialize(keras.losses.serialize(loss))


def test_huber_forgets_delta():
    y, p = np.array([[0.0]]), np.array([[10.0]])
    keras_loss = keras.losses.Huber(delta=3.0)
    truth = 3.0 * (10.0 - 1.5)
    assert float(keras_loss(y, p)) == truth
    assert float(again(keras_loss)(y, p)) == 9.5  # delta is 1 again: 10 - ½
    ours = losses.QuantileHuberLoss(tau=0.5, delta=3.0)
    assert float(again(ours)(y, p)) == pytest.approx(truth / 3.0 / 2.0)
    assert again(ours).delta == 3.0


def test_cosine_similarity_forgets_axis():
    y, p = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 1.0], [0.0, 0.0]])
    keras_loss = keras.losses.CosineSimilarity(axis=0, reduction="sum")
    truth = -np.sqrt(0.5)  # columns (1, 1) and (1, 0)
    np.testing.assert_allclose(keras_loss(y, p), truth, rtol=1e-6)
    np.testing.assert_allclose(again(keras_loss)(y, p), -np.sqrt(0.5), rtol=1e-6)
    turned = keras.losses.CosineSimilarity(axis=0, reduction=None)
    assert np.shape(turned(y[:, :1], p[:, :1])) != np.shape(again(turned)(y[:, :1], p[:, :1]))
    ours = losses.WeightedCrossentropy(axis=1, reduction=None)
    assert again(ours).axis == 1


def test_sparse_cross_entropy_forgets_axis():
    y = np.array([[0, 1, 1]])
    z = np.array([[[2.0, 0.0, 1.0], [0.0, 3.0, -1.0], [1.0, 1.0, 0.0]]])  # classes along axis 1
    kwargs = {"from_logits": True, "axis": 1}
    true = np.take_along_axis(z, y[:, None], 1)[:, 0]
    truth = (np.log(np.exp(z).sum(1)) - true).mean()
    keras_loss = keras.losses.SparseCategoricalCrossentropy(**kwargs)
    with pytest.raises(ValueError, match="Only axis=-1"):  # and on TensorFlow it cannot have it
        keras_loss(y, z)
    wrong = float(again(keras_loss)(y, z))  # axis is -1 again, and nobody says so
    assert abs(wrong - truth) > 0.1
    ours = losses.WeightedCrossentropy(**kwargs)
    np.testing.assert_allclose(ours(y, z), truth, rtol=1e-6)
    np.testing.assert_allclose(again(ours)(y, z), truth, rtol=1e-6)


def test_dtype_is_forgotten():
    assert again(keras.losses.MeanSquaredError(dtype="float64")).dtype == "float32"
    assert again(losses.CharbonnierLoss(dtype="float64")).dtype == "float64"


def test_tversky_has_alpha_and_beta_swapped():
    """A mask of one place, and a prediction of two: one false positive, which alpha weighs."""
    truth, large = np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]])
    right = 1 - 1 / (1 + 0.3)
    wrong = keras.losses.Tversky(alpha=0.3, beta=0.7)(truth, large)
    np.testing.assert_allclose(wrong, 1 - 1 / (1 + 0.7), rtol=1e-5)
    ours = losses.TverskyLoss(alpha=0.3, beta=0.7, smooth=1e-7)
    np.testing.assert_allclose(ours(truth[..., None], large[..., None]), right, rtol=1e-5)


def test_dice_is_that_of_the_whole_batch():
    """A large object that is found, and a small one that is missed."""
    truth, found = np.zeros((2, 100)), np.zeros((2, 100))
    truth[0] = found[0] = 1.0
    truth[1, :3] = 1.0
    whole = 1 - 2 * 100 / (103 + 100)
    np.testing.assert_allclose(keras.losses.Dice()(truth, found), whole, rtol=1e-4)  # .015
    each = np.mean([0.0, 1.0])
    ours = losses.DiceLoss(smooth=1e-7)
    np.testing.assert_allclose(ours(truth[..., None], found[..., None]), each, rtol=1e-5)
    batch = losses.DiceLoss(smooth=1e-7, per="batch")
    np.testing.assert_allclose(batch(truth[..., None], found[..., None]), whole, rtol=1e-4)


def test_weights_of_examples_go_to_the_wrong_axis():
    """(N,) beside values of (N, T) with N = T: Keras weighs the steps."""
    y, z = np.zeros((2, 2), int), np.zeros((2, 2, 2), "float32")
    z[1, :, 1] = 3.0  # the second example is wrong
    weights = np.array([1.0, 0.0], "float32")
    keras_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    values = [np.log(2), np.log1p(np.exp(3))]
    np.testing.assert_allclose(keras_loss(y, z, weights), sum(values), rtol=1e-6)
    ours = losses.WeightedCrossentropy(from_logits=True, reduction="sum")
    np.testing.assert_allclose(ours(y, z, weights), 2 * values[0], rtol=1e-6)
