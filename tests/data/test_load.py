import gzip
import json
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import mlkit as mk
from mlkit.data import _fashion_mnist, _network


@pytest.fixture
def offline(monkeypatch):
    """No host answers."""

    def refuse(*args, **kwargs):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@pytest.fixture
def no_copy(monkeypatch, tmp_path):
    """Fashion-MNIST is neither Debian's nor in Keras' cache; the folder of the cache."""
    monkeypatch.setattr(_fashion_mnist, "DEBIAN", tmp_path / "debian")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    folder = tmp_path / "keras" / "datasets" / "fashion-mnist"
    folder.mkdir(parents=True)
    return folder


def write_fashion(folder: Path) -> None:
    """Four files of the right form: 5 images for training, 3 held out."""
    for prefix, count in (("train", 5), ("t10k", 3)):
        images = np.arange(count * 784, dtype=np.uint32).astype(np.uint8).tobytes()
        labels = np.arange(count, dtype=np.uint8).tobytes()
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(16) + images))
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(bytes(8) + labels))


def test_digits_are_those_of_scikit_learn():
    theirs = load_digits()
    (x, y), (x_test, y_test) = mk.data.load("digits")
    taken = [0] * 10
    test = []
    for label in theirs.target:  # every fifth of each class
        taken[label] += 1
        test.append(taken[label] % 5 == 0)
    test = np.array(test)
    np.testing.assert_array_equal(x[..., 0], theirs.images[~test])
    np.testing.assert_array_equal(x_test[..., 0], theirs.images[test])
    np.testing.assert_array_equal(y, theirs.target[~test])
    np.testing.assert_array_equal(y_test, theirs.target[test])
    assert (x.dtype, y.dtype) == (np.uint8, np.int64)
    assert np.bincount(y_test).min() >= 34


def test_digits_as_data_sets_hold_the_same():
    (x, y), (x_test, y_test) = mk.data.load("digits")
    for dataset, images, labels in zip(
        mk.data.load("digits", as_dataset=True), (x, x_test), (y, y_test), strict=True
    ):
        assert dataset.element_spec == (
            tf.TensorSpec((8, 8, 1), tf.uint8),
            tf.TensorSpec((), tf.int64),
        )
        assert int(dataset.cardinality()) == len(labels)
        got_x, got_y = next(iter(dataset.batch(len(labels))))
        np.testing.assert_array_equal(got_x, images)
        np.testing.assert_array_equal(got_y, labels)


def test_fashion_mnist_from_a_copy(no_copy, offline):
    write_fashion(no_copy)
    (x, y), (x_test, y_test) = mk.data.load("fashion_mnist")
    assert x.shape == (5, 28, 28, 1)
    assert x_test.shape == (3, 28, 28, 1)
    assert x[1, 0, 0, 0] == 784 % 256
    assert y.tolist() == [0, 1, 2, 3, 4]
    assert (x.dtype, y.dtype, len(y_test)) == (np.uint8, np.int64, 3)


def test_fashion_mnist_damaged(no_copy, offline):
    write_fashion(no_copy)
    file = no_copy / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(OSError, match=r"train-images-idx3-ubyte.gz is damaged .* Remove it"):
        mk.data.load("fashion_mnist")
    (no_copy / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(bytes(8 + 4)))
    write_fashion(no_copy)
    file.write_bytes(gzip.compress(bytes(16 + 784)))
    with pytest.raises(OSError, match=r"784 pixels and 5 labels of train, which do not belong"):
        mk.data.load("fashion_mnist")


def test_fashion_mnist_without_a_network(no_copy, offline):
    with pytest.raises(ConnectionError, match=r"'fashion_mnist' .*Name or service.*apt install"):
        mk.data.load("fashion_mnist")


