# ---
# jupyter:
#   mlkit:
#     title: Functional API
#     line: "branches, two towers with one set of weights, several outputs with names"
#     seconds: 30
#     data: "digits (in mlkit), cars (vega_datasets)"
#     covers:
#     - shared layers
#     - multiple outputs
#     - Siamese
#     - Wide & Deep
#     - two-tower
#     - loss_weights
#     - node reuse
# ---

# %% [markdown]
# # 08 Functional API
#
# {colab}
#
# > * **You will** build networks that branch and join: one that compares two pictures, one that
# >   answers two questions, and one that is wide and deep at once.
# > * **You need** notebook 02.
# > * **It takes** forty minutes to read and less than a minute to run.
# > * **The data** are the digits that come with mlkit, and 392 cars from the package
# >   vega_datasets.

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
import pandas as pd
import tensorflow as tf
from vega_datasets import data as vega

import mlkit as mk

plt.style.use("mlkit.plotting.plain")
(images, labels), (test_images, test_labels) = mk.data.load("digits")
print("digits from the package mlkit; cars from vega_datasets")


def pairs_of(images, labels, count, seed):
    """Pairs of pictures, half of them of the same digit; and whether they are."""
    random = np.random.default_rng(seed)
    left = random.integers(0, len(labels), count)
    same = np.arange(count) % 2
    right = left.copy()
    for i in range(count):
        right[i] = random.choice(np.flatnonzero((labels == labels[left[i]]) == bool(same[i])))
    pixels = images.reshape(-1, 64).astype("float32") / 16
    return {"left": pixels[left], "right": pixels[right]}, same.astype("float32")


# %%
pairs, same = pairs_of(images, labels, 6000, seed=0)
pairs_test, same_test = pairs_of(test_images, test_labels, 2000, seed=1)
figure, axes = plt.subplots(2, 8, figsize=(7, 2.1))
for column in range(8):
    for row, side in enumerate(("left", "right")):
        axes[row, column].imshow(pairs[side][column].reshape(8, 8))
        axes[row, column].axis("off")
    axes[0, column].set_title("same" if same[column] else "different")
figure.suptitle("The task: are the two pictures of one digit?")
plt.show()

# %% [markdown]
# Half of the pairs are of one digit and half are not. If we had drawn two pictures at random,
# nine pairs of ten would differ, and a network that always says "different" would look clever.
# The pairs for the test are made of held-out pictures only; it is not enough that the pairs are
# new, the pictures have to be.
#
# ## A network as a drawing
#
# In the Functional style you do not write what happens to numbers. You write what happens to
# **symbolic inputs**: placeholders with a shape and a dtype and nothing inside. Calling a layer
# on one gives another, and Keras notes how they hang together. `mk.Model(inputs, outputs)` then
# picks the part of that drawing which leads from the ones to the others. Shapes are checked while
# you draw, so most mistakes show before any data come.

# %%
inputs = mk.Input((64,), name="pixels")
hidden = mk.layers.Dense(64, activation="relu", name="hidden")(inputs)
tower = mk.Model(inputs, mk.layers.Dense(2, name="place")(hidden), name="tower")
inside = mk.Model(tower.inputs, tower.get_layer("hidden").output)
print("output", tower.output_shape, "| an inner layer as a model of its own", inside.output_shape)
assert inside.layers[-1] is tower.get_layer("hidden"), "node reuse: the same layer, not a copy"

# %% [markdown]
# The last line is a use that you will meet again: any point of the drawing can be made the output
# of another model, which shares its layers with the first. That is how one looks into a trained
# network.
#
# ## A Siamese network
#
# To compare two pictures, send both through **the same** tower, which gives each a place in a
# plane, and measure how far apart the places are. The tower is a model, and a model can be called
# like a layer, as often as you like. Each call uses the same weights: they are shared layers.

# %%
left, right = mk.Input((64,), name="left"), mk.Input((64,), name="right")


