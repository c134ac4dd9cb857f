# ---
# jupyter:
#   mlkit:
#     title: Custom losses and metrics
#     line: "what a model is told to want, and how it is judged: robust, by quantiles, in a stream"
#     seconds: 35
#     data: "cars (vega_datasets), visits to the doctor (statsmodels)"
#     covers:
#     - tf.losses
#     - tf.metrics
#     - custom losses
#     - custom metrics
#     - saving
#     - reductions
#     - sample weights
#     - quantile
#     - focal
#     - contrastive
# ---

# %% [markdown]
# # 04 Custom losses and metrics
#
# {colab}
#
# > * **You will** write a loss that shrugs at wrong data, one that says how sure it is, and a
# >   metric that is right whatever the batches are.
# > * **You need** notebook 02; notebook 01 helps.
# > * **It takes** forty minutes to read and less than a minute to run.
# > * **The data** are 392 cars from vega_datasets, and 20,190 records of visits to the doctor,
# >   from the RAND health insurance experiment, in statsmodels.

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
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from vega_datasets import local_data

import mlkit as mk

plt.style.use("mlkit.plotting.plain")
tf.get_logger().setLevel("ERROR")  # many short runs, each with graphs of its own: no warning
SEED = 0
facts = ["Cylinders", "Displacement", "Horsepower", "Weight_in_lbs", "Acceleration"]
table = local_data.cars().dropna(subset=[*facts, "Miles_per_Gallon"])
mpg = table[["Miles_per_Gallon"]].to_numpy("float32")
train, test = mk.data.split((table[facts].to_numpy("float32"), mpg), (0.7, 0.3), seed=0)
scale = mk.data.statistics(train[0])
x, x_test = (scale.normalize(part[0]).numpy() for part in (train, test))
wrong = np.random.default_rng(0).random(len(x)) < 0.08
y, y_test = np.where(wrong[:, None], 10 * train[1], train[1]), test[1]
print(f"cars from vega_datasets: {len(x)} to learn from, {wrong.sum()} of them made wrong")
figure, axis = plt.subplots(figsize=(6.4, 2.8))
for mark, rows, name in (("o", ~wrong, "as it was"), ("^", wrong, "the decimal point was lost")):
    axis.scatter(train[0][rows, 3], y[rows, 0], s=14, marker=mark, label=name)
axis.set(xlabel="weight in pounds", ylabel="miles per gallon")
axis.set_title("One car in twelve with a slip of the pen: no car drives 300 miles on a gallon")
axis.legend()
plt.show()

# %% [markdown]
# Somebody typed 180 for 18.0. In a table of four hundred cars you would see it; in four million
# rows you would not. Which loss you choose decides whether such rows matter.
#
# ## A loss is a function, and its slope is what counts
#
# A loss takes targets and predictions, and gives **one number for each example**. What the
# weights feel is not its value but its slope. The square of the error has a slope that grows with
# the error, so the wildest example pulls hardest. The absolute error pulls equally at all.
# **Huber's loss** is a square up to `delta` and a straight line beyond. In raw TensorFlow:


# %%
def huber_by_hand(y_true, y_pred, delta):
    error = tf.abs(y_true - y_pred)
    small = tf.minimum(error, delta)
    return tf.reduce_mean(0.5 * small**2 + delta * (error - small), axis=-1)


# %%
errors = tf.reshape(tf.linspace(-6.0, 6.0, 241), (-1, 1))
shapes = {
    "squared": lambda e: 0.5 * e[:, 0] ** 2,
    "absolute": lambda e: tf.abs(e[:, 0]),
    "Huber, delta 2": lambda e: huber_by_hand(0.0, e, 2.0),
}
figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 2.8))
for name, shape in shapes.items():
    with tf.GradientTape() as tape:
        tape.watch(errors)
        values = shape(errors)
    left.plot(errors[:, 0], values, label=name)
    right.plot(errors[:, 0], tape.gradient(values, errors)[:, 0])
left.set(xlabel="error", ylabel="loss", ylim=(0, 12), title="The loss")
right.set(xlabel="error", ylabel="slope", title="Its slope: only the square has no limit")
left.legend()
plt.show()

