# ---
# jupyter:
#   mlkit:
#     title: Data API
#     line: "from files to batches: pipelines, records, windows, and splits that do not leak"
#     seconds: 45
#     data: "digits (in mlkit), the weather of Seattle (vega_datasets)"
#     covers:
#     - tf.data
#     - tf.io
#     - TFRecord
#     - preprocessing layers
#     - image_dataset_from_directory
#     - interleave
#     - window
#     - generators
#     - cache
#     - prefetch
#     - class weights
#     - TensorFlow Datasets
# ---

# %% [markdown]
# # 09 Data API
#
# {colab}
#
# > * **You will** turn files into batches with `tf.data`, measure a leak that most pipelines on
# >   the web have, and make a pipeline fast without changing what it gives.
# > * **You need** notebooks 01 and 02.
# > * **It takes** forty-five minutes to read and less than a minute to run.
# > * **The data** are the digits that come with mlkit, written as PNG files, and four years of
# >   the weather of Seattle, from vega_datasets, written as CSV.

# %%
# Installs what is missing: on Colab everything, elsewhere nothing.
import importlib.util
import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if importlib.util.find_spec("mlkit") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "mlkit-tf[tutorials]"]
    subprocess.run(pip, check=True)

# %%
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from vega_datasets import local_data

import mlkit as mk

plt.style.use("mlkit.plotting.plain")
tf.get_logger().setLevel("ERROR")  # many short pipelines, each with graphs: no warning
SEED = 0
(images, labels), held_out = mk.data.load("digits")
for digit in range(10):
    Path("digits", str(digit)).mkdir(parents=True, exist_ok=True)
for number, (image, label) in enumerate(zip(images, labels, strict=True)):
    png = tf.io.encode_png(image * 15)  # 0 to 16 becomes 0 to 240
    Path("digits", str(label), f"{number:04d}.png").write_bytes(png.numpy())
print(f"digits from the package mlkit: {len(images)} PNG files in ten folders")
mk.plotting.show_batch(mk.data.read_images("digits", 8, color="grayscale"), count=12)

# %% [markdown]
# This is how data usually arrive: a folder for each class and a file for each picture. Look at
# your data before you do anything else. Here the first twelve files come from one folder, so they
# all show the same digit; whoever trains on files in this order trains on nothing but zeros first.
#
# ## A pipeline, raw
#
# A `tf.data.Dataset` is a recipe: where elements come from, and what happens to them on the way.
# Nothing is read until somebody iterates. `map` changes each element, `batch` joins so many of
# them, `filter` drops some. The functions of `tf.io` read and decode.


# %%
def read(file):
    """The picture in a file, and the number of its folder."""
    picture = tf.io.decode_png(tf.io.read_file(file), channels=1)
    return picture, tf.strings.to_number(tf.strings.split(file, os.sep)[-2], tf.int32)


files = sorted(tf.io.gfile.glob("digits/*/*.png"))
raw = tf.data.Dataset.from_tensor_slices(files).map(read).batch(32)
print(*raw.element_spec, sep="\n")

# %% [markdown]
# ## The same with one call
#
# Keras has `image_dataset_from_directory`, which gives floating-point batches. mlkit has
# `read_images`, a source whose elements can be taken by number, and `pipeline`, which shuffles,
# batches, maps, augments and prefetches in the right order. All three must give the same
# pictures.

# %%
settings = {"image_size": (8, 8), "color_mode": "grayscale", "shuffle": False, "verbose": False}
keras_way = mk.utils.image_dataset_from_directory("digits", **settings)
source = mk.data.read_images("digits", 8, color="grayscale")
ours = mk.data.pipeline(source, 32, training=False)
for one, two, three in zip(raw, ours, keras_way, strict=True):
    assert np.array_equal(one[0], two[0]), "the pictures by hand and by the helper"
    assert np.array_equal(one[1], two[1]), "and their labels"
    assert np.array_equal(one[0], three[0]), "and those of Keras"

# %% [markdown]
# ## Small steps
#
# Every recipe is made of a dozen steps. Here are five that come up again and again, on numbers
# that you can check in your head. `interleave` reads several files in turn, which mixes them and
# hides the slowness of one disk. `window` cuts a series into pieces.