def test_fashion_mnist_falls_back_to_the_download_of_keras(no_copy, monkeypatch):
    images, labels = np.zeros((2, 28, 28), np.uint8), np.array([3, 4], np.uint8)
    monkeypatch.setattr(_network, "unreachable", lambda urls: None)
    monkeypatch.setattr(
        mk.datasets.fashion_mnist, "load_data", lambda: ((images, labels), (images, labels))
    )
    (x, y), _ = mk.data.load("fashion_mnist")
    assert (x.shape, y.tolist(), y.dtype) == ((2, 28, 28, 1), [3, 4], np.int64)


def keras_gives(monkeypatch, name, x, y):
    monkeypatch.setattr(getattr(mk.datasets, name), "load_data", lambda: ((x, y), (x[:1], y[:1])))


def test_data_sets_of_keras(monkeypatch, tmp_path, offline):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(ConnectionError, match=r"'keras:mnist' .* put mnist\.npz into .*datasets"):
        mk.data.load("keras:mnist")
    (tmp_path / "datasets").mkdir()
    for file in ("mnist.npz", "imdb.npz", "boston_housing.npz"):
        (tmp_path / "datasets" / file).touch()
    keras_gives(monkeypatch, "mnist", np.ones((3, 28, 28), "u1"), np.array([1, 2, 3], "u1"))
    (x, y), (x_test, _) = mk.data.load("keras:mnist")
    assert (x.shape, y.dtype, len(x_test)) == ((3, 28, 28, 1), np.int64, 1)
    keras_gives(monkeypatch, "boston_housing", np.ones((3, 13)), np.array([1.5, 2.0, 3.0]))
    assert mk.data.load("keras:boston_housing")[0][1].dtype == np.float64
    texts = np.asarray([[1, 2, 3], [4], [5, 6]], dtype=object)
    keras_gives(monkeypatch, "imdb", texts, np.array([0, 1, 0]))
    train, _ = mk.data.load("keras:imdb", as_dataset=True)
    batches = list(mk.data.bucket(train, [2, 4], 2, training=False))
    assert batches[0][0].numpy().tolist() == [[4, 0], [5, 6]]
    assert mk.data.info("keras:imdb").sizes == {"train": 25_000, "test": 25_000}
    assert mk.data.info("keras:cifar10").classes[3] == "cat"
    with pytest.raises(ValueError, match="Did you mean 'keras:reuters'"):
        mk.data.load("reuters")


def test_a_hanging_host_does_not_hang_us(monkeypatch):
    over = threading.Event()

    def hang(*args, **kwargs):
        over.wait(20)
        raise urllib.error.URLError("the test is over")

    monkeypatch.setattr(urllib.request, "urlopen", hang)
    begin = time.monotonic()
    reason = _network.unreachable(["https://a.invalid", "https://b.invalid"], seconds=0.2)
    over.set()
    assert reason == "no answer within 0.2 seconds"
    assert time.monotonic() - begin < 5


def test_one_answer_is_enough(monkeypatch):
    def answer(request, timeout):
        if "good" in request.full_url:
            raise urllib.error.HTTPError(request.full_url, 404, "Not Found", None, None)
        raise urllib.error.URLError("refused")

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    assert _network.unreachable(["https://bad.invalid", "https://good.invalid"]) is None
    assert _network.unreachable(["https://bad.invalid"]) == "refused"


