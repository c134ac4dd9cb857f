"""What several workers must agree on, and two real ones that do, or do not."""

import re
import tempfile

import clusters
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from loop_subjects import compiled

import mlkit as mk
from mlkit.training._arrays import Arrays
from mlkit.training._sources import source
from mlkit.training._workers import _digest, facts_of_data, facts_of_model


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
    with tempfile.TemporaryDirectory() as folder:
        said = clusters.outcome(case, folder)
    assert clusters.good(case, said), said
    if case == "another seed":
        for _, text in said:
            assert re.search("replica 1 differs from replica 0 in the weights", text)
