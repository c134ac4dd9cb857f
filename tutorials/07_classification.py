# ---
# jupyter:
#   mlkit:
#     title: Classification
#     line: "probabilities, thresholds, rare classes, calibration, and several labels at once"
#     seconds: 30
#     data: "digits (in mlkit), breast_cancer (scikit-learn)"
#     covers:
#     - class weights
#     - ROC
#     - calibration
#     - multi-label
#     - confusion matrix
#     - logits
#     - threshold
#     - temperature
# ---

# %% [markdown]
# # 07 Classification
#
# {colab}
#
# > * **You will** turn the numbers that a network gives into decisions: choose a threshold, deal
# >   with a rare class, find out whether a probability of 0.9 means nine times out of ten, and
# >   name several things in one picture.
# > * **You need** notebook 02, and what a probability is.
# > * **It takes** forty minutes to read and less than a minute to run.
# > * **The data** are 569 tumours, measured under the microscope, from scikit-learn, and the
# >   digits that come with mlkit.

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
from sklearn.datasets import load_breast_cancer

import mlkit as mk

plt.style.use("mlkit.plotting.plain")
measured, benign = load_breast_cancer(return_X_y=True)
facts, ill = np.asarray(measured, "float32"), 1 - np.asarray(benign)  # 1: malignant
train, test = mk.data.split((facts, ill), (0.7, 0.3), stratify=1, seed=0)
scale = mk.data.statistics(train[0])
x, x_test = (scale.normalize(part[0]).numpy() for part in (train, test))
y, y_test = train[1], test[1]
print(f"breast_cancer from scikit-learn: {len(x)} to learn from, {len(x_test)} held out")
figure, axis = plt.subplots(figsize=(5.2, 3.2))
for kind, name, marker in ((0, "benign", "o"), (1, "malignant", "^")):
    axis.scatter(*facts[ill == kind][:, [0, 1]].T, s=14, marker=marker, label=name, alpha=0.6)
axis.set(xlabel="mean radius of the nuclei", ylabel="mean texture")
axis.set_title("Two of thirty facts: the kinds overlap")
axis.legend()
plt.show()

# %% [markdown]
# Each point is a tumour. A large nucleus is a bad sign, but there is a broad zone in which both
# kinds occur, and no line through this picture parts them. With all thirty facts it gets easier,
# and never certain. So we do not want a yes or a no; we want a probability, and decide afterwards
# what to do with it.
#
# We hold three tenths back, with the same share of malignant tumours in both parts: that is what
# `stratify` asks for. As always, mean and deviation come from the training part alone.
#
# ## From a number to a probability
#
# For a yes-or-no question a network needs a single output. We let it give a **logit**, any number
# from minus to plus infinity, and turn that into a probability with the sigmoid. Zero means one
# half. The loss is the cross-entropy, and it is computed from the logit directly, because the
# logarithm of a sigmoid loses digits when the two are computed one after the other. By hand, with
# a tape, the plainest classifier is one matrix product:

# %%
kernel, bias = tf.Variable(tf.zeros([30, 1])), tf.Variable(tf.zeros([1]))
truth = tf.constant(y[:, None], tf.float32)
for _ in range(200):
    with tf.GradientTape() as tape:
        errors = tf.nn.sigmoid_cross_entropy_with_logits(truth, x @ kernel + bias)
        loss = tf.reduce_mean(errors)
    for variable, slope in zip((kernel, bias), tape.gradient(loss, (kernel, bias)), strict=True):
        variable.assign_sub(0.5 * slope)
print(f"loss by hand after 200 steps: {float(loss):.4f}")

# %% [markdown]
# The same with Keras layers and the loop of mlkit: one dense layer that starts at zero, the whole
# data as one batch, the same rate.

# %%
line = mk.Sequential([mk.Input((30,)), mk.layers.Dense(1, kernel_initializer="zeros")])
line.compile(mk.optimizers.SGD(0.5), mk.losses.BinaryCrossentropy(from_logits=True))
mk.fit(line, x, truth.numpy(), epochs=200, batch_size=len(x), shuffle=False, verbose=0)
apart = np.abs(line.get_weights()[0] - kernel.numpy()).max()
assert apart < 1e-3, "by hand and with the helper: the same weights"
logits = line(x_test).numpy()[:, 0]
chances = tf.sigmoid(logits).numpy()

# %% [markdown]
# ## A report, and two curves
#
# The share of right answers is one number among several. **Precision** asks: of those that we
# called malignant, how many are? **Recall** asks: of those that are, how many did we call so?
# `mk.metrics.report` puts them side by side, counts the confusion matrix, and draws.