# %%
numbers = tf.data.Dataset.range(8)


def twice(n):
    return tf.data.Dataset.from_tensors(n).repeat(2)  # stands for a file


chains = {
    "filter": numbers.filter(lambda n: n % 3 == 0),
    "map": numbers.map(lambda n: n * n),
    "batch": numbers.batch(3),
    "interleave": tf.data.Dataset.range(3).interleave(twice, cycle_length=3),
    "window": numbers.window(3, shift=2, drop_remainder=True).flat_map(lambda w: w.batch(3)),
}
for name, chain in chains.items():
    print(f"{name:11s}", [element.tolist() for element in chain.as_numpy_iterator()])
assert list(chains["interleave"]) == [0, 1, 2, 0, 1, 2], "in turn"

# %% [markdown]
# Generators of Python fit in too, by `from_generator`. They are slow, one element at a time, and
# they cannot be taken up in the middle after a crash. Ask before a long run:

# %%
counted = tf.data.Dataset.from_generator(
    lambda: iter(range(8)), output_signature=numbers.element_spec
)
try:
    mk.data.check_resumable(counted)
    message = None
except ValueError as error:
    message = str(error)
    print(*(line[:100] for line in message.splitlines()), sep="\n")
assert message is not None and "from_generator" in message, "refused, and named"

# %% [markdown]
# ## How well does a buffer mix?
#
# `shuffle(buffer_size)` keeps a buffer and draws from it. An element can therefore appear late,
# but never earlier than the buffer reaches. With files sorted by class and a buffer of a hundred,
# the first batches still hold one digit. `mk.data.shuffle` computes a random order of the
# whole set by number, and keeps nothing in memory.

# %%
count = len(files)
places = tf.data.Dataset.range(count)
orders = {
    "buffer of 100": places.shuffle(100, seed=1),
    "buffer of 1,000": places.shuffle(1000, seed=1),
    "mk.data.shuffle": mk.data.shuffle(np.arange(count), seed=1),
}
figure, axes = plt.subplots(1, 3, figsize=(8.4, 2.8), sharey=True)
mixed = {}
for axis, (name, order) in zip(axes, orders.items(), strict=True):
    drawn = np.array(list(order.as_numpy_iterator()))
    mixed[name] = abs(np.corrcoef(np.arange(count), drawn)[0, 1])
    axis.plot(drawn, ".", markersize=1.5)
    axis.set(xlabel="place in the epoch", title=f"{name}\ncorrelation {mixed[name]:.2f}")
axes[0].set(ylabel="place in the files")
figure.suptitle("A small buffer hardly mixes: what came first stays first")
plt.show()
assert mixed["buffer of 100"] > 0.9, "nearly sorted still"
assert mixed["mk.data.shuffle"] < 0.1, "no order is left"

# %% [markdown]
# ## Trap: the split that leaks
#
# The usual recipe on the web: shuffle, `take` some for validation, `skip` these for training. It
# reads well. But `shuffle` draws **another order each time it is iterated**, so both parts are
# drawn anew in every epoch, and independently. After a few epochs the training has seen every
# example of the validation set. No error; the validation accuracy is only a little too good to
# be true.

# %%
fifth = count // 5


def parts(reshuffle):
    """A validation and a training set by take and skip, of the numbers of the examples."""
    order = places.shuffle(count, seed=SEED, reshuffle_each_iteration=reshuffle)
    return order.take(fifth), order.skip(fifth)


def seen_share(validation, training, epochs=6):
    """After each epoch: which share of one validation set the training has met."""
    watched, met, shares = set(validation.as_numpy_iterator()), set(), []
    for _ in range(epochs):
        met |= set(training.as_numpy_iterator())
        shares.append(len(watched & met) / len(watched))
    return shares


train_ids, watch_ids = mk.data.split(np.arange(count), (0.8, 0.2), seed=SEED)
leaks = {
    "take and skip": seen_share(*parts(reshuffle=True)),
    "the same, not reshuffled": seen_share(*parts(reshuffle=False)),
    "mk.data.split": seen_share(
        tf.data.Dataset.from_tensor_slices(watch_ids), tf.data.Dataset.from_tensor_slices(train_ids)
    ),
}

