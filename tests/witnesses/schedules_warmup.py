"""WarmupSchedule beside torch's LinearLR followed by a cosine."""

import numpy as np

from witnesses import Case


def draw(rng):
    import keras
    import tensorflow as tf
    import torch

    import mlkit as mk

    peak, start = float(rng.uniform(0.1, 1)), float(rng.uniform(0.01, 0.09))
    warm = int(rng.integers(2, 300))
    decay = 1000 - warm
    cosine = keras.optimizers.schedules.CosineDecay(peak, decay)
    schedule = mk.optimizers.schedules.WarmupSchedule(cosine, warm, start)
    lr = torch.optim.lr_scheduler
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    theirs = lr.SequentialLR(
        optimizer,
        [lr.LinearLR(optimizer, start / peak, 1.0, warm), lr.CosineAnnealingLR(optimizer, decay)],
        [warm],
    )
    rates = []
    for _ in range(1000):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    ours = tf.map_fn(schedule, tf.range(1000), fn_output_signature=tf.float32)
    return {"every step of 1,000": np.array(ours)}, {"every step of 1,000": np.array(rates)}


CASES = [Case("WarmupSchedule", "torch LinearLR + CosineAnnealingLR", draw)]
