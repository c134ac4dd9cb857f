"""Others' loops on the same models: each returns a function that runs some epochs."""

import importlib.util
import itertools
import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from loop_models import Setting, compiled

Run = Callable[[int], Any]


def again(epoch: Callable[[], Any]) -> Run:
    """Runs `epoch` as often as it is told to."""

    def run(epochs: int) -> None:
        for _ in range(epochs):
            epoch()

    return run


def fit_numpy(setting: Setting, x: Any, y: Any, **kwargs: Any) -> Run:
    model = compiled(setting, **kwargs)
    return lambda epochs: model.fit(x, y, batch_size=setting.batch, epochs=epochs, verbose=0)


def fit_dataset(setting: Setting, x: Any, y: Any, **kwargs: Any) -> Run:
    model = compiled(setting, **kwargs)
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(setting.batch)
    dataset = dataset.prefetch(tf.data.AUTOTUNE)
    return lambda epochs: model.fit(dataset, epochs=epochs, verbose=0)


def hand_written(setting: Setting, x: Any, y: Any) -> Run:
    """A `tf.function` a step over a dataset, as the guides show it."""
    model = compiled(setting)
    loss_fn, optimizer = model.loss, model.optimizer
    optimizer.build(model.trainable_variables)
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(setting.batch)

    @tf.function
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    def epoch() -> None:
        for batch in dataset:
            step(*batch)

    return again(epoch)


def bare_compiled(setting: Setting, x: Any, y: Any) -> Run:
    """The fastest form by hand: order in graph, gather once, XLA loop that slices."""
    model = compiled(setting)
    loss_fn, optimizer = model.loss, model.optimizer
    variables = model.trainable_variables
    optimizer.build(variables)
    size, width = setting.batch, x.shape[1:]
    count = len(x) // size
    xs, ys = tf.constant(x), tf.constant(y)

    @tf.function(jit_compile=True)
    def steps(xs: Any, ys: Any) -> Any:
        def body(i: Any, total: Any) -> Any:
            begin = [i * size] + [0] * len(width)
            a, b = tf.slice(xs, begin, [size, *width]), tf.slice(ys, [i * size], [size])
            with tf.GradientTape() as tape:
                loss = loss_fn(b, model(a, training=True))
            optimizer.apply(tape.gradient(loss, variables), variables)
            return i + 1, total + loss

        return tf.while_loop(lambda i, _: i < count, body, (0, 0.0))[1]

    @tf.function
    def epoch_graph(key: Any) -> Any:
        order = tf.random.experimental.stateless_shuffle(tf.range(len(x)), key)
        return steps(tf.gather(xs, order), tf.gather(ys, order)) / count

    keys = iter(range(10**9))
    return again(lambda: float(epoch_graph(tf.constant([0, next(keys)]))))


def orbit_style(setting: Setting, x: Any, y: Any) -> Run:
    """Orbit's inner loop: `tf.range` steps over an iterator inside one `tf.function`."""
    model = compiled(setting)
    loss_fn, optimizer = model.loss, model.optimizer
    optimizer.build(model.trainable_variables)
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).repeat()
    iterator = iter(dataset.batch(setting.batch).prefetch(tf.data.AUTOTUNE))
    mean = keras.metrics.Mean()
    count = -(-len(x) // setting.batch)

    @tf.function
    def loop(iterator: Any, steps: Any) -> None:
        for _ in tf.range(steps):
            a, b = next(iterator)
            with tf.GradientTape() as tape:
                loss = loss_fn(b, model(a, training=True))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)
            mean.update_state(loss)

    def epoch() -> None:
        loop(iterator, tf.constant(count))
        float(mean.result())

    return again(epoch)