# %%
figure, axis = plt.subplots(figsize=(6.4, 2.8))
for place, (name, shares) in enumerate(leaks.items()):
    axis.bar(
        np.arange(1, 7) + 0.27 * (place - 1), shares, 0.25, label=name, hatch=["", "//", "x"][place]
    )
axis.set(xlabel="epochs of training", ylabel="share of validation seen", ylim=(0, 1.35))
axis.set_title("take and skip after a shuffle: after two epochs nearly all has leaked")
axis.legend(loc="upper center", ncols=3)
plt.show()
assert leaks["take and skip"][2] > 0.95, "nearly all of it has leaked"
assert leaks["the same, not reshuffled"][-1] == 0, "one order for good: no overlap"
assert leaks["mk.data.split"][-1] == 0, "nor with a split by number"

# %% [markdown]
# `reshuffle_each_iteration=False` mends it, at a price: training now sees the same order in every
# epoch. `mk.data.split` cuts the numbers **before** any shuffling. It can also keep the share of
# each class (`stratify`), keep what belongs together on one side (`groups`), or decide by a hash
# of the content, so that equal pictures never part. And `mk.data.overlap` tells whether two sets
# share examples, whoever made them.
#
# Which of them should you use? If your examples are independent, a split by number. If several
# belong to one patient, one camera or one day, a split by group, or the net is asked about
# people it already knows. If new examples arrive every week, a split by hash: each example stays
# on its side for ever.
#
# How much does the leak flatter? Give a third of the pictures wrong labels, which nobody can
# predict. Honest validation then cannot be much better than two thirds.

# %%
lots = np.random.default_rng(3)
noisy = np.where(lots.random(count) < 0.33, lots.integers(0, 10, count), labels)
pixels = images.reshape(-1, 64).astype("float32") / 16


def watched_accuracy(watch, train):
    """Train on one set of numbers, watch another; the accuracy on the watched one."""
    mk.utils.set_random_seed(SEED)
    hidden = mk.layers.Dense(256, activation="relu")
    model = mk.Sequential([mk.Input((64,)), hidden, mk.layers.Dense(10)])
    cross_entropy = mk.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(mk.optimizers.Adam(5e-3), cross_entropy, metrics=["accuracy"])

    def look_up(ids):
        return tf.gather(pixels, ids), tf.gather(noisy, ids)

    train, watch = (part.batch(64).map(look_up) for part in (train, watch))
    log = model.fit(train, epochs=40, validation_data=watch, shuffle=False, verbose=0)
    return log.history["val_accuracy"][-1]


honest = watched_accuracy(*parts(reshuffle=False))
flattered = watched_accuracy(*parts(reshuffle=True))
print(f"accuracy on wrong labels: honest {honest:.2f}, with the leak {flattered:.2f}")
assert flattered > honest + 0.03, "over five seeds 0.05 to 0.17 better than it is"

# %% [markdown]
# ## Tables: CSV, and preprocessing layers
#
# The weather of Seattle, day by day. Raw: lines of text, `tf.io.decode_csv` with a default for
# each column, which also fixes its type. `mk.data.read_csv` finds the types by itself, and names
# the line of a row that is broken.

# %%
local_data.seattle_weather().to_csv("weather.csv", index=False)
defaults = ["", 0.0, 0.0, 0.0, 0.0, ""]
lines = tf.data.TextLineDataset("weather.csv").skip(1)
rows = lines.map(lambda line: tf.io.decode_csv(line, defaults))
table = mk.data.read_csv("weather.csv").rows
print(f"weather from vega_datasets: {len(table['date'])} days;", ", ".join(table))
for name, column in zip(table, zip(*rows.as_numpy_iterator(), strict=True), strict=True):
    assert np.array_equal(column, table[name]), f"column {name}: by hand and by the helper"

# %% [markdown]
# **Preprocessing layers** turn raw columns into numbers inside the model or the pipeline:
# `Normalization` learns mean and deviation, `StringLookup` a vocabulary. They learn with `adapt`,
# and they must learn **from the training part alone**; adapted to everything, they carry news from
# the test set. A series is cut by time, never by lot: three years to learn, one to judge.