# %% [markdown]
# ## As a function, and as a class
#
# `compile(loss=...)` takes any function of `(y_true, y_pred)`. A **class** is worth its five
# lines when the loss has a setting: it carries `delta` into the saved file. `call` returns one
# value for each example; the base class does the **reduction**, that is, it applies sample
# weights and takes the mean. The third way is to look whether it is there already, and Huber's
# is. All of Keras' losses are in `mk.losses`, which `tf.losses` shows too.


# %%
@mk.saving.register_keras_serializable("tutorial")
class Robust(mk.losses.Loss):
    """Huber's loss: square up to `delta`, straight beyond."""

    def __init__(self, delta=1.0, **kwargs):
        super().__init__(**kwargs)
        self.delta = delta

    def call(self, y_true, y_pred):
        y_true = mk.ops.reshape(y_true, mk.ops.shape(y_pred))  # (8,) minus (8, 1) would be (8, 8)
        error = mk.ops.abs(y_true - y_pred)
        small = mk.ops.minimum(error, self.delta)
        return mk.ops.mean(0.5 * small**2 + self.delta * (error - small), axis=-1)

    def get_config(self):
        return {**super().get_config(), "delta": self.delta}


# %%
guess = y + np.random.default_rng(1).normal(0, 5, y.shape).astype("float32")
ours, theirs = Robust(2.0), mk.losses.Huber(2.0)
by_hand = float(tf.reduce_mean(huber_by_hand(y, guess, 2.0)))
assert np.isclose(by_hand, ours(y, guess)), "by hand and as a class: the same"
assert np.isclose(by_hand, theirs(y, guess)), "and the same as the one of Keras"
assert tf.losses.Huber is mk.losses.Huber, "tf.losses shows the same objects"
assert mk.losses.Huber(2.0, reduction=None)(y, guess).shape == (len(y),), "one value an example"

# %% [markdown]
# Now three nets with the same first weights learn from the spoiled cars, and are judged on clean
# ones by their mean error in miles per gallon. The middle of the data, given to everybody, is the
# mark to beat.


# %%
def learn(loss, weights=None):
    """Train a small net with a loss; the mean absolute error on clean cars."""
    mk.utils.set_random_seed(SEED)
    start = mk.initializers.Constant(float(np.median(y)))
    layers = [mk.layers.Dense(32, activation="relu"), mk.layers.Dense(1, bias_initializer=start)]
    model = mk.Sequential([mk.Input((5,)), *layers])
    model.compile(mk.optimizers.Adam(0.01), loss)
    mk.fit(model, x, y, sample_weight=weights, epochs=60, verbose=0)
    return float(np.abs(model(x_test) - y_test).mean()), model


mean_errors = {name: learn(name)[0] for name in ("mse", "mae")}
mean_errors["Robust(2)"], robust = learn(Robust(2.0))
mean_errors["the middle"] = float(np.abs(np.median(y) - y_test).mean())

# %%
figure, axis = plt.subplots(figsize=(6.4, 2.4))
bars = axis.barh(list(mean_errors), list(mean_errors.values()), color="#0072B2")
axis.bar_label(bars, fmt="%.1f", padding=3)
axis.set(xlabel="mean error on clean cars, miles per gallon", ylabel="loss")
axis.set_title("One row in twelve is wrong, and the square listens to nobody else")
plt.show()
assert mean_errors["Robust(2)"] < 0.5 * mean_errors["mse"], (
    "less than half of the error of the square"
)

# %% [markdown]
# The net with the squared error is worse than no net at all. It is not broken: it found what it
# was told to find, the mean of each kind of car, and a few wrong rows carry the mean away. The
# other two look for something nearer to the middle. Over five seeds Huber's loss was off by 2.8 to
# 2.9 miles, the square by 16.3 to 17.5; the check asks for half of that.
#
# What should `delta` be? It has the unit of the target. Take the size of an error that you would
# call ordinary, here two miles per gallon: below it the loss is smooth, which helps at the end of
# training; above it an error counts as far off, and no more.
#
# ## Trap: a loss that swallows the weights
#
# You know which rows are suspicious, so you give them the weight 0. And you write the loss as
# most people first do, with a mean over everything. It runs, it learns, and **the weights have no
# effect**: Keras multiplies your one number by each weight and averages, so that a weight only
# makes the whole loss a little smaller. No error, no warning.


# %%
@mk.saving.register_keras_serializable("tutorial")
class Swallows(mk.losses.Loss):
    """The squared error, averaged too early."""

    def call(self, y_true, y_pred):
        return mk.ops.mean((y_true - y_pred) ** 2)  # one number for the whole batch


