# ---
# jupyter:
#   mlkit:
#     title: Custom layers
#     line: "layers with weights and state of their own, and the one line that stops learning"
#     seconds: 45
#     data: "digits (in mlkit)"
#     covers:
#     - build
#     - add_weight
#     - state
#     - training flag
#     - activations
#     - initializers
#     - regularizers
#     - constraints
#     - Lambda
#     - saving
# ---

# %% [markdown]
# # 05 Custom layers
#
# {colab}
#
# > * **You will** write layers with weights, with a state and with a switch between training and
# >   use, and learn to tell a layer that learns from one that only looks as if it did.
# > * **You need** notebook 02; notebook 03 helps.
# > * **It takes** forty minutes to read and less than a minute to run.
# > * **The data** are the 1,797 handwritten digits that come with mlkit.

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
x = images.reshape(-1, 64).astype("float32") / 16
x_test = test_images.reshape(-1, 64).astype("float32") / 16
print(f"digits from the package mlkit: {len(x)} to learn from, {len(x_test)} held out")
inputs = np.linspace(-3, 3, 200).astype("float32")
figure, axis = plt.subplots()
for name in ("relu", "gelu", "tanh", "snake"):
    axis.plot(inputs, getattr(mk.activations, name)(inputs), label=name)
axis.set(xlabel="input", ylabel="output", title="An activation is a layer without weights: a bend")
axis.legend()
plt.show()

# %% [markdown]
# When is a layer of your own worth it? When something has weights or a state and is used more
# than once; when it must behave differently in training and in use; when you want it in a saved
# file. For a mere sum or a product you need no class: the operations in `mk.ops` can be called on
# symbolic inputs directly.
#
# ## A dense layer by hand
#
# Every layer is a function of its input and of numbers of its own. The plainest one multiplies by
# a matrix and adds a vector. In raw TensorFlow the numbers are variables that you hand to the
# function yourself, and keep somewhere, and remember to train and to save.


# %%
def dense_by_hand(inputs, kernel, bias):
    return inputs @ kernel + bias


# %% [markdown]
# ## The same as a layer
#
# A Keras layer does the remembering. Three methods are enough. `__init__` takes the settings, and
# keeps each under its own name. `build` is called once, with the shape of the first input, and
# makes the weights with `add_weight`. `call` computes. Two more make it a good citizen:
# `compute_output_shape` says what comes out without computing it, and `get_config` gives the
# settings back, so that a saved file can make the layer again.


# %%
@mk.saving.register_keras_serializable("tutorial")
class Dense(mk.Layer):
    """A dense layer with so many `units`."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        size = (shape[-1], self.units)
        self.kernel = self.add_weight(shape=size, initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        super().build(shape)

    def call(self, inputs):
        return mk.ops.matmul(inputs, self.kernel) + self.bias

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


# %% [markdown]
# Why `mk.ops` and not `tf`? `mk.ops` holds the operations of Keras and ours. They also work on
# symbolic inputs, before there are any data, and they follow the precision of the layer. Now we
# compare: by hand, with our layer, and with the layer of Keras, all with the same numbers.

# %%
ours, theirs = Dense(5), mk.layers.Dense(5)
from_ours = ours(x[:10])
theirs.build((None, 64))
theirs.set_weights(ours.get_weights())
by_hand = dense_by_hand(x[:10], *ours.get_weights())
assert np.abs(from_ours - theirs(x[:10])).max() < 1e-5, "the layer of Keras agrees"
assert np.abs(from_ours - by_hand).max() < 1e-5, "and so does the function"
assert len(ours.trainable_weights) == 2, "a kernel and a bias"

# %% [markdown]
# One call tries all that can go wrong later. Give it the class, its arguments, and the shape of
# an input.

# %%
report = mk.testing.check_layer(Dense, {"units": 3}, (2, 4), trains=True, verbose=False)
passed = [result.check for result in report.results if result.status == "passed"]
print(f"{len(passed)} checks passed, among them:", ", ".join(passed[5:9]))
assert report.ok, "nothing failed"

# %% [markdown]
# ## The trap: a variable that nobody knows
#
# Here are two layers that differ in one line. The second makes its kernel as a `tf.Variable`, as
# many older tutorials do, official ones among them. Keras 3 does not look for such variables. The
# layer computes, the model trains, predicts and saves. **No error, no warning.**


# %%
class Live(mk.Layer):
    """A kernel that Keras knows, and a relu; so many `units`."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        start = mk.initializers.RandomNormal(stddev=0.15, seed=1)
        self.kernel = self.add_weight(shape=(shape[-1], self.units), initializer=start)
        super().build(shape)

    def call(self, inputs):
        return mk.ops.relu(mk.ops.matmul(inputs, self.kernel))


