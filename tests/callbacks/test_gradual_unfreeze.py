import keras
import numpy as np
import pytest
from callback_subjects import LOOPS, data, model, train, values

import mlkit as mk
from mlkit.callbacks import GradualUnfreeze
from mlkit.testing import CallbackSpec

STAGES = {0: ["head"], 1: ["body/top"], 2: ["body/low"]}


def nested(optimizer=None):
    keras.utils.set_random_seed(0)
    body = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, name="low"),
            keras.layers.BatchNormalization(name="norm_low"),
            keras.layers.Dense(6, name="top"),
        ],
        name="body",
    )
    return model(body, optimizer=optimizer)


SPECS = [
    CallbackSpec(
        GradualUnfreeze,
        kwargs={"stages": STAGES, "keep_batch_norm": False, "restart": True, "verbose": 1},
        model=nested,
        stateful=True,
        observe=lambda callback: callback.model.get_weights(),
    )
]


class Record(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.values = [self.now()]
        self.updates = []

    def now(self):
        return {v.path: v.numpy() for v in self.model.weights}

    def on_epoch_end(self, epoch, logs=None):
        self.values.append(self.now())
        self.updates.append(int(self.model.optimizer.iterations))


def moved(record):
    """Which layers moved in each epoch."""
    found = []
    for before, after in zip(record.values, record.values[1:], strict=False):
        paths = [p for p in before if not np.array_equal(before[p], after[p])]
        found.append(sorted({p.split("/")[-2] for p in paths}))
    return found


@pytest.mark.parametrize("loop", LOOPS)
def test_what_trains_in_which_epoch(loop):
    record = Record()
    train([GradualUnfreeze(STAGES), record], loop, nested())
    assert moved(record) == [["head"], ["head", "top"], ["head", "low", "top"]]


def test_batch_normalisation_thaws_only_if_asked_to():
    record = Record()
    stages = {0: ["head"], 1: ["body/top"], 2: ["body"]}
    train([GradualUnfreeze(stages, keep_batch_norm=False), record], made=nested())
    assert moved(record)[2] == ["head", "low", "norm_low", "top"]


@pytest.mark.parametrize("loop", ["fit", "epoch"])
def test_an_optimizer_that_did_not_know_the_frozen_layers_learns_of_them(loop):
    made = nested(keras.optimizers.Adam(0.05))
    made.layers[0].trainable = False
    x, y = data()
    made.fit(x, y, verbose=0)
    slots = {v.path: v.numpy() for v in made.optimizer.variables}
    thaw = GradualUnfreeze({0: ["head"], 5: ["body"]})
    thaw.set_model(made)
    thaw.on_train_begin()
    now = {v.path: v.numpy() for v in made.optimizer.variables}
    assert len(now) == len(slots) + 2 * 4
    for path, value in slots.items():
        np.testing.assert_array_equal(now[path], value)
    record = Record()
    train([GradualUnfreeze(STAGES), record], loop, made)
    assert moved(record)[2] == ["head", "low", "top"]


@pytest.mark.parametrize("loop", ["fit", "epoch"])
def test_a_restart_begins_the_optimizer_anew(loop):
    record = Record()
    train([GradualUnfreeze({0: ["head"], 2: ["body"]}, restart=True), record], loop, nested())
    assert record.updates == [5, 10, 5]
    record = Record()
    train([GradualUnfreeze({0: ["head"], 2: ["body"]}), record], loop, nested())
    assert record.updates == [5, 10, 15]


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("every", [None, 3])
def test_kept_over_a_run_that_is_broken_off(tmp_path, restart, every):
    def job(run, breaks_in=None):
        class Breaks(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if epoch == breaks_in:
                    raise RuntimeError("broken")

        x, y = data()
        made, thaw = nested(), GradualUnfreeze(STAGES, restart=restart)
        options = {"epochs": 4, "batch_size": 8, "verbose": 0, "seed": 0, "run": tmp_path / run}
        mk.fit(made, x, y, callbacks=[thaw, Breaks()], save_every=every, **options)
        return values(made)

    with pytest.raises(RuntimeError, match="broken"):
        job("a", breaks_in=2)
    for resumed, whole in zip(job("a"), job("b"), strict=True):
        np.testing.assert_array_equal(resumed, whole)


def test_says_what_thaws(capsys):
    train(GradualUnfreeze(STAGES, verbose=1), made=nested(), epochs=2)
    assert capsys.readouterr().out.splitlines() == [
        "GradualUnfreeze: epoch 1: head thaw, 2 variables train.",
        "GradualUnfreeze: epoch 2: body/top thaw, 4 variables train.",
    ]


@pytest.mark.parametrize(
    ("stages", "error", "message"),
    [
        ({}, TypeError, "must be a dict"),
        ({-1: ["head"]}, ValueError, "stages=-1"),
        ({0: "head"}, TypeError, "lists of patterns"),
        ({0: ["("]}, ValueError, "none"),
    ],
)
def test_wrong_arguments(stages, error, message):
    with pytest.raises(error, match=message):
        GradualUnfreeze(stages)


def test_a_pattern_that_is_in_no_path_is_named():
    with pytest.raises(ValueError, match=r"'tail' is in no layer's path.*body/low"):
        train(GradualUnfreeze({0: ["tail"]}), made=nested())
