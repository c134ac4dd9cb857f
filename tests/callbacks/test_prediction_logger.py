import keras
import numpy as np
import pytest
import tensorflow as tf
from callback_subjects import LOOPS, data, model, train

from mlkit.callbacks import PredictionLogger
from mlkit.testing import CallbackSpec

X, Y = data()

SPECS = [
    CallbackSpec(
        PredictionLogger,
        kwargs={
            "x": X[:6], "y": Y[:6], "every": 2, "directory": None, "names": ["a", "b", "c"],
        },
        stateful=True,
        observe=lambda c: c.history,
    )
]  # fmt: skip


def written(folder):
    """The decoded texts and pictures, by tag and step."""
    texts, pictures = {}, {}
    for path in sorted(folder.glob("events*")):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                tensor = tf.make_ndarray(value.tensor)
                if value.tag == "predictions":
                    texts[event.step] = tensor.item().decode()
                elif value.tag == "examples":
                    pictures[event.step] = [tf.io.decode_png(png).numpy() for png in tensor[2:]]
    return texts, pictures


@pytest.mark.parametrize("loop", LOOPS)
def test_the_history_is_what_the_model_says(loop):
    look = PredictionLogger(X[:6], Y[:6])
    made = train(look, loop)
    assert [update for update, _ in look.history] == [5, 10, 15]
    np.testing.assert_allclose(look.history[-1][1], made(X[:6]), rtol=1e-5)


def test_the_table_has_label_class_and_share(tmp_path):
    look = PredictionLogger(X[:6], Y[:6], every=3, directory=tmp_path, names=["a", "b", "c"])
    made = train(look)
    texts, pictures = written(tmp_path)
    shares = keras.ops.softmax(made(X[:6])).numpy()
    rows = [
        f"| {i} | {'abc'[label]} | {'abc'[row.argmax()]} | {row.max():.3f} |"
        for i, (label, row) in enumerate(zip(Y[:6], shares, strict=True))
    ]
    head = ["| example | label | found | share |", "| --- | --- | --- | --- |"]
    assert texts == {15: "\n".join([*head, *rows])}
    assert not pictures


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_have_a_frame_that_is_green_where_the_class_is_right(channels, tmp_path):
    x = np.random.default_rng(0).uniform(size=(6, 8, 8, channels)).astype("float32")
    y = np.array([0, 1, 2, 0, 1, 2])
    made = keras.Sequential(
        [keras.Input(x.shape[1:]), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    made.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    made.fit(x, y, verbose=0, callbacks=[PredictionLogger(x, y, directory=tmp_path)])
    right = made.predict(x, verbose=0).argmax(-1) == y
    assert 0 < right.sum() < 6
    (pictures,) = written(tmp_path)[1].values()
    frames = [picture[0, 0].tolist() for picture in pictures]
    assert frames == [[0, 153, 51] if good else [204, 51, 51] for good in right]
    inside = pictures[0][2:-2, 2:-2][::6, ::6, 0]
    low, high = x.min(), x.max()
    np.testing.assert_allclose(
        inside, (x[0, :, :, 0] - low) / (high - low) * 255, atol=1
    )  # cut off


def test_targets_that_are_no_classes(tmp_path):
    made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    made.compile("sgd", "mse")
    look = PredictionLogger(X[:2], X[:2, :1], directory=tmp_path)
    made.fit(X, X[:, :1], verbose=0, callbacks=[look])
    (text,) = written(tmp_path)[0].values()
    found = [f"| {i} | {X[i, 0]:.4g} | {look.history[0][1][i, 0]:.4g} |" for i in range(2)]
    assert text.splitlines()[2:] == found


def test_looking_changes_nothing():
    layers = lambda: [keras.layers.BatchNormalization(), keras.layers.Dropout(0.5, seed=1)]  # noqa: E731
    alone = train([], made=model(*layers()))
    watched = train(PredictionLogger(X[:6], Y[:6]), made=model(*layers()))
    for a, b in zip(alone.get_weights(), watched.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="every=0"):
        PredictionLogger(X, Y, every=0)
    with pytest.raises(ValueError, match=r"one length. Received: \[3, 4\]"):
        PredictionLogger(X[:3], Y[:4])