class Frozen(Live):
    """The same, with a kernel that only TensorFlow knows; so many `units`."""

    def build(self, shape):
        start = mk.initializers.RandomNormal(stddev=0.15, seed=1)
        self.kernel = tf.Variable(start((shape[-1], self.units)))
        mk.Layer.build(self, shape)


# %%
cross_entropy = mk.losses.SparseCategoricalCrossentropy(from_logits=True)


def train(first, epochs=15):
    """A model of the first layer and a dense one, trained; and its history."""
    mk.utils.set_random_seed(0)
    model = mk.Sequential([mk.Input((64,)), first, mk.layers.Dense(10)])
    model.compile(mk.optimizers.Adam(3e-3), cross_entropy, metrics=["accuracy"])
    held_out = (x_test, test_labels)
    return model, mk.fit(model, x, labels, epochs=epochs, validation_data=held_out, verbose=0)


(live, live_history), (frozen, frozen_history) = train(Live(16)), train(Frozen(16))

# %%
figure, axis = plt.subplots()
for name, history in (("add_weight", live_history), ("tf.Variable", frozen_history)):
    axis.plot(
        range(1, 16), history["loss"], label=f"{name}: {history['val_accuracy'][-1]:.2f} right"
    )
axis.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
axis.set_title("The layer on a tf.Variable never learns, and the model hides it")
axis.legend()
plt.show()

# %% [markdown]
# Why did anybody believe in the second model? Because its loss falls. The last layer is sound,
# and makes the best of sixteen random features. Two thirds of the digits come out right, and one
# blames the data, or the learning rate. If no layer were sound, the loss would stand still, which
# is easier to see.
#
# Two symptoms give it away, if you look. The count of weights is too small. And the kernel is the
# same before and after.

# %%
print("weights known to Keras:", len(live.trainable_weights), "and", len(frozen.trainable_weights))
print("parameters:", live.count_params(), "and", frozen.count_params())
assert live.count_params() - frozen.count_params() == 64 * 16, "the whole kernel is missing"
gap = live_history["val_accuracy"][-1] - frozen_history["val_accuracy"][-1]
assert gap > 0.2, "over five seeds 0.96 to 0.97 against 0.60 to 0.71"

# %% [markdown]
# The helper finds it before any training, and says what to write instead.

# %%
try:
    mk.testing.check_layer(Frozen, {"units": 3}, (2, 4), trains=True)
    found = None
except mk.testing.ConformanceError as error:
    found = error.report["variables"]
    print(found)
assert found is not None and found.status == "failed", "the variable is found"

# %% [markdown]
# There is a good reason for the strictness of Keras. It has to know every weight by name: to move
# it to a device, to average it, to write it into a file, and to find its place again when the
# file is read. So it takes what was asked for by `add_weight`, and also layers and objects of
# `mk.Variable` that are stored as attributes. Everything else is your own business. The habit
# that saves you costs one line: after the first call of a new layer, look at
# `len(layer.trainable_weights)`.
#
# ## State that is not learned, and the training flag
#
# Some numbers in a layer change without a gradient: a running mean, a counter. They are weights
# with `trainable=False`, and are saved with the others. The layer below takes the mean of what it
# has seen away from its input. In training it measures and updates; in use it only applies. The
# argument `training` tells it which. Keras passes it from the model down to every layer, so never
# make up your own switch.


