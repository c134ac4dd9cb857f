"""200 updates of each optimizer beside torch.optim, timm, or a paper's formula in float64.

All draw their hyper-parameters; the gradients change in size from update to update.
"""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np

from witnesses import Case, _torchvision

STEPS = 200


def torch_path(make, given):
    """All weights after each update of a torch optimizer in float64."""
    import torch
    from optimizer_lockstep import start

    weights = [torch.nn.Parameter(torch.tensor(w, dtype=torch.float64)) for w in start()]
    optimizer = make(weights)
    found = []
    for step in range(STEPS):
        for weight, g in zip(weights, given, strict=True):
            weight.grad = torch.tensor(g[step], dtype=torch.float64)
        optimizer.step()
        found.append(np.concatenate([w.detach().numpy().ravel() for w in weights]))
    return np.stack(found)


def beside(part, witness, options, ours, theirs, **case):
    """A case: `options(rng)`, `ours(mk.optimizers, **options)`, `theirs(weights, **options)`."""

    def draw(rng):
        from optimizer_lockstep import gradients
        from optimizer_lockstep import ours as path

        import mlkit as mk

        given, chosen = gradients(STEPS, int(rng.integers(1 << 30))), options(rng)
        return (
            {"every update of 200": path(ours(mk.optimizers, **chosen), given)},
            {"every update of 200": torch_path(lambda w: theirs(w, **chosen), given)},
        )

    return Case(part, witness, draw, **case)


def paper(part, file, options, name=None):
    """A case beside the float64 formula of a test file."""

    def draw(rng):
        from optimizer_lockstep import gradients, theirs
        from optimizer_lockstep import ours as path

        import mlkit as mk

        folder = str(Path(__file__).parents[1] / "optimizers")
        if folder not in sys.path:
            sys.path.insert(0, folder)
        given, chosen = gradients(STEPS, int(rng.integers(1 << 30))), options(rng)
        optimizer = getattr(mk.optimizers, part.partition(" ")[0])(**chosen)
        witness = import_module(file).witness(**chosen)
        return (
            {"every update of 200": path(optimizer, given)},
            {"every update of 200": theirs(witness, given)},
        )

    return Case(part, name or "the paper's formula in float64", draw)


def betas(rng):
    return {
        "learning_rate": float(10 ** rng.uniform(-4, -1.5)),
        "beta_1": float(rng.choice([0.5, 0.8, 0.9, 0.95])),
        "beta_2": float(rng.choice([0.9, 0.98, 0.99, 0.999])),
        "epsilon": float(rng.choice([1e-8, 1e-7, 1e-4])),
    }


def decayed(rng):
    return {**betas(rng), "weight_decay": float(rng.choice([0.0, 0.01, 0.1]))}


def radam(weights, learning_rate, beta_1, beta_2, epsilon, weight_decay):
    import torch

    return torch.optim.RAdam(
        weights, learning_rate, (beta_1, beta_2), epsilon, weight_decay,
        decoupled_weight_decay=True,
    )  # fmt: skip


def timm(name):
    """A class of timm.optim, or what is imported from a module of it."""
    _torchvision.load()  # timm imports it
    module, _, attribute = name.partition(".")
    return getattr(import_module(f"timm.optim.{module}"), attribute)


def adabelief(weights, learning_rate, beta_1, beta_2, epsilon, weight_decay, rectify):
    return timm("adabelief.AdaBelief")(
        weights, learning_rate, (beta_1, beta_2), epsilon, weight_decay,
        decoupled_decay=True, rectify=rectify, degenerated_to_sgd=True,
    )  # fmt: skip


def sgdw(weights, weight_decay, learning_rate, momentum, nesterov):
    return timm("sgdw.SGDW")(
        weights, learning_rate, momentum, weight_decay=weight_decay, nesterov=nesterov
    )


def sgdw_options(rng):
    return {
        "weight_decay": float(rng.uniform(0, 0.3)),
        "learning_rate": float(10 ** rng.uniform(-4, -1.5)),
        "momentum": float(rng.uniform(0.1, 0.95)),
        "nesterov": bool(rng.integers(2)),
    }


def lars_options(rng):
    return {
        "learning_rate": float(10 ** rng.uniform(-2, 0)),
        "momentum": float(rng.uniform(0.1, 0.95)),
        "nesterov": bool(rng.integers(2)),
        "trust_coefficient": float(10 ** rng.uniform(-3, -1)),
        "trust_clip": bool(rng.integers(2)),
        "weight_decay": float(rng.uniform(0.01, 0.2)),
    }


def lars(weights, learning_rate, momentum, nesterov, trust_coefficient, trust_clip, weight_decay):
    return timm("lars.Lars")(
        weights, learning_rate, momentum, weight_decay=weight_decay, nesterov=nesterov,
        trust_coeff=trust_coefficient, trust_clip=trust_clip,
    )  # fmt: skip


