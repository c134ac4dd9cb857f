"""What several workers must agree on, and two real ones that do, or do not."""

import importlib.util
import random
import re
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from loop_subjects import compiled

import mlkit as mk
from mlkit.training._arrays import Arrays
from mlkit.training._served import Served
from mlkit.training._sources import source
from mlkit.training._workers import (
    _digest,
    facts_of_data,
    facts_of_model,
    lost_peers_named,
    runs_everywhere,
)


def script(name):
    """One of the scripts beside this file, as a module."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def digests(facts):
    return {name: _digest(value) for name, value in facts.items()}


def differ(first, second):
    """The names of the facts that are not the same."""
    a, b = digests(first), digests(second)
    assert a.keys() == b.keys()
    return {name for name in a if a[name] != b[name]}


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({}, None),
        ({"seed": 2}, "the weights"),
        ({"optimizer": "sgd"}, "the optimizer"),
        ({"optimizer": keras.optimizers.Adam(0.002)}, "the optimizer"),
        ({"metrics": ["mse"]}, "the loss or the metrics"),
    ],
)
def test_what_differs_in_two_models_is_named(changed, name):
    found = differ(facts_of_model(compiled()), facts_of_model(compiled(**changed)))
    assert found == ({name} if name else set())
    other = facts_of_model(compiled(layers.Dense(4)))
    assert "the model" in differ(facts_of_model(compiled()), other)


def test_losses_that_are_functions_are_the_same_in_two_processes():
    def model():
        def loss(y_true, y_pred):
            return keras.ops.mean(y_pred)

        net = compiled()
        net.compile("sgd", loss)
        return net

    assert differ(facts_of_model(model()), facts_of_model(model())) == set()
    first, second = (lambda g, v: g for _ in range(2))
    assert _digest([repr(first)]) == _digest([repr(second)])


def test_what_differs_in_two_sets_of_data_is_named():
    words = np.array(["one", "two", "three", "four"])

    def facts(x):
        return facts_of_data(source(x, batch_size=2, seed=0))

    assert differ(facts(words), facts(words.copy())) == set()
    assert len(differ(facts(words), facts(words[::-1]))) == 1
    shuffled = tf.data.Dataset.range(1000).batch(10)
    with_seed = [facts(source(shuffled.shuffle(100, seed=1))) for _ in range(2)]
    assert differ(*with_seed) == set()
    others = [facts(source(shuffled.shuffle(100, seed=s))) for s in (1, 2)]
    assert any("shuffle without a seed" in name for name in differ(*others))
    assert isinstance(source(words), Arrays)


def test_transforms_are_compared_by_their_text():
    texts = [repr(mk.gradients.clip_by_global_norm(limit)) for limit in (0.1, 0.1, 0.2)]
    assert _digest(texts[0]) == _digest(texts[1]) != _digest(texts[2])


@pytest.mark.slow
@pytest.mark.parametrize("case", ["slurm", "another seed"])
def test_two_real_workers(case):
    """`clusters.py` prints all cases; these are one that trains and one that is refused."""
    clusters = script("clusters")
    with tempfile.TemporaryDirectory() as folder:
        said = clusters.outcome(case, folder)
    assert clusters.good(case, said), said
    if case == "another seed":
        for _, text in said:
            assert re.search("replica 1 differs from replica 0 in the weights", text)


@pytest.mark.slow
def test_training_goes_on_when_a_worker_of_parameter_servers_is_killed():
    """`served.py` prints more of them."""
    assert script("served").one(1, True, 0, random.Random(0))


def test_what_rests_on_a_count_of_updates_is_refused_with_servers():
    served = object.__new__(Served)
    served.strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    for options, message in [
        ({"ema": 0.9}, "ema rests on the number of updates"),
        ({"execution": "fused"}, "execution must be 'auto' or 'step'"),
    ]:
        with pytest.raises(ValueError, match=message):
            served.refuse(mk.Trainer(compiled(), **options))
    scaled = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD())
    with pytest.raises(ValueError, match="a LossScaleOptimizer rests"):
        served.refuse(mk.Trainer(compiled(optimizer=scaled)))


def test_a_worker_that_was_lost_is_named():
    class Here:
        others = (("worker", "1"),)

    lost = tf.errors.UnavailableError(
        None, None, "/job:worker/replica:0/task:0 has lost /job:worker/replica:0/task:1: reset"
    )
    with pytest.raises(RuntimeError, match="The connection to worker 1 was lost"):
        with lost_peers_named(Here()):
            raise lost
    # A worker that is cut off itself is told of nobody.
    with pytest.raises(RuntimeError, match="The connection to worker 1 was lost"):
        with lost_peers_named(Here()):
            raise tf.errors.DeadlineExceededError(None, None, "RPC: Heartbeat")
    with pytest.raises(tf.errors.UnavailableError), lost_peers_named(None):
        raise lost


def test_callbacks_that_steer_are_called_on_all_workers():
    ours = [getattr(mk.callbacks, n) for n in dir(mk.callbacks)]
    ours = [c for c in ours if isinstance(c, type) and c.__module__.startswith("mlkit")]
    steering = {c.__name__ for c in ours if getattr(c, "on_all_workers", False)}
    assert steering == {
        "EMATeacher", "FreezeBN", "GradualUnfreeze", "LRFinder", "NaNRecovery", "ScheduleFreeSwap",
        "StepEvaluator", "StochasticWeightAveraging", "WarmupReduceLROnPlateau",
    }  # fmt: skip
    own = keras.callbacks.Callback()
    assert not runs_everywhere(own)
    own.on_all_workers = True
    assert runs_everywhere(own)
    assert runs_everywhere(keras.callbacks.EarlyStopping())
    assert not runs_everywhere(keras.callbacks.ModelCheckpoint("x.keras"))