# %%
report = mk.metrics.report(y_test, chances, labels=["benign", "malignant"])
print(report)
by_hand = np.array(
    [[np.sum((y_test == i) & ((chances > 0.5) == j)) for j in (0, 1)] for i in (0, 1)]
)
assert np.array_equal(report.matrix, by_hand), "the confusion matrix, counted by hand"
assert report.accuracy > 0.95, "over five splits 0.971 to 0.988"

# %% [markdown]
# A classifier that gives probabilities is not one classifier but many, one for each
# **threshold**. Two curves show them all. The ROC curve sets the share of tumours found against
# the share of false alarms; the area under it, the AUC, is the chance that a malignant tumour
# gets a higher number than a benign one. The precision-recall curve is the better one to look at
# when one class is rare.

# %%
report.plot(["roc", "precision_recall"])
plt.show()
pairs = chances[y_test == 1][:, None] - chances[y_test == 0][None]
auc = float(np.mean(pairs > 0))
metric = mk.metrics.AUC(num_thresholds=2000)
metric.update_state(y_test, chances)
print(f"AUC by counting pairs {auc:.4f}, by the metric {float(metric.result()):.4f}")
assert abs(auc - float(metric.result())) < 0.01, "two ways to one area"
assert auc >= 0.98, "over five splits 0.991 to 0.998"

# %% [markdown]
# Which point of the curve should a doctor choose? That is no question of statistics. A missed
# tumour and a false alarm are not equally bad, and only those who bear the consequences can weigh
# them. The first exercise takes one such wish, to miss at most two in a hundred, and finds the
# threshold for it. What matters is the order of work: first a model with good probabilities, then
# the decision.
#
# ## Trap: logits where probabilities are expected
#
# Most losses and metrics of Keras expect probabilities unless they are told otherwise, with
# `from_logits=True`. Give them logits, and **nothing complains**. The numbers are cut to the
# range from 0 to 1 and taken for probabilities. For whatever lies outside, the slope is zero, so
# part of the examples stop teaching anything. The network learns a little and then gets stuck,
# and seems to be unfit for the task.

# %%
(images, labels), (test_images, test_labels) = mk.data.load("digits")
pixels, test_pixels = (p.reshape(-1, 64).astype("float32") / 16 for p in (images, test_images))


def digit_model(from_logits, count=1442, epochs=12):
    mk.utils.set_random_seed(0)
    layers = [mk.layers.Dense(64, activation="relu"), mk.layers.Dense(10)]
    model = mk.Sequential([mk.Input((64,)), *layers])
    loss = mk.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    model.compile(mk.optimizers.Adam(3e-3), loss, metrics=["accuracy"])
    held_out = (test_pixels, test_labels)
    options = {"epochs": epochs, "validation_data": held_out, "verbose": 0}
    return model, mk.fit(model, pixels[:count], labels[:count], **options)


(right, right_history), (wrong, wrong_history) = digit_model(True), digit_model(False)
figure, axis = plt.subplots(figsize=(6.4, 2.8))
for name, history in (("from_logits=True", right_history), ("forgotten", wrong_history)):
    axis.plot(range(1, 13), history["val_accuracy"], label=name)
axis.set(xlabel="epoch", ylabel="held-out share right", ylim=(0, 1))
axis.set_title("One forgotten word, and no message")
axis.legend()
plt.show()
lost = right_history["val_accuracy"][-1] - wrong_history["val_accuracy"][-1]
assert lost > 0.4, "over five seeds 0.97 to 0.98 against 0.15 to 0.43"

# %% [markdown]
# The metrics of mlkit that need probabilities look at what they are given, and refuse.

# %%
strict = mk.metrics.ExpectedCalibrationError()
try:
    strict.update_state(test_labels, wrong(test_pixels))
    message = ""
except ValueError as error:
    message = str(error)
    print(message.partition(" (")[0], "...")
assert message, "mlkit refuses what is no probability"

# %% [markdown]
# ## A rare class
#
# Is it an eight? One digit in ten is. A model that always says no is right nine times out of ten,
# so **accuracy is the wrong question**. The balanced accuracy is the mean of both recalls, and
# for that model one half. Two remedies are at hand: weigh the rare class more while training, or
# move the threshold afterwards, here so that the tenth with the highest probabilities is called
# eight. The first changes what the network cares about, the second costs nothing and can be
# changed tomorrow.

# %%
eight, eight_test = (labels == 8).astype("float32"), (test_labels == 8).astype("float32")
scarce = np.concatenate([np.flatnonzero(eight == 0), np.flatnonzero(eight == 1)[:20]])


def find_eights(weights):
    mk.utils.set_random_seed(0)
    layers = [mk.layers.Dense(32, activation="relu"), mk.layers.Dense(1)]
    model = mk.Sequential([mk.Input((64,)), *layers])
    model.compile("adam", mk.losses.BinaryCrossentropy(from_logits=True))
    mk.fit(model, pixels[scarce], eight[scarce], epochs=8, verbose=0, class_weight=weights)
    return tf.sigmoid(model(test_pixels)).numpy()[:, 0]


