"""GradientLogger, OptimizerLogger, Throughput, DeadUnits, ConfusionMatrix, StepEvaluator."""

import csv
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from callback_subjects import LOOPS, data, model, train
from sklearn.metrics import confusion_matrix
from strategies import two_replicas

import mlkit as mk
from mlkit.callbacks import (
    ConfusionMatrix,
    DeadUnits,
    GradientLogger,
    OptimizerLogger,
    StepEvaluator,
    Throughput,
)
from mlkit.testing import CallbackSpec

X, Y = data()


class Nowhere:
    """A sink that keeps what it is given."""

    def __init__(self):
        self.rows = []

    def write(self, step, values):
        self.rows.append((step, dict(values)))

    def close(self):
        self.closed = True


TO = Nowhere()


def hidden_model():
    return model(keras.layers.Dense(5, "relu", name="hidden"))


SPECS = [
    CallbackSpec(
        GradientLogger,
        kwargs={"x": X[:8], "y": Y[:8], "every": 4, "to": TO},
        stateful=True,
        observe=lambda c: [(u, list(v.values())) for u, v in c.history],
    ),
    CallbackSpec(
        OptimizerLogger,
        kwargs={"every": 4, "to": TO},
        stateful=True,
        observe=lambda c: c.history,
    ),
    CallbackSpec(
        Throughput,
        kwargs={"batch_size": 8, "every": 4, "to": TO},
        observe=lambda c: [update for update, _ in c.history],
    ),
    CallbackSpec(
        DeadUnits,
        kwargs={"x": X[:8], "layers": ["hidden"], "threshold": 0.1, "every": 4, "to": TO},
        model=hidden_model,
        stateful=True,
        observe=lambda c: c.history,
    ),
    CallbackSpec(
        ConfusionMatrix,
        kwargs={"x": X, "y": Y, "every": 2, "directory": None, "batch_size": 8},
        observe=lambda c: c.history,
    ),
    CallbackSpec(
        StepEvaluator,
        kwargs={
            "x": X[:16], "y": Y[:16], "every": 4, "batch_size": 8, "patience": 2,
            "monitor": "accuracy", "mode": "max", "min_delta": 0.5, "to": TO, "verbose": 1,
        },
        monitors="monitor",
        stateful=True,
        observe=lambda c: [c.history, c.best, c.stopped_update],
    ),
]  # fmt: skip


def test_norms_are_those_of_the_tape():
    log = GradientLogger(X[:8], Y[:8], every=5)
    made = train(log)
    with tf.GradientTape() as tape:
        loss = made.loss(Y[:8], made(X[:8], training=True))
    due = [np.linalg.norm(g) for g in tape.gradient(loss, made.trainable_variables)]
    assert [update for update, _ in log.history] == [5, 10, 15]
    np.testing.assert_allclose(list(log.history[-1][1].values()), [*due, np.hypot(*due)], rtol=1e-5)


@pytest.mark.parametrize(
    ("optimizer", "due"),
    [
        (lambda: keras.optimizers.SGD(0.25), {"learning_rate": 0.25}),
        (
            lambda: keras.optimizers.SGD(mk.optimizers.schedules.ExponentialDecay(0.5, 10, 0.5)),
            {"learning_rate": 0.25},
        ),
        (
            lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.25)),
            {"learning_rate": 0.25, "loss_scale": 32768.0},
        ),
        (
            lambda: mk.training.MultiOptimizer(
                {"kernel": keras.optimizers.SGD(0.5)}, default=keras.optimizers.SGD(0.25)
            ),
            {"learning_rate/kernel": 0.5, "learning_rate/default": 0.25},
        ),
    ],
    ids=["constant", "schedule", "loss scale", "several"],
)
def test_rates_of_every_kind_of_optimizer(optimizer, due):
    log = OptimizerLogger(every=10)
    train(log, made=model(optimizer=optimizer()), epochs=2)
    ((update, values),) = log.history
    assert (update, values["iterations"]) == (10, 10.0)
    for name, value in due.items():
        assert values[name] == pytest.approx(value)


