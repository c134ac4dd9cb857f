# ---
# jupyter:
#   mlkit:
#     title: Tensors
#     line: "shapes, dtypes, broadcasting, variables, and the errors that say nothing"
#     seconds: 20
#     data: "digits (in mlkit), one photograph (scikit-learn)"
#     covers: [tf.math, tf.linalg, tf.random, tf.nn, tf.Variable, NumPy bridge, images as tensors]
# ---

# %% [markdown]
# # 01 Tensors
#
# {colab}
#
# > * **You will** take pictures apart as arrays of numbers, compute with whole arrays at once,
# >   and recognise digits with nothing but distances.
# > * **You need** Python, a little NumPy, and what a matrix product is.
# > * **It takes** half an hour to read and twenty seconds to run.
# > * **The data** are 1,797 handwritten digits that come with mlkit, and one photograph that
# >   comes with scikit-learn.

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
from sklearn.datasets import load_sample_image

import mlkit as mk

plt.style.use("mlkit.plotting.plain")
photo = tf.constant(load_sample_image("china.jpg")[::4, ::4])
print("digits: from the package mlkit; photograph: china.jpg from scikit-learn")
figure, axes = plt.subplots(1, 4, figsize=(8, 1.9))
for axis, picture, name in zip(
    axes,
    [photo, *tf.unstack(photo, axis=-1)],
    ["the photograph", "red", "green", "blue"],
    strict=True,
):
    axis.imshow(picture, cmap="gray")
    axis.set_title(name)
    axis.axis("off")
figure.suptitle("A colour photograph is three planes of numbers")
plt.show()

# %% [markdown]
# While TensorFlow starts it may write a few lines about your processor or your graphics card.
# They are information, and nothing is wrong.
#
# ## What a tensor is
#
# A tensor is a box of numbers, all of one kind. Three things describe it. Its **shape** says how
# many entries there are along each axis; the number of axes is its **rank**. Its **dtype** says
# what kind of number each entry is. And its **device** says where the numbers live: in the memory
# of the processor, or of a graphics card if there is one. Operations run where the data are.

# %%
print("shape", photo.shape, "| rank", photo.shape.rank, "| dtype", photo.dtype.name)
print("device", photo.device.rpartition("/")[2])
assert photo.shape == (107, 160, 3), "height, width, and three colours"

# %% [markdown]
# The digits are one tensor too. Its first axis counts the pictures, and that is the custom
# everywhere in TensorFlow: **the first axis is the batch**. The last axis holds the channels; a
# grey picture has one.

# %%
(train_images, train_labels), (test_images, test_labels) = mk.data.load("digits")
images = tf.constant(train_images)
one = images[7, :, :, 0]
print("all", images.shape, "| one", one.shape, "| its middle rows", one[3:5].shape)
assert one.shape == (8, 8), "an integer takes an axis away, a slice keeps it"

# %%
figure, axis = plt.subplots(figsize=(3.4, 3.4))
axis.imshow(one, vmin=0, vmax=16)
for (row, column), ink in np.ndenumerate(one):
    axis.text(column, row, ink, ha="center", va="center", color="white" if ink > 8 else "black")
axis.set(
    xlabel="column", ylabel="row", title=f"To the computer this {train_labels[7]} is 64 numbers"
)
axis.grid(visible=False)
plt.show()

# %% [markdown]
# ## What is in it? First by hand, then in one call
#
# Before you compute with data, look at the range, the dtype and whether anything is missing. In
# raw TensorFlow that is a handful of reductions. A reduction takes an axis away: `reduce_max`
# over everything leaves a single number, and `reduce_max(images, axis=0)` leaves one picture.

# %%
values = tf.cast(images, tf.float32)
by_hand = {
    "from": f"{tf.reduce_min(values):g} to {tf.reduce_max(values):g}",
    "mean": f"{tf.reduce_mean(values):g}",
    "std": f"{tf.math.reduce_std(values):g}",
}
print(by_hand, "| all finite:", bool(tf.reduce_all(tf.math.is_finite(values))))

# %% [markdown]
# `mk.data.describe` says the same for each part of a data set, and counts the classes. It also
# adds a line with an exclamation mark for whatever looks suspicious: values that are not finite,
# columns that never change, pictures that occur twice.

# %%
described = mk.data.describe((train_images, train_labels))
print(described)
facts = described.columns["0"]
assert all(np.isclose(float(facts[k]), float(by_hand[k])) for k in ("mean", "std")), "both agree"
assert facts["from"] == by_hand["from"], "both see the same range"

# %% [markdown]
# ## Trap: arithmetic in the dtype that the file had
#
# The pixels of a photograph are `uint8`: whole numbers from 0 to 255. Adding 100 to make it
# brighter stays in `uint8`, and 231 + 100 does not fit. The sum wraps around and becomes 75.
# **There is no error and no warning**; the sky is dark, and a model trained on such pictures
# merely gets worse.

