"""The kit on stock Keras 3.15: what is known to be broken there is found, what is sound passes.

When a release of Keras mends one of these, its test fails here: take the line out, and look
whether a part of ours that stood in for it may retire.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mlkit import testing
from mlkit.testing import InitializerSpec, LayerSpec, LossSpec, MetricSpec, RegularizerSpec
from mlkit.testing._check import checks
from mlkit.testing._run import run

RNG = np.random.default_rng(0)
SIGNED = {"y_true": RNG.normal(size=(12, 3)), "y_pred": RNG.normal(size=(12, 3))}
CLASSES = {
    "y_true": RNG.integers(0, 3, (4, 2)),
    "y_pred": RNG.normal(size=(4, 3, 2)).astype("float32"),
}

DEFECTS = [
    (
        LossSpec(keras.losses.Huber, dict(delta=3.0), **SIGNED),
        "config_complete",
        "`delta` is missing (given: delta=3.0)",
    ),
    (
        LossSpec(keras.losses.CosineSimilarity, dict(axis=0), **SIGNED),
        "config_complete",
        "`axis` is missing (given: axis=0)",
    ),
    (
        LossSpec(
            keras.losses.SparseCategoricalCrossentropy, dict(from_logits=True, axis=1), **CLASSES
        ),
        "config_complete",
        "`axis` is missing (given: axis=1)",
    ),
    (
        MetricSpec(keras.metrics.CosineSimilarity, dict(axis=0), **SIGNED),
        "config_complete",
        "`axis` is missing",
    ),
    (
        InitializerSpec(keras.initializers.Identity, dict(gain=0.5), shape=(3, 3)),
        "config_complete",
        "`gain` is missing",
    ),
    (
        InitializerSpec(keras.initializers.Orthogonal, dict(gain=0.5, seed=1), shape=(3, 3)),
        "shape_and_dtype",
        "bfloat16",
    ),
    (RegularizerSpec(keras.regularizers.L2, dict(l2=0.5), shape=(4, 3)), "float16_input", "inf"),
    (
        LayerSpec(
            keras.layers.LayerNormalization,
            dict(epsilon=0.01),
            input_shape=(2, 5, 4),
            trains=True,
        ),
        "config_stable",
        "axis: -1 -> [-1]",
    ),
    (
        LayerSpec(keras.layers.RMSNormalization, input_shape=(2, 5, 4), trains=True),
        "config_stable",
        "axis: -1 -> [-1]",
    ),
    (
        LayerSpec(
            keras.layers.MultiHeadAttention,
            dict(num_heads=2, key_dim=3),
            input_shape={"query": (2, 4, 3), "value": (2, 5, 3)},
            trains=True,
        ),
        "config_stable",
        "attention_axes: None -> [1]",
    ),
    (
        LayerSpec(
            keras.layers.GroupNormalization, dict(groups=2), input_shape=(2, 5, 4), trains=True
        ),
        "masking",
        "other padding at the end changes valid outputs",
    ),
    (
        LayerSpec(keras.layers.Softmax, dict(axis=-2), input_shape=(2, 5, 4)),
        "mask_accepted",
        "mask.shape=(2, 5)",
    ),
    (
        LayerSpec(keras.layers.GlobalAveragePooling1D, input_shape=(2, 5, 4)),
        "masking_all",
        "not finite where a whole sequence is masked",
    ),
    (
        LayerSpec(
            keras.layers.EinsumDense,
            dict(equation="abc,cd->abd", output_shape=(None, 5)),
            input_shape=(2, 6, 4),
            trains=True,
        ),
        "shapes",
        "gives (2, None, 5), the call itself returns (2, 6, 5)",
    ),
]


@pytest.mark.parametrize(
    ("spec", "name", "said"), DEFECTS, ids=[f"{spec.id}-{name}" for spec, name, _ in DEFECTS]
)
def test_a_known_defect_of_keras_is_found(spec, name, said):
    check = next(check for check in checks(spec.kind) if check.name == name)
    result = check(spec)
    assert result.status == "failed", str(result)
    assert said in result.what, result.what


@keras.saving.register_keras_serializable("tests_of_the_teeth")
class Scale(keras.Layer):
    """Multiplies by a learned number that begins at `start`, made with TensorFlow's own class."""

    def __init__(self, start=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start
        self.scale = tf.Variable(start)

    def call(self, inputs):
        return inputs * self.scale

    def get_config(self):
        return {**super().get_config(), "start": self.start}


def test_a_tf_variable_in_somebodys_layer_is_told_in_plain_words():
    with pytest.raises(testing.ConformanceError) as caught:
        testing.check_layer(Scale, dict(start=2.0), (4, 3), trains=True)
    assert "Scale.scale is a tf.Variable: it will never train." in str(caught.value)
    failure = caught.value.report["variables"]
    assert "no optimizer updates it" in failure.why
    assert "self.add_weight(" in failure.mend
    # That is so: this is what the sentence is about.
    layer = Scale(2.0)
    model = keras.Sequential([keras.Input((3,)), layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    assert float(layer.scale) == 2.0


@pytest.mark.parametrize(
    "spec",
    [
        LayerSpec(
            keras.layers.Dense,
            dict(units=3, activation="gelu", use_bias=False, kernel_initializer="he_normal"),
            input_shape=(2, 5, 4),
            trains=True,
            dynamic_axes=(1,),
        ),
        LayerSpec(
            keras.layers.Dropout,
            dict(rate=0.4, noise_shape=(None, 1, 3), seed=3),
            input_shape=(2, 5, 3),
            stochastic=True,
            dynamic_axes=(1,),
        ),
        LayerSpec(
            keras.layers.BatchNormalization, dict(momentum=0.8), input_shape=(4, 5, 3), trains=True
        ),
        LayerSpec(
            keras.layers.LSTM,
            dict(units=3, return_sequences=True),
            input_shape=(4, 5, 2),
            trains=True,
            dynamic_axes=(1,),
        ),
        LayerSpec(
            keras.layers.Conv1D,
            dict(filters=3, kernel_size=2, padding="same"),
            input_shape=(2, 6, 2),
            trains=True,
            dynamic_axes=(1,),
        ),
    ],
    ids=lambda spec: spec.id,
)
def test_sound_layers_of_keras_pass(spec):
    """All but what is said of their documentation, and of arguments that are left alone here."""
    report = run(spec)
    assert {r.check for r in report.failures} <= {"kwargs_complete", "documented"}, str(report)