weights = (y[:, 0] < 60).astype("float32")
swallowed, heeded = learn(Swallows(), weights)[0], learn("mse", weights)[0]
print(f"error with weights: {swallowed:.1f} if averaged too early, {heeded:.1f} if not")
assert swallowed > 2 * heeded, "twice as far off, at least"

# %% [markdown]
# Over five seeds 15.8 to 17.1 against 2.9; the check asks for twice as much.
#
# The test bench finds it in a second. It asks a dozen questions of a loss: one value an example?
# Is weight 0 the same as absent? Does the gradient agree with a numerical one? Does a saved file
# give the same loss back? It is our `check_layer` of notebook 05 for losses.

# %%
try:
    mk.testing.check_loss(Swallows, {}, y[:8], guess[:8], verbose=False)
    found = []
except mk.testing.ConformanceError as error:
    found = [result.check for result in error.report.results if result.status == "failed"]
print("failed:", ", ".join(found))
report = mk.testing.check_loss(Robust, {"delta": 2.0}, y[:8], guess[:8], verbose=False)
assert found, "the swallowed weights are found"
assert report.ok, "and the sound loss passes"

# %% [markdown]
# ## Does the setting survive the file?
#
# A loss that comes back from a file with another setting is another loss, and the run goes on
# with it. `get_config` is the whole secret. Even Keras forgets it here and there: look what its
# own Huber does in version 3.15.

# %%
robust.save("robust.keras")
again: Any = mk.saving.load_model("robust.keras")
assert again.loss.delta == 2.0, "our setting came back"
copy = mk.losses.Huber.from_config(mk.losses.Huber(delta=2.0).get_config())
print("Keras' Huber(2) after a round trip:", copy.get_config().get("delta", "delta is not kept"))
one = float(copy(np.zeros((1, 1)), np.full((1, 1), 9.0)))
print(f"its value at an error of 9: {one}, it should be {2 * 9 - 2}")

# %% [markdown]
# ## Quantiles: a model that says how sure it is
#
# How often does a person see a doctor in a year? A third never do, and somebody did 77 times. The
# mean, 2.9, describes nobody. Ask for **quantiles**: a number that one person in ten stays below,
# the one in the middle, and one that nine in ten stay below. The **pinball loss** gives them. It
# is the absolute error with a tilt: for the quantile 0.9 a target above the prediction costs nine
# times as much as one below it, so the prediction moves up until nine in ten lie below. One net
# with three outputs gives all three at once.
#
# One thing to settle first. The table has up to five years of each person, and no names. If a
# person's years were in both parts, the net could recognise the person. Rows that agree in all
# nine facts may well be one person, and therefore stay together.


# %%
def pinball_by_hand(y_true, y_pred, tau):
    error = y_true - y_pred
    return tf.reduce_mean(tf.maximum(tau * error, (tau - 1) * error), axis=-1)


# %%
from statsmodels.datasets import randhie

people: Any = randhie.load_pandas().data
visits = people.pop("mdvis").to_numpy("float32")[:, None]
persons = people.groupby(list(people.columns)).ngroup().to_numpy()
rows = (people.to_numpy("float32"), visits)
train, test = mk.data.split(rows, (0.8, 0.2), groups=persons, seed=0)
scale = mk.data.statistics(train[0])
p, p_test = (scale.normalize(part[0]).numpy() for part in (train, test))
taus = [0.1, 0.5, 0.9]
mk.utils.set_random_seed(SEED)
fan = mk.Sequential([mk.Input((9,)), mk.layers.Dense(32, activation="relu"), mk.layers.Dense(3)])
coverage = mk.metrics.QuantileCoverage(taus)
fan.compile(mk.optimizers.Adam(3e-3), mk.losses.PinballLoss(taus), metrics=[coverage])
mk.fit(fan, p, train[1], batch_size=256, epochs=12, verbose=0)
quantiles = fan(p_test)
by_hand = pinball_by_hand(test[1], quantiles, tf.constant(taus))
assert np.allclose(by_hand, mk.losses.pinball_loss(test[1], quantiles, taus)), "by hand: the same"
print(f"doctor visits from statsmodels: {len(p)} rows to learn from, {len(p_test)} held out")

