"""What TensorBoardLogger wrote, opened in TensorBoard in a headless browser, tab by tab.

The screenshots are in pytest's temporary folder (`--basetemp DIR` says where). Needs playwright and
Chromium; the profile's tab also xprof.
"""

import importlib.util
import io
import re
import shutil
import subprocess
import sys
from collections import namedtuple

import keras
import numpy as np
import pytest

import mlkit as mk

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
HAS_PROFILE = importlib.util.find_spec("xprof") is not None

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None or importlib.util.find_spec("playwright") is None,
        reason="needs playwright and a Chromium on the path",
    ),
]

Board = namedtuple("Board", "page url shots history model x y last")
HPARAMS = {"width": 32, "rate": 0.01, "kind": "dense"}
SECONDS = 20_000


class Grey(keras.layers.Embedding):
    """An embedding of the grey of each pixel."""

    def call(self, x):
        return super().call(keras.ops.cast(x[..., 0], "int32"))


def trained(folder):
    (x, y), held_out = mk.data.load("digits")
    x, y = x[:640], y[:640]
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)), Grey(17, 4, name="grey"), keras.layers.Flatten(),
            keras.layers.Dense(32, "relu", name="hidden"), keras.layers.Dense(10, name="head"),
        ],
        name="reader",
    )  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    board = mk.callbacks.TensorBoardLogger(
        folder, every=4, data=(x[:200], y[:200]), hparams=HPARAMS, images=6, profile=(5, 8),
        embeddings={"grey": [f"grey {i}" for i in range(17)]},
    )  # fmt: skip
    last = mk.callbacks.MetricsLogger(every=4)
    options = {"batch_size": 32, "epochs": 3, "validation_data": held_out, "verbose": 0}
    model.fit(x, y, callbacks=[board, last], **options)
    return model, x, y, model.history.history, last.history[-1][1]


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    from playwright.sync_api import sync_playwright

    folder, shots = tmp_path_factory.mktemp("board"), tmp_path_factory.mktemp("screenshots")
    model, x, y, history, last = trained(folder)
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", "0"]
    command += ["--host", "127.0.0.1", "--load_fast", "false"]
    # The `with` closes the pipe: one that is left open is an error when the tests are over.
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            urls = (re.search(r"http://[\d.:]+/", line) for line in server.stderr)
            url = next(filter(None, urls))[0]
            with sync_playwright() as player:
                browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": 1400, "height": 1600})
                page.set_default_timeout(SECONDS)
                yield Board(page, url, shots, history, model, x, y, last)
                browser.close()
        finally:
            server.terminate()


def opened(board, tab, *texts):
    """The page with a tab open, once all of some texts can be read; a screenshot is kept."""
    board.page.goto("about:blank")
    board.page.goto(f"{board.url}?darkMode=false#{tab}")
    for text in texts:
        board.page.get_by_text(text, exact=True).first.wait_for()
    return board.page


def shot(board, name):
    board.page.screenshot(path=board.shots / f"{name}.png")


def curve(board, tag, run):
    """The points of a curve, as the server gives them to the tab."""
    query = {"tag": tag, "run": run, "format": "json"}
    found = board.page.request.get(f"{board.url}data/plugin/scalars/scalars", params=query)
    return [(step, value) for _, step, value in found.json()]


def test_scalars_and_learning_rates(board):
    page = opened(board, "timeseries", "epoch_accuracy", "epoch_loss", "learning_rate")
    page.get_by_text("epoch_accuracy", exact=True).first.click()  # closed at first
    for value in (board.history["accuracy"][-1], board.history["val_accuracy"][-1]):
        page.get_by_text(f"{value:.4g}", exact=True).first.wait_for()
    shot(board, "time_series")
    page.get_by_text("learning_rate", exact=True).first.click()
    page.get_by_text("0.01", exact=True).first.wait_for()
    shot(board, "learning_rate")
    assert [step for step, _ in curve(board, "loss", "train")] == list(range(4, 61, 4))
    for run, prefix in (("train", ""), ("validation", "val_")):
        for name in ("loss", "accuracy"):
            steps, values = zip(*curve(board, f"epoch_{name}", run), strict=True)
            assert steps == (20, 40, 60)
            assert values == pytest.approx(board.history[prefix + name])
    opened(board, "scalars", "epoch_accuracy", "learning_rate")
    shot(board, "scalars")


