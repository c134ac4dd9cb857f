"""NaN on one replica, float16, and another number of replicas after a resume: counts and sizes.

    python tests/distributed/replicas.py                # all three
    python tests/distributed/replicas.py --only nan

`nan`: a batch with a NaN or an overflow at a random example must change no weight on either
replica, halve the loss scale, and count as no update. `half`: policy mixed_float16 on two replicas
beside one device; float16 keeps 3 digits, and each replica rounds its own gradient. `resume`: ten
updates, then 50 more from the checkpoint, on the same and on another number of replicas.
"""

import argparse
import sys
import tempfile
from pathlib import Path

GOAL = 1e-6


def nan(two, cases):
    """Count the batches with a NaN that are skipped on both replicas."""
    import keras
    import numpy as np
    import tensorflow as tf

    import mlkit as mk

    rng = np.random.default_rng(0)
    skipped = total = 0
    x, y = cases.data(160)
    for program in ("step", "fused", "epoch"):
        for policy in ("float32", "mixed_float16"):
            keras.config.set_dtype_policy(policy)
            net = cases.model("sgd", ("scale",))
            keras.config.set_dtype_policy("float32")
            clip = [mk.gradients.clip_by_value(0.1)]  # which would hide an infinite gradient
            job = mk.Trainer(net, strategy=two, execution=program, gradients=clip)
            job.fit(x, y, batch_size=32, verbose=0)
            job.optimizer.dynamic_scale.assign(tf.constant(2.0**15))
            for bad in (np.nan, np.inf, 3e38):
                for where in [0, 31, *rng.integers(0, 32, 4)]:
                    weight = np.ones(32, "float32")
                    weight[where] = bad
                    watched = [*job.model.trainable_variables, job.optimizer.iterations]
                    before = [v.numpy() for v in watched]
                    job.fit(x[:32], y[:32], sample_weight=weight, shuffle=False, verbose=0)
                    copies = [two.experimental_local_results(v.value) for v in watched]
                    same = all(
                        np.array_equal(c.numpy(), b)
                        for values, b in zip(copies, before, strict=True)
                        for c in values
                    )
                    halved = float(job.optimizer.dynamic_scale.numpy()) == 2.0**14
                    skipped, total = skipped + (same and halved), total + 1
                    job.optimizer.dynamic_scale.assign(tf.constant(2.0**15))
            job.fit(x, y, batch_size=32, verbose=0)
            learned = int(job.optimizer.iterations.numpy()) == 10
            skipped, total = skipped + learned, total + 1
    print(f"nan     skipped on both replicas, or learned where nothing is wrong: {skipped}/{total}")
    return skipped == total


def half(two, cases):
    import keras

    for optimizer in cases.OPTIMIZERS:
        keras.config.set_dtype_policy("mixed_float16")
        found = cases.run(optimizer, ("scale", "ragged"), two)[0]
        alone = cases.run(optimizer, ("scale", "ragged"))[0]
        keras.config.set_dtype_policy("float32")
        far = cases.difference(found, alone)
        print(f"half    mixed_float16, {optimizer}: {far:.1e} after 15 updates (float16: 4.9e-4)")
        if far > 5e-3:
            return False
    return True


def resume(two, cases):
    """The difference after 50 more updates, and whether the losses on the way are those."""
    import keras
    import numpy as np

    worst = 0.0
    for optimizer in cases.OPTIMIZERS:
        for features in (("ragged",), ("clip", "ema", "ragged"), ("accumulate", "scale", "ragged")):
            for first, then in ((two, None), (None, two)):
                with tempfile.TemporaryDirectory() as folder:
                    ends = []
                    for name, second in (("same", first), ("other", then)):
                        run, losses = Path(folder) / name, []
                        log = keras.callbacks.LambdaCallback(
                            on_train_batch_end=lambda _, logs, to=losses: to.append(logs["loss"])
                        )
                        for strategy, epochs in ((first, 2), (second, 12)):
                            job = cases.trainer(optimizer, features, strategy)
                            x, y = cases.data(cases.RAGGED)
                            job.fit(x, y, batch_size=cases.BATCH, epochs=epochs, run=run,
                                    callbacks=[log], verbose=0)  # fmt: skip
                        ends.append(([v.numpy() for v in job.model.weights], losses))
                far = cases.difference(ends[1][0], ends[0][0])
                losses = np.asarray(ends[0][1]), np.asarray(ends[1][1])
                order = len(losses[0]) == 60 and np.allclose(*losses, rtol=1e-5)
                worst = max(worst, far if order else np.inf)
                names = "+".join([optimizer, *features])
                print(
                    f"resume  {'2 to 1' if first else '1 to 2'}  {names:32}{far:.1e}  "
                    f"{'same order' if order else 'OTHER ORDER'}",
                    flush=True,
                )
    print(
        f"resume  largest {worst:.1e}; goal {GOAL:.0e}: {'held' if worst <= GOAL else 'NOT held'}"
    )
    return worst <= GOAL


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = {"nan": nan, "half": half, "resume": resume}
    parser.add_argument("--only", choices=parts, default=None)
    arguments = parser.parse_args()
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from strategies import two_replicas

    two = two_replicas()
    import replica_cases as cases

    chosen = [arguments.only] if arguments.only else list(parts)
    return int(not all([parts[name](two, cases) for name in chosen]))


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]
    sys.exit(main())
