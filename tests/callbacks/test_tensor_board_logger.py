import tempfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from callback_subjects import LOOPS, data, model, train

from mlkit.callbacks import TensorBoardLogger
from mlkit.testing import CallbackSpec
from mlkit.training._callbacks import wants_every_batch

_FOLDER = tempfile.TemporaryDirectory()

SPECS = [
    CallbackSpec(
        TensorBoardLogger,
        kwargs={
            "directory": _FOLDER.name,
            "every": 4,
            "histograms": 2,
            "data": tuple(part[:8] for part in data()),
            "hparams": {"width": 3},
            "graph": False,
            "embeddings": {},
            "images": 1,
            "profile": (2, 3),
        },
        stateful=True,
        observe=lambda callback: callback.update,
    )
]


def events(folder):
    """`(tag, step) -> value` of all scalars, and the tags of all kinds with their plugin."""
    scalars, tags = {}, {}
    for path in sorted(folder.glob("events*")):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            if event.HasField("graph_def"):
                tags["graph"] = "graphs"
            for value in event.summary.value:
                plugin = value.metadata.plugin_data.plugin_name
                tags.setdefault(value.tag, plugin)
                if plugin == "scalars" or tags[value.tag] == "scalars":
                    scalars[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    return scalars, tags


@pytest.mark.parametrize("loop", LOOPS)
def test_curves_are_those_of_the_logs_in_every_loop(loop, tmp_path):
    class Last(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.logs = logs

    last, board = Last(), TensorBoardLogger(tmp_path, every=4, histograms=0)
    train([last, board], loop)
    scalars, _ = events(tmp_path / "train")
    assert sorted(step for tag, step in scalars if tag == "loss") == [4, 8, 12]
    assert scalars["learning_rate", 8] == pytest.approx(0.05)
    assert scalars["epoch_loss", 15] == pytest.approx(last.logs["loss"], rel=1e-5)
    held_out, _ = events(tmp_path / "validation")
    assert held_out["epoch_accuracy", 15] == pytest.approx(last.logs["val_accuracy"], rel=1e-5)


def test_a_call_of_several_updates_writes_at_its_end(tmp_path):
    made = model()
    made.steps_per_execution = 3
    train(TensorBoardLogger(tmp_path, every=4, histograms=0), made=made)
    scalars, _ = events(tmp_path / "train")
    # Calls end at 3, 5, 8, 10, 13 and 15.
    assert sorted(step for tag, step in scalars if tag == "loss") == [5, 8, 13]


def test_everything_that_has_a_tab_is_written(tmp_path):
    class Words(keras.layers.Embedding):
        """An embedding of the sign of each input."""

        def call(self, x):
            return keras.ops.mean(super().call(keras.ops.cast(x > 0, "int32")), axis=1)

    made = model(Words(2, 4, name="words"))
    board = TensorBoardLogger(
        tmp_path, data=data(), hparams={"width": 4, "kind": "a"},
        embeddings={"words": ["no", "yes"]}, profile=(2, 3),
    )  # fmt: skip
    train(board, made=made)
    _, tags = events(tmp_path / "train")
    assert tags["graph"] == "graphs"
    kinds = set(tags.values())
    assert {"scalars", "histograms", "images", "graphs", "hparams"} <= kinds
    head = made.get_layer("head").kernel.path
    assert tags[f"weights/{head}"] == tags[f"gradients/{head}"] == "histograms"
    matrix = np.loadtxt(tmp_path / "train" / "words.tsv")
    np.testing.assert_allclose(matrix, made.get_layer("words").embeddings, rtol=1e-5)
    assert "words" in (tmp_path / "train" / "projector_config.pbtxt").read_text()
    assert list((tmp_path / "train" / "plugins" / "profile").iterdir())


def test_a_metric_of_several_values_is_one_curve_a_value(tmp_path):
    board = TensorBoardLogger(tmp_path, histograms=0)
    train(board, made=model(metrics=[]))
    board.on_epoch_end(3, {"loss": 1.0, "f1": np.array([0.25, 0.5])})
    board.on_train_end()
    scalars, _ = events(tmp_path / "train")
    assert scalars["epoch_f1/1", 15] == 0.5


def test_logging_changes_nothing(tmp_path):
    layers = lambda: [keras.layers.BatchNormalization(), keras.layers.Dropout(0.5, seed=1)]  # noqa: E731
    alone = train([], made=model(*layers()))
    logged = train(TensorBoardLogger(tmp_path, data=data()), made=model(*layers()))
    for a, b in zip(alone.get_weights(), logged.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_block_of_one_step(tmp_path):
    assert not wants_every_batch(TensorBoardLogger(tmp_path))
    assert TensorBoardLogger(tmp_path, every=50).next_update(50) == 100


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"every": 0}, "every=0"),
        ({"images": 3}, "`images` needs `data`"),
        ({"profile": (5, 2)}, r"profile=\(5, 2\)"),
        ({"histograms": -1}, "histograms=-1"),
    ],
)
def test_wrong_arguments(kwargs, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        TensorBoardLogger(tmp_path, **kwargs)
    with pytest.raises(ValueError, match="Received: 'words'"):
        train(TensorBoardLogger(tmp_path, embeddings={"words": None}))
