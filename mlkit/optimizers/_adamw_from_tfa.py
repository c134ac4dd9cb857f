"""Keras' AdamW with the arguments of TensorFlow Addons."""

from typing import Any

import keras

from mlkit.optimizers._tfa_decay import keras_decay


def adamw_from_tfa(
    weight_decay: float,
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    amsgrad: bool = False,
    **kwargs: Any,
) -> keras.optimizers.AdamW:
    """Make the Keras AdamW that TensorFlow Addons' AdamW is with these arguments.

        TensorFlow Addons    w -= weight_decay * w
        Keras                w -= learning_rate * weight_decay * w

    `tfa.optimizers.AdamW(weight_decay=1e-4, learning_rate=1e-3)` and
    `keras.optimizers.AdamW(weight_decay=1e-4, learning_rate=1e-3)` look alike, and the second
    decays a thousand times less: it needs `weight_decay=0.1`, which is what this function computes.

    Where a callback changes the rate later, Keras' decay follows it, and that of TensorFlow Addons
    did not.

    Args:
        weight_decay: the part that is taken away at each update, whatever the rate; at least 0.
        learning_rate: a number above 0. Not a schedule: there the decay did not follow it.
            Default 0.001.
        beta_1, beta_2, epsilon, amsgrad: as for `keras.optimizers.AdamW`.
        **kwargs: as for `keras.optimizers.Optimizer`.

    Returns:
        A `keras.optimizers.AdamW` with `weight_decay / learning_rate`.

    Raises:
        ValueError: an argument out of its range, or a schedule.

    Example:
        >>> import mlkit as mk
        >>> optimizer = mk.optimizers.adamw_from_tfa(weight_decay=1e-4, learning_rate=1e-3)
        >>> round(optimizer.weight_decay, 6)
        0.1

    Reference:
        Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101.
    """
    decay = keras_decay(weight_decay, learning_rate)
    return keras.optimizers.AdamW(
        learning_rate=float(learning_rate),
        weight_decay=decay,
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
        amsgrad=amsgrad,
        **kwargs,
    )