def apart(places):
    """The distance between two places, with a slope that is finite at zero, too."""
    return mk.ops.safe_sqrt(mk.ops.sum((places[0] - places[1]) ** 2, axis=-1))


distance = apart([tower(left), tower(right)])
siamese = mk.Model({"left": left, "right": right}, distance, name="siamese")
by_hand = apart([tower(pairs["left"][:50]), tower(pairs["right"][:50])])
drawn = siamese({side: part[:50] for side, part in pairs.items()})
assert np.allclose(by_hand, drawn, atol=1e-5), "two calls by hand give what the drawing gives"
assert siamese.count_params() == tower.count_params(), "one tower, used twice: counted once"

# %% [markdown]
# Look at how the distance is written: as a plain function of tensors, with `mk.ops`. Such a
# function can be called on symbolic inputs and on numbers alike, so no layer is needed for it.
# The square root is the safe one of notebook 10. Two pictures that fall on one place have the
# distance zero, and the ordinary root would answer with a slope that is not a number.
#
# What shall the distance be? Small for a pair of the same digit, and at least 1 for the others,
# beyond which it does not matter. That is the **contrastive loss**. By hand it is a line;
# `mk.losses` has it with its checks and its configuration.

# %%
d = siamese.predict(pairs, verbose=0)
contrastive = same * d**2 + (1 - same) * np.maximum(1 - d, 0) ** 2
helper = mk.losses.ContrastiveLoss(margin=1.0)
assert np.isclose(contrastive.mean(), helper(same, d), rtol=1e-4), "by hand and the helper agree"

# %%
mk.utils.set_random_seed(0)
tower = mk.models.clone_model(tower)
siamese = mk.Model({"left": left, "right": right}, apart([tower(left), tower(right)]))
siamese.compile(mk.optimizers.Adam(3e-3), helper)
mk.fit(siamese, pairs, same, epochs=12, batch_size=64, verbose=0)
d = siamese.predict(pairs_test, verbose=0)
right_pairs = float(np.mean((d < 0.5) == (same_test == 1)))
print(f"pairs told apart rightly: {right_pairs:.3f}")
assert right_pairs > 0.91, "over six runs 0.929 to 0.947"

# %%
figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.4))
for kind, name, style in ((1, "same digit", {}), (0, "different", {"hatch": "//", "alpha": 0.6})):
    axes[0].hist(d[same_test == kind], bins=np.linspace(0, 3, 40), label=name, **style)
axes[0].axvline(0.5, color="0.3", linewidth=1)
axes[0].set(xlabel="distance", ylabel="pairs", title="Most pairs are on their side")
axes[0].legend()
places = tower(test_images.reshape(-1, 64).astype("float32") / 16).numpy()
for digit in range(10):
    chosen = places[test_labels == digit]
    axes[1].scatter(*chosen.T, s=6, color="0.7")
    middle = np.median(chosen, axis=0)
    axes[1].text(*middle, str(digit), fontsize=14, weight="bold", ha="center", va="center")
axes[1].set(xlabel="first coordinate", ylabel="second coordinate", title="The digits found places")
plt.show()

# %% [markdown]
# The network has never heard the name of a digit. It was only told of pairs whether they belong
# together, and still the digits have gathered in ten places. New kinds can be added without
# training: a picture of each is enough. Faces are recognised that way. Why only two coordinates?
# So that we can draw them. Ten digits are crowded in a plane, and with eight or sixteen
# coordinates more pairs come out right. Try it, and look at the left picture again: the two heaps
# part further. A picture that you can look at is worth a few errors while you learn what a
# network does.
#
# ## Trap: two towers that do not share
#
# Make the tower by a function, and call **the function** twice, and you have two towers.
# Everything runs. The network trains, and gets rather good, since there are enough pairs for
# both. But the question "is A like B" now has another answer than "is B like A", and there is no
# single map of places any more. **Nothing complains.** Two things show it: the count of the
# weights is twice what it should be, and the sides cannot be exchanged.


