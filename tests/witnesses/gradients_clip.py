"""Transforms of gradients beside torch.nn.utils, TensorFlow and timm."""

import numpy as np

from witnesses import Case, _torchvision

SHAPES = [(3, 3, 2, 5), (5,), (6, 4), (4,)]


def random(rng):
    return [rng.normal(0, rng.uniform(0.1, 3), s).astype("float32") for s in SHAPES]


def flat(arrays):
    return np.concatenate([np.ravel(np.asarray(a)) for a in arrays])


def ours(transform, gradients, weights=None):
    import keras
    import tensorflow as tf

    weights = [np.zeros(s, "float32") for s in SHAPES] if weights is None else weights
    variables = [keras.Variable(w) for w in weights]
    return {"forward": flat(transform([tf.constant(g) for g in gradients], variables))}


def torch_parameters(gradients):
    import torch

    parameters = []
    for gradient in gradients:
        parameters.append(torch.nn.Parameter(torch.zeros(gradient.shape)))
        parameters[-1].grad = torch.tensor(gradient)
    return parameters


def global_norm_torch(rng):
    from torch.nn.utils import clip_grad_norm_

    import mlkit as mk

    gradients, limit = random(rng), float(rng.uniform(0.1, 30))
    parameters = torch_parameters(gradients)
    clip_grad_norm_(parameters, limit)
    found = ours(mk.gradients.clip_by_global_norm(limit), gradients)
    return found, {"forward": flat([p.grad for p in parameters])}


def global_norm_tensorflow(rng):
    import tensorflow as tf

    import mlkit as mk

    gradients, limit = random(rng), float(rng.uniform(0.1, 30))
    found = ours(mk.gradients.clip_by_global_norm(limit), gradients)
    return found, {"forward": flat(tf.clip_by_global_norm(gradients, limit)[0])}


def norm_tensorflow(rng):
    import tensorflow as tf

    import mlkit as mk

    gradients, limit = random(rng), float(rng.uniform(0.1, 10))
    found = ours(mk.gradients.clip_by_norm(limit), gradients)
    return found, {"forward": flat([tf.clip_by_norm(g, limit) for g in gradients])}


def value_torch(rng):
    from torch.nn.utils import clip_grad_value_

    import mlkit as mk

    gradients, limit = random(rng), float(rng.uniform(0.1, 2))
    parameters = torch_parameters(gradients)
    clip_grad_value_(parameters, limit)
    found = ours(mk.gradients.clip_by_value(limit), gradients)
    return found, {"forward": flat([p.grad for p in parameters])}


# Keras' layout to torch's, which timm's axes are made for, and back.
TO_TORCH = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}
FROM_TORCH = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}


def adaptive_timm(rng):
    import torch

    import mlkit as mk

    _torchvision.load()
    from timm.utils.agc import adaptive_clip_grad

    gradients, weights = random(rng), random(rng)
    factor = float(rng.uniform(0.01, 1))
    swapped = [g.transpose(TO_TORCH[g.ndim]) for g in gradients]
    parameters = torch_parameters(swapped)
    for parameter, weight in zip(parameters, weights, strict=True):
        parameter.data = torch.tensor(weight.transpose(TO_TORCH[weight.ndim]))
    adaptive_clip_grad(parameters, factor)
    back = [np.asarray(p.grad).transpose(FROM_TORCH[p.ndim]) for p in parameters]
    found = ours(mk.gradients.adaptive_clip(factor), gradients, weights)
    return found, {"forward": flat(back)}


def centralize_numpy(rng):
    import mlkit as mk

    gradients = random(rng)
    expected = [
        g - g.mean(axis=tuple(range(g.ndim - 1)), dtype="float64") if g.ndim > 1 else g
        for g in gradients
    ]
    return ours(mk.gradients.centralize(), gradients), {"forward": flat(expected)}


def projection_numpy(rng):
    """The paper's algorithm on whole vectors, the other tasks in their order."""
    import keras
    import tensorflow as tf

    import mlkit as mk

    tasks = [random(rng) for _ in range(4)]
    vectors = [flat(t).astype("float64") for t in tasks]
    total = np.zeros_like(vectors[0])
    for i, own in enumerate(vectors):
        own = own.copy()
        for j, other in enumerate(vectors):
            if j != i and own @ other < 0:
                own -= own @ other / (other @ other) * other
        total += own
    variables = [keras.Variable(np.zeros(s, "float32")) for s in SHAPES]
    project = mk.gradients.project_conflicting(shuffle=False)
    found = project([[tf.constant(g) for g in t] for t in tasks], variables)
    return {"forward": flat(found)}, {"forward": total}


CASES = [
    Case("clip_by_global_norm", "torch.nn.utils.clip_grad_norm_", global_norm_torch),
    Case("clip_by_global_norm", "tf.clip_by_global_norm", global_norm_tensorflow),
    Case("clip_by_norm", "tf.clip_by_norm", norm_tensorflow),
    Case("clip_by_value", "torch.nn.utils.clip_grad_value_", value_torch),
    Case("adaptive_clip", "timm.utils.agc.adaptive_clip_grad", adaptive_timm),
    Case("centralize", "numpy, float64", centralize_numpy),
    Case("project_conflicting", "numpy, float64, the paper's algorithm", projection_numpy),
]
