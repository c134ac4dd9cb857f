"""A loss of ours and a function of torch tensors on one draw: values and gradient."""

import numpy as np

from witnesses import Case, _torchvision


def beside(part, witness, make, data, theirs, **more):
    """A case.

    Args:
        part, witness: names.
        make: () -> our loss object, called as `loss(y_true, y_pred)`.
        data: rng -> (y_true, y_pred), float32.
        theirs: (y_true, y_pred) as torch tensors -> what our loss gives.
        more: further fields of the case.
    """

    def draw(rng):
        import tensorflow as tf
        import torch

        _torchvision.load()  # timm and others import it
        y_true, y_pred = data(rng)
        ours, loss = tf.constant(y_pred), make()
        with tf.GradientTape() as tape:
            tape.watch(ours)
            value = loss(y_true, ours)
        slope = tape.gradient(value, ours).numpy()
        other = torch.tensor(y_pred, requires_grad=True)
        found = theirs(torch.tensor(y_true), other)
        found.sum().backward()
        return (
            {"forward": np.asarray(value), "d input": slope},
            {"forward": found.detach().numpy(), "d input": np.asarray(other.grad)},
        )

    return Case(part, witness, draw, **more)
