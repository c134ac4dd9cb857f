"""What every reader and helper gives, in `mk.fit`."""

import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk

N = 24
RNG = np.random.default_rng(0)
Y = np.arange(N) % 3
A = mk.data.augment
D = tf.data.Dataset


def folder(path, ending, write):
    for i in range(N):
        place = path / f"class {Y[i]}"
        place.mkdir(exist_ok=True)
        (place / f"{i}.{ending}").write_bytes(write(i))
    return path


def png(i):
    return tf.io.encode_png(RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)).numpy()


def wav(i):
    return tf.audio.encode_wav(RNG.uniform(-1, 1, (64, 1)).astype("f4"), 8000).numpy()


def small(*inputs):
    """Concatenates its inputs, of any rank and type, into three classes."""
    flat = [mk.layers.Flatten()(mk.ops.cast(x, "float32")) for x in inputs]
    hidden = flat[0] if len(flat) == 1 else mk.layers.Concatenate()(flat)
    return mk.Model(list(inputs) if len(inputs) > 1 else inputs[0], mk.layers.Dense(3)(hidden))


def of(shape, dtype="float32", name=None):
    return mk.Input(shape, dtype=dtype, name=name)


def images(path):
    source = mk.data.read_images(folder(path, "png", png), 8)
    train, test = mk.data.split(source, (0.75, 0.25), stratify=1)
    augment = [A.crop(), A.flip(), A.mixup(classes=3)]
    data = mk.data.pipeline(train, 6, augment=augment)
    held_out = mk.data.pipeline(test, 6, training=False, map=lambda x, y: (x, tf.one_hot(y, 3)))
    return small(of((8, 8, 3), "uint8")), data, {"validation_data": held_out}, "categorical"


def sounds(path):
    source = mk.data.read_audio(folder(path, "wav", wav), 64)
    return small(of((64,))), mk.data.pipeline(source, 6), {}, "sparse"


def texts(path):
    source = mk.data.read_text(folder(path, "txt", lambda i: f"some words, {i}".encode()))
    vectorise = mk.layers.TextVectorization(50, output_sequence_length=4)
    vectorise.adapt(source.map(lambda text, _: text).batch(8))
    data = mk.data.pipeline(source, 6, map=lambda text, y: (vectorise(text), y))
    return small(of((4,), "int64")), data, {}, "sparse"


def csv(path):
    text = "".join(f"{i},{i / 7},{Y[i]}\n" for i in range(N))
    (path / "a.csv").write_text("a,b,kind\n" + text)
    source = mk.data.read_csv(path / "a.csv", label="kind")
    spread = mk.data.statistics(source.map(lambda x, _: x["b"]))
    data = mk.data.pipeline(source, 6, map=lambda x, y: ({**x, "b": spread.normalize(x["b"])}, y))
    return small(of((), "int64", "a"), of((), "float32", "b")), data, {}, "sparse"


def pandas(path):
    frame = pytest.importorskip("pandas").DataFrame({"a": np.arange(N) / N, "kind": Y})
    weights = mk.data.class_weights(Y)
    data = mk.data.pipeline(frame, 6, map=lambda row: (row["a"][:, None], row["kind"]))
    return small(of((1,))), data, {"class_weight": weights}, "sparse"


def records(path):
    mk.data.write_records((RNG.normal(size=(N, 4)).astype("f4"), Y), path / "set", shards=2)
    data = mk.data.pipeline(mk.data.read_records(path / "set", resident=False), 6, cache=False)
    return small(of((4,))), data, {}, "sparse"


def windows(path):
    made = mk.data.windows(np.arange(float(N), dtype="f4")[:, None], 5, horizon=3)
    data = mk.data.pipeline(made, 6, map=lambda x, y: (x, y[..., 0]))
    return small(of((5, 1))), data, {}, "squared"


def buckets(path):
    words = tf.ragged.range(np.arange(N) % 7 + 1)
    data = mk.data.bucket((words, Y), [4, 8], 6)
    x = of((None,), "int32")
    hidden = mk.layers.GlobalAveragePooling1D()(mk.layers.Embedding(8, 4)(x))
    return mk.Model(x, mk.layers.Dense(3)(hidden)), data, {"steps_per_epoch": 4}, "sparse"


def packed(path):
    rows = mk.data.pack(tf.ragged.range(np.arange(N) % 5 + 1), 8)
    data = mk.data.pipeline(rows, 2, map=lambda row: (row, tf.reduce_max(row["segments"], 1) % 3))
    names = ("positions", "segments", "tokens")
    return small(*(of((8,), "int32", name) for name in names)), data, {}, "sparse"


def mixed(path):
    x = RNG.normal(size=(N, 4)).astype("f4")
    rare = mk.data.oversample((x, np.minimum(Y, 1)), 1)
    data = mk.data.mix([mk.data.pipeline(rare, 6), mk.data.pipeline((-x, Y), 6)], [2, 1])
    return small(of((4,))), data, {"steps_per_epoch": 4}, "sparse"


def spans(path):
    plain = D.from_tensor_slices((RNG.normal(size=(N, 10, 6)).astype("f4"), Y)).batch(6).repeat()
    data = mk.data.augment_batches(plain, [A.time_mask(3), A.frequency_mask(2)])
    return small(of((10, 6))), data, {"steps_per_epoch": 4}, "sparse"


LOSSES = {
    "sparse": mk.losses.SparseCategoricalCrossentropy(from_logits=True),
    "categorical": mk.losses.CategoricalCrossentropy(from_logits=True),
    "squared": mk.losses.MeanSquaredError(),
}
CASES = (images, sounds, texts, csv, pandas, records, windows, buckets, packed, mixed, spans)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_trains(case, tmp_path):
    model, data, options, loss = case(tmp_path)
    mk.data.check_resumable(data)
    model.compile("sgd", LOSSES[loss])
    history = mk.fit(model, data, epochs=2, verbose=0, **options)
    assert np.isfinite(history["loss"]).all()
    assert len(history["loss"]) == 2