def test_histograms_of_weights_and_gradients(board):
    paths = [v.path for v in board.model.trainable_variables]
    tags = [f"{kind}/{path}" for kind in ("gradients", "weights") for path in paths]
    page = opened(board, "histograms", *tags)
    page.locator("vz-histogram-timeseries svg path").first.wait_for(state="attached")
    page.wait_for_timeout(1000)
    # One ridge for each of three epochs in each of ten charts.
    assert page.locator("vz-histogram-timeseries .histogram").count() == 3 * len(tags)
    shot(board, "histograms")
    opened(board, "distributions", *tags)
    page.wait_for_timeout(1000)
    shot(board, "distributions")


def pictures(page, group):
    """The pictures of a tag at its last step, as arrays."""
    from PIL import Image

    found = []
    loaders = page.locator("tf-image-loader").filter(has_text=f"tag: {group}")
    for i in range(loaders.count()):
        image = loaders.nth(i).locator("img").first
        image.wait_for(state="attached")
        source = image.evaluate("image => image.src")
        found.append(np.asarray(Image.open(io.BytesIO(page.request.get(source).body()))))
    return found


def test_confusion_matrix_and_sample_predictions_as_images(board):
    page = opened(board, "images", "confusion matrix", "examples")
    page.wait_for_timeout(1000)
    shot(board, "images")
    shown = board.model.predict(board.x[:200], verbose=0).argmax(-1)
    counts = np.zeros((10, 10))
    np.add.at(counts, (board.y[:200], shown), 1)
    assert np.trace(counts) > 150
    share = counts / counts.sum(1, keepdims=True)
    (matrix,) = pictures(page, "confusion matrix")
    assert matrix.shape == (240, 240, 3)
    # From white to dark blue: the red of a cell falls by 97 % of its share.
    np.testing.assert_allclose(matrix[12::24, 12::24, 0] / 255, 1 - 0.97 * share, atol=0.01)
    examples = pictures(page, "examples")
    assert len(examples) == 6
    for picture, pixels, right in zip(examples, board.x, shown[:6] == board.y[:6], strict=False):
        assert picture[0, 0].tolist() == ([0, 153, 51] if right else [204, 51, 51])
        inside = picture[2:-2, 2:-2][3::6, 3::6, 0]
        np.testing.assert_allclose(inside, pixels[..., 0] / 16 * 255, atol=1)


def test_tables_of_counts_and_predictions(board):
    page = opened(board, "text", "predictions", "confusion matrix counts")
    page.locator("td").first.wait_for()
    shot(board, "text")
    shown = board.model.predict(board.x[:200], verbose=0).argmax(-1)
    rows = [row.split() for row in page.locator("tr").all_inner_texts()]
    for i in range(6):
        assert [str(i), str(board.y[i]), str(shown[i])] in rows
    for label in range(10):
        counts = np.bincount(shown[board.y[:200] == label], minlength=10)
        assert [str(label), *map(str, counts)] in rows


def test_hyper_parameters(board):
    page = opened(board, "hparams", "Trial ID", "dense")
    for value in ("0.010000", "32.000", f"{board.history['accuracy'][-1]:.5g}"):
        page.get_by_text(value, exact=True).first.wait_for()
    shot(board, "hparams")


def test_graph(board):
    page = opened(board, "graphs", "Main Graph")
    node = page.locator("text", has_text=re.compile("^reader")).first
    node.wait_for()
    shot(board, "graph_closed")
    node.dblclick(force=True)  # opens it
    for name in ("grey", "hidden", "head"):
        page.locator("text", has_text=re.compile(f"^{name}")).first.wait_for()
    page.wait_for_timeout(1000)
    shot(board, "graph")


def test_projector(board):
    page = opened(board, "projector")
    frame = page.frame_locator("iframe").frame_locator("iframe")
    for text in ("Points: 17", "Dimension: 4"):
        frame.get_by_text(text).first.wait_for()
    page.wait_for_timeout(2000)
    shot(board, "projector")
    path = f"{board.url}data/plugin/projector/tensor?run=train&name=grey"
    tensor = np.frombuffer(page.request.get(path).body(), "<f4").reshape(17, 4)
    np.testing.assert_allclose(tensor, board.model.get_layer("grey").embeddings, rtol=1e-5)
    labels = page.request.get(f"{board.url}data/plugin/projector/metadata?run=train&name=grey")
    assert labels.text().split("\n")[:2] == ["grey 0", "grey 1"]


@pytest.mark.skipif(not HAS_PROFILE, reason="needs xprof, which brings the tab")
def test_profile(board):
    page = opened(board, "profile")
    frame = page.frame_locator("iframe").first
    frame.get_by_text("Overview Page").first.wait_for()
    page.wait_for_timeout(5000)
    shot(board, "profile")
    runs = page.request.get(f"{board.url}data/plugin/profile/runs").json()
    assert [run.partition("/")[0] for run in runs] == ["train"]