# %%
column = list(people.columns).index("disea")
probe = np.zeros((60, 9), "float32")  # a person of the average in everything else
probe[:, column] = np.linspace(-1.5, 3, 60)
illness = probe[:, column] * float(scale.std[column]) + float(scale.mean[column])
figure, axis = plt.subplots(figsize=(6.4, 3.2))
beside = np.random.default_rng(0).normal(0, 0.3, len(test[1][::3]))  # the scores are few: spread
axis.scatter(test[0][::3, column] + beside, test[1][::3, 0], s=4, color="0.75", label="a year")
for tau, curve in zip(taus, fan(probe).numpy().T, strict=True):
    axis.plot(illness, curve, label=f"quantile {tau}")
axis.set(xlabel="score of chronic illness", ylabel="visits in a year", ylim=(-0.5, 20))
axis.set(xlim=(illness[0], illness[-1]))
axis.set_title("The more illness, the wider the fan: the middle alone hides it")
axis.legend(loc="upper left", ncols=2)
plt.show()

# %% [markdown]
# Do nine in ten really stay below the upper line? That is the **coverage**, and the only honest
# judge of a quantile. It must be measured on people that were held out. Over five seeds it was off
# by 0.007 to 0.013; the check allows 0.05.

# %%
scores = fan.evaluate(p_test, test[1], verbose=0, return_dict=True)
covered = scores["quantile_coverage_0.9"]
by_hand = float(np.mean(test[1][:, 0] <= quantiles[:, 2]))
print(f"below the upper quantile: {covered:.3f}")
assert abs(covered - by_hand) < 1e-6, "the metric counts as we do"
assert abs(covered - 0.9) < 0.05, "nine in ten, to five hundredths"

# %% [markdown]
# ## A metric of your own
#
# A metric sees the data in batches, and must give the value of the **whole**. It keeps sums in
# its weights: `add_weight` makes them, `update_state` adds a batch, `result` divides at the end,
# `reset_state` (from the base class) starts anew. Always give the weights a name. Ours asks: of
# the people with at least `threshold` visits, for how many did the upper quantile say so?


