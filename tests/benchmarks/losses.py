"""Speed and memory of the losses that replace a large array by an algorithm.

    python tests/benchmarks/losses.py triplets
    python tests/benchmarks/losses.py vocabulary

All forms of a table run in one process, in turn; the median of the rounds is printed. Peak memory
is that of a process of its own for each form, less what it holds before.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

import _memory
import numpy as np

BATCH, WIDTH, MARGIN = 1024, 128, 1.0
TOKENS, HIDDEN, CLASSES = 4096, 256, 50_000


def timed(forms, rounds):
    """Median seconds of each form, called in turn."""
    for form in forms.values():
        form()
    found = {name: [] for name in forms}
    for _ in range(rounds):
        for name, form in forms.items():
            start = time.perf_counter()
            form()
            found[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in found.items()}


def triplet_data():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(BATCH, WIDTH)).astype("float32")
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    return rng.integers(0, 64, BATCH), z


def cube(y, z):
    """The loss by the cube of all triplets, in the way of TensorFlow Addons."""
    import tensorflow as tf

    squares = tf.reduce_sum(z * z, 1)
    d = tf.maximum(squares[:, None] + squares[None] - 2 * tf.matmul(z, z, transpose_b=True), 0)
    zero = tf.cast(d <= 0, z.dtype)
    d = tf.sqrt(d + zero * 1e-16) * (1 - zero)
    same = tf.equal(y[:, None], y[None, :])
    n = tf.shape(y)[0]
    tiled = tf.tile(d, [n, 1])
    mask = tf.tile(~same, [n, 1]) & (tiled > tf.reshape(tf.transpose(d), [-1, 1]))
    exists = tf.transpose(tf.reshape(tf.reduce_any(mask, 1), [n, n]))
    mask = tf.cast(mask, z.dtype)
    top = tf.reduce_max(tiled, 1, keepdims=True)
    outside = tf.reduce_min((tiled - top) * mask, 1, keepdims=True) + top
    outside = tf.transpose(tf.reshape(outside, [n, n]))
    other = tf.cast(~same, z.dtype)
    low = tf.reduce_min(d, 1, keepdims=True)
    inside = tf.reduce_max((d - low) * other, 1, keepdims=True) + low
    chosen = tf.where(exists, outside, tf.tile(inside, [1, n]))
    positive = tf.cast(same, z.dtype) - tf.eye(n, dtype=z.dtype)
    return tf.reduce_sum(tf.maximum((d - chosen + MARGIN) * positive, 0)) / tf.reduce_sum(positive)


def torch_triplets(y, z):
    """The same algorithm in torch: sort, search, gather."""
    import torch

    d = torch.cdist(z, z, compute_mode="use_mm_for_euclid_dist")
    same = y[:, None] == y[None]
    with torch.no_grad():
        keys = torch.where(same, torch.inf, d)
        ranked, order = torch.sort(keys, dim=1)
        count = (~same).sum(1, keepdim=True)
        place = torch.searchsorted(ranked, d.contiguous(), right=True)
        index = order.gather(1, place.minimum(count - 1).clamp(min=0))
    positive = same & ~torch.eye(len(y), dtype=torch.bool)
    return (
        torch.where(positive, torch.relu(d - d.gather(1, index) + MARGIN), 0).sum() / positive.sum()
    )


def triplets():
    import tensorflow as tf
    import torch

    from mlkit import losses

    torch.set_num_threads(1)
    y, z = triplet_data()
    loss = losses.TripletSemiHardLoss(margin=MARGIN)

    def graph(function):
        @tf.function
        def run(y, z):
            with tf.GradientTape() as tape:
                tape.watch(z)
                value = function(y, z)
            return value, tape.gradient(value, z)

        return lambda: [x.numpy() for x in run(tf.constant(y), tf.constant(z))]

    def of_torch():
        x = torch.tensor(z, requires_grad=True)
        value = torch_triplets(torch.tensor(y), x)
        value.backward()
        return value.item(), x.grad.numpy()

    fast = {"mlkit": graph(loss), "torch, sort and search": of_torch}
    found = timed(fast, 15)
    found |= timed({"cube of TensorFlow Addons": graph(cube)}, 1)
    values = [float(fast["mlkit"]()[0]), float(of_torch()[0])]
    print(f"semi-hard triplets, batch {BATCH}, width {WIDTH}, forward and backward, one thread")
    for name, seconds in found.items():
        print(f"  {name:28s} {1e3 * seconds:9.1f} ms  {seconds / found['mlkit']:7.2f}x")
    print(f"  values: mlkit {values[0]:.6f}, torch {values[1]:.6f}")


def vocabulary_form(name):
    """One training step without the optimizer: value and gradients."""
    import keras
    import tensorflow as tf

    from mlkit import losses

    rng = np.random.default_rng(0)
    y = tf.constant(rng.integers(0, CLASSES, TOKENS))
    h = tf.constant(rng.normal(size=(TOKENS, HIDDEN)).astype("float32"))
    layer = keras.layers.Dense(CLASSES)
    layer.build((None, HIDDEN))
    if name == "standard":
        inner = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

        def loss(y, h):
            return inner(y, layer(h))
    else:
        loss = losses.ChunkedSparseCategoricalCrossentropy(int(name), projection=layer)

    @tf.function
    def step(y, h):
        with tf.GradientTape() as tape:
            tape.watch(h)
            value = loss(y, h)
        return value, tape.gradient(value, [h, *[w.value for w in layer.trainable_weights]])

    return lambda: step(y, h), layer


def peak(name):
    """Peak memory of a form in MB, less what the process held before its first step."""
    step, _ = vocabulary_form(name)
    _memory.forget_peak()
    before = _memory.held()
    for _ in range(3):
        value, gradients = step()
        del value, gradients
    print(_memory.peak() - before)


def vocabulary():
    names = ["standard", "512", "128"]
    memory = {}
    for name in names:
        done = subprocess.run(
            [sys.executable, __file__, "peak", name], capture_output=True, text=True, check=True
        )
        memory[name] = float(done.stdout.split()[-1])
    steps = {name: vocabulary_form(name) for name in names}
    kernel = steps["standard"][1].get_weights()
    for _, layer in steps.values():
        layer.set_weights(kernel)
    seconds = timed({name: step for name, (step, _) in steps.items()}, 3)
    print(f"{TOKENS} tokens, width {HIDDEN}, {CLASSES} classes, forward and backward, one thread")
    due = [np.asarray(g) for g in steps["standard"][0]()[1]]
    for name in names:
        found = [np.asarray(g) for g in steps[name][0]()[1]]
        off = max(np.abs(a - b).max() for a, b in zip(found, due, strict=True))
        off /= max(np.abs(b).max() for b in due)
        what = name if name == "standard" else f"chunks of {name}"
        print(
            f"  {what:15s} {memory[name]:7.0f} MB (1/{memory['standard'] / memory[name]:.1f})"
            f" {1e3 * seconds[name]:8.0f} ms ({seconds[name] / seconds['standard']:.3f}x)"
            f"  gradient off by {off:.1e} of its largest entry"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["triplets", "vocabulary", "peak"])
    parser.add_argument("form", nargs="?")
    args = parser.parse_args()
    if args.what == "peak":
        peak(args.form)
    else:
        {"triplets": triplets, "vocabulary": vocabulary}[args.what]()


if __name__ == "__main__":
    main()
