# ---
# jupyter:
#   mlkit:
#     title: Start here
#     line: "what is installed, what belongs to what, two reading paths, and where to ask"
#     seconds: 40
#     data: "digits (in mlkit)"
#     covers:
#     - devices
#     - keras and tf.keras
#     - tf.config
#     - reading paths
#     - where to ask
#     - ecosystem
#     - dir(tf)
# ---

# %% [markdown]
# # 00 Start here
#
# {colab}
#
# > * **You will** see a network learn within a minute, find out what is installed on your
# >   machine, learn which name belongs to which library, and choose a path through the other
# >   notebooks.
# > * **You need** Python and some curiosity.
# > * **It takes** twenty minutes to read and less than a minute to run.
# > * **The data** are 1,797 handwritten digits that come with mlkit.

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
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import mlkit as mk

plt.style.use("mlkit.plotting.plain")
(images, labels), (test_images, test_labels) = mk.data.load("digits")
print(f"digits from the package mlkit: {len(images)} to learn from, {len(test_images)} held out")
mk.utils.set_random_seed(0)
layers = [mk.layers.Flatten(), mk.layers.Dense(64, activation="relu"), mk.layers.Dense(10)]
model = mk.Sequential([mk.Input((8, 8, 1)), mk.layers.Rescaling(1 / 16), *layers])
cross_entropy = mk.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile("adam", cross_entropy, metrics=["accuracy"])
held_out = (test_images, test_labels)
history = mk.fit(model, images, labels, epochs=20, validation_data=held_out, verbose=0)
history.plot()

# %% [markdown]
# That was a whole job: load, build, train, measure on pictures that were held back, and draw. It
# took some twenty lines, and most of them are ordinary Python. If you have understood every line,
# begin with the path that suits you, below. If not, every line is explained in one of the
# notebooks. Over five seeds this network had between 0.961 and 0.972 of the held-out digits
# right.
#
# When TensorFlow starts, it may write a few lines about your processor or a graphics card that is
# not there. They are information, and nothing is wrong.

# %%
assert history["val_accuracy"][-1] > 0.94, "worst of five seeds 0.961, less a margin"
logits = model.predict(test_images, verbose=0)
mk.plotting.worst_mistakes(test_images, test_labels, logits, count=6, from_logits=True)

# %% [markdown]
# ## What is on this machine?
#
# Two questions come before all others: which versions do I have, and which **devices** does
# TensorFlow see? A graphics card that is in the machine and not in this list is not used, and the
# training is simply slow. By hand you ask each library for its version, and `tf.config` for the
# devices.

# %%
import keras

by_hand = {"tensorflow": tf.__version__, "keras": keras.__version__}
print(by_hand, "| mlkit", mk.__version__)
print("devices:", [device.device_type for device in tf.config.list_physical_devices()])

# %% [markdown]
# `tf.config` is also the place where devices are arranged, and it has to be done before the first
# tensor is made. Three things are asked most often. To share a graphics card, call
# `tf.config.experimental.set_memory_growth`, for otherwise TensorFlow takes all of its memory at
# once. To hide a card, `tf.config.set_visible_devices`. And to try a program for several devices
# on a machine that has one, split its processor with
# `tf.config.set_logical_device_configuration`.
#
# The command `mlkit doctor` asks the same and more, in a process of its own: whether the versions
# fit together, whether XLA compiles, whether mixed precision works, and if a card is not seen,
# why not and what mends it. In a terminal it prints a table. Here we take its findings as data.

# %%
import contextlib
import io
import json

from mlkit.cli import main as mlkit_command

with contextlib.redirect_stdout(io.StringIO()) as printed:
    mlkit_command(["doctor", "--json"])
findings = {f["name"]: f for f in json.loads(printed.getvalue())["findings"]}
for name in ("Python", "tensorflow", "keras", "devices", "XLA"):
    words = findings[name]["found"].partition(" on ")[0].partition(" (")[0]
    print(f"{name:11s} {findings[name]['status']:7s} {words}")
assert all(findings[name]["found"] == version for name, version in by_hand.items()), "they agree"