# %%
wrapped = photo + 100
right = tf.cast(tf.minimum(tf.cast(photo, tf.int32) + 100, 255), tf.uint8)
figure, axes = plt.subplots(1, 2, figsize=(6, 2.5))
for axis, picture, name in zip(
    axes, [wrapped, right], ["added in uint8", "added in int32, cut at 255"], strict=True
):
    axis.imshow(picture)
    axis.set_title(name)
    axis.axis("off")
figure.suptitle("Brighter by 100: what does not fit wraps around to dark")
plt.show()

# %% [markdown]
# How would you notice without looking? Describe both: adding 100 must raise the mean and leave
# nothing below 100. The line for the wrapped picture says that it starts at 0 again. The cure is
# a habit: **cast to a float, or to a wider integer, before you compute.**

# %%
for name, picture in (("before", photo), ("wrapped", wrapped), ("right", right)):
    print(f"{name:8s}", mk.data.describe(picture[None]).columns["value"])
assert int(tf.reduce_min(wrapped)) < 100 <= int(tf.reduce_min(right)), "the symptom is the minimum"

# %% [markdown]
# ## Broadcasting
#
# Two tensors of different shapes can still be added. TensorFlow lines their shapes up **at the
# right**; where one of them has length 1, or no axis at all, its values are repeated. No copy is
# made for that. A column of shape (3, 1) and a row of shape (4,) give a table of shape (3, 4).

# %%
column, row = tf.constant([[0], [10], [20]]), tf.constant([0, 1, 2, 3])
table = column + row
figure, axes = plt.subplots(1, 3, figsize=(7.5, 2), width_ratios=[1, 4, 4])
for axis, part, name in zip(
    axes, [column, row[None], table], ["(3, 1)", "+ (4,)", "= (3, 4)"], strict=True
):
    axis.imshow(part, vmin=-10, vmax=40, cmap="Blues")
    for (i, j), value in np.ndenumerate(part):
        axis.text(j, i, value, ha="center", va="center")
    axis.set_title(name)
    axis.axis("off")
figure.suptitle("Broadcasting repeats the axis of length 1")
plt.show()
assert table.shape == (3, 4), "shapes are lined up at the right"

# %% [markdown]
# The same rule is behind the most expensive silent error of all. Let the targets have shape
# (100,) and the predictions (100, 1), as the output of a network has. Their difference is then a
# table of 100 times 100, and the mean of its squares is a number that looks like a loss. Here the
# predictions are perfect, so the loss should be zero.

# %%
targets = tf.linspace(0.0, 1.0, 100)
predictions = targets[:, None]
wrong_loss = tf.reduce_mean((targets - predictions) ** 2)
loss = mk.losses.MeanSquaredError()(targets, predictions)
print(f"difference {(targets - predictions).shape}, loss {wrong_loss:.3f} instead of {loss:.3f}")
assert float(wrong_loss) > 0.1 and float(loss) == 0.0, "a perfect prediction, a loss above zero"

# %% [markdown]
# Two habits catch it. Write `tf.ensure_shape(x, [None, 1])` where a shape matters, for it raises
# instead of going on. And use the loss classes rather than one-liners of your own: they bring the
# two to one rank first, as you see in the second number.
#
# ## Joining: stack makes an axis, concat uses one

# %%
a, b = images[0], images[1]
print("stack", tf.stack([a, b]).shape, "| concat", tf.concat([a, b], axis=0).shape)
assert tf.stack([a, b]).shape == (2, 8, 8, 1), "a new first axis"
assert tf.concat([a, b], axis=0).shape == (16, 8, 1), "one picture under the other"

# %% [markdown]
# ## Variables
#
# A tensor never changes: each operation makes a new one. What must change, such as the weights of
# a network, is a `tf.Variable`, and it has `assign`. A constant has none. Later, inside Keras
# layers, you will use `add_weight` in its place; notebook 05 shows what happens if you do not.

# %%
weights = tf.Variable([1.0, 2.0, 3.0])
weights.assign_add([1.0, 1.0, 1.0])
weights[0].assign(0.0)
assert weights.numpy().tolist() == [0.0, 3.0, 4.0], "a variable was changed in place"
assert not hasattr(tf.constant([1.0]), "assign"), "a constant cannot be changed"

# %% [markdown]
# ## The bridge to NumPy
#
# `t.numpy()` gives an array, `tf.constant(array)` a tensor, and NumPy's functions accept tensors.
# One difference is left: NumPy computes in `float64` unless told otherwise, TensorFlow in
# `float32`. It refuses to mix the two, which is a kindness, for a silent cast could cost time or
# digits.