# %%
def make_tower():
    pixels = mk.Input((64,))
    inner = mk.layers.Dense(64, activation="relu")(pixels)
    return mk.Model(pixels, mk.layers.Dense(2)(inner))


mk.utils.set_random_seed(0)
apart_towers = apart([make_tower()(left), make_tower()(right)])
twins = mk.Model({"left": left, "right": right}, apart_towers)
twins.compile(mk.optimizers.Adam(3e-3), mk.losses.ContrastiveLoss(margin=1.0))
mk.fit(twins, pairs, same, epochs=12, batch_size=64, verbose=0)

# %%
swapped = {"left": pairs_test["right"], "right": pairs_test["left"]}
figure, axes = plt.subplots(1, 2, figsize=(6.8, 3.3), sharey=True)
changes = {}
for axis, (name, model) in zip(axes, {"shared": siamese, "not shared": twins}.items(), strict=True):
    there, back = model.predict(pairs_test, verbose=0), model.predict(swapped, verbose=0)
    changes[name] = float(np.abs(there - back).mean())
    axis.scatter(there[:400], back[:400], s=5)
    axis.set(xlabel="distance from A to B", title=f"{name}: {model.count_params()} weights")
axes[0].set(ylabel="distance from B to A")
figure.suptitle("Exchange the sides, and only the shared tower gives the same answer")
plt.show()
print({name: round(change, 3) for name, change in changes.items()})
assert twins.count_params() == 2 * siamese.count_params(), "the first symptom: twice the weights"
assert changes["not shared"] > 100 * changes["shared"] + 0.01, "the second: sides matter"

# %% [markdown]
# How should one guard against it? Make the tower once, give it a name, and call the name twice.
# Then write the count of weights into a test, for a test is the only reader who looks every time.
# The second exercise does that for the sides.
#
# ## Two questions, one network
#
# A car again. From its size, weight and origin the network shall tell both how far it goes and
# how strong it is. The first layers serve both answers; then each has a head. A network with
# multiple outputs costs little more than one. The outputs are given as a **dictionary**, and
# losses and targets too. So nothing depends on an order.

# %%
cars = vega.cars().dropna(subset=["Miles_per_Gallon", "Horsepower"])
columns = cars[["Cylinders", "Displacement", "Weight_in_lbs", "Acceleration"]].to_numpy("float32")
origin = pd.get_dummies(cars["Origin"]).to_numpy("float32")
answers = cars[["Miles_per_Gallon", "Horsepower"]].to_numpy("float32")
(f, o, a), (f_test, o_test, a_test) = mk.data.split((columns, origin, answers), (0.8, 0.2), seed=0)
scale, answer_scale = mk.data.statistics(f), mk.data.statistics(a)
x, x_test = (np.hstack([scale.normalize(p), q]) for p, q in ((f, o), (f_test, o_test)))
z, z_test = (answer_scale.normalize(part).numpy() for part in (a, a_test))
targets = {"miles": z[:, :1], "power": z[:, 1:]}
targets_test = {"miles": z_test[:, :1], "power": z_test[:, 1:]}

# %%
mk.utils.set_random_seed(0)
facts = mk.Input((7,), name="facts")
trunk = mk.layers.Dense(32, activation="relu")(facts)
heads = {
    name: mk.layers.Dense(1, name=name)(mk.layers.Dense(16, activation="relu")(trunk))
    for name in ("miles", "power")
}
two = mk.Model(facts, heads)
losses = {"miles": "mse", "power": "mse"}
weights = {"miles": 1.0, "power": 0.5}
two.compile(mk.optimizers.Adam(5e-3), losses, loss_weights=weights, metrics={"power": ["mae"]})
history = mk.fit(two, x, targets, epochs=60, verbose=0)
found = mk.Trainer(two).evaluate(x_test, targets_test)
print({name: round(value, 3) for name, value in found.items()})
by_hand = {n: float(np.mean((two(x_test)[n] - targets_test[n]) ** 2)) for n in losses}
total = by_hand["miles"] + 0.5 * by_hand["power"]
assert np.isclose(found["loss"], total, rtol=1e-3), "the loss is the weighted sum of the parts"
off = float(np.mean(np.abs(two(x_test)["power"] - targets_test["power"])))
assert np.isclose(found["power_mae"], off, rtol=1e-3), "and a metric is found by its name"

