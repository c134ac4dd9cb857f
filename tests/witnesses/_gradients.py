"""The gradients that the cases compare: ours by a tape, the witness's by torch's autograd."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def _flat(arrays: Sequence[Any]) -> np.ndarray:
    return np.concatenate([np.ravel(np.asarray(a)) for a in arrays] or [np.zeros(0)])


def of_ours(
    function: Callable[..., Any],
    inputs: Sequence[np.ndarray],
    upstream: np.ndarray,
    weights: Sequence[Any] = (),
) -> dict[str, np.ndarray]:
    """Forward value and gradients of `function(*inputs)`, weighted by `upstream`.

    Args:
        function: a layer, or a function of tensors.
        inputs: float arrays; each is a separate argument.
        upstream: gradient with respect to the output.
        weights: Keras variables.
    """
    import tensorflow as tf

    tensors = [tf.constant(x) for x in inputs]
    variables = [w.value for w in weights]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        y = function(*tensors)
    gradients = tape.gradient(y, [*tensors, *variables], output_gradients=tf.constant(upstream))
    gradients = [tf.convert_to_tensor(g) for g in gradients]  # IndexedSlices of an embedding
    values = {"forward": np.asarray(y), "d input": _flat(gradients[: len(tensors)])}
    if weights:
        values["d weights"] = _flat(gradients[len(tensors) :])
    return values


def of_torch(
    function: Callable[..., Any],
    inputs: Sequence[np.ndarray],
    upstream: np.ndarray,
    weights: Sequence[Any] = (),
    layouts: Sequence[Callable[[Any], Any]] = (),
) -> dict[str, np.ndarray]:
    """The same of a torch function or module.

    Args:
        function: a module, or a function of tensors.
        inputs: float arrays.
        upstream: gradient with respect to the output.
        weights: torch tensors that require a gradient, in the order of ours.
        layouts: for each weight, what brings its gradient into our layout (a transposition).
    """
    import torch

    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    y = function(*tensors)
    gradients = torch.autograd.grad(y, [*tensors, *weights], torch.tensor(upstream))
    of_weights = list(gradients[len(tensors) :])
    for i, layout in enumerate(layouts):
        of_weights[i] = layout(of_weights[i])
    values = {"forward": y.detach().numpy(), "d input": _flat(gradients[: len(tensors)])}
    if weights:
        values["d weights"] = _flat(of_weights)
    return values
