# ---
# jupyter:
#   mlkit:
#     title: Custom training loops
#     line: "one step, in three places; clipping, accumulation, two optimizers, exact resume"
#     seconds: 35
#     data: "digits (in mlkit)"
#     covers:
#     - train_step
#     - test_step
#     - tf.train
#     - steps_per_execution
#     - gradient accumulation
#     - two optimizers
#     - clipping
#     - EMA
#     - model.losses
#     - resume
# ---

# %% [markdown]
# # 12 Custom training loops
#
# {colab}
#
# > * **You will** write the loop of training from scratch, put the same step into Keras and into
# >   mlkit, and prove that all three learn the same; then clip, accumulate, use two optimizers,
# >   and go on after a crash as if nothing had happened.
# > * **You need** notebooks 02, 10 and 11.
# > * **It takes** fifty minutes to read and less than a minute to run.
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
tf.get_logger().setLevel("ERROR")  # many short runs, each with graphs of its own: no warning
(images, labels), (test_images, test_labels) = mk.data.load("digits")
x, y = images.reshape(-1, 64).astype("float32")[:1440] / 16, labels[:1440]
x_test = test_images.reshape(-1, 64).astype("float32") / 16
print(f"digits from the package mlkit: {len(x)} to learn from, {len(x_test)} held out")
cross_entropy = mk.losses.SparseCategoricalCrossentropy(from_logits=True)


def network(*extra):
    """A small net whose first kernel is kept small by a penalty; the same numbers each time."""
    mk.utils.set_random_seed(0)
    penalty = mk.regularizers.L2(1e-3)
    first = mk.layers.Dense(64, activation="relu", kernel_regularizer=penalty, name="body")
    return mk.Sequential([mk.Input((64,)), first, *extra, mk.layers.Dense(10, name="head")])


# %%
model, curve = network(), []
optimizer = mk.optimizers.Adam(3e-3)
for start in range(0, 1440, 32):
    pair = (x[start : start + 32], y[start : start + 32])
    loss, slopes = mk.training.value_and_grad(
        lambda batch: cross_entropy(batch[1], model(batch[0])), model.trainable_variables, pair
    )
    optimizer.apply(slopes, model.trainable_variables)
    curve.append(float(loss))
figure, axis = plt.subplots(figsize=(6.4, 2.6))
axis.plot(range(1, 46), curve)
axis.set(xlabel="step", ylabel="loss of the batch", title="Eight lines are a training loop")
plt.show()

# %% [markdown]
# Eight lines are enough to learn something. What is missing? The penalty on the weights, a
# metric, a look at held-out data, a graph to make it fast, and everything that happens when a run
# is longer than an afternoon. This notebook adds them one by one, and asks each time whether
# somebody has done it already.
#
# ## From scratch
#
# A full step computes the loss **and adds `model.losses`**, which holds penalties and whatever
# layers have added. Leave that out, as most loops on the web do, and the penalty is simply not
# there; nothing complains. A metric is an object with a state: update it with each batch, read
# the result at the end of the epoch, and **reset** it.

# %%
batches = [(x[i : i + 32], y[i : i + 32]) for i in range(0, 1440, 32)]
model, optimizer = network(), mk.optimizers.SGD(0.3)
optimizer.build(model.trainable_variables)
mean_loss = mk.metrics.Mean()
accuracy = mk.metrics.SparseCategoricalAccuracy()


@tf.function
def step(inputs, targets):
    with tf.GradientTape() as tape:
        logits = model(inputs, training=True)
        loss = cross_entropy(targets, logits) + sum(model.losses)
    values = [v.value for v in model.trainable_variables]
    optimizer.apply(tape.gradient(loss, values), model.trainable_variables)
    mean_loss.update_state(loss)
    accuracy.update_state(targets, logits)
    return loss


by_hand, last = [], 0.0
for _ in range(4):
    mean_loss.reset_state()
    accuracy.reset_state()
    for pair in batches:
        last = float(step(*map(tf.constant, pair)))
    by_hand.append(float(mean_loss.result()))
print("by hand:", [round(loss, 4) for loss in by_hand])
assert by_hand[-1] < by_hand[0] / 3, "it learns"