# %%
assert np.array_equal(tf.constant(train_images).numpy(), train_images), "there and back is exact"
try:
    mixed = tf.constant([1.0]) + tf.constant(np.array([1.0]))
    raised = None
except tf.errors.InvalidArgumentError as error:
    raised = error
assert raised is not None, "float32 and float64 do not mix"

# %% [markdown]
# What is a digit worth? `float32` has 24 bits for the digits of a number, about seven decimal
# places. Above 16,777,216 it can no longer count: adding 1 changes nothing.

# %%
big = tf.constant(2.0**24)
print(f"{float(big):,.0f} + 1 = {float(big + 1):,.0f}")
assert float(big + 1) == float(big), "the 1 is lost in float32"
assert float(tf.cast(big, tf.float64) + 1) == 2**24 + 1, "float64 has 53 bits"

# %% [markdown]
# ## Linear algebra: what digits are made of
#
# Write each digit as a row of 64 numbers, take the mean row away, and let the singular value
# decomposition find the directions in which the rows differ most. Reshaped, those directions are
# pictures again. A few of them, weighted and added to the mean, make any digit.

# %%
rows = tf.reshape(tf.cast(images, tf.float32) / 16.0, [-1, 64])
mean = tf.reduce_mean(rows, axis=0)
s, u, v = tf.linalg.svd(rows - mean)
figure, axes = plt.subplots(1, 7, figsize=(9, 1.9))
for index, axis in enumerate(axes):
    axis.imshow(tf.reshape(mean if index == 0 else v[:, index - 1], [8, 8]))
    axis.set_title("mean" if index == 0 else f"direction {index}")
    axis.axis("off")
figure.suptitle("Six directions in which digits differ most")
plt.show()


# %%
def rebuilt(rank: int) -> tf.Tensor:
    """The digits from their first so many directions."""
    return mean + tf.matmul(u[:, :rank] * s[:rank], v[:, :rank], transpose_b=True)


ranks = [1, 2, 4, 8, 16, 32, 64]
errors = [float(tf.reduce_mean((rebuilt(rank) - rows) ** 2)) for rank in ranks]
share = 1 - errors[4] / float(tf.math.reduce_mean((rows - mean) ** 2))
figure, axis = plt.subplots()
axis.plot(ranks, np.array(errors) * 1000, marker="o")
axis.set(xlabel="directions used", ylabel="mean squared error × 1000", xticks=ranks[2:])
axis.set_title(f"16 of 64 directions hold {share:.0%} of the variance".replace("%", " %"))
plt.show()
assert float(tf.reduce_max(tf.abs(rebuilt(64) - rows))) < 1e-4, "all 64 give the digits back"

# %% [markdown]
# ## Distances: recognising digits without a network
#
# The distance between two rows is the root of the sum of their squared differences. Broadcasting
# does all pairs at once: (355, 1, 64) minus (1, 1442, 64) is a tensor of shape (355, 1442, 64).

# %%
queries = tf.reshape(tf.cast(test_images, tf.float32) / 16.0, [-1, 64])
slow = tf.norm(queries[:, None] - rows[None], axis=-1)
megabytes = slow.shape[0] * slow.shape[1] * 64 * 4 / 1e6
print("distances", slow.shape, f"| the differences on the way took {megabytes:.0f} MB")

# %% [markdown]
# That works, and wastes memory. The known way out multiplies the square out, |a|² − 2ab + |b|²,
# and needs one matrix product. But it subtracts large numbers from each other, and in `float32`
# the rest may come out negative. The root of that is NaN. `mk.ops.pairwise_distances` uses the
# same matrix product, moves the data to their mean first, and lets nothing below zero.

# %%
fast = mk.ops.pairwise_distances(queries, rows)
far = rows[:200] + 100.0  # the same digits, far from zero
squares = tf.reduce_sum(far**2, axis=1)
naive = tf.sqrt(squares[:, None] - 2 * tf.matmul(far, far, transpose_b=True) + squares)
print("NaN, multiplied out:", int(tf.reduce_sum(tf.cast(tf.math.is_nan(naive), tf.int32))))
print("NaN, our helper:    ", int(np.isnan(mk.ops.pairwise_distances(far, far)).sum()))
assert float(tf.reduce_max(tf.abs(fast - slow))) < 1e-4, "helper and raw tensors agree"
assert np.isfinite(mk.ops.pairwise_distances(far, far)).all(), "and the helper stays finite"

# %% [markdown]
# Now each test digit takes the vote of its three nearest neighbours. Over five random splits of
# all 1,797 digits the share of right answers was between 0.986 and 0.994; the check asks for
# 0.975.

# %%
nearest = tf.math.top_k(-fast, k=3).indices
votes = tf.reduce_sum(tf.one_hot(tf.gather(train_labels, nearest), 10), axis=1)
accuracy = float(tf.reduce_mean(tf.cast(tf.argmax(votes, axis=1) == test_labels, tf.float32)))
print(f"three nearest neighbours: {accuracy:.3f} right")
assert accuracy >= 0.975, "worst of five splits 0.986, less a margin"