def test_tfds_without_a_network_fails_in_seconds(offline, tmp_path):
    begin = time.monotonic()
    with pytest.raises(ConnectionError, match=r"'mnist' .* cannot be reached: Name or service"):
        mk.data.load("mnist", data_dir=tmp_path)
    with pytest.raises(ConnectionError, match=r"huggingface.co cannot be reached"):
        mk.data.load("huggingface:mnist", data_dir=tmp_path)
    assert time.monotonic() - begin < 20
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A data set of TFDS that is prepared on disk: 10 pairs in one split; its folder."""
    import tensorflow_datasets as tfds

    folder = tmp_path_factory.mktemp("tfds")
    for name in ("plain_set", "pair_set"):
        examples = [{"value": np.full(3, i, np.int64), "label": i % 2} for i in range(10)]
        tfds.dataset_builders.store_as_tfds_dataset(
            name=name,
            version="1.0.0",
            data_dir=folder,
            features=tfds.features.FeaturesDict(
                {
                    "value": tfds.features.Tensor(shape=(3,), dtype=np.int64),
                    "label": tfds.features.ClassLabel(num_classes=2),
                }
            ),
            split_datasets={"train": list(enumerate(examples))},
            disable_shuffling=True,
        )
    # That function knows no pairs; a builder class would write this line.
    info = folder / "pair_set" / "1.0.0" / "dataset_info.json"
    items = [{"featureKey": "value"}, {"featureKey": "label"}]
    described = {**json.loads(info.read_text()), "supervisedKeys": {"tuple": {"items": items}}}
    info.write_text(json.dumps(described))
    return folder


def test_tfds_prepared_on_disk_needs_no_network(prepared, offline):
    (x, y), (x_test, y_test) = mk.data.load("pair_set", data_dir=prepared)
    assert (x.shape, y.shape, x_test.shape) == ((8, 3), (8,), (2, 3))
    assert sorted([*x[:, 0], *x_test[:, 0]]) == list(range(10))
    assert y_test.tolist() == (x_test[:, 0] % 2).tolist()
    again = mk.data.load("pair_set", data_dir=prepared)
    np.testing.assert_array_equal(again[0][0], x)
    train, test = mk.data.load(
        "pair_set:1.0.0", True, splits=("train[:3]", "train[3:]"), data_dir=prepared
    )
    assert (int(train.cardinality()), int(test.cardinality())) == (3, 7)


def test_tfds_without_pairs_gives_dicts(prepared, offline):
    with pytest.raises(ValueError, match=r"'plain_set' have no pair .*as_dataset=True"):
        mk.data.load("plain_set", data_dir=prepared)
    train, _ = mk.data.load("plain_set", as_dataset=True, data_dir=prepared)
    assert sorted(train.element_spec) == ["label", "value"]


def test_info_of_own_and_of_prepared_data(prepared, offline):
    for name in ("digits",):
        known, ((x, y), (x_test, y_test)) = mk.data.info(name), mk.data.load(name)
        assert known.sizes == {"train": len(x), "test": len(x_test)}
        assert len(known.classes) == len(set(y.tolist() + y_test.tolist()))
    known = mk.data.info("pair_set", data_dir=prepared)
    assert known.name == "pair_set/1.0.0"
    assert known.sizes == {"train": 10}
    assert known.classes == ["0", "1"]
    with pytest.raises(ValueError, match="Did you mean 'digits'"):
        mk.data.info("digit")
    with pytest.raises(TypeError, match="must be a string"):
        mk.data.info(3)


def test_an_unknown_name_lists_the_near_ones(offline):
    with pytest.raises(ValueError, match=r"Did you mean 'digits'\? Received: name='digit'"):
        mk.data.load("digit")
    with pytest.raises(ValueError, match=r"'mnist'.*Received: name='mnistt'"):
        mk.data.load("mnistt")
    with pytest.raises(ValueError, match=r"tfds.list_builders\(\)\. Received: name='qqzzqqzz'"):
        mk.data.load("qqzzqqzz")


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "message"),
    [
        ((3,), {}, TypeError, r"`name` must be a string. Received: name=3"),
        (("digits", "yes"), {}, TypeError, r"as_dataset='yes'"),
        (("digits",), {"splits": ("train", "test")}, ValueError, r"`splits` is for names of Tens"),
        (("mnist",), {"splits": "train"}, TypeError, r"splits='train'"),
        (("digits",), {"data_dir": "/x"}, ValueError, r"data_dir='/x'"),
    ],
)
def test_wrong_arguments(args, kwargs, error, message):
    with pytest.raises(error, match=message):
        mk.data.load(*args, **kwargs)