# %%
warmth = table["temp_max"].numpy()
past, future = warmth[: 3 * 365], warmth[3 * 365 :]
words = mk.layers.StringLookup(output_mode="one_hot")
words.adapt(table["weather"][: 3 * 365])
print(
    [str(word) for word in words.get_vocabulary()],
    "->",
    words(["rain"]).numpy().astype(int)[0].tolist(),
)
normalise = mk.layers.Normalization(axis=None)
normalise.adapt(past)
centre, spread = (float(np.squeeze(v)) for v in (normalise.mean, normalise.variance**0.5))
assert np.isclose(centre, past.mean(), atol=1e-3), "from the past alone"

# %% [markdown]
# ## Windows of a series
#
# To forecast tomorrow from the last fortnight, cut windows of fourteen days and the day that
# follows. Raw `window` gives data sets of data sets, which have to be flattened again;
# `mk.data.windows` gives pairs.


# %%
def halves(piece):
    return piece[:14], piece[14:]


cut = tf.data.Dataset.from_tensor_slices(past).window(15, shift=1, drop_remainder=True)
flat = cut.flat_map(lambda piece: piece.batch(15)).map(halves)
helper = mk.data.windows(past, 14)
for (one, after), (two, next_day) in zip(flat, helper, strict=True):
    assert np.array_equal(one, two) and np.array_equal(after, next_day), "the same windows"

# %%
mk.utils.set_random_seed(SEED)
back = mk.layers.Rescaling(spread, offset=centre)
forecast = mk.Sequential([mk.Input((14,)), normalise, mk.layers.Dense(1), back])
forecast.compile(mk.optimizers.Adam(0.01), "mae")
mk.fit(forecast, mk.data.pipeline(helper, 32, seed=1, epochs=1), epochs=20, verbose=0)
x_new, y_new = next(iter(mk.data.pipeline(mk.data.windows(future, 14), 400, training=False)))
said = forecast(x_new).numpy()
of_model = float(np.abs(said - y_new).mean())
of_yesterday = float(np.abs(x_new[:, -1:] - y_new).mean())
figure, axis = plt.subplots(figsize=(6.4, 2.8))
axis.plot(y_new[:90], label="as it was")
axis.plot(said[:90], label=f"forecast: off by {of_model:.2f} degrees")
axis.set(xlabel="day", ylabel="highest temperature, °C")
axis.set_title(f"A little better than 'as yesterday', which is off by {of_yesterday:.2f}")
axis.legend()
plt.show()
assert of_model < of_yesterday, "better than yesterday's weather"

# %% [markdown]
# ## Records
#
# Thousands of small files are slow, on a network disk above all. A **TFRecord** file holds many
# examples in one, each as a message of type `tf.train.Example`. Raw, you write a function that
# packs and another one that unpacks, and nothing checks that they fit. `mk.data.write_records`
# keeps the schema beside the files, and verifies what it reads.


# %%
def pack(image, label):
    """One example as the bytes of a message."""
    png = tf.train.BytesList(value=[tf.io.encode_png(image).numpy()])
    number = tf.train.Int64List(value=[int(label)])
    parts = {
        "image": tf.train.Feature(bytes_list=png),
        "label": tf.train.Feature(int64_list=number),
    }
    return tf.train.Example(features=tf.train.Features(feature=parts)).SerializeToString()


def unpack(message):
    schema = {"image": tf.io.FixedLenFeature([], tf.string)}
    schema["label"] = tf.io.FixedLenFeature([], tf.int64)
    example = tf.io.parse_single_example(message, schema)
    return tf.io.decode_png(example["image"], channels=1), example["label"]


with tf.io.TFRecordWriter("digits.tfrecord") as writer:
    for image, label in zip(images, labels, strict=True):
        writer.write(pack(image, label))
by_hand = tf.data.TFRecordDataset("digits.tfrecord").map(unpack)
mk.data.write_records((images, labels), "records", shards=4, encode={"0": "png"})
by_helper = mk.data.read_records("records")
for one, two, image, label in zip(by_hand, by_helper, images, labels, strict=True):
    assert np.array_equal(one[0], image) and np.array_equal(two[0], image), "not a bit is lost"
    assert one[1] == label and two[1] == label, "nor a label"