# %%
figure, axes = plt.subplots(1, 2, figsize=(7.6, 3.2))
said = {name: np.asarray(values) for name, values in two(x_test).items()}
for axis, column, name, unit in zip(
    axes, (0, 1), said, ("miles per gallon", "horsepower"), strict=True
):
    values = said[name][:, 0] * answer_scale.std[column] + answer_scale.mean[column]
    axis.scatter(a_test[:, column], values, s=14)
    axis.axline((values.mean(), values.mean()), slope=1, color="0.5", linewidth=1)
    axis.set(xlabel=f"true {unit}", ylabel=f"predicted {unit}")
figure.suptitle("One trunk, two heads: both answers follow the truth")
plt.show()
assert max(by_hand.values()) < 0.5, "over five splits 0.22 to 0.42"

# %% [markdown]
# Why `loss_weights`? The sum of two losses is a decision: it says how much of one error you would
# accept to lower the other. When both answers have the same spread, as here after scaling,
# weights near one are a fair beginning. Name all outputs, also those that keep the weight 1.
#
# Look at the numbers again: the two parts, weighted, do not add up to the loss. Keras takes the
# entry of each head as a mean over batches, in which a last and smaller batch counts as much as a
# full one. The loss itself and all metrics are exact, so judge a head by a metric of its own, as
# we did with `power_mae`.
#
# Give targets as a list instead, and they are matched by position. Two columns of the same shape
# can then be exchanged **without any message**, and both heads learn the other's task. Names cost
# nothing.
#
# ## Wide & Deep
#
# A deep network is good at what bends, and needs many examples for what is plain. A linear model
# is the reverse. So let the inputs take both ways, and add what arrives: a wide path straight to
# the output, and a deep one. It is a branch and a join, three lines of drawing.

# %%
mk.utils.set_random_seed(0)
deep = mk.layers.Dense(1)(mk.layers.Dense(32, activation="relu")(facts))
wide = mk.layers.Dense(1)(facts)
both_ways = mk.Model(facts, mk.layers.Add()([wide, deep]))
both_ways.compile(mk.optimizers.Adam(5e-3), "mse")
mk.fit(both_ways, x, targets["miles"], epochs=60, verbose=0)
error = float(np.mean((both_ways(x_test) - targets_test["miles"]) ** 2))
print(f"wide and deep: {error:.3f} of the variance of the training cars is left")
assert error < 0.5, "over five splits 0.22 to 0.39"

# %% [markdown]
# When does it help? On tables, often: much in them is a plain sum of effects, and the wide path
# takes care of that from the first step on. The deep path is then free for what is left, for
# bends and for pairs of facts that only matter together. The same idea in another place is the
# short cut of notebook 03, which lets the input pass unchanged.
#
# To choose among the three styles once more: a list for a chain, a drawing for everything with
# branches, a class for what needs Python inside. A drawing has one advantage that is easily
# forgotten. It can be saved and loaded without any code of yours.
#
# ## Exercises
#
# Run the check cell, then call the check on your own function.
#
# **1. The nearest five.** Give for each row of `queries` the positions of the five nearest rows
# of `places`. `mk.ops.pairwise_distances` does most of it.


# %% tags=["exercise", "skip-execution"]
def my_nearest(queries, places): ...