# %%
@mk.saving.register_keras_serializable("tutorial")
class Foreseen(mk.metrics.Metric):
    """Of the targets from `threshold` on, the share whose prediction is there too."""

    def __init__(self, threshold=10.0, name="foreseen", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.heavy = self.add_weight(name="heavy", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = mk.ops.cast(mk.ops.ravel(y_true), self.dtype)  # whole numbers are welcome too
        heavy = mk.ops.cast(y_true >= self.threshold, self.dtype)
        if sample_weight is not None:
            heavy *= mk.ops.cast(mk.ops.ravel(sample_weight), self.dtype)
        told = mk.ops.cast(mk.ops.ravel(y_pred) >= self.threshold, self.dtype)
        self.hits.assign_add(mk.ops.sum(heavy * told))
        self.heavy.assign_add(mk.ops.sum(heavy))

    def result(self):
        return mk.ops.divide_no_nan(self.hits, self.heavy)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


# %% [markdown]
# ## Trap: the mean of the batches
#
# A plain function as a metric looks simpler: `metrics=[my_recall]`. Keras then computes it for
# each batch and takes the mean. For a ratio that is **another number**: a batch with one heavy
# patient counts as much as a batch with thirty, and one with none counts as zero. The value
# depends on the batch size, and nobody is told.

# %%
truth, upper = test[1][:, 0], quantiles[:, 2].numpy()
whole = np.mean(upper[truth >= 10] >= 10)


def in_batches(size):
    """The streaming metric, and the mean of a recall computed in each batch."""
    metric, batch_values = Foreseen(10.0), []
    for start in range(0, len(truth), size):
        part = slice(start, start + size)
        metric.update_state(truth[part], upper[part])
        heavy = truth[part] >= 10
        batch_values.append(np.mean(upper[part][heavy] >= 10) if heavy.any() else 0.0)
    return float(metric.result()), float(np.mean(batch_values))


sizes = [8, 16, 32, 64, 128, 256, 512, 1024]
streamed, averaged = np.transpose([in_batches(size) for size in sizes])
figure, axis = plt.subplots(figsize=(6.4, 2.8))
axis.plot(sizes, streamed, marker="o", label="sums, divided at the end")
axis.plot(sizes, averaged, marker="s", label="mean of the batches")
axis.set(xlabel="batch size", ylabel="share foreseen", xscale="log", ylim=(0, None))
axis.set_title("A ratio that is averaged over batches depends on the batches")
axis.legend()
plt.show()
assert np.allclose(streamed, whole, atol=1e-6), "the metric gives the value of the whole set"
assert averaged[0] < 0.7 * whole, "in small batches, less than seven tenths of it"

# %% [markdown]
# With eight rows a batch, the mean of the batches hides most of what the model can do, and with
# ten times as many it tells a different story about the same predictions. Over five seeds it was
# 0.12 to 0.13 where the truth is 0.43 to 0.46. The streaming metric
# does not care. The test bench for metrics asks for that, and for a few things more: any split
# into batches, any weights, a state that can be set back, a configuration that survives.

# %%
long_y, long_p = np.arange(24.0)[:, None], np.arange(24.0)[::-1][:, None]
report = mk.testing.check_metric(Foreseen, {"threshold": 8.0}, long_y, long_p, verbose=False)
assert report.ok, "any split into batches, any weights, saved and loaded"
back = Foreseen.from_config(Foreseen(7.0).get_config())
assert back.threshold == 7.0, "the threshold survives"
assert tf.metrics.Metric is mk.metrics.Metric, "tf.metrics shows the same objects"

# %% [markdown]
# ## Two more ideas, ready to use
#
# The **focal** loss turns down what is easy: an example that is right with certainty hardly
# counts, so that a rare class is not drowned by thousands of easy ones. The **contrastive** loss
# is for pairs: it pulls equal things together, and pushes different ones apart until they are a
# `margin` away, and no further. Both are in `mk.losses`, with some fifty others.

# %%
sure = np.linspace(0.02, 0.98, 97).astype("float32")[:, None]
ones, distances = np.ones_like(sure), np.linspace(0, 2, 97).astype("float32")
figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 2.8))
left.plot(sure[:, 0], mk.losses.binary_crossentropy(ones, sure), label="cross-entropy")
focal = mk.losses.sigmoid_focal_crossentropy(ones, sure, alpha=1.0, gamma=2.0)
left.plot(sure[:, 0], focal, label="focal, gamma 2")
left.set(xlabel="probability of the true class", ylabel="loss", title="Focal: easy is free")
for kind, name in ((1, "equal things"), (0, "different things")):
    values = mk.losses.contrastive_loss(np.full(97, kind, "float32"), distances, margin=1.0)
    right.plot(distances, values, label=name)
right.set(xlabel="distance of the pair", ylabel="loss", title="Contrastive: together, apart")
left.legend()
right.legend()
plt.show()
by_hand = -((1 - sure[:, 0]) ** 2) * np.log(sure[:, 0])
assert np.allclose(np.ravel(focal), by_hand, atol=1e-5), "focal by hand: the same"

# %% [markdown]
# ## Exercises
#
# Run the check cell, then call the check on your own function or class.
#
# **1. Pinball.** Write a loss class `(tau)` for one quantile, with one value an example, whose
# setting survives a file. The test bench will judge it; it also wants a docstring that names
# `tau`, and targets of shape (8,) to be taken like those of shape (8, 1).


# %% tags=["exercise", "skip-execution"]
class MyPinball(mk.losses.Loss): ...


# then: check_pinball(MyPinball)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
@mk.saving.register_keras_serializable("tutorial")
class Pinball(mk.losses.Loss):
    """The pinball loss of the quantile `tau`."""

    def __init__(self, tau=0.5, **kwargs):
        super().__init__(**kwargs)
        self.tau = tau

    def call(self, y_true, y_pred):
        error = mk.ops.reshape(y_true, mk.ops.shape(y_pred)) - y_pred
        return mk.ops.mean(mk.ops.maximum(self.tau * error, (self.tau - 1) * error), axis=-1)

    def get_config(self):
        return {**super().get_config(), "tau": self.tau}


# %% tags=["check"]
def check_pinball(cls):
    assert np.isclose(cls(0.9)(y, guess), mk.losses.PinballLoss(0.9)(y, guess)), "as mk.losses"
    assert mk.testing.check_loss(cls, {"tau": 0.9}, y[:8], guess[:8], verbose=False).ok
    return "right"


check_pinball(Pinball)