# %% [markdown]
# ## Random numbers that can be repeated
#
# A `tf.random.Generator` has its own state, which moves on with each draw. A *stateless* function
# has none: the same seed gives the same numbers, whoever called it before. In a data pipeline
# only the second is repeatable, because there the order of the calls may change. `tf.nn` holds
# functions of networks, such as the softmax used here to turn noise into probabilities.

# %%
generator = tf.random.Generator.from_seed(7)
first, second = generator.normal([3]), generator.normal([3])
again = tf.random.Generator.from_seed(7).normal([3])
chances = tf.nn.softmax(tf.random.stateless_normal([5], seed=[1, 2]))
assert np.array_equal(first, again) and not np.array_equal(first, second), "state moves on"
assert np.isclose(tf.reduce_sum(chances), 1.0), "a softmax adds up to one"

# %% [markdown]
# ## Exercises
#
# Each has an empty cell for you, a solution that is folded away, and a check. Run the check cell,
# then call the check on your own function.
#
# **1. Normalise per channel.** Return the photograph as `float32` with mean 0 and deviation 1 in
# each of its three colours.


# %% tags=["exercise", "skip-execution"]
def my_normalise(picture): ...


# then: check_normalise(my_normalise)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def normalise(picture):
    picture = tf.cast(picture, tf.float32)
    middle = tf.reduce_mean(picture, axis=[0, 1])
    return (picture - middle) / tf.math.reduce_std(picture, axis=[0, 1])


# %% tags=["check"]
def check_normalise(function):
    result = function(photo)
    assert result.dtype == tf.float32 and result.shape == photo.shape
    assert np.allclose(tf.reduce_mean(result, axis=[0, 1]), 0, atol=1e-4), "mean 0 per colour"
    assert np.allclose(tf.math.reduce_std(result, axis=[0, 1]), 1, atol=1e-4), "deviation 1"
    return "right"


check_normalise(normalise)

# %% [markdown]
# **2. City-block distances.** For matrices of shape (n, d) and (m, d), give all n × m sums of
# absolute differences, without a loop.


# %% tags=["exercise", "skip-execution"]
def my_city_block(a, b): ...


# then: check_city_block(my_city_block)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def city_block(a, b):
    return tf.reduce_sum(tf.abs(a[:, None] - b[None]), axis=-1)


# %% tags=["check"]
def check_city_block(function):
    result = function(queries[:3], rows[:5])
    expected = [[np.abs(q - r).sum() for r in rows[:5].numpy()] for q in queries[:3].numpy()]
    assert np.allclose(result, expected, atol=1e-5)
    return "right"


check_city_block(city_block)

# %% [markdown]
# **3. Noise by number.** Give picture number *i* noise that depends on *i* and on nothing else,
# whatever was drawn before.


# %% tags=["exercise", "skip-execution"]
def my_noise(i): ...


# then: check_noise(my_noise)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def noise(i):
    return tf.random.stateless_normal([8, 8], seed=[42, i])


# %% tags=["check"]
def check_noise(function):
    before = function(3)
    assert not np.array_equal(before, function(4)), "another number, other noise"
    assert np.array_equal(before, function(3)), "the same number, the same noise"
    return "right"


check_noise(noise)


# %% [markdown]
# **4. Find the dtype error.** This function should give the mean difference between two pictures.
# For [10, 20] and [11, 21] the answer is −1, and on `uint8` it says 255. Repair it.


# %% tags=["exercise", "skip-execution"]
def my_mean_difference(a, b):
    return tf.reduce_mean(a - b)


# then: check_mean_difference(my_mean_difference)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def mean_difference(a, b):
    return tf.reduce_mean(tf.cast(a, tf.float32) - tf.cast(b, tf.float32))


# %% tags=["check"]
def check_mean_difference(function):
    a, b = tf.constant([10, 20], tf.uint8), tf.constant([11, 21], tf.uint8)
    assert np.isclose(float(function(a, b)), -1.0), "10 - 11 is -1, not 255"
    return "right"


check_mean_difference(mean_difference)

# %% [markdown]
# ## Recap
#
# * A tensor has a shape, a dtype and a device; the first axis is the batch.
# * Compute in floats: integer pixels wrap around in silence. `mk.data.describe` shows the range.
# * Broadcasting lines shapes up at the right. (100,) minus (100, 1) is a table, not a difference.
# * Tensors are constant, variables change; `float32` has seven decimal places.
# * Distances multiplied out can turn into NaN; `mk.ops.pairwise_distances` does not.
#
# **Next:** [02 Model](02_model.ipynb) turns these operations into a network and trains it.