# %%
plain = find_eights(None)
weighted = find_eights(mk.data.class_weights(eight[scarce].astype(int)))
scores = {}
for name, chances_8, limit in (
    ("as it comes", plain, 0.5),
    ("class weights", weighted, 0.5),
    ("highest tenth", plain, np.quantile(plain, 0.9)),
):
    said = chances_8 > limit
    recalls = [np.mean(said[eight_test == 1]), np.mean(~said[eight_test == 0])]
    scores[name] = (np.mean(said == eight_test), np.mean(recalls))
figure, axis = plt.subplots(figsize=(6.4, 2.8))
places = np.arange(3)
axis.bar(places - 0.2, [a for a, _ in scores.values()], 0.4, label="accuracy")
balanced = [b for _, b in scores.values()]
axis.bar(places + 0.2, balanced, 0.4, label="balanced accuracy", color="#E69F00", hatch="//")
axis.set(ylabel="score", ylim=(0, 1.25), xticks=places, xticklabels=scores)
axis.set_title("Accuracy hardly sees the rare class, balanced accuracy does")
axis.legend(ncols=2, loc="upper center")
plt.show()
assert balanced[1] > balanced[0] + 0.15, "over five seeds 0.75 to 0.81 against 0.5"

# %% [markdown]
# A word of warning about class weights. They make the network believe that eights are common, so
# its probabilities come out too high. If you need them as probabilities, and not only for a
# decision, leave the weights alone and move the threshold. And never measure on data that you
# have balanced by hand: the world in which the model will work is not balanced.
#
# ## Does 0.9 mean nine times out of ten?
#
# A network that has learned its digits by heart is sure of everything, also of its mistakes. Sort
# the held-out pictures by how sure it is, and ask in each group how many are right. If the two
# agree, the network is **calibrated**. The expected calibration error is the mean gap between
# them.
#
# The cure is as simple as can be: divide all logits by one number, the **temperature**. It is
# found on data that were not trained on, by the cross-entropy. No answer changes, only how sure
# it is.

# %%
sure, _ = digit_model(True, count=150, epochs=150)
logits = sure(test_pixels).numpy()
fit_part, check_part = np.arange(355) % 2 == 0, np.arange(355) % 2 == 1


def gap(temperature):
    """The calibration error on the second half of the held-out digits."""
    metric = mk.metrics.ExpectedCalibrationError(num_bins=10, from_logits=True)
    metric.update_state(test_labels[check_part], logits[check_part] / temperature)
    return float(metric.result())


def best_temperature(logits, targets):
    """The number among many by which the cross-entropy is smallest."""
    choices = np.geomspace(0.5, 8, 60)
    cost = mk.losses.SparseCategoricalCrossentropy(from_logits=True)
    return float(choices[np.argmin([cost(targets, logits / t) for t in choices])])


temperature = best_temperature(logits[fit_part], test_labels[fit_part])
print(f"temperature {temperature:.2f}: error {gap(1.0):.3f} before, {gap(temperature):.3f} after")

# %%
figure, axis = plt.subplots(figsize=(3.8, 3.6))
axis.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="-")
for name, t, marker in (("before", 1.0, "o"), ("after", temperature, "s")):
    chance = tf.nn.softmax(logits[check_part] / t).numpy()
    hit = chance.argmax(axis=1) == test_labels[check_part]
    groups = np.array_split(np.argsort(chance.max(axis=1)), 5)
    axis.plot(
        [chance.max(axis=1)[g].mean() for g in groups],
        [hit[g].mean() for g in groups],
        marker=marker,
        label=name,
    )
axis.set(xlabel="how sure", ylabel="share right", xlim=(0.2, 1.02), ylim=(0.2, 1.02))
axis.set_title("One number makes it honest")
axis.legend()
plt.show()
assert gap(temperature) < gap(1.0), "in five seeds from 0.043 to 0.062 down to 0.036 to 0.042"

# %% [markdown]
# Read the picture like this. Below the diagonal a network claims more than it can keep, and above
# it is too modest. Before the correction most of its claims are near one, and too many of them
# are wrong. After it the points come closer to the line. With so few pictures they also waver by
# chance; do not read meaning into a single point.
#
# Why does one number suffice? A network that is trained until it makes no mistake at home can
# lower its loss only by making all logits larger. Nothing at home speaks against that. So it is
# too sure of everything by about the same factor, and the factor can be taken away.
#
# ## Several labels at once
#
# Two digits side by side: which ones occur? Now the classes do not exclude each other. So there
# is **no softmax**, which would share a single 1 among them, but ten sigmoids, ten yes-or-no
# questions with one loss. This is called multi-label classification, and the target is a row of
# zeros and ones.