# %% [markdown]
# ## Faster, with the same elements
#
# Where does the time go? First do the work once: `cache` keeps what was decoded, and belongs
# **after** decoding and **before** shuffling and augmenting. A cache after a shuffle keeps one
# order for ever, and nothing says so. Then work on batches: a function that sees 32 pictures in
# one call is cheaper than 32 calls. Then let the next batch be made while the last one is used:
# `prefetch`, always at the end.


# %%
def scale(picture, label):
    return tf.cast(picture, tf.float32) / 255, label


opened = tf.data.Dataset.from_tensor_slices(files).map(read)
ladder = {
    "read, scale, batch": opened.map(scale).batch(32),
    "scale the batch": opened.batch(32).map(scale),
    "and cache": opened.cache().batch(32).map(scale),
    "and prefetch": opened.cache().batch(32).map(scale).prefetch(tf.data.AUTOTUNE),
    "mk.data.pipeline": mk.data.pipeline(source, 32, training=False, map=scale),
}
speeds = {}
for name, rung in ladder.items():
    total = sum(float(tf.reduce_sum(picture)) for picture, _ in rung)
    assert np.isclose(total, images.sum() * 15 / 255, rtol=1e-4), "faster, and the same pictures"
    speeds[name] = mk.data.benchmark(rung, seconds=0.3).rate / 1000

# %%
figure, axis = plt.subplots(figsize=(6.4, 2.6))
axis.barh(list(speeds), list(speeds.values()), color="#0072B2")
axis.invert_yaxis()
axis.set(xlabel="thousand pictures a second, on this machine", ylabel="pipeline")
axis.set_title("Most is won by doing the work once")
plt.show()

# %% [markdown]
# The numbers are of one machine, so no assert depends on them. `print(mk.data.benchmark(...))`
# of a pipeline says which stage is the slow one and what would help. If it is faster than your
# training step, stop here.
#
# ## Rare classes
#
# If one class is rare, a net may ignore it and still be right most of the time. Two remedies:
# weigh each rare example more, or show it more often. Both belong **after** the split, or copies
# of one example end up on both sides.

# %%
keep = (labels != 0) | (np.arange(count) % 10 == 0)  # a tenth of the zeros is left
few = (images[keep], labels[keep])
by_hand = {d: keep.sum() / (10 * np.sum(few[1] == d)) for d in range(10)}
weights = mk.data.class_weights(few[1])
assert np.allclose([weights[d] for d in range(10)], list(by_hand.values())), "n / (classes · count)"
evened = np.array([int(label) for _, label in mk.data.oversample(few, labels=1)])
print("zeros:", np.sum(few[1] == 0), "of", keep.sum(), "->", np.sum(evened == 0), "of", len(evened))
assert len(set(np.bincount(evened))) == 1, "every class as often as the largest"

# %% [markdown]
# ## A thousand sets by name
#
# `mk.data.load` takes any name of **TensorFlow Datasets** and downloads it once. Without a
# network a pipeline can still be tried: `mock_data` gives elements of the right shape and type,
# with random content. Never draw a conclusion from them.

# %%
import logging

import tensorflow_datasets as tfds

logging.getLogger("absl").setLevel("ERROR")  # it warns of its own mocking
with tfds.testing.mock_data(num_examples=6):
    mock: Any = tfds.load("mnist", split="train", as_supervised=True)
    picture, label = next(iter(mock.batch(6)))
print("mnist, mocked:", picture.shape, picture.dtype.name, label.dtype.name)
assert picture.shape == (6, 28, 28, 1), "the shape of the real thing"

# %% [markdown]
# ## Exercises
#
# Run the check cell, then call the check on your own function.
#
# **1. A stratified split by hand.** Give the numbers of the examples of two parts, four fifths
# and one fifth of **each class** (to one example), without overlap.


# %% tags=["exercise", "skip-execution"]
def my_stratified(labels): ...


# then: check_stratified(my_stratified)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def stratified(labels):
    members = [np.flatnonzero(labels == kind) for kind in np.unique(labels)]
    members = [np.random.default_rng(0).permutation(of_class) for of_class in members]
    cuts = [round(0.8 * len(of_class)) for of_class in members]
    pairs = list(zip(members, cuts, strict=True))
    return np.concatenate([m[:c] for m, c in pairs]), np.concatenate([m[c:] for m, c in pairs])


