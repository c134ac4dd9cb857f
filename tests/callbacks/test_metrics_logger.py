"""MetricsLogger, and the sinks that send numbers to other programs."""

import importlib.util
import json

import numpy as np
import pytest
from callback_subjects import LOOPS, model, train

from mlkit.callbacks import MetricsLogger, MLflowSink, WandbSink
from mlkit.testing import CallbackSpec


class Nowhere:
    """A sink that keeps what it is given."""

    def __init__(self):
        self.rows = []

    def write(self, step, values):
        self.rows.append((step, dict(values)))

    def close(self):
        self.rows.append("closed")


SPECS = [
    CallbackSpec(
        MetricsLogger,
        kwargs={"to": Nowhere(), "every": 4},
        stateful=True,
        observe=lambda c: c.history,
    )
]


def needs(package):
    found = importlib.util.find_spec(package) is not None
    return pytest.mark.skipif(not found, reason=f"{package} is not installed")


@pytest.mark.parametrize("loop", LOOPS)
def test_each_step_is_one_line_with_the_logs(loop):
    sink, last = Nowhere(), {}
    made = train(MetricsLogger(sink, every=5), loop)
    history = made.history.history
    assert [row if row == "closed" else row[0] for row in sink.rows] == [5, 10, 15, "closed"]
    for epoch, (_, values) in enumerate(sink.rows[:-1]):
        last = {f"epoch/{name}": history[name][epoch] for name in history}
        assert values["loss"] == pytest.approx(values["epoch/loss"], rel=1e-5)
        assert values["learning_rate"] == pytest.approx(0.05)
        assert {k: v for k, v in values.items() if k.startswith("epoch/")} == pytest.approx(last)
    assert {"epoch/val_loss", "epoch/val_accuracy"} <= last.keys()


def test_lines_in_the_midst_of_epochs():
    log = MetricsLogger(every=4)
    train(log)
    assert [update for update, _ in log.history] == [4, 5, 8, 10, 12, 15]


def test_epochs_alone_make_a_table(tmp_path):
    path = tmp_path / "a.csv"
    train(MetricsLogger(path, every=None))
    head, *rows = path.read_text().splitlines()
    assert head == "step,epoch/accuracy,epoch/loss,epoch/val_accuracy,epoch/val_loss"
    assert [row.partition(",")[0] for row in rows] == ["5", "10", "15"]


def test_a_metric_of_several_values_is_an_entry_a_value(tmp_path):
    log = MetricsLogger(tmp_path / "a.jsonl", every=None)
    log.set_model(model())
    log.on_train_begin()
    log.on_epoch_begin(0)
    log.on_train_batch_end(4, {})
    log.on_epoch_end(0, {"loss": 1.0, "f1": np.array([0.25, 0.5])})
    log.on_train_end()
    (line,) = (tmp_path / "a.jsonl").read_text().splitlines()
    assert json.loads(line) == {"step": 5, "epoch/loss": 1.0, "epoch/f1/0": 0.25, "epoch/f1/1": 0.5}


@needs("mlflow")
def test_mlflow_has_what_was_logged(tmp_path, monkeypatch):
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # asked for since 3.7, and what we want
    uri = (tmp_path / "runs").as_uri()
    sink = MLflowSink("digits", "first", uri=uri, params={"width": 3, "kind": "a"})
    log = MetricsLogger(sink, every=4)
    train(log)
    log.record(16, {"loss": float("nan"), "again": 2.0})
    log.on_train_end()
    client = mlflow.MlflowClient(uri)
    run = client.get_run(sink.run_id)
    assert client.get_experiment(run.info.experiment_id).name == "digits"
    assert (run.info.run_name, run.info.status) == ("first", "FINISHED")
    assert run.data.params == {"width": "3", "kind": "a"}
    for name in ("loss", "learning_rate", "epoch/val_accuracy", "again"):
        rows = [(update, values[name]) for update, values in log.history if name in values]
        due = [row for row in rows if np.isfinite(row[1])]
        found = [(m.step, m.value) for m in client.get_metric_history(sink.run_id, name)]
        assert found == due, name
    MetricsLogger(MLflowSink(uri=uri, run_id=sink.run_id))._sink.write(17, {"again": 3.0})
    assert [m.step for m in client.get_metric_history(sink.run_id, "again")] == [16, 17]
    assert mlflow.active_run() is None


def records(text, block=32768):
    """The records of a log in the format of LevelDB, after a header of seven bytes."""
    place, whole = 7, b""
    while place + 7 <= len(text):
        if block - place % block < 7:  # the rest of a block is too short for a record
            place += block - place % block
            continue
        size, kind = int.from_bytes(text[place + 4 : place + 6], "little"), text[place + 6]
        whole += text[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # a whole record, or the last part of one
            yield whole
            whole = b""


@needs("wandb")
def test_wandb_has_what_was_logged_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_CONSOLE", "off")
    import wandb
    from wandb.proto import wandb_internal_pb2

    options = {"mode": "offline", "directory": tmp_path, "config": {"width": 3}}
    sink = WandbSink("digits", "first", **options)
    log = MetricsLogger(sink, every=4)
    train(log)
    assert wandb.run is None
    (path,) = tmp_path.rglob(f"run-{sink.run_id}.wandb")
    rows, runs = [], []
    for text in records(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(text)
        if record.HasField("run"):
            runs.append(record.run)
        if record.HasField("history"):
            items = {(i.key or "/".join(i.nested_key)): i.value_json for i in record.history.item}
            rows.append({name: json.loads(value) for name, value in items.items()})
    assert (runs[0].project, runs[0].display_name) == ("digits", "first")
    config = {item.key: item.value_json for item in runs[0].config.update}
    assert config["width"] == "3"
    assert [row["_step"] for row in rows] == [update for update, _ in log.history]
    for row, (_, values) in zip(rows, log.history, strict=True):
        assert {k: v for k, v in row.items() if k[0] != "_"} == pytest.approx(values)


@pytest.mark.parametrize(
    ("sink", "package"), [(MLflowSink(), "mlflow"), (WandbSink(mode="offline"), "wandb")]
)
def test_a_package_that_is_not_there_is_named(sink, package, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ImportError, match=rf'pip install "mlkit-tf\[{package}\]"'):
        MetricsLogger(sink).record(1, {"loss": 1.0})


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: MetricsLogger(every=0), ValueError, "every=0"),
        (lambda: MetricsLogger(3), TypeError, "`to` must be a path"),
        (lambda: WandbSink(mode="later"), ValueError, "mode='later'"),
    ],
)
def test_wrong_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()