# %% [markdown]
# **2. Log-cosh that does not burst.** The logarithm of the hyperbolic cosine of the error is a
# smooth Huber. Written as it is read, it overflows at an error of 90. Use log cosh e = |e| +
# log(1 + exp(-2|e|)) - log 2.


# %% tags=["exercise", "skip-execution"]
def my_log_cosh(y_true, y_pred): ...


# then: check_log_cosh(my_log_cosh)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def log_cosh(y_true, y_pred):
    error = mk.ops.abs(y_true - y_pred)
    return mk.ops.mean(error + mk.ops.softplus(-2 * error) - np.log(2.0), axis=-1)


# %% tags=["check"]
def check_log_cosh(function):
    near, far = np.zeros((3, 1), "float32"), np.float32([[0.5], [2.0], [500.0]])
    assert np.allclose(function(near, far)[:2], np.log(np.cosh(far[:2, 0])), atol=1e-6)
    assert np.isclose(function(near, far)[2], 500 - np.log(2)), "finite far out"
    return "right"


check_log_cosh(log_cosh)

# %% [markdown]
# **3. F-beta in a stream.** Write a metric `(beta)` for labels 0 and 1 and predictions in [0, 1],
# cut at 0.5: (1 + beta²) · TP / ((1 + beta²) · TP + beta² · FN + FP), over any batches.


# %% tags=["exercise", "skip-execution"]
class MyFBeta(mk.metrics.Metric): ...


# then: check_f_beta(MyFBeta)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
class FBeta(mk.metrics.Metric):
    """F-beta from counts of hits, misses and false alarms."""

    def __init__(self, beta=1.0, name="f_beta", **kwargs):
        super().__init__(name=name, **kwargs)
        self.beta = beta
        self.counts = self.add_weight(shape=(3,), name="counts", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        true = mk.ops.cast(mk.ops.ravel(y_true), "float32")
        said = mk.ops.cast(mk.ops.ravel(y_pred) > 0.5, "float32")
        parts = [true * said, true * (1 - said), (1 - true) * said]
        self.counts.assign_add(mk.ops.stack([mk.ops.sum(part) for part in parts]))

    def result(self):
        hits, missed, false = self.counts[0], self.counts[1], self.counts[2]
        top = (1 + self.beta**2) * hits
        return mk.ops.divide_no_nan(top, top + self.beta**2 * missed + false)


# %% tags=["check"]
def check_f_beta(cls):
    from sklearn.metrics import fbeta_score

    rng = np.random.default_rng(4)
    true, said = rng.integers(0, 2, 100), rng.random(100)
    metric = cls(2.0)
    for part in np.split(np.arange(100), [3, 50, 51]):
        metric.update_state(true[part], said[part])
    assert np.isclose(metric.result(), fbeta_score(true, said > 0.5, beta=2.0)), "scikit-learn's"
    return "right"


check_f_beta(FBeta)

# %% [markdown]
# **4. Missing targets.** Write the squared error in which a target of -1 means "not known": the
# mean over the known entries of each row, 0 where none is known.


# %% tags=["exercise", "skip-execution"]
def my_known_only(y_true, y_pred): ...


# then: check_known_only(my_known_only)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def known_only(y_true, y_pred):
    known = mk.ops.cast(y_true != -1, "float32")
    total = mk.ops.sum(known * (y_true - y_pred) ** 2, axis=-1)
    return mk.ops.divide_no_nan(total, mk.ops.sum(known, axis=-1))


# %% tags=["check"]
def check_known_only(function):
    true = np.float32([[1, -1, 4], [-1, -1, -1], [2, 2, 2]])
    said = np.float32([[2, 50, 6], [7, 7, 7], [2, 2, 5]])
    assert np.allclose(function(true, said), [2.5, 0.0, 3.0]), "known entries only"
    return "right"


check_known_only(known_only)

# %% [markdown]
# ## Recap
#
# * A loss gives one value for each example. Average too early, and sample weights are swallowed.
# * What the weights feel is the slope: Huber's has a limit, the square's has none.
# * Quantiles say how sure a model is, and coverage on held-out data says whether that is true.
# * A metric keeps sums and divides at the end. A mean over batches of a ratio is another number.
# * `get_config` carries the settings; `mk.testing.check_loss` and `check_metric` find what is
#   missing.
#
# **Next:** [05 Custom layers](05_custom_layers.ipynb) does the same for the parts of a model.