def adan_options(rng):
    return {
        "learning_rate": float(10 ** rng.uniform(-4, -1.5)),
        "beta_1": float(rng.choice([0.9, 0.98])),
        "beta_2": float(rng.choice([0.5, 0.92])),
        "beta_3": float(rng.choice([0.9, 0.99])),
        "weight_decay": float(rng.choice([0.0, 0.02])),
    }


def adan(weights, learning_rate, beta_1, beta_2, beta_3, weight_decay):
    return timm("adan.Adan")(
        weights, learning_rate, (beta_1, beta_2, beta_3), 1e-8, weight_decay, no_prox=True
    )


def novograd(weights, learning_rate, beta_1, beta_2, epsilon, weight_decay, grad_averaging):
    return timm("nvnovograd.NvNovoGrad")(
        weights, learning_rate, (beta_1, beta_2), epsilon, weight_decay, grad_averaging
    )


def lookahead_ours(optimizers, rate, k, alpha):
    return optimizers.Lookahead(optimizers.SGD(rate, momentum=0.9), k, alpha)


def lookahead_theirs(weights, rate, k, alpha):
    import torch

    inner = torch.optim.SGD(weights, rate, 0.9)
    outer = timm("lookahead.Lookahead")(inner, alpha, k)
    for weight in weights:
        # timm's slow weights begin at the first k-th update, the paper's where training does.
        inner.state[weight]["lookahead_slow_buff"] = weight.detach().clone()
    return outer


def groups_ours(optimizers, rate, factors):
    multipliers = {f"weight_{i}$": factor for i, factor in enumerate(factors)}
    return optimizers.LearningRateMultiplier(optimizers.Lion(rate, 0.9, 0.99), multipliers)


def groups_theirs(weights, rate, factors):
    groups = [
        {"params": [w], "lr": rate * factor} for w, factor in zip(weights, factors, strict=True)
    ]
    return timm("lion.Lion")(groups, rate, (0.9, 0.99))


def lazy(rng):
    """Rows of a table, some of them several times a batch, beside torch.optim.SparseAdam."""
    import keras
    import tensorflow as tf
    import torch

    import mlkit as mk

    chosen, shape = betas(rng), (12, 3)
    first = rng.normal(size=shape).astype("f4")
    rows = rng.integers(0, 12, (STEPS, 8))
    values = rng.normal(size=(STEPS, 8, 3)).astype("f4")
    table = keras.Variable(first)
    optimizer = mk.optimizers.LazyAdam(**chosen)
    optimizer.build([table])

    @tf.function
    def update(values, rows):
        optimizer.apply([tf.IndexedSlices(values, rows, tf.constant(shape))], [table])

    theirs = torch.nn.Parameter(torch.tensor(first, dtype=torch.float64))
    sparse = torch.optim.SparseAdam(
        [theirs], chosen["learning_rate"], (chosen["beta_1"], chosen["beta_2"])
    )
    # Keras' ε is beside the uncorrected root, as SparseAdam's is.
    sparse.param_groups[0]["eps"] = chosen["epsilon"]
    found: tuple[list, list] = ([], [])
    for step in range(STEPS):
        update(tf.constant(values[step]), tf.constant(rows[step]))
        given = torch.tensor(values[step], dtype=torch.float64)
        theirs.grad = torch.sparse_coo_tensor(torch.tensor(rows[step])[None], given, shape)
        sparse.step()
        found[0].append(np.array(table))
        found[1].append(theirs.detach().numpy().copy())
    key = "every update of 200"
    return {key: np.stack(found[0])}, {key: np.stack(found[1])}


def yogi_options(rng):
    return {
        "learning_rate": float(10 ** rng.uniform(-4, -1.5)),
        "beta1": float(rng.choice([0.0, 0.9])),
        "beta2": float(rng.choice([0.9, 0.999])),
        "l1_regularization_strength": float(rng.choice([0.0, 0.1])),
        "l2_regularization_strength": float(rng.choice([0.0, 0.2])),
        "activation": str(rng.choice(["sign", "tanh"])),
    }


def proximal_options(rng):
    return {
        "learning_rate": float(10 ** rng.uniform(-3, 0)),
        "initial_accumulator_value": float(10 ** rng.uniform(-2, 0)),
        "l1_regularization_strength": float(rng.choice([0.0, 0.3])),
        "l2_regularization_strength": float(rng.choice([0.0, 0.5])),
    }


def soap_options(rng):
    return {
        **decayed(rng),
        "shampoo_beta": float(rng.choice([0.8, 0.9, 0.95])),
        "precondition_frequency": int(rng.integers(1, 12)),
        "max_size": int(rng.choice([3, 4])),
    }


