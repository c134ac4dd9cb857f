import keras
import numpy as np

import mlkit as mk
from mlkit.testing import LossSpec


def built(units=3):
    layer = mk.layers.CRF(units, chain_initializer=keras.initializers.GlorotUniform(seed=1))
    layer.build((None, None, 2))
    return layer


SPECS = [
    LossSpec(
        mk.losses.CRFLoss,
        kwargs=dict(layer=built()),
        y_true=lambda rng: rng.integers(0, 3, size=(6, 4)),
        y_pred=lambda rng: rng.normal(size=(6, 4, 3)).astype("float32"),
        properties=("nonnegative",),
    )
]


def test_is_the_negative_log_likelihood():
    rng = np.random.default_rng(0)
    layer, y_pred = built(), rng.normal(size=(6, 4, 3)).astype("float32")
    y_true = rng.integers(0, 3, size=(6, 4))
    value = mk.losses.CRFLoss(layer)(y_true, y_pred)
    expected, _ = mk.ops.crf_log_likelihood(y_pred, y_true, [4] * 6, layer.chain_kernel.numpy())
    np.testing.assert_allclose(value, -np.mean(expected), rtol=1e-6)


def test_labels_with_an_axis_more_and_weights_of_sequences():
    rng = np.random.default_rng(0)
    layer, y_pred = built(), rng.normal(size=(6, 4, 3)).astype("float32")
    y_true = rng.integers(0, 3, size=(6, 4))
    loss = mk.losses.CRFLoss(layer, reduction="sum")
    each = np.asarray(mk.losses.CRFLoss(layer, reduction=None)(y_true[..., None], y_pred))
    weights = np.arange(6, dtype="float32")
    weighted = loss(y_true, y_pred, sample_weight=weights)
    np.testing.assert_allclose(weighted, np.sum(weights * each), rtol=1e-6)
