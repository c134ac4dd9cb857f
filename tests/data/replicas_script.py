"""Prints hashes of the batches of a pipeline as the replicas of a strategy see them.

    python replicas_script.py REPLICAS [[PARALLEL, [RESTART, ...]], ...] FOLDER

One process for each number of replicas: a strategy and its logical devices are for the whole of a
process. For each pair of parallel calls and batches to restart at, one line of hashes.
"""

import hashlib
import json
import sys

import numpy as np
import tensorflow as tf

import mlkit as mk

A = mk.data.augment
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (50, 12, 12, 3), dtype=np.uint8)
LABELS = np.arange(50) % 5


def pipeline(parallel):
    changes = [A.crop(padding=2), A.flip(), A.affine(20), A.color(0.3), A.cutout()]
    changes += [A.mixup(classes=5), A.cutmix()]
    return mk.data.pipeline(
        (IMAGES, LABELS), 8, augment=changes, seed=7, drop_remainder=True, parallel=parallel
    )


def seen(replicas, parallel, restarts):
    """A hash of each global batch, put together from what the replicas were given."""
    devices = [f"CPU:{i}" for i in range(replicas)]
    strategy = tf.distribute.MirroredStrategy(devices)
    dataset = pipeline(parallel)
    iterator, hashes = iter(dataset), []

    @tf.function
    def step(x, y):
        return strategy.run(lambda x, y: (tf.identity(x), tf.identity(y)), args=(x, y))

    for i in range(14):  # two epochs of 6 batches, and two more
        if i in restarts:
            path = tf.train.Checkpoint(iterator=iterator).write(f"{sys.argv[3]}/{i}")
            iterator = iter(dataset)
            tf.train.Checkpoint(iterator=iterator).read(path)
        batch = next(iterator)

        def part(context, batch=batch):
            size = 8 // context.num_replicas_in_sync
            first = context.replica_id_in_sync_group * size
            return tuple(t[first : first + size] for t in batch)

        pieces = strategy.experimental_distribute_values_from_function(part)
        given = [strategy.experimental_local_results(v) for v in step(*pieces)]
        digest = hashlib.sha256()
        for values in given:
            digest.update(np.concatenate([v.numpy() for v in values]).tobytes())
        hashes.append(digest.hexdigest())
    return hashes


def main():
    replicas, runs = int(sys.argv[1]), json.loads(sys.argv[2])
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(replicas)]
    )
    for parallel, restarts in runs:
        print("RESULT " + json.dumps(seen(replicas, parallel, set(restarts))), flush=True)


if __name__ == "__main__":
    main()