# %% tags=["check"]
def check_stratified(function):
    most, rest = function(labels)
    assert sorted([*most, *rest]) == list(range(len(labels))), "every example once"
    wanted = 0.2 * np.bincount(labels)
    assert np.abs(np.bincount(labels[rest], minlength=10) - wanted).max() <= 1, "of each class"
    return "right"


check_stratified(stratified)

# %% [markdown]
# **2. Records of anything.** Give a `tf.data.Dataset` of the pairs (date, warmth) that were written
# as messages with the features `date` (bytes) and `warmth` (one float) to `days.tfrecord`.

# %%
with tf.io.TFRecordWriter("days.tfrecord") as writer:
    for date, degrees in zip(table["date"].numpy(), warmth, strict=True):
        day = tf.train.Feature(bytes_list=tf.train.BytesList(value=[date]))
        number = tf.train.Feature(float_list=tf.train.FloatList(value=[degrees]))
        features = tf.train.Features(feature={"date": day, "warmth": number})
        writer.write(tf.train.Example(features=features).SerializeToString())


# %% tags=["exercise", "skip-execution"]
def my_days(file): ...


# then: check_days(my_days)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def days(file):
    schema = {"date": tf.io.FixedLenFeature([], tf.string)}
    schema["warmth"] = tf.io.FixedLenFeature([], tf.float32)

    def parse(message):
        example = tf.io.parse_single_example(message, schema)
        return example["date"], example["warmth"]

    return tf.data.TFRecordDataset(file).map(parse)


# %% tags=["check"]
def check_days(function):
    dates, degrees = zip(*function("days.tfrecord").as_numpy_iterator(), strict=True)
    assert list(dates) == list(table["date"].numpy()), "the dates"
    assert np.array_equal(degrees, warmth), "and the degrees, to the bit"
    return "right"


check_days(days)

# %% [markdown]
# **3. Windows with a delay.** Today's weather is known only two days later. Give the pairs (seven
# days, the day three days after the last of them), as arrays, with plain NumPy or `tf.data`.


# %% tags=["exercise", "skip-execution"]
def my_delayed(series): ...


# then: check_delayed(my_delayed)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def delayed(series):
    pieces = np.lib.stride_tricks.sliding_window_view(series, 10)
    return pieces[:, :7], pieces[:, 9:]


# %% tags=["check"]
def check_delayed(function):
    expected = list(mk.data.windows(past, 7, gap=2).as_numpy_iterator())
    inputs, targets = (np.stack(part) for part in zip(*expected, strict=True))
    found = function(past)
    assert np.array_equal(found[0], inputs), "the seven days"
    assert np.array_equal(found[1], targets), "and the third day after them"
    return "right"


check_delayed(delayed)

# %% [markdown]
# **4. Mend the leak.** Write a function that gives a training and a validation set of the numbers
# 0 … n-1, in which the training set has another order in each epoch, and nothing leaks.


# %% tags=["exercise", "skip-execution"]
def my_parts(n): ...


# then: check_parts(my_parts)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def sound_parts(n):
    order = tf.data.Dataset.range(n).shuffle(n, seed=0, reshuffle_each_iteration=False)
    fifth = n // 5
    return order.skip(fifth).shuffle(n), order.take(fifth)


# %% tags=["check"]
def check_parts(function):
    training, validation = function(100)
    first, second = (list(training.as_numpy_iterator()) for _ in range(2))
    assert first != second and sorted(first) == sorted(second), "one set, another order"
    assert not set(first) & set(validation.as_numpy_iterator()), "nothing leaks"
    return "right"


check_parts(sound_parts)

# %% [markdown]
# ## Recap
#
# * A data set is a recipe. Shuffle by number, cache before the shuffle, work on batches, prefetch
#   last.
# * `take` and `skip` after a shuffle leak. Cut first, then shuffle; `mk.data.split` does.
# * Statistics come from the training part, and a series is cut by time.
# * Records keep many examples in one file; a round trip must not lose a bit.
#
# **Next:** [10 GradientTape](10_gradient_tape.ipynb) looks at what moves the weights.
