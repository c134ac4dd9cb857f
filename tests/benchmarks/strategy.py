"""Two replicas in our loop beside TensorFlow's own custom loop with the same step.

    python tests/benchmarks/strategy.py --turns 9

`MirroredStrategy` on two logical CPUs; both sides train the same model on the same batches, with
the loss and the accuracy measured. The hand-written loops are those of TensorFlow's tutorial: a
distributed dataset and `strategy.run`, one step a call or (`fused`) an epoch a call in a
`tf.range`. Paired and alternated; the median of the ratios ours / theirs.

The goal is about a step. A turn of ours is a call of `fit`, which begins the dataset anew (10 to 90
ms); theirs goes on with one iterator: so a turn has at least 64 steps, and both read one cache.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

GOAL = 1.05
MODELS = {
    # The name: layers, examples, batch size, epochs a turn.
    "small net": ("dense", 4096, 128, 6),
    "wide net": ("wide", 4096, 128, 4),
    "convolutions": ("conv", 1024, 64, 4),
}


def model(kind):
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    middle = {
        "dense": [layers.Flatten(), layers.Dense(64, activation="relu")],
        "wide": [layers.Flatten(), *(layers.Dense(512, activation="relu") for _ in range(3))],
        "conv": [
            layers.Conv2D(16, 3, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
        ],
    }[kind]
    net = keras.Sequential([keras.Input((16, 16, 1)), *middle, layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    return net


def by_hand(strategy, net, dataset, size, steps, fused):
    """`run(epochs)`: the custom loop; returns the mean loss of the last epoch."""
    import keras
    import tensorflow as tf

    with strategy.scope():
        mean, accuracy = keras.metrics.Mean(), keras.metrics.SparseCategoricalAccuracy()
        net.optimizer.build(net.trainable_variables)
    batches = strategy.experimental_distribute_dataset(dataset.repeat())
    iterator = iter(batches)

    def replica_step(batch):
        x, y = batch
        with tf.GradientTape() as tape:
            logits = net(x, training=True)
            each = keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
            loss = tf.nn.compute_average_loss(each, global_batch_size=size)
        gradients = tape.gradient(loss, net.trainable_variables)
        net.optimizer.apply(gradients, net.trainable_variables)
        mean.update_state(each)
        accuracy.update_state(y, logits)

    @tf.function
    def step(batch):
        strategy.run(replica_step, args=(batch,))

    @tf.function
    def epoch(iterator):
        for _ in tf.range(steps):
            strategy.run(replica_step, args=(next(iterator),))

    def run(epochs):
        for _ in range(epochs):
            mean.reset_state()
            accuracy.reset_state()
            if fused:
                epoch(iterator)
            else:
                for _ in range(steps):
                    step(next(iterator))
            found = float(mean.result())
        return found

    return run


def measured(strategy, kind, size, examples, epochs, turns, fused, arrays):
    """The ratios ours / theirs of all turns, and the seconds of a step of both."""
    import numpy as np
    import tensorflow as tf

    import mlkit as mk

    rng = np.random.default_rng(0)
    x = rng.normal(size=(examples, 16, 16, 1)).astype("float32")
    y = rng.integers(0, 10, examples)
    steps = examples // size
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(size, drop_remainder=True)
    dataset = dataset.cache().prefetch(2)
    with strategy.scope():
        nets = model(kind), model(kind)
    theirs = by_hand(strategy, nets[0], dataset, size, steps, fused)
    trainer = mk.Trainer(nets[1], strategy=strategy)

    def ours(epochs):
        data = (x, y) if arrays else (dataset,)
        sizes = {"batch_size": size, "shuffle": False} if arrays else {}
        return trainer.fit(*data, epochs=epochs, verbose=0, **sizes)["loss"][-1]

    sides = [ours, theirs]
    losses = [side(1) for side in sides]
    if abs(losses[0] - losses[1]) > 1e-4 * abs(losses[1]):
        raise SystemExit(f"the two sides do not train alike: losses {losses}")
    [side(epochs) for side in sides]  # a second call may trace once more
    rows = []
    for turn in range(turns):
        row = [0.0, 0.0]
        for which in (0, 1) if turn % 2 else (1, 0):
            began = time.perf_counter()
            sides[which](epochs)
            row[which] = (time.perf_counter() - began) / (epochs * steps)
        rows.append(row)
    return [a / b for a, b in rows], [statistics.median(column) for column in zip(*rows)]  # noqa: B905


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("-k", default="", help="only models with this in their name")
    arguments = parser.parse_args()
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    print(f"{'model':14}{'their loop':12}{'our data':10}{'ours':>10}{'theirs':>10}{'ratio':>8}")
    worst = 0.0
    for name, (kind, examples, size, epochs) in MODELS.items():
        if arguments.k not in name:
            continue
        for fused in (False, True):
            for arrays in (False, True):
                ratios, seconds = measured(
                    strategy, kind, size, examples, epochs, arguments.turns, fused, arrays
                )
                ratio = statistics.median(ratios)
                worst = max(worst, ratio)
                both = "".join(f"{1e6 * s:7.0f} µs" for s in seconds)
                print(
                    f"{name:14}{'fused' if fused else 'by steps':12}"
                    f"{'arrays' if arrays else 'dataset':10}{both}{ratio:8.3f}",
                    flush=True,
                )
    print(f"largest {worst:.3f}; goal {GOAL}: {'held' if worst <= GOAL else 'NOT held'}")
    return int(worst > GOAL)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent.parent))
    sys.exit(main())