# %%
@mk.saving.register_keras_serializable("tutorial")
class Centre(mk.Layer):
    """Takes away the running mean of each feature.

    Args:
        momentum: share of the old mean that is kept at each step, in [0, 1). Default 0.9.
    """

    def __init__(self, momentum=0.9, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum

    def build(self, shape):
        size = (shape[-1],)
        self.mean = self.add_weight(shape=size, initializer="zeros", trainable=False, name="mean")
        super().build(shape)

    def call(self, inputs, training=None):
        if training:
            batch = mk.ops.mean(inputs, axis=tuple(range(len(inputs.shape) - 1)))
            self.mean.assign(self.momentum * self.mean + (1 - self.momentum) * batch)
        return inputs - self.mean

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


# %%
centre = Centre()
distances = []
for start in range(0, 32 * 40, 32):
    centre(x[start : start + 32], training=True)
    distances.append(float(np.abs(centre.mean - x.mean(axis=0)).mean()))
before = centre.mean.numpy()
centre(x_test)
assert np.array_equal(before, centre.mean), "in use the state stays what it is"
assert (len(centre.trainable_weights), len(centre.non_trainable_weights)) == (0, 1), "state only"
assert distances[-1] < distances[0] / 5, "in training it finds the mean"

# %%
figure, axis = plt.subplots(figsize=(6.4, 2.8))
axis.plot(range(1, 41), distances)
axis.set(xlabel="batches seen", ylabel="distance to the true mean", ylim=(0, None))
axis.set_title("After thirty batches the running mean is as good as it gets")
plt.show()

# %% [markdown]
# The curve falls at once and then wavers. The momentum of 0.9 keeps nine tenths of the old mean
# at each step, so the layer remembers about ten batches, and their chance differences never quite
# vanish. With 0.99 it would be calmer, and ten times slower to notice that the data have changed.
# Batch normalisation makes the same trade.
#
# Does the same hold in a saved file, under XLA, on a batch of unknown size? This time `trains` is
# False, for there is nothing to learn.

# %%
report = mk.testing.check_layer(Centre, {"momentum": 0.8}, (2, 4), trains=False, verbose=False)
assert report.ok, "nothing failed"

# %% [markdown]
# ## Four things to hang on a weight
#
# `add_weight`, like every layer of Keras, takes three helpers. An **initializer** draws the first
# numbers. A **regularizer** adds a penalty to the loss: with `L1` most weights go to zero, and
# what is left is easier to read. A **constraint** corrects the weights after each step: with
# `NonNeg` none is ever negative. The fourth, an **activation**, bends the output. Each is a plain
# function or a small class that you can write yourself; all of Keras' and ours are in
# `mk.initializers`, `mk.regularizers`, `mk.constraints` and `mk.activations`.

# %%
variants = {
    "as it comes": {},
    "L1 regularizer": {"kernel_regularizer": mk.regularizers.L1(2e-3)},
    "NonNeg constraint": {"kernel_constraint": mk.constraints.NonNeg()},
}
kernels, accuracies = {}, {}
for name, options in variants.items():
    model, history = train(mk.layers.Dense(32, activation="relu", **options))
    kernels[name] = model.layers[0].kernel.numpy().ravel()
    accuracies[name] = history["val_accuracy"][-1]

# %%
figure, axes = plt.subplots(1, 3, figsize=(8.4, 2.7), sharey=True)
for axis, (name, kernel) in zip(axes, kernels.items(), strict=True):
    axis.hist(kernel, bins=np.linspace(-1, 1, 41), color="#0072B2")
    axis.set(xlabel="weight", title=f"{name}\n{accuracies[name]:.2f} right")
axes[0].set(ylabel="number of weights", yscale="log")
figure.suptitle("What hangs on a weight shapes it")
plt.show()
near_zero = {name: float(np.mean(np.abs(kernel) < 0.01)) for name, kernel in kernels.items()}
assert near_zero["L1 regularizer"] > 5 * near_zero["as it comes"], "L1 empties the kernel"
assert kernels["NonNeg constraint"].min() >= 0, "no weight is negative"

# %% [markdown]
# Read the three pictures from left to right. Without help the weights keep the bell shape from
# which they came, only wider. The penalty empties most of them: about two thirds of the pixels of
# each unit are switched off, and the accuracy hardly moves. The constraint cuts the left half
# away; the network then has to say "not a seven" by other means, which costs two or three digits
# in a hundred.
#
# All three solve the task. So you may choose the one whose weights mean something to you.
#
# ## What `Lambda` is not for
#
# `mk.layers.Lambda` wraps a function in a layer. It is handy for a line without weights. But a
# Python lambda in a saved file is code from a stranger, and Keras refuses to load it. And a
# variable that is used inside is as unknown as the one above. A class costs five lines more and
# does neither.

# %%
quick = mk.Sequential([mk.Input((64,)), mk.layers.Lambda(lambda t: t * 2)])
quick.save("quick.keras")
try:
    mk.saving.load_model("quick.keras")
    refused = False
except ValueError:
    refused = True
assert refused, "a lambda is not loaded"

# %%
tidy = mk.Sequential([mk.Input((64,)), Centre(0.8), Dense(4)])
tidy.save("tidy.keras")
again = mk.saving.load_model("tidy.keras")
assert np.array_equal(again(x_test), tidy(x_test)), "our own layers come back as they were"

# %% [markdown]
# ## Exercises
#
# Run the check cell, then call the check on your own class.
#
# **1. Layer normalisation.** Bring each example to mean 0 and deviation 1 over its last axis,
# then multiply by a learned `gamma` (first 1) and add a learned `beta` (first 0). Under the root
# add 0.001 to the variance. It must agree with the layer of Keras.


# %% tags=["exercise", "skip-execution"]
class MyNormalise(mk.Layer): ...


# then: check_layer_norm(MyNormalise)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
class Normalise(mk.Layer):
    """Mean 0 and deviation 1 over the last axis, then a learned scale and shift."""

    def build(self, shape):
        self.gamma = self.add_weight(shape=(shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(shape[-1],), initializer="zeros", name="beta")
        super().build(shape)

    def call(self, inputs):
        mean = mk.ops.mean(inputs, axis=-1, keepdims=True)
        variance = mk.ops.var(inputs, axis=-1, keepdims=True)
        return (inputs - mean) / mk.ops.sqrt(variance + 1e-3) * self.gamma + self.beta


# %% tags=["check"]
def check_layer_norm(cls):
    mine, theirs = cls(), mk.layers.LayerNormalization()
    assert np.abs(mine(x[:20]) - theirs(x[:20])).max() < 1e-5, "as the layer of Keras"
    assert len(mine.trainable_weights) == 2, "gamma and beta can learn"
    return "right"


check_layer_norm(Normalise)

# %% [markdown]
# **2. Maxout.** Output *j* of `units` is the largest of the features *j*, *j* + units, *j* + 2 ·
# units, and so on. There are no weights. The witness is `mk.layers.Maxout`.


# %% tags=["exercise", "skip-execution"]
class MyMaxout(mk.Layer): ...


# then: check_maxout(MyMaxout)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
class Largest(mk.Layer):
    """The largest of each of so many groups of features."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def call(self, inputs):
        groups = mk.ops.reshape(inputs, (-1, inputs.shape[-1] // self.units, self.units))
        return mk.ops.max(groups, axis=1)


# %% tags=["check"]
def check_maxout(cls):
    assert np.array_equal(cls(16)(x[:20]), mk.layers.Maxout(16)(x[:20])), "as mk.layers.Maxout"
    return "right"


check_maxout(Largest)

# %% [markdown]
# **3. Columns that add up to one.** Write a constraint, a function from a weight to a corrected
# weight, after which no entry is negative and each column has the sum 1. Divide what is left
# after cutting at zero by its sum.


# %% tags=["exercise", "skip-execution"]
class MyShares(mk.constraints.Constraint): ...


# then: check_shares(MyShares)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
class Shares(mk.constraints.Constraint):
    """Columns of numbers from 0 on, with the sum 1."""

    def __call__(self, w):
        positive = mk.ops.maximum(w, 0.0)
        return positive / mk.ops.maximum(mk.ops.sum(positive, axis=0, keepdims=True), 1e-7)


# %% tags=["check"]
def check_shares(cls):
    model, _ = train(mk.layers.Dense(32, activation="relu", kernel_constraint=cls()), epochs=2)
    kernel = model.layers[0].kernel.numpy()
    assert kernel.min() >= 0, "no entry is negative"
    assert np.allclose(kernel.sum(axis=0), 1, atol=1e-5), "each column has the sum 1"
    return "right"


check_shares(Shares)

# %% [markdown]
# ## Recap
#
# * `__init__` keeps settings, `build` makes weights with `add_weight`, `call` computes.
# * A `tf.Variable` in a layer never trains, and the model hides it. Count your weights, or let
#   `mk.testing.check_layer` do it.
# * State is a weight with `trainable=False`; the argument `training` says when it may change.
# * Initializer, regularizer, constraint and activation are small parts that you can write.
#
# **Next:** [06 Callbacks](06_callbacks.ipynb) looks into a training run while it goes on.
