"""Each check of layers fails on a layer that breaks its rule, and a sound layer passes all."""

import keras
import numpy as np
import pytest
from faulty_layers import FAULTS, SoundNoise, calling, noise, sound

from mlkit import testing
from mlkit.testing import LayerSpec
from mlkit.testing._check import checks
from mlkit.testing._run import run

CHECKS = {check.name: check for check in checks("layer")}


@pytest.mark.parametrize("spec", [sound(), noise()], ids=lambda spec: spec.id)
def test_a_sound_layer_passes(spec):
    report = run(spec)
    assert report.ok, str(report)
    skipped = {r.check for r in report.results if r.status == "not applicable"}
    unasked = {"public_path", "stochastic"} if spec.trains else {"public_path"}
    assert skipped == unasked | ({"undeclared_randomness"} if spec.stochastic else set())


@pytest.mark.parametrize(
    ("name", "spec", "said"), FAULTS, ids=[f"{f[0]}-{i}" for i, f in enumerate(FAULTS)]
)
def test_a_fault_is_found(name, spec, said):
    result = CHECKS[name](spec)
    assert result.status == "failed", str(result)
    assert said in result.what, result.what
    assert result.why
    assert result.mend


def test_arguments_of_keras_own_need_no_words():
    spec = sound(type("Twice", (keras.Layer,), {"__doc__": "Doubles.", "call": lambda s, x: x + x}))
    assert CHECKS["documented"](spec).status == "passed"


def test_every_check_has_a_fault():
    assert set(CHECKS) == {name for name, _, _ in FAULTS}


def test_a_layer_that_cannot_be_called_fails_once():
    report = run(calling(lambda self, x: x @ "x"))
    asked = {r.check for r in report.failures}
    assert "works" in asked
    assert not asked & {"shapes", "xla", "fit", "masking", "replicas"}


@pytest.mark.parametrize(
    "spec",
    [
        LayerSpec(
            keras.layers.MultiHeadAttention,
            dict(num_heads=2, key_dim=3),
            input_shape={"query": (2, 4, 3), "value": (2, 5, 3)},
            trains=True,
        ),
        LayerSpec(keras.layers.Concatenate, dict(axis=-2), input_shape=[(2, 6, 3), (2, 5, 3)]),
        LayerSpec(
            keras.layers.Embedding,
            dict(input_dim=7, output_dim=3, mask_zero=True),
            inputs=lambda rng: rng.integers(1, 7, (2, 5)),
            integer_inputs=True,
            trains=True,
            dynamic_axes=(1,),
        ),
        LayerSpec(
            keras.layers.GlobalAveragePooling1D,
            dict(data_format="channels_first", keepdims=True),
            input_shape=(2, 3, 5),
            mask_axes=(2,),
        ),
        LayerSpec(
            keras.layers.RNN,
            dict(cell=keras.layers.GRUCell(3), return_sequences=True),
            input_shape=(2, 4, 3),
            trains=True,
            dynamic_axes=(1,),
        ),
    ],
    ids=lambda spec: spec.id,
)
def test_stock_layers_of_other_forms_pass_what_is_sound_in_them(spec):
    known = {"kwargs_complete", "config_stable", "documented", "float16_large_input", "masking_all"}
    report = run(spec)
    assert {r.check for r in report.failures} <= known, str(report)


def test_the_callers_random_state_and_policy_are_left_alone():
    keras.config.set_dtype_policy("mixed_bfloat16")
    state = np.random.get_state()[1].copy()  # noqa: NPY002 (the global one)
    try:
        testing.check_layer(SoundNoise, {"seed": 3}, (2, 3), stochastic=True, verbose=False)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002