# %% [markdown]
# Why is the optimizer built before the first step? It keeps two numbers or more for every weight,
# and a graph may not make new variables each time it runs. Why are the metrics updated inside the
# graph? Because every number that Python wants to see makes it wait for the device. Read results
# once an epoch, not once a step, and the loop stays fast. And why `training=True`? Without it
# dropout and batch normalisation believe that they are in use.
#
# ## The same step inside Keras, and inside mlkit
#
# Keras lets you replace the step alone and keep `fit`: override `train_step` of the model. Its
# partner for held-out data is `test_step`. In mlkit the step belongs to the trainer and not to
# the model, so the model stays an ordinary one: override `mk.Trainer.train_step`. The step is
# then traced, put into whole-epoch graphs and compiled like any other.


# %%
class OwnStep(mk.Model):
    """A model that brings its own step, and its own mean of the losses."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.tracker = mk.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.tracker]  # Keras resets these after each epoch

    def train_step(self, data):
        inputs, targets = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=targets, y_pred=self(inputs, training=True))
        values = [v.value for v in self.trainable_variables]
        self.optimizer.apply(tape.gradient(loss, values), self.trainable_variables)
        self.tracker.update_state(loss)  # compute_loss has added self.losses
        return {"loss": self.tracker.result()}


# %%
class OwnTrainer(mk.Trainer):
    """A trainer with its own step."""

    def train_step(self, batch):
        def loss_fn(part):
            logits = self.model(part[0], training=True)
            return cross_entropy(part[1], logits) + sum(self.model.losses)

        variables = self.model.trainable_variables
        loss, gradients = mk.training.value_and_grad(loss_fn, variables, batch)
        self.apply_gradients(gradients, variables)
        return {"batch_loss": loss}


# %%
options = {"epochs": 4, "batch_size": 32, "shuffle": False, "verbose": 0}
net = network()
in_keras = OwnStep(net.inputs, net.outputs)
in_keras.compile(mk.optimizers.SGD(0.3), cross_entropy)
curves = {"by hand": by_hand, "train_step": in_keras.fit(x, y, **options).history["loss"]}
plain = network()
plain.compile(mk.optimizers.SGD(0.3), cross_entropy)
curves["mk.fit"] = mk.fit(plain, x, y, **options)["loss"]
figure, axis = plt.subplots(figsize=(6.4, 2.8))
for place, (name, losses) in enumerate(curves.items()):
    axis.plot(range(1, 5), losses, marker="os^"[place], markersize=9 - 2 * place, label=name)
axis.set(xlabel="epoch", ylabel="loss", xticks=range(1, 5))
axis.set_title("By hand, in train_step, in mk.fit: one curve")
axis.legend()
plt.show()
assert all(np.allclose(c, by_hand, rtol=1e-4) for c in curves.values()), "all learn the same"

# %% [markdown]
# What a trainer's step returns is shown as it was in the last step of the epoch. Give it a name
# of its own, for under the name of a metric the metric is shown. We compare that loss, and the
# weights at the end.

# %%
trainer = OwnTrainer(network(), loss=cross_entropy, optimizer=mk.optimizers.SGD(0.3))
reported = trainer.fit(x, y, **options)["batch_loss"][-1]
pairs = zip(trainer.model.get_weights(), model.get_weights(), strict=True)
apart = max(np.abs(a - b).max() for a, b in pairs)
print(f"last loss {reported:.4f}, by hand {last:.4f}")
assert np.isclose(reported, last, rtol=1e-3), "the same loss in the last step"
assert apart < 1e-3, "the same weights at the end"

# %% [markdown]
# Which place should you choose? A loop of your own when you want to see every line, or when the
# order of things is unusual. `train_step` of the model when others will call `fit` on it. The
# trainer when you want the rest of this notebook for nothing: clipping, accumulation, averages
# and exact resume then work with your step as they do with the standard one.
#
# If you need no step of your own, `mk.fit` has done all that. It is good to know that you could.
#
# ## Clipping, and a look at the gradients
#
# Now and then a batch gives a gradient that is far too long, and one step ruins an hour.
# **Clipping by the global norm** shortens the gradients of all variables together and keeps their
# direction. TensorFlow has the function; in mlkit it is a transform that goes into any loop, as
# `gradients=[...]` or by hand.

# %%
whole = (x[:64], y[:64])
variables = plain.trainable_variables
_, slopes = mk.training.value_and_grad(
    lambda batch: cross_entropy(batch[1], plain(batch[0])), variables, whole
)
raw, norm = tf.clip_by_global_norm(slopes, 0.01)
ours = mk.gradients.clip_by_global_norm(0.01)(slopes, variables)
apart = max(float(tf.reduce_max(tf.abs(a - b))) for a, b in zip(raw, ours, strict=True))
print(f"norm before {float(norm):.3f}, after {float(tf.linalg.global_norm(ours)):.3f}")
assert apart < 1e-6, "TensorFlow's and ours agree"

# %% [markdown]
# What is a good limit? Log the norm for an epoch without clipping, and take a value that is
# exceeded once in a hundred steps. A limit that is exceeded always is no safety net, it is
# another learning rate. And clip after the parts of a batch have been joined, never before: four
# short vectors that are clipped one by one do not add up to the clipped sum.
#
# ## Trap: accumulation that is four times too strong
#
# A batch that does not fit into memory can be cut into parts, and the gradients added up. Added
# up, or averaged? The loss of a batch is a mean, so the **mean** of the parts is right. With the
# sum the step is four times as long. Adam hides that, because it divides by the size of the
# gradient; with SGD it shows as a loss that jumps about, and one lowers the learning rate and
# never learns why.


# %%
def slopes_of(inputs, targets, parts=1):
    _, found = mk.training.value_and_grad(
        lambda batch: cross_entropy(batch[1], plain(batch[0])),
        variables,
        (inputs, targets),
        accumulate=parts,
    )
    return found


quarters = [slopes_of(x[i : i + 16], y[i : i + 16]) for i in range(0, 64, 16)]
summed = [tf.add_n(list(parts)) for parts in zip(*quarters, strict=True)]
ratio = float(tf.linalg.global_norm(summed) / tf.linalg.global_norm(slopes))
in_parts = slopes_of(*whole, parts=4)
apart = max(float(tf.reduce_max(tf.abs(a - b))) for a, b in zip(slopes, in_parts, strict=True))
print(f"summed: {ratio:.2f} times the right length; accumulate=4: off by {apart:.0e}")
assert abs(ratio - 4) < 1e-3, "the sum is four times too long"
assert apart < 1e-6, "our helper takes the mean, and a smaller last part by its share"

# %% [markdown]
# Keras has an accumulation of its own, in the optimizer. It counts every part as a step: a
# learning-rate schedule then runs four times as fast as you asked, and has reached its end when a
# quarter of the training is done. With `mk.fit(..., accumulate=4)` a step is an update, and the
# schedule keeps its time.

# %%
schedule = mk.optimizers.schedules.PolynomialDecay(0.1, decay_steps=8, end_learning_rate=0.0)
in_optimizer = mk.optimizers.SGD(schedule, gradient_accumulation_steps=4)
in_loop = mk.optimizers.SGD(schedule)
weight_a, weight_b, rates = mk.Variable(1.0), mk.Variable(1.0), {"optimizer": [], "loop": []}
for _ in range(8):  # eight updates, of four parts each
    rates["optimizer"].append(float(in_optimizer.learning_rate))
    rates["loop"].append(float(in_loop.learning_rate))
    for _ in range(4):
        in_optimizer.apply([tf.constant(1.0)], [weight_a])
    in_loop.apply([tf.constant(1.0)], [weight_b])
figure, axis = plt.subplots(figsize=(6.4, 2.8))
axis.plot(range(1, 9), rates["loop"], marker="o", label="accumulated in the loop")
axis.plot(range(1, 9), rates["optimizer"], marker="s", label="accumulated in the optimizer")
axis.set(
    xlabel="update", ylabel="learning rate", title="The schedule of eight updates is over after two"
)
axis.legend()
plt.show()
assert rates["optimizer"][2] == 0.0, "after two updates there is nothing left"
assert rates["loop"][4] > 0, "in the loop the schedule keeps its time"

# %% [markdown]
# ## Two optimizers
#
# A pretrained body wants small steps and a new head large ones. An optimizer of Keras knows its
# variables from the first step on, and refuses others; so give each its own part. By hand you
# split the list. `mk.training.MultiOptimizer` does it by the names of the variables, and is
# compiled, saved and loaded like any other.

# %%
left, right = network(), network()
slow, fast = mk.optimizers.SGD(0.01), mk.optimizers.Adam(0.01)
body = [v for v in left.trainable_variables if "body" in v.path]
head = [v for v in left.trainable_variables if "head" in v.path]
for inputs, targets in batches[:10]:
    _, found = mk.training.value_and_grad(
        lambda batch: cross_entropy(batch[1], left(batch[0])) + sum(left.losses),
        body + head,
        (inputs, targets),
    )
    slow.apply(found[: len(body)], body)
    fast.apply(found[len(body) :], head)
both = mk.training.MultiOptimizer({"body": mk.optimizers.SGD(0.01)}, mk.optimizers.Adam(0.01))
right.compile(both, cross_entropy)
mk.fit(right, x[:320], y[:320], **{**options, "epochs": 1})
apart = max(
    np.abs(a - b).max() for a, b in zip(left.get_weights(), right.get_weights(), strict=True)
)
assert apart < 1e-5, "split by hand or by name: the same weights"

# %% [markdown]
# ## Trap: going on after a crash
#
# `tf.train.Checkpoint` saves model and optimizer, and restoring them looks right: the loss goes
# on where it was. But a network with dropout also has a **random state**, and that is not in the
# checkpoint. The run that was broken off draws other masks than the one that was not, and ends
# elsewhere. No assertion fails. You will notice when somebody asks you to reproduce the result.


# %%
def dropping():
    model = network(mk.layers.Dropout(0.3, seed=5))
    model.compile(mk.optimizers.Adam(3e-3), cross_entropy)
    return model


settings = {**options, "execution": "step"}
straight = dropping()
mk.fit(straight, x, y, **settings)
first = dropping()
mk.fit(first, x, y, **{**settings, "epochs": 2})
file = tf.train.Checkpoint(model=first, optimizer=first.optimizer).save("saved/half")
second = dropping()
second.optimizer.build(second.trainable_variables)
restored = tf.train.Checkpoint(model=second, optimizer=second.optimizer).restore(file)
restored.assert_existing_objects_matched()
mk.fit(second, x, y, **{**settings, "epochs": 2})


def distance(a, b):
    pairs = zip(a.trainable_variables, b.trainable_variables, strict=True)
    return max(float(tf.reduce_max(tf.abs(v.value - w.value))) for v, w in pairs)


print(f"with tf.train.Checkpoint: {distance(straight, second):.3f} apart")
assert distance(straight, second) > 1e-3, "another run, and nothing said so"

# %% [markdown]
# A run directory of mlkit keeps all of it: weights, optimizer, random states, the order of the
# data and the place in it, and what callbacks remember. Start the same call again, and it goes
# on, and ends in the same bits.

# %%
halves = dropping()
mk.fit(halves, x, y, **{**settings, "epochs": 2}, run="runs/digits")
again = dropping()  # as after a crash: a new model, nothing in memory
mk.fit(again, x, y, **settings, run="runs/digits")
print(f"with a run directory: {distance(straight, again)} apart")
assert distance(straight, again) == 0.0, "the same bits"

# %% [markdown]
# Why is exactness worth the trouble? Because it is the only thing that can be tested. "About the
# same curve" hides a forgotten state, a doubled epoch, or data that were seen twice. If the bits
# agree, nothing was forgotten. The price is small: a few files, written beside the old ones and
# put in their place only when they are whole, so that a crash while saving costs nothing.
#
# ## Averages, and fewer calls
#
# Two more things that people write by hand. An **EMA** is a running average of the weights, which
# often does better than the weights of the last step: `mk.fit(..., ema=0.99)`. And
# `compile(steps_per_execution=32)` tells Keras to run so many steps a call, for which mlkit's own
# programs of notebook 11 are the faster answer. Both leave the step alone.

# %%
averaged = network()
averaged.compile(mk.optimizers.Adam(3e-3), cross_entropy, metrics=["accuracy"])
held_out = (x_test, test_labels)
long = {"epochs": 12, "batch_size": 32, "verbose": 0, "validation_data": held_out}
history = mk.fit(averaged, x, y, ema=0.99, **long)
mk.plotting.curves(history.history)

# %%
fused = network()
fused.compile(mk.optimizers.SGD(0.3), cross_entropy, steps_per_execution=15)
assert np.allclose(fused.fit(x, y, **options).history["loss"], by_hand, rtol=1e-4), "the same again"
assert history["val_accuracy"][-1] > 0.95, "worst of five seeds 0.972, less a margin"

# %% [markdown]
# ## Exercises
#
# Run the check cell, then call the check on your own.
#
# **1. Mixup.** Write a step that mixes each batch with itself backwards: `0.7 · x + 0.3 ·
# reversed x`, and the losses of both targets in the same shares. Return the loss of a batch.


# %% tags=["exercise", "skip-execution"]
def my_mixup(model, inputs, targets): ...


# then: check_mixup(my_mixup)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def mixup(model, inputs, targets):
    logits = model(0.7 * inputs + 0.3 * inputs[::-1])
    return 0.7 * cross_entropy(targets, logits) + 0.3 * cross_entropy(targets[::-1], logits)


# %% tags=["check"]
def check_mixup(function):
    one, two = x[:1], x[1:2]
    batch, both = np.vstack([one, two]), y[:2]
    mixed = plain(np.vstack([0.7 * one + 0.3 * two, 0.7 * two + 0.3 * one]))
    wanted = 0.7 * cross_entropy(both, mixed) + 0.3 * cross_entropy(both[::-1], mixed)
    assert np.isclose(function(plain, batch, both), wanted), "inputs and losses in shares"
    return "right"


check_mixup(mixup)

# %% [markdown]
# **2. A transform of gradients.** Write a function from gradients and variables to gradients that
# leaves kernels alone and sets the gradients of biases to zero. It can be given to `mk.fit(...,
# gradients=[...])`.


# %% tags=["exercise", "skip-execution"]
def my_no_bias(gradients, variables): ...


# then: check_no_bias(my_no_bias)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def no_bias(gradients, variables):
    pairs = zip(gradients, variables, strict=True)
    return [tf.zeros_like(g) if "bias" in v.path else g for g, v in pairs]


# %% tags=["check"]
def check_no_bias(function):
    model = network()
    model.compile(mk.optimizers.SGD(0.3), cross_entropy)
    mk.fit(model, x, y, gradients=[function], **{**options, "epochs": 1})
    weights = {v.path: v.numpy() for v in model.trainable_variables}
    assert all((w == 0).all() for path, w in weights.items() if "bias" in path), "biases stay 0"
    assert all((w != 0).any() for path, w in weights.items() if "kernel" in path), "kernels learn"
    return "right"


check_no_bias(no_bias)

# %% [markdown]
# **3. Accumulate by hand.** Give the mean gradients of a batch in four parts of equal size,
# without `accumulate`.


# %% tags=["exercise", "skip-execution"]
def my_in_four(inputs, targets): ...


# then: check_in_four(my_in_four)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def in_four(inputs, targets):
    quarters = zip(np.split(inputs, 4), np.split(targets, 4), strict=True)
    found = [slopes_of(*quarter) for quarter in quarters]
    return [tf.add_n(list(parts)) / 4 for parts in zip(*found, strict=True)]


# %% tags=["check"]
def check_in_four(function):
    found = function(*whole)
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(found, slopes, strict=True))
    return "right"


check_in_four(in_four)

# %% [markdown]
# ## Recap
#
# * A step is a loss with `model.losses`, a tape, and an optimizer. It can live in a loop of your
#   own, in `train_step` of a model, or in `train_step` of a trainer.
# * Parts of a batch are averaged, not summed, and a schedule counts updates.
# * Each optimizer has its own variables; `mk.training.MultiOptimizer` shares them out by name.
# * A checkpoint without the random states is another run. A run directory ends in the same bits.
#
# **Next:** you have seen the whole way from a tensor to a loop. Take one of your own projects,
# and one part.
