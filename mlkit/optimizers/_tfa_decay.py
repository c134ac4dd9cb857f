"""Weight decay of TensorFlow Addons in the terms of Keras."""

from typing import Any

from mlkit._core.checks import check_number


def keras_decay(weight_decay: Any, learning_rate: Any) -> float:
    """λ of `w -= rate * λ * w` that is `weight_decay` of `w -= weight_decay * w`."""
    check_number("weight_decay", weight_decay, low=0)
    if callable(learning_rate):
        raise ValueError(
            "`learning_rate` must be a number here. In TensorFlow Addons the decay of a number "
            "stayed while a schedule changed the rate; Keras' decay is a factor of the rate and "
            "follows it. Give the optimizer the schedule and, as its weight decay, the old one "
            "divided by the rate at which the two shall agree (the highest is usual). "
            f"Received: learning_rate={learning_rate!r}"
        )
    check_number("learning_rate", learning_rate, low=0, open_low=True)
    return weight_decay / learning_rate
