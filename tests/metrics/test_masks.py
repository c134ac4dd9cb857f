"""Masks that predictions bring from the layers they came through."""

import keras
import numpy as np
import pytest

from mlkit import metrics as M

RNG = np.random.default_rng(0)
LENGTH, CLASSES = 6, 4
MASK = np.arange(LENGTH) < RNG.integers(1, LENGTH + 1, 20)[:, None]
WEIGHT = RNG.uniform(0.5, 2.0, (20, LENGTH)).astype("float32")


def masked(values):
    """A tensor with the mask that a layer gives it."""
    x = keras.ops.convert_to_tensor(values)
    marked = keras.layers.Masking(mask_value=-9.0)(
        keras.ops.where(MASK[:, :, None], keras.ops.ones((20, LENGTH, 1)), -9.0)
    )
    x._keras_mask = marked._keras_mask
    return x


CLASS_SCORES = RNG.dirichlet(np.ones(CLASSES), (20, LENGTH)).astype("float32")
LABELS = RNG.integers(0, CLASSES, (20, LENGTH))
SETS = RNG.integers(0, 2, (20, LENGTH, CLASSES)).astype("float32")
VALUES = RNG.normal(size=(2, 20, LENGTH, 2)).astype("float32")

CASES = [
    (lambda: M.ConfusionMatrix(CLASSES), LABELS, CLASS_SCORES),
    (lambda: M.FScore(CLASSES), LABELS, CLASS_SCORES),
    (lambda: M.FScore(CLASSES, top_k=2), LABELS, CLASS_SCORES),
    (lambda: M.FScore(CLASSES, threshold=0.3), SETS, CLASS_SCORES),
    (lambda: M.MultiLabelConfusionMatrix(CLASSES), SETS, CLASS_SCORES),
    (lambda: M.ExactMatch(), SETS, CLASS_SCORES),
    (lambda: M.ExpectedCalibrationError(), LABELS, CLASS_SCORES),
    (lambda: M.BrierScore(), LABELS, CLASS_SCORES),
    (lambda: M.MeanAveragePrecision(CLASSES), SETS, CLASS_SCORES),
    (lambda: M.RSquare(), *VALUES),
    (lambda: M.PearsonCorrCoef(), *VALUES),
    (lambda: M.SymmetricMeanAbsolutePercentageError(), *VALUES),
    (lambda: M.SpearmanCorrCoef(), *VALUES[..., 0]),
]


def flat(result):
    return np.array(list(result.values()) if isinstance(result, dict) else result)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["alone", "weighted"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: type(case[0]()).__name__)
def test_what_is_masked_is_left_out(case, weight):
    make, y_true, y_pred = case
    spoilt = np.where(MASK.reshape(MASK.shape + (1,) * (y_pred.ndim - 2)), y_pred, np.nan)
    ours, kept = make(), make()
    ours.update_state(y_true, masked(spoilt.astype("float32")), weight)
    kept.update_state(y_true[MASK], y_pred[MASK], None if weight is None else weight[MASK])
    np.testing.assert_allclose(flat(ours.result()), flat(kept.result()), rtol=1e-6)
    everything = make()
    steps = (x.reshape(-1, *x.shape[2:]) for x in (y_true, y_pred))
    everything.update_state(*steps, None if weight is None else weight.reshape(-1))
    assert not np.allclose(flat(ours.result()), flat(everything.result()), rtol=1e-4)


@pytest.mark.parametrize("metric", [M.GeometricMean, M.HarmonicMean])
def test_means_of_values(metric):
    values = RNG.uniform(1, 2, (20, LENGTH)).astype("float32")
    ours, kept = metric(), metric()
    ours.update_state(masked(values))
    kept.update_state(values[MASK])
    np.testing.assert_allclose(ours.result(), kept.result(), rtol=1e-6)


def test_a_model_with_masks_agrees_with_keras():
    """Keras' own mean of squares reads the mask; a Brier score is one, over two classes."""
    inputs = keras.Input((LENGTH,))
    x = keras.layers.Embedding(10, 8, mask_zero=True)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))
    ours, theirs = M.BrierScore(), keras.metrics.MeanSquaredError()
    model.compile(loss="mse", metrics=[ours, theirs], jit_compile=False)
    x = np.where(MASK, RNG.integers(1, 10, MASK.shape), 0)
    y = RNG.integers(0, 2, (20, LENGTH, 1)).astype("float32")
    found = model.evaluate(x, y, verbose=0, return_dict=True)
    assert found["brier_score"] == pytest.approx(found["mean_squared_error"], rel=1e-5)
    unmasked = np.mean((model.predict(x, verbose=0) - y) ** 2)
    assert found["brier_score"] != pytest.approx(float(unmasked), rel=1e-4)


def test_a_mask_finer_than_the_examples_is_refused():
    y_pred = keras.ops.ones((20, 2))
    y_pred._keras_mask = keras.ops.ones((20, 3), "bool")
    with pytest.raises(ValueError, match="must have the axes of its mask first"):
        M.RSquare().update_state(np.ones((20, 2)), y_pred)
