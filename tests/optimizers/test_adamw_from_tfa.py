import numpy as np
import pytest
from optimizer_lockstep import Witness, must_stay_together

from mlkit.optimizers import SGDW, AdamW, adamw_from_tfa
from mlkit.optimizers.schedules import CosineDecay


def test_it_is_the_adamw_of_keras_and_decays_as_there():
    """There: w -= weight_decay * w, and then the step of Adam."""

    def rule(w, g, s, t):
        s["m"] = 0.8 * s.get("m", 0) + 0.2 * g
        s["v"] = 0.99 * s.get("v", 0) + 0.01 * g**2
        m, v = s["m"] / (1 - 0.8**t), s["v"] / (1 - 0.99**t)
        return w - 0.01 * m / (np.sqrt(v) + 1e-5 / np.sqrt(1 - 0.99**t))

    optimizer = adamw_from_tfa(2e-3, 0.01, 0.8, 0.99, 1e-5, name="mine")
    assert type(optimizer) is AdamW
    assert optimizer.name == "mine"
    must_stay_together(optimizer, Witness(rule, decay=2e-3))


def test_a_whole_number_as_rate():
    assert adamw_from_tfa(0.5, 1).weight_decay == 0.5


@pytest.mark.parametrize("make", [adamw_from_tfa, SGDW.from_tfa])
@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((-1,), ValueError, "weight_decay=-1"),
        ((0.1, 0.0), ValueError, "learning_rate=0.0"),
        ((0.1, CosineDecay(0.1, 10)), ValueError, "did not follow|stayed while a schedule"),
    ],
)
def test_wrong_arguments(make, args, error, message):
    with pytest.raises(error, match=message):
        make(*args)