# %%
def couples(pictures, digits, seed):
    order = np.random.default_rng(seed).integers(0, len(digits), (2, 4000))
    both = np.hstack([pictures[order[0]], pictures[order[1]]])
    return both, np.maximum(np.eye(10)[digits[order[0]]], np.eye(10)[digits[order[1]]])


(pair, which), (pair_test, which_test) = (
    couples(pixels, labels, 0),
    couples(test_pixels, test_labels, 1),
)
mk.utils.set_random_seed(0)
several = mk.Sequential(
    [mk.Input((128,)), mk.layers.Dense(128, activation="relu"), mk.layers.Dense(10)]
)
several.compile(mk.optimizers.Adam(3e-3), mk.losses.BinaryCrossentropy(from_logits=True))
mk.fit(several, pair, which.astype("float32"), epochs=15, batch_size=64, verbose=0)
guessed = several(pair_test).numpy() > 0
exact = float(np.mean((guessed == which_test).all(axis=1)))
print(f"both digits, and no other: {exact:.3f} of the pairs")
assert exact > 0.7, "over five seeds 0.74 to 0.78"

# %% [markdown]
# The share that is asked for here is a hard one: both digits found, and none of the other eight
# named. Ten small questions must all be answered rightly. Counted one by one, the answers look
# much better, as they always do when most of the answers are no. Say which of the two you report.
#
# ## Exercises
#
# Run the check cell, then call the check on your own function.
#
# **1. Miss almost nothing.** Return the largest threshold at which at least 98 per cent of the
# malignant tumours are found.


# %% tags=["exercise", "skip-execution"]
def my_threshold(truth, chances): ...


# then: check_threshold(my_threshold)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def threshold(truth, chances):
    found = [t for t in np.unique(chances) if np.mean(chances[truth == 1] >= t) >= 0.98]
    return max(found)


# %% tags=["check"]
def check_threshold(function):
    limit = function(y_test, chances)
    assert np.mean(chances[y_test == 1] >= limit) >= 0.98, "98 per cent are found"
    assert np.mean(chances[y_test == 1] > limit) < 0.98, "and with a larger one they are not"
    return "right"


check_threshold(threshold)

# %% [markdown]
# **2. Balanced accuracy.** Compute it from a confusion matrix of any size. The witness is
# `mk.metrics.BalancedAccuracy`.


# %% tags=["exercise", "skip-execution"]
def my_balanced(matrix): ...


# then: check_balanced(my_balanced)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def balanced_accuracy(matrix):
    return float(np.mean(matrix.diagonal() / matrix.sum(axis=1)))


# %% tags=["check"]
def check_balanced(function):
    witness = mk.metrics.BalancedAccuracy(10)
    witness.update_state(test_labels, logits)
    matrix = mk.metrics.report(test_labels, logits, from_logits=True).matrix
    assert np.isclose(function(matrix), witness.result(), atol=1e-5), "as the metric"
    return "right"


check_balanced(balanced_accuracy)

# %% [markdown]
# **3. Wrong labels.** In these digits thirty labels have been changed. Return the hundred places
# where a trained model finds the given label least likely; at least 25 of the thirty should be
# among them.


# %% tags=["exercise", "skip-execution"]
def my_suspects(pixels, given): ...


# then: check_suspects(my_suspects)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def suspects(pixels, given):
    mk.utils.set_random_seed(0)
    model = mk.models.clone_model(right)
    model.compile("adam", mk.losses.SparseCategoricalCrossentropy(from_logits=True))
    mk.fit(model, pixels, given, epochs=8, verbose=0)
    chance = tf.nn.softmax(model(pixels)).numpy()
    return np.argsort(chance[np.arange(len(given)), given])[:100]


# %% tags=["check"]
def check_suspects(function):
    changed = np.random.default_rng(0).choice(len(labels), 30, replace=False)
    given = labels.copy()
    given[changed] = (given[changed] + 3) % 10
    found = len(set(function(pixels, given)) & set(changed))
    assert found >= 25, f"only {found} of 30 were found"
    return "right"


check_suspects(suspects)

# %% [markdown]
# ## Recap
#
# * A logit becomes a probability, a probability with a threshold becomes a decision. Say
#   `from_logits=True` where there are logits.
# * Accuracy is blind to rare classes. Look at recall, precision, the ROC curve.
# * Class weights change the network, a threshold only the decision.
# * A temperature makes a network honest about how sure it is.
# * Several labels need sigmoids, not a softmax.
#
# **Next:** [08 Functional API](08_functional_api.ipynb) gives a network several inputs and
# outputs.