def _torch_model(setting: Setting) -> Any:
    import torch
    from torch import nn

    torch.manual_seed(0)
    key = setting.name[:3]
    if key == "MLP":
        widths = [int(n) for n in setting.name.split()[1].strip(",").split("-")]
        parts: list[Any] = []
        for a, b in itertools.pairwise(widths):
            parts += [nn.Linear(a, b), nn.ReLU()]
        return nn.Sequential(*parts[:-1])
    if key == "CNN":
        return nn.Sequential(
            nn.Unflatten(1, (1, 28)), nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 10),
        )  # fmt: skip
    raise ModuleNotFoundError(name="a torch form of this model")


def pytorch(setting: Setting, x: Any, y: Any) -> Run:
    """Eager PyTorch with fused Adam, the batches cut from a permuted tensor."""
    import torch

    model = _torch_model(setting)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    xs = torch.from_numpy(x.reshape(len(x), *x.shape[1:3]) if x.ndim == 4 else x)
    ys = torch.from_numpy(y.astype(np.int64))
    loss_fn = torch.nn.CrossEntropyLoss()

    def epoch() -> None:
        order = torch.randperm(len(xs))
        for start in range(0, len(xs), setting.batch):
            index = order[start : start + setting.batch]
            optimizer.zero_grad()
            loss_fn(model(xs[index]), ys[index]).backward()
            optimizer.step()

    return again(epoch)


def lightning(setting: Setting, x: Any, y: Any) -> Run:
    """Lightning's Trainer on a TensorDataset, everything that can be switched off is."""
    import logging
    import warnings

    # Lightning imports torchmetrics, and that torchvision where it is installed.
    if importlib.util.find_spec("torchvision"):
        from witnesses._torchvision import load

        load()
    import lightning
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    net = _torch_model(setting)

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def training_step(self, batch: Any, index: int) -> Any:
            return torch.nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), 1e-3, fused=True)

    xs = torch.from_numpy(x.reshape(len(x), *x.shape[1:3]) if x.ndim == 4 else x)
    data = torch.utils.data.TensorDataset(xs, torch.from_numpy(y.astype(np.int64)))
    loader = torch.utils.data.DataLoader(data, batch_size=setting.batch, shuffle=True)
    module = Module()

    def run(epochs: int) -> None:
        lightning.Trainer(
            max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False,
        ).fit(module, loader)  # fmt: skip

    return run


def jax_scan(setting: Setting, x: Any, y: Any) -> Run:
    """`lax.scan` over a permuted epoch, Adam by hand, one jitted call an epoch."""
    import jax
    import jax.numpy as jnp

    if not setting.name.startswith("MLP"):
        raise ModuleNotFoundError(name="a JAX form of this model")
    widths = [int(n) for n in setting.name.split()[1].strip(",").split("-")]
    rng = np.random.default_rng(0)
    params = [
        (jnp.asarray(rng.normal(0, a**-0.5, (a, b)), jnp.float32), jnp.zeros(b))
        for a, b in itertools.pairwise(widths)
    ]
    zeros = jax.tree.map(jnp.zeros_like, params)
    size, count = setting.batch, len(x) // setting.batch
    xs, ys = jnp.asarray(x), jnp.asarray(y)

    def loss_fn(params: Any, a: Any, b: Any) -> Any:
        for w, c in params[:-1]:
            a = jax.nn.relu(a @ w + c)
        logits = a @ params[-1][0] + params[-1][1]
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), b[:, None], 1))

    def step(carry: Any, batch: Any) -> Any:
        params, m, v, t = carry
        loss, grads = jax.value_and_grad(loss_fn)(params, *batch)
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), params, m, v)
        return (params, m, v, t), loss

    @jax.jit
    def epoch_graph(carry: Any, key: Any) -> Any:
        order = jax.random.permutation(key, len(x))[: count * size]
        batches = (xs[order].reshape(count, size, -1), ys[order].reshape(count, size))
        carry, losses = jax.lax.scan(step, carry, batches)
        return carry, losses.mean()

    state = {"carry": (params, zeros, zeros, 0.0), "key": jax.random.PRNGKey(0)}

    def epoch() -> None:
        state["key"], key = jax.random.split(state["key"])
        state["carry"], loss = epoch_graph(state["carry"], key)
        float(loss)

    return again(epoch)