# %% [markdown]
# ## What belongs to what
#
# **TensorFlow** holds the tensors, the operations on them, the derivatives, the graphs and the
# devices. **Keras** is the library of layers, losses, optimizers and the training loop. It is a
# project of its own, which since version 3 can compute with TensorFlow, JAX or PyTorch. **mlkit**
# needs the TensorFlow side. It shows all of Keras and of `tf.data` under their known names, and
# adds parts and loops of its own. Nothing of Keras is replaced: `mk.layers.Dense` *is* the layer
# of Keras, the same object.

# %%
assert mk.layers.Dense is keras.layers.Dense, "the same object under a shorter name"
ours = set(dir(mk.layers)) - set(dir(keras.layers))
print(f"{len([n for n in ours if n[0].isupper()])} layers of our own, such as", end=" ")
print(", ".join(sorted(n for n in ours if n[0].isupper())[:5]))

# %% [markdown]
# ## keras and tf.keras
#
# Older texts say: use `tf.keras`, for the standalone `keras` may lag behind. Today it is the
# other way around. Keras is the implementation, and `tf.keras` is a view of it. The view still
# has spellings from older days, such as `MSE`, and lacks other things, such as `saving` and
# losses that are plain functions. The classes are the same objects, so they can be mixed; but
# **import keras**, or mlkit, and you have the whole. Let us ask both what they have.

# %%
spaces = ["layers", "losses", "metrics", "optimizers", "callbacks", "utils"]
only = {}
for space in spaces:
    a, b = dir(getattr(keras, space)), dir(getattr(tf.keras, space))
    a, b = ({name for name in names if not name.startswith("_")} for names in (a, b))
    only[space] = (len(a - b), len(b - a))
figure, axis = plt.subplots(figsize=(6.4, 2.8))
places = np.arange(len(spaces))
of_keras, of_view = zip(*only.values(), strict=True)
style = {"color": "#E69F00", "hatch": "//"}
axis.bar_label(axis.bar(places - 0.2, of_keras, 0.4, label="only in keras"))
axis.bar_label(axis.bar(places + 0.2, of_view, 0.4, label="only in tf.keras", **style))
axis.set(ylabel="names", xticks=places, xticklabels=spaces)
axis.set_title("The two namespaces are not the same")
axis.legend()
plt.show()
assert tf.keras.layers.Dense is keras.layers.Dense, "one class, two names"
assert hasattr(keras, "saving"), "keras has saving"
assert not hasattr(tf.keras, "saving"), "tf.keras has not"

# %% [markdown]
# ## Trap: names from old tutorials
#
# The web is full of programs for TensorFlow 1 and 2.0. Some names are gone and raise at once,
# which is honest. Others are still there and fail later. Estimators, once called the high-level
# interface, are gone; Keras is the high-level interface now. `tf.feature_column` can still be
# imported, and nothing can take its columns any more: preprocessing layers do that work.
# TensorFlow Addons ended in 2024; most of its parts live on in Keras or in mlkit, and README has
# the list.

# %%
old = {
    "tf.estimator": hasattr(tf, "estimator"),
    "tf.Session": hasattr(tf, "Session"),
    "tf.placeholder": hasattr(tf, "placeholder"),
    "tf.feature_column": hasattr(tf, "feature_column"),
    "tf.keras.layers.DenseFeatures": hasattr(tf.keras.layers, "DenseFeatures"),
}
for name, there in old.items():
    print(f"{name:30s} {'still there' if there else 'gone'}")
assert old["tf.feature_column"], "one door is still there"
assert not old["tf.keras.layers.DenseFeatures"], "and leads nowhere"

# %% [markdown]
# When a program from the web fails, ask first how old it is. If it opens a session or fills
# placeholders, it was written before 2019; do not repair it, but take the idea and write it anew.
# If it only imports from `tensorflow.keras`, it usually works when you import the same names from
# `keras`.
#
# How does mlkit tell you? If the names of your libraries do not fit together, it refuses to be
# imported and says what to do; the most common case is Keras set to another backend.

