import numpy as np
import pytest
from numeric import check_gradients, randomise

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.SqueezeExcite2D,
        kwargs=dict(
            ratio=0.5,
            divisor=2,
            squeeze_channels=3,
            activation="gelu",
            gate_activation="hard_sigmoid",
            data_format="channels_first",
        ),
        input_shape=(2, 6, 4, 5),
        trains=True,
        dynamic_axes=(2, 3),
    ),
]


def formula(x, w1, b1, w2, b2):
    hidden = np.maximum(x.mean((1, 2)) @ w1 + b1, 0)
    gate = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    return x * gate[:, None, None]


@pytest.mark.parametrize("first", [False, True])
def test_value_and_gradients(first):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 2, 4)).astype("float32")
    layer = mk.layers.SqueezeExcite2D(
        squeeze_channels=3, data_format="channels_first" if first else "channels_last"
    )

    def turned(x, *weights):
        return np.moveaxis(formula(np.moveaxis(x, 1, -1), *weights), -1, 1)

    x = np.moveaxis(x, -1, 1) if first else x
    layer.build(x.shape)
    randomise(layer.weights)
    check_gradients(layer, turned if first else formula, [x], layer.weights)


@pytest.mark.parametrize(
    ("channels", "ratio", "divisor", "hidden"),
    [(64, 1 / 16, 8, 8), (96, 0.25, 8, 24), (100, 0.25, 8, 24), (112, 0.25, 8, 32), (7, 0.5, 1, 4)],
)
def test_rounding(channels, ratio, divisor, hidden):
    layer = mk.layers.SqueezeExcite2D(ratio=ratio, divisor=divisor)
    layer.build((None, None, None, channels))
    assert layer.squeeze.units == hidden


def test_mean_of_large_float16():
    layer = mk.layers.SqueezeExcite2D(dtype="mixed_float16")
    y = np.asarray(layer(np.full((1, 32, 32, 8), 1e4, "float16")))  # the sum is beyond float16
    assert np.all(np.isfinite(y))
    assert np.any(y > 0)


def test_arguments_and_shapes():
    with pytest.raises(ValueError, match="`ratio` must be"):
        mk.layers.SqueezeExcite2D(ratio=0)
    with pytest.raises(ValueError, match="`squeeze_channels` must be"):
        mk.layers.SqueezeExcite2D(squeeze_channels=0)
    with pytest.raises(ValueError, match="`data_format` must be one of"):
        mk.layers.SqueezeExcite2D(data_format="last")
    with pytest.raises(ValueError, match=r"'se' expects inputs with 4 .*\(None, 3, 4\)"):
        mk.layers.SqueezeExcite2D(name="se").build((None, 3, 4))