# then: check_nearest(my_nearest)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def nearest(queries, places):
    return tf.math.top_k(-mk.ops.pairwise_distances(queries, places), k=5).indices.numpy()


# %% tags=["check"]
def check_nearest(function):
    found = function(places[:10], places)
    assert found.shape == (10, 5)
    assert np.array_equal(found[:, 0], np.arange(10)), "each is nearest to itself"
    distances = np.linalg.norm(places[:10, None] - places[None], axis=-1)
    assert np.allclose(
        np.take_along_axis(distances, found, 1), np.sort(distances)[:, :5], atol=1e-4
    )
    return "right"


check_nearest(nearest)

# %% [markdown]
# **2. Is it shared?** Return True if a model of two inputs, `left` and `right`, gives the same
# when its sides are exchanged.


# %% tags=["exercise", "skip-execution"]
def my_symmetric(model): ...


# then: check_symmetric(my_symmetric)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def symmetric(model):
    one, other = pairs_test["left"][:50], pairs_test["right"][:50]
    there, back = model({"left": one, "right": other}), model({"left": other, "right": one})
    return bool(np.allclose(there, back, atol=1e-5))


# %% tags=["check"]
def check_symmetric(function):
    assert function(siamese) is True, "the shared tower"
    assert function(twins) is False, "the two towers"
    return "right"


check_symmetric(symmetric)

# %% [markdown]
# **3. A two-tower recommender.** One tower turns pictures into vectors, the other, an
# `Embedding`, the numbers 0 to 9. The score of a picture and a number is the product of their
# vectors. Return a model with the inputs `picture` and `number`, trained so that the true number
# gets the highest score for at least 85 per cent of the held-out pictures. With users in the
# place of pictures, and films in the place of numbers, this is how recommendations are made.


# %% tags=["exercise", "skip-execution"]
def my_two_tower(pixels, labels): ...


# then: check_two_tower(my_two_tower)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def two_tower(pixels, labels):
    mk.utils.set_random_seed(0)
    picture, number = mk.Input((64,), name="picture"), mk.Input((), dtype="int32", name="number")
    hidden = mk.layers.Dense(64, activation="relu")(picture)
    of_picture, of_number = mk.layers.Dense(16)(hidden), mk.layers.Embedding(10, 16)(number)
    score = mk.ops.sum(of_picture * of_number, axis=-1)
    model = mk.Model({"picture": picture, "number": number}, score)
    model.compile(mk.optimizers.Adam(3e-3), mk.losses.BinaryCrossentropy(from_logits=True))
    numbers = np.tile(np.arange(10, dtype="int32"), len(pixels))
    given = {"picture": np.repeat(pixels, 10, axis=0), "number": numbers}
    fits = (numbers == np.repeat(labels, 10)).astype("float32")
    mk.fit(model, given, fits, epochs=6, batch_size=256, verbose=0)
    return model


# %% tags=["check"]
def check_two_tower(function):
    model = function(images.reshape(-1, 64).astype("float32") / 16, labels)
    shown = np.repeat(test_images.reshape(-1, 64).astype("float32") / 16, 10, axis=0)
    numbers = np.tile(np.arange(10, dtype="int32"), len(test_labels))
    scores = np.asarray(model({"picture": shown, "number": numbers})).reshape(-1, 10)
    best = float(np.mean(scores.argmax(axis=1) == test_labels))
    assert best >= 0.85, f"only {best:.2f} have the true number first"
    return "right"


check_two_tower(two_tower)

# %% [markdown]
# ## Recap
#
# * Draw with symbolic inputs; a model is a part of the drawing, and can be called like a layer.
# * To share, call one tower twice. Count the weights, and exchange the sides.
# * Several outputs get names: in the model, in the losses, in the targets.
# * Branch and join as you like: wide and deep, two towers, one trunk with two heads.
#
# **Next:** [09 Data API](09_data.ipynb) brings data to such networks, from files and without a
# leak.