def schedule_free(rng):
    """ScheduleFree and the paper's three points, which a test file has."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "optimizers"))
    import test_schedule_free
    from optimizer_lockstep import gradients, ours, theirs

    import mlkit as mk

    given, rate = gradients(STEPS, int(rng.integers(1 << 30))), float(rng.uniform(0.001, 0.1))
    chosen = {
        "momentum": float(rng.uniform(0.1, 0.98)),
        "step_power": float(rng.choice([0.0, 1.0])),
        "rate_power": float(rng.choice([0.0, 2.0])),
    }
    key, optimizer = "every update of 200", mk.optimizers.ScheduleFree
    return (
        {key: ours(optimizer(mk.optimizers.SGD(rate), **chosen), given)},
        {key: theirs(test_schedule_free.Three(rate, **chosen), given)},
    )


def averaged(make, theirs):
    """The averages that a wrapper keeps, after 200 updates, beside a formula in float64."""

    def draw(rng):
        import keras
        import tensorflow as tf
        from optimizer_lockstep import gradients, start

        import mlkit as mk

        given, rate = gradients(STEPS, int(rng.integers(1 << 30))), float(rng.uniform(0.001, 0.1))
        chosen = {"n": int(rng.integers(1, 9)), "first": int(rng.integers(0, 50))}
        chosen["decay"] = float(rng.uniform(0.5, 0.999))
        optimizer = make(mk.optimizers, mk.optimizers.SGD(rate), **chosen)
        weights = [keras.Variable(w, name=f"weight_{i}") for i, w in enumerate(start())]
        optimizer.build(weights)
        update = tf.function(lambda *gs: optimizer.apply(list(gs), weights))
        for step in range(STEPS):
            update(*(tf.constant(g[step]) for g in given))
        optimizer.assign_average_vars(weights)
        path = [
            w - rate * np.cumsum(np.concatenate([np.zeros((1, *w.shape)), g]), 0, "f8")
            for w, g in zip(start(), given, strict=True)
        ]
        key = "average after 200"
        return (
            {key: np.concatenate([np.ravel(w) for w in weights])},
            {key: np.concatenate([np.ravel(theirs(p, **chosen)) for p in path])},
        )

    return draw


def mean_of_some(path, n, first, decay):
    return path[first + 1 :: n].mean(0)


def moving(path, n, first, decay):
    average = path[0]
    for t, weight in enumerate(path[1:]):
        # Up to `first` the average is the weights themselves.
        d = decay if t >= first else 0.0
        average = d * average + (1 - d) * weight
    return average


CASES = [
    beside("RectifiedAdam", "torch.optim.RAdam", decayed,
           lambda o, **k: o.RectifiedAdam(**k), radam),
    paper("RectifiedAdam (amsgrad, warm-up)", "test_rectified_adam",
          lambda rng: {**decayed(rng), "amsgrad": True, "total_steps": 150, "min_lr": 1e-5}),
    beside("AdaBelief", "timm AdaBelief",
           lambda rng: {**decayed(rng), "epsilon": 1e-12, "rectify": bool(rng.integers(2))},
           lambda o, **k: o.AdaBelief(**k), adabelief),
    beside("SGDW", "timm SGDW", sgdw_options, lambda o, **k: o.SGDW(**k), sgdw),
    beside("LARS", "timm Lars", lars_options, lambda o, **k: o.LARS(**k), lars),
    beside("Adan", "timm Adan", adan_options, lambda o, **k: o.Adan(**k), adan),
    beside("NovoGrad", "timm NvNovoGrad",
           lambda rng: {**decayed(rng), "grad_averaging": bool(rng.integers(2))},
           lambda o, **k: o.NovoGrad(**k), novograd),
    Case("LazyAdam (rows, repeated)", "torch.optim.SparseAdam", lazy),
    paper("LazyAdam (dense)", "test_lazy_adam", lambda rng: {**betas(rng), "amsgrad": True}),
    paper("Yogi", "test_yogi", yogi_options),
    paper("ProximalAdagrad", "test_proximal_adagrad", proximal_options),
    paper("COCOB", "test_cocob", lambda rng: {"alpha": float(rng.choice([1, 10, 100, 500]))}),
    paper("SOAP", "test_soap", soap_options),
    Case("ScheduleFree(SGD)", "the paper's formula in float64", schedule_free),
    Case("SWA(SGD)", "the mean in float64",
         averaged(lambda o, sgd, n, first, decay: o.SWA(sgd, first, n), mean_of_some)),
    Case("MovingAverage(SGD)", "the recursion in float64",
         averaged(lambda o, sgd, n, first, decay: o.MovingAverage(sgd, decay, start_step=first),
                  moving)),
    beside("Lookahead(SGD)", "timm Lookahead(torch SGD)",
           lambda rng: {"rate": 0.01, "k": int(rng.integers(1, 9)), "alpha": float(rng.uniform())},
           lookahead_ours, lookahead_theirs),
    beside("LearningRateMultiplier(Lion)", "timm Lion, groups of parameters",
           lambda rng: {"rate": 0.003, "factors": rng.uniform(0, 3, 3).tolist()},
           groups_ours, groups_theirs),
]  # fmt: skip