# %%
elsewhere = {**os.environ, "KERAS_BACKEND": "jax"}
done = subprocess.run(
    [sys.executable, "-c", "import mlkit"], env=elsewhere, capture_output=True, text=True
)
message = done.stderr.strip().splitlines()[-1]
print(message.partition(". ")[0])
assert "KERAS_BACKEND" in message, "the sentence names what to change"

# %% [markdown]
# ## Find your way in dir(tf)
#
# TensorFlow has thousands of functions in some forty modules. Nobody knows them all. `dir(tf)`
# lists the modules, `dir(tf.math)` the functions of one, and `help(tf.math.top_k)` says what one
# does. A search through the first lines of the docstrings finds most things faster than the web
# does.


# %%
def search(module, *words):
    """The names in a module whose one-line description has all the words."""
    found = {}
    for name in dir(module):
        first = (getattr(module, name).__doc__ or "").strip().partition("\n")[0]
        if not name.startswith("_") and all(word in first.lower() for word in words):
            found[name] = first
    return found


for name, first in search(tf.math, "cumulative").items():
    print(f"tf.math.{name:22s} {first[:60]}")
assert "cumsum" in search(tf.math, "cumulative"), "found without knowing its name"

# %% [markdown]
# Where are they all? A count of the public names shows it. A handful of modules holds most of what
# you will ever call, and each has its notebook here.

# %%
where = {"math": "01", "linalg": "01", "random": "01", "nn": "10", "data": "09", "io": "09"}
where |= {"strings": "09", "summary": "06", "train": "12", "config": "00"}
sizes = {name: len([n for n in dir(getattr(tf, name)) if n[0] != "_"]) for name in where}
sizes = dict(sorted(sizes.items(), key=lambda pair: pair[1]))
figure, axis = plt.subplots(figsize=(6.4, 3.2))
bars = axis.barh([f"tf.{name}" for name in sizes], list(sizes.values()), color="#0072B2")
axis.bar_label(bars, [f"{size}, notebook {where[name]}" for name, size in sizes.items()], padding=3)
axis.set(xlabel="public names", ylabel="module", xlim=(0, 1.35 * max(sizes.values())))
axis.set_title("tf.math is the largest: look there first")
plt.show()
assert max(sizes, key=lambda name: sizes[name]) == "math", "more names than any of the others"

# %% [markdown]
# ## Two reading paths
#
# **The engineer's path** leads to a model that works and goes on working: [02
# Model](02_model.ipynb), [07 Classification](07_classification.ipynb), [08 Functional
# API](08_functional_api.ipynb), [09 Data API](09_data.ipynb), [06 Callbacks](06_callbacks.ipynb),
# and [03 Custom model](03_custom_model.ipynb) when something of your own has to be saved.
#
# **The researcher's path** leads to full control: [01 Tensors](01_tensors.ipynb), [10
# GradientTape](10_gradient_tape.ipynb), [11 tf.function](11_tf_function.ipynb), [12 Custom
# training loops](12_training_loops.ipynb), and then [05 Custom layers](05_custom_layers.ipynb)
# and [04 Custom losses and metrics](04_losses_metrics.ipynb).
#
# Every notebook stands on its own. Each does a thing first with nothing but TensorFlow, then with
# the helper, and asserts that both give the same. Each shows a trap: a mistake that raises
# nothing. And each ends with exercises, whose solutions are folded away and are run whenever the
# notebook is.
#
# How to work with them? Run a notebook from top to bottom first, and look at the pictures. Then
# change one number and say what will happen before you run the cell again. That is where most of
# the learning is. The exercises come last, and few of them need more than ten lines.
#
# ## The ecosystem
#
# * **KerasHub** has pretrained networks for text and pictures, **KerasTuner** searches for good
#   settings. Both belong to Keras.
# * **TensorFlow Datasets** has hundreds of data sets; `mk.data.load` takes their names.
#   **TensorBoard** draws what a run has written.
# * **LiteRT** runs models on phones, **TensorFlow.js** and ONNX Runtime in a browser, and
#   TensorFlow Serving behind a web address.
# * **TensorFlow Hub**, the Model Garden and Hugging Face's Transformers still turn up in
#   searches. The first two do not fit Keras 3, and the last has given TensorFlow up.
# * On Linux, Windows (there best inside WSL) and macOS all of it runs on the processor. For
#   graphics cards Linux is the place.
#
# ## Where to ask
#
# For "how do I", Stack Overflow with the tag *tensorflow* or *keras*, after a search. For "this
# is wrong", the issue trackers of the two projects on GitHub; an issue with twenty lines that
# anybody can run is answered first. For a discussion, the TensorFlow forum. In each case add what
# `mlkit doctor` prints.
#
# ## Exercises
#
# Run the check cell, then call the check on your own function.
#
# **1. Count without a loop.** Find the function in `tf.math` that counts how often each whole
# number occurs, and return how many training digits there are of each.


