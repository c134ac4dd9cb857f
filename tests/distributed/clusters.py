"""Wrong clusters, and workers that do not do the same job: what each worker says, and when.

    python tests/distributed/clusters.py            # all cases
    python tests/distributed/clusters.py -k seed    # those with a word in their name

Two workers are started on loopback for each case. A wrong one must end with an error on every
worker within 60 s; the clusters of Slurm and Kubernetes must train.
"""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parent.parent
LIMIT = 60.0
TRAINS = ("slurm", "kubernetes", "nothing wrong", "a callback on all workers")
CASES = (
    *TRAINS,
    "another size of a layer",
    "another layer",
    "another seed",
    "another learning rate",
    "another metric",
    "another limit of clipping",
    "another accumulation",
    "other data",
    "a shuffle without a seed",
    "another script",
    "an index too large",
    "an unreachable peer",
    "a port in use",
    "a batch that does not divide",
    "a callback of the chief that steers",
)


def worker(case, odd):
    """What each worker runs; `odd` on the one that does something else."""
    import keras
    import numpy as np
    import tensorflow as tf

    import mlkit as mk

    began = time.monotonic()
    said = "trained"
    try:
        mk.training.auto_strategy()

        def other(name):
            return odd and case == f"another {name}"

        keras.utils.set_random_seed(2 if other("seed") else 1)
        net = keras.Sequential(
            [
                keras.Input((12,)),
                keras.layers.Dense(17 if other("size of a layer") else 16, activation="tanh"),
                *([keras.layers.Dense(4)] if other("layer") else []),
                keras.layers.Dense(3),
            ]
        )
        net.compile(
            keras.optimizers.SGD(0.2 if other("learning rate") else 0.1),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["sparse_categorical_accuracy"] if other("metric") else ["accuracy"],
        )
        x = np.random.default_rng(1 if odd and case == "other data" else 0).normal(size=(320, 12))
        data, sizes = (x, np.argmax(x[:, :3], axis=1)), {"batch_size": 32}
        if case == "a shuffle without a seed":
            tf.random.set_seed(os.getpid())
            data, sizes = (tf.data.Dataset.from_tensor_slices(data).shuffle(320).batch(32),), {}
        if case == "a batch that does not divide":
            sizes = {"batch_size": 33}
        trainer = mk.Trainer(
            net,
            strategy="auto",
            accumulate=2 if other("accumulation") else 1,
            gradients=[mk.gradients.clip_by_global_norm(0.2 if other("limit of clipping") else 1)],
        )
        steers = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: trainer.optimizer.learning_rate.assign(0.01)
        )
        steers.on_all_workers = case == "a callback on all workers"
        callbacks = [steers] if "a callback" in case else []
        trainer.fit(*data, epochs=2, verbose=0, callbacks=callbacks, **sizes)
        said = f"trained: {np.sum(np.abs(trainer.model.get_weights()[0])):.6f}"
    except Exception as error:
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
    print("SAID", json.dumps([time.monotonic() - began, said]), flush=True)
    os._exit(0)  # and not wait for a peer that has ended


def environments(case):
    """What each of two workers is started with."""
    from mlkit.cli import _launch_templates
    from mlkit.cli._group import configurations

    if case == "slurm":
        common = {
            "SLURM_JOB_ID": str(os.getpid()),
            "SLURM_STEP_ID": "0",
            "SLURM_STEP_NUM_TASKS": "2",
            "SLURM_STEP_NODELIST": "127.0.0.1",
            "SLURM_STEP_TASKS_PER_NODE": "2",
            "SLURMD_NODENAME": "127.0.0.1",
        }
        return [{**common, "SLURM_PROCID": str(i), "SLURM_LOCALID": str(i)} for i in range(2)]
    texts = configurations(2)
    if case == "kubernetes":
        import yaml

        options = argparse.Namespace(
            template="kubernetes", name="t", image="i", workers=2, max_restarts=0, script="s.py",
            arguments=[])  # fmt: skip
        job = list(yaml.safe_load_all(_launch_templates.rendered(options)))[1]
        config = job["spec"]["template"]["spec"]["containers"][0]["env"][1]["value"]
        for i, address in enumerate(json.loads(texts[0])["cluster"]["worker"]):
            config = config.replace(f"t-{i}.t:{_launch_templates.PORT}", address)
        texts = [config.replace("$(INDEX)", str(i)) for i in range(2)]
    if case == "an index too large":
        texts[1] = texts[1].replace('"index": 1', '"index": 2')
    return [{"TF_CONFIG": text} for text in texts]


def outcome(case, folder):
    """What both workers said, and after how many seconds; None: one that was not started."""
    script = Path(folder) / "clusters.py"
    shutil.copy(__file__, script)
    given = environments(case)
    taken = None
    if case == "a port in use":
        port = int(re.findall(r":(\d+)\"", given[1]["TF_CONFIG"])[1])
        taken = socket.create_server(("", port))
    children = []
    for index, environment in enumerate(given):
        if case == "an unreachable peer" and index == 1:
            continue
        file = script
        if case == "another script" and index == 1:
            file = Path(folder) / "other" / "clusters.py"
            file.parent.mkdir()
            file.write_text(script.read_text() + "# changed\n")
        path = os.pathsep.join([str(TESTS.parent), os.environ.get("PYTHONPATH", "")])
        children.append(
            subprocess.Popen(
                [sys.executable, str(file), "--worker", case, "--odd", str(index)],
                env={**os.environ, **environment, "PYTHONPATH": path},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    said = []
    for one in children:
        try:
            out, error = one.communicate(timeout=150)
        except subprocess.TimeoutExpired:
            one.kill()
            out, error = "", "HANGS"
        line = next((r for r in out.splitlines() if r.startswith("SAID ")), None)
        said.append(json.loads(line[5:]) if line else [float("inf"), error[-300:]])
    if taken is not None:
        taken.close()
    return said


def good(case, said):
    """Whether a case ended as it must."""
    trained = [text for _, text in said if text.startswith("trained")]
    if case in TRAINS:
        return len(trained) == 2 and len(set(trained)) == 1
    return not trained and all(seconds <= LIMIT for seconds, _ in said)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-k", default="", help="only cases with this in their name")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--odd", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return worker(arguments.worker, bool(arguments.odd))
    results = []
    for case in (c for c in CASES if arguments.k in c):
        with tempfile.TemporaryDirectory() as folder:
            said = outcome(case, folder)
        results.append(good(case, said))
        print(f"{'good' if results[-1] else 'BAD '}  {case}")
        for index, (seconds, text) in enumerate(said):
            print(f"      worker {index} after {seconds:4.1f} s  {text:.260}", flush=True)
    print(f"{sum(results)} of {len(results)} cases are as they must be")
    return int(not all(results))


if __name__ == "__main__":
    sys.path[:0] = [str(TESTS), str(TESTS.parent)]
    sys.exit(main())