def test_throughput_by_a_clock_that_is_told(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    speed = Throughput(batch_size=8, every=2)
    speed.set_params({"epochs": 2, "steps": 4})
    speed.on_train_begin()
    for epoch in range(2):
        speed.on_epoch_begin(epoch)
        for batch in range(4):
            now[0] += 0.5
            speed.on_train_batch_end(batch, {})
        now[0] += 100  # validation
        speed.on_epoch_end(epoch, {})
    assert [update for update, _ in speed.history] == [2, 4, 6, 8]
    for update, values in speed.history:
        assert values == {
            "step_seconds": 0.5, "examples_per_second": 16.0, "seconds_left": (8 - update) * 0.5
        }  # fmt: skip


@pytest.mark.parametrize("loop", LOOPS)
def test_a_crafted_dead_unit_is_found(loop):
    made = hidden_model()
    kernel, bias = (np.array(w) for w in made.get_layer("hidden").get_weights())
    kernel[:, 1], bias[1] = 0, -1
    kernel[:, 0], bias[0] = 0, 1
    made.get_layer("hidden").set_weights([kernel, bias])
    made.get_layer("hidden").trainable = False
    dead = DeadUnits(X, every=15)
    train(dead, loop, made)
    share = np.mean(np.all(np.maximum(X @ kernel + bias, 0) == 0, axis=0))
    assert dead.history == [(15, {"hidden": pytest.approx(share)})]
    assert share >= 0.2


def test_dead_units_want_a_layer_to_look_at():
    with pytest.raises(ValueError, match="no layer has the activation relu"):
        train(DeadUnits(X))
    with pytest.raises(ValueError, match="Received: 'tail'"):
        train(DeadUnits(X, layers=["tail"]))


def test_the_matrix_is_that_of_sklearn(tmp_path):
    table = ConfusionMatrix(X, Y, every=2, directory=tmp_path)
    made = train(table, epochs=4)
    found = made.predict(X, verbose=0).argmax(-1)
    np.testing.assert_array_equal(table.matrix, confusion_matrix(Y, found, labels=[0, 1, 2]))
    assert [update for update, _ in table.history] == [10, 20]
    assert len(list(tmp_path.glob("events*"))) >= 1


@pytest.mark.parametrize("loop", LOOPS)
def test_evaluations_are_those_of_evaluate_and_training_goes_on(loop):
    look = StepEvaluator(X, Y, every=5)
    made, alone = train(look, loop), train([], loop)
    for a, b in zip(made.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert made.history.history["loss"] == pytest.approx(alone.history.history["loss"], rel=1e-5)
    due = made.evaluate(X, Y, verbose=0, return_dict=True)
    assert [update for update, _ in look.history] == [5, 10, 15]
    assert look.history[-1][1] == pytest.approx(due, rel=1e-5)


@pytest.mark.parametrize("loop", LOOPS)
def test_stops_in_the_midst_of_an_epoch(loop, capsys):
    # Labels that training moves away from: each evaluation is worse than the first.
    look = StepEvaluator(X, (Y + 1) % 3, every=2, patience=2, verbose=1)
    made = train(look, loop, epochs=10)
    assert look.stopped_update == 6
    assert int(made.optimizer.iterations) == 6
    assert "StepEvaluator: stopped at update 6: loss was best at" in capsys.readouterr().out


def test_lines_and_tables(tmp_path):
    lines, table = tmp_path / "a" / "rate.jsonl", tmp_path / "rate.csv"
    train(OptimizerLogger(every=5, to=lines))
    log = OptimizerLogger(every=5, to=table)
    train(log)
    read = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [row["step"] for row in read] == [5, 10, 15]
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [5, 10, 15]
    assert float(rows[0]["slots"]) == pytest.approx(log.history[0][1]["slots"])


def test_lines_of_a_run_that_is_done_again_are_cut_off(tmp_path):
    path = tmp_path / "a.jsonl"
    for steps in ([5, 10, 15], [10, 15, 20]):
        log = OptimizerLogger(to=path)
        for step in steps:
            log.record(step, {"a": 1.0})
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [5, 10, 15, 20]


def test_a_sink_of_ones_own():
    sink = Nowhere()
    log = OptimizerLogger(every=5, to=sink)
    train(log)
    assert sink.rows == log.history
    assert sink.closed
    with pytest.raises(TypeError, match=r"`to` must be a path"):
        OptimizerLogger(to=3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GradientLogger(X, Y, every=0), "every=0"),
        (lambda: Throughput(0), "batch_size=0"),
        (lambda: DeadUnits(X, threshold=-1), "threshold=-1"),
        (lambda: ConfusionMatrix(X, Y, every=0), "every=0"),
        (lambda: StepEvaluator(X, Y, patience=0), "patience=0"),
        (lambda: StepEvaluator(X, Y, monitor="reward"), "cannot tell whether a larger 'reward'"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_gradients_on_two_replicas_are_those_of_one():
    norms = []
    for where in (None, two_replicas()):
        keras.utils.set_random_seed(0)
        log = GradientLogger(X[:8], Y[:8], every=4)
        options = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0}
        mk.fit(hidden_model(), X, Y, strategy=where, callbacks=[log], **options)
        norms.append([list(values.values()) for _, values in log.history])
    np.testing.assert_allclose(*norms, rtol=1e-4)