# %% tags=["exercise", "skip-execution"]
def my_count(labels): ...


# then: check_count(my_count)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def count(labels):
    return tf.math.bincount(tf.cast(labels, tf.int32))  # search(tf.math, "counts")


# %% tags=["check"]
def check_count(function):
    assert np.array_equal(function(labels), [np.sum(labels == digit) for digit in range(10)])
    return "right"


check_count(count)

# %% [markdown]
# **2. Is it ours?** Return "keras" if a name in `mk.layers` is Keras' own object, and "mlkit" if
# not.


# %% tags=["exercise", "skip-execution"]
def my_owner(name): ...


# then: check_owner(my_owner)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def owner(name):
    same = getattr(mk.layers, name) is getattr(keras.layers, name, None)
    return "keras" if same else "mlkit"


# %% tags=["check"]
def check_owner(function):
    assert [function(name) for name in ("Dense", "Maxout", "LSTM")] == ["keras", "mlkit", "keras"]
    return "right"


check_owner(owner)

# %% [markdown]
# **3. The worst mistakes, by hand.** Return the numbers of the held-out digits that `model` gets
# wrong, the one it was surest of first. How sure it is, is the largest of the ten probabilities
# (`tf.nn.softmax` of the logits).


# %% tags=["exercise", "skip-execution"]
def my_mistakes(logits, labels): ...


# then: check_mistakes(my_mistakes)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def mistakes(logits, labels):
    chances = tf.nn.softmax(logits).numpy()
    wrong = np.flatnonzero(chances.argmax(axis=1) != labels)
    return wrong[np.argsort(-chances[wrong].max(axis=1), kind="stable")]


# %% tags=["check"]
def check_mistakes(function):
    found = np.array(function(logits, test_labels))
    right = np.mean(logits.argmax(axis=1) == test_labels)
    assert len(found) == round((1 - right) * len(test_labels)), "all that are wrong"
    sure = tf.reduce_max(tf.nn.softmax(logits), axis=1).numpy()[found]
    assert (np.diff(sure) <= 0).all(), "the surest first"
    return "right"


check_mistakes(mistakes)

# %% [markdown]
# **4. Which version is newer?** As strings, "2.9" comes after "2.21". Write a function that says
# whether a version is at least another one, number by number.


# %% tags=["exercise", "skip-execution"]
def my_at_least(version, wanted): ...


# then: check_at_least(my_at_least)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def at_least(version, wanted):
    numbers, asked = ([int(part) for part in text.split(".")] for text in (version, wanted))
    return numbers >= asked  # lists are compared from the left


# %% tags=["check"]
def check_at_least(function):
    assert "2.9" > "2.21", "the trap"
    assert function("2.21.0", "2.9") and not function("2.9", "2.21"), "number by number"
    assert function(".".join(tf.__version__.split(".")[:2]), "2.21"), "what mlkit asks for"
    return "right"


check_at_least(at_least)

# %% [markdown]
# ## Recap
#
# * `mlkit doctor` says what is installed, what is seen and what mends the rest.
# * Keras is the implementation, `tf.keras` a view of it, and mlkit shows all of Keras and more.
# * Old names are gone or lead nowhere. Search `dir(tf)` before you search the web.
#
# **Next:** [01 Tensors](01_tensors.ipynb), or the path of your choice.
