"""SigmoidFocalCrossEntropy beside torchvision's, with the gradient."""

import numpy as np

from witnesses import Case, _torchvision


def draw(rng):
    import keras
    import tensorflow as tf
    import torch

    import mlkit as mk

    _torchvision.load()
    from torchvision.ops import sigmoid_focal_loss

    t = rng.integers(0, 2, (32, 9)).astype("float32")
    z = rng.normal(0, 4, (32, 9)).astype("float32")
    alpha, gamma = float(rng.uniform(0.1, 0.9)), float(rng.uniform(1, 4))
    ours = tf.Variable(z)
    with tf.GradientTape() as tape:
        loss = mk.losses.sigmoid_focal_crossentropy(
            t, ours, alpha, gamma, from_logits=True, class_reduction="sum"
        )
        total = keras.ops.sum(loss)
    theirs = torch.tensor(z, requires_grad=True)
    witness = sigmoid_focal_loss(theirs, torch.tensor(t), alpha, gamma)
    witness.sum().backward()
    return (
        {"forward": loss.numpy(), "d input": tape.gradient(total, ours).numpy()},
        {
            "forward": witness.detach().numpy().sum(-1),
            "d input": np.asarray(theirs.grad),
        },
    )


CASES = [Case("SigmoidFocalCrossEntropy", "torchvision.ops.sigmoid_focal_loss", draw)]
