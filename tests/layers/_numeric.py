"""A layer in float64 beside a numpy form of it: values, and slopes by differences."""

import numpy as np
import tensorflow as tf


def agrees(layer, inputs, reference, rtol=1e-6, directions=4, seed=7, **call):
    """Forward, and gradients to each input and each trainable weight along random directions.

    `reference(*inputs, **weights)` takes arrays, the weights by their names.
    """
    rng = np.random.default_rng(seed)
    arrays = [np.asarray(x, "float64") for x in inputs]
    tensors = [tf.constant(x) for x in arrays]
    argument = tensors[0] if len(tensors) == 1 else tensors
    layer(argument)
    weights = {w.name: rng.normal(size=w.shape) for w in layer.trainable_weights}
    for variable in layer.trainable_weights:
        variable.assign(weights[variable.name])
    variables = [w.value for w in layer.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        y = layer(argument, **call)
    expected = reference(*arrays, **weights)
    np.testing.assert_allclose(y, expected, rtol=rtol, atol=rtol)
    upstream = rng.normal(size=y.shape)
    slopes = tape.gradient(y, [*tensors, *variables], output_gradients=tf.constant(upstream))
    values = [*arrays, *weights.values()]
    names = [*range(len(arrays)), *weights]
    for i, (value, slope, name) in enumerate(zip(values, slopes, names, strict=True)):
        slope = np.zeros(value.shape) if slope is None else slope  # and so must it be found
        for _ in range(directions):
            direction = rng.normal(size=value.shape)
            ends = []
            for step in (1e-6, -1e-6):
                moved = [v + step * direction if j == i else v for j, v in enumerate(values)]
                n = len(arrays)
                moved_weights = dict(zip(weights, moved[n:], strict=True))
                ends.append(np.sum(upstream * reference(*moved[:n], **moved_weights)))
            np.testing.assert_allclose(
                np.sum(np.asarray(slope) * direction),
                (ends[0] - ends[1]) / 2e-6,
                rtol=max(1e-5, rtol),
                atol=1e-6,
                err_msg=f"gradient to {name}",
            )
