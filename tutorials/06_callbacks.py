# ---
# jupyter:
#   mlkit:
#     title: Callbacks
#     line: "look into a run while it goes on: stop it, keep its best, draw it, break it, go on"
#     seconds: 55
#     data: "digits (in mlkit), a fifth of their labels made wrong"
#     covers:
#     - EarlyStopping
#     - ModelCheckpoint
#     - TensorBoard
#     - tf.summary
#     - custom callback
#     - ReduceLROnPlateau
#     - TerminateOnNaN
#     - CSVLogger
#     - BackupAndRestore
#     - resume
# ---

# %% [markdown]
# # 06 Callbacks
#
# {colab}
#
# > * **You will** stop a run at the right moment, keep its best state, find a learning rate,
# >   write a callback of your own, and break a run off to see whether it can go on.
# > * **You need** notebook 02.
# > * **It takes** forty minutes to read and about a minute to run.
# > * **The data** are the handwritten digits that come with mlkit, with wrong labels on purpose.

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
import contextlib
import io
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import mlkit as mk

plt.style.use("mlkit.plotting.plain")
tf.get_logger().setLevel("ERROR")  # many short runs, each with graphs of its own: no warning
SEED = 0
(images, labels), _ = mk.data.load("digits")
pixels = images.reshape(-1, 64).astype("float32") / 16
wrong = np.random.default_rng(1).random(len(labels)) < 0.2  # a fifth gets a label by lot
noisy = np.where(wrong, np.random.default_rng(2).integers(0, 10, len(labels)), labels)
(x, y), held_out = mk.data.split((pixels, noisy), (0.8, 0.2), seed=0)
print(f"digits from the package mlkit: {len(x)} to learn from, {len(held_out[0])} to watch")


# %%
def network(*extra, optimizer=None):
    """A net with more weights than the task needs; the same numbers each time."""
    mk.utils.set_random_seed(SEED)
    first = mk.layers.Dense(128, activation="relu")
    model = mk.Sequential([mk.Input((64,)), first, *extra, mk.layers.Dense(10)])
    cross_entropy = mk.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer or mk.optimizers.Adam(1e-2), cross_entropy, metrics=["accuracy"])
    return model


options = {"batch_size": 32, "shuffle": False, "verbose": 0, "validation_data": held_out}
history = mk.fit(network(), x, y, epochs=30, **options)
figure, axis = plt.subplots(figsize=(6.4, 2.8))
axis.plot(range(1, 31), history["loss"], label="training")
axis.plot(range(1, 31), history["val_loss"], label="watched")
axis.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
axis.set_title("From some epoch on, the net learns the wrong labels by heart")
axis.legend()
plt.show()

# %% [markdown]
# A fifth of the labels were drawn by lot, as tired people might have given them. The net first
# learns what most labels say, and the loss on the watched part falls. Then it has weights to
# spare and learns the errors too. The loss of training goes on falling, the other rises. The best
# model of this run existed for one epoch, early, and was overwritten.
#
# A **callback** is an object whose methods the loop calls: at the start and end of the run, of
# each epoch and of each batch. It gets a dict `logs` with the metrics, and has the model as
# `self.model`. So it can look, write, save, change the learning rate, or set
# `self.model.stop_training`. All of Keras' callbacks are in `mk.callbacks`, and ours beside them;
# each works in `model.fit` and in `mk.fit`.
#
# ## Stop in time: by hand
#
# What would you do by hand? Train one epoch, measure, remember the weights if they are the best
# so far, and give up when nothing has improved for five epochs.

# %%
model, best, waited, seen = network(), np.inf, 0, []
while waited < 5:
    model.fit(x, y, epochs=1, **{**options, "validation_data": None})
    seen.append(model.evaluate(*held_out, verbose=0, return_dict=True)["loss"])
    waited += 1
    if seen[-1] < best:
        best, kept, waited = seen[-1], model.get_weights(), 0
model.set_weights(kept)
print(f"by hand: best epoch {np.argmin(seen) + 1}, stopped after epoch {len(seen)}")

# %% [markdown]
# ## The same with `EarlyStopping`


# %%
def apart(a, b):
    """The largest difference between the weights of two models."""
    pairs = zip(a.get_weights(), b.get_weights(), strict=True)
    return max(np.abs(one - other).max() for one, other in pairs)


stopper = mk.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
stopped = network()
log = stopped.fit(x, y, epochs=100, callbacks=[stopper], **options).history
assert len(log["loss"]) == len(seen), "stopped after the same epoch"
assert stopper.best_epoch == np.argmin(seen), "the same epoch was the best"
assert apart(stopped, model) < 1e-4, "and the weights are those of that epoch"

# %%
epochs = np.arange(1, len(seen) + 1)
figure, axis = plt.subplots(figsize=(6.4, 2.8))
axis.plot(epochs, log["val_loss"], marker="o", markersize=4)
axis.axvline(stopper.best_epoch + 1, color="k", linestyle=":")
axis.annotate("restored", (stopper.best_epoch + 1.1, max(log["val_loss"])), va="top")
axis.annotate("stopped", (epochs[-1], log["val_loss"][-1]), ha="right", va="bottom")
axis.set(xlabel="epoch", ylabel="watched loss")
axis.set_title("Five epochs without a better one, then back to the best")
plt.show()

# %% [markdown]
# How patient should it be? The watched loss wavers from epoch to epoch. With a patience of one,
# the first chance rise ends the run. Take a few times the distance between two ordinary bumps:
# too much patience costs nothing but time, as long as the best weights come back. And watch a
# part that is large enough; on twenty examples every curve is noise.
#
# ## Trap: stopped in time, and kept the wrong weights
#
# The default of `restore_best_weights` is False. Then the run stops at the right moment and you
# hold the model of the **last** epoch, which by definition is worse than the best. The history
# shows the best value, so everybody quotes that one. Nothing warns. It costs one line to find
# out: measure the model that you hold.

# %%
careless = network()
careless_stop = mk.callbacks.EarlyStopping(patience=5)
log = careless.fit(x, y, epochs=100, callbacks=[careless_stop], **options).history
in_hand = careless.evaluate(*held_out, verbose=0, return_dict=True)["loss"]
restored = stopped.evaluate(*held_out, verbose=0, return_dict=True)["loss"]
print(f"best in the history {min(log['val_loss']):.3f}, in hand {in_hand:.3f}")
assert in_hand > restored + 0.03, "over five seeds 0.057 to 0.087 worse"
assert abs(restored - min(log["val_loss"])) < 1e-4, "restored: the quoted value is the real one"

# %% [markdown]
# ## Find a learning rate: raw TensorFlow first
#
# Raise the rate a little with every batch, from far too small to far too large, and note the
# loss. It stays, falls, and explodes. A good rate lies where it falls most steeply. In raw
# TensorFlow that is a loop with a tape.

# %%
batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(32, drop_remainder=True).repeat()
rates = 1e-4 * (1e5 ** (np.arange(60) / 59))
model, losses = network(), []
optimizer = mk.optimizers.Adam()
for rate, (inputs, targets) in zip(rates, batches, strict=False):
    with tf.GradientTape() as tape:
        logits = model(inputs, training=True)
        errors = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        loss = tf.reduce_mean(errors)
    slopes = tape.gradient(loss, [v.value for v in model.trainable_variables])
    optimizer.learning_rate = rate
    optimizer.apply(slopes, model.trainable_variables)
    losses.append(float(loss))

# %%
finder = mk.callbacks.LRFinder(1e-4, 10.0, steps=60, verbose=0).find(network(), batches)
count = len(finder.losses)
assert np.allclose(finder.rates, rates[:count]), "the same rates"
assert np.allclose(finder.losses[:30], losses[:30], rtol=1e-2), "and the same losses"
figure, axis = plt.subplots(figsize=(6.4, 2.8))
axis.plot(rates, losses, label="by hand")
axis.plot(finder.rates, finder.losses, label="LRFinder")
axis.axvline(finder.suggestion, color="k", linestyle=":", label=f"take {finder.suggestion:.2g}")
axis.set(xlabel="learning rate", ylabel="loss of the batch", xscale="log", ylim=(0, 6))
axis.set_title("Too small, good, too large: one short run shows all three")
axis.legend()
plt.show()
assert 3e-4 < finder.suggestion < 0.1, "a rate that can be trained with"

# %% [markdown]
# By hand, sixty steps have ruined the model. The helper gives the model its own weights back
# afterwards, to the bit, and stops as soon as the loss diverges. Its suggestion is a place to
# begin, not a law. It holds for this net, this optimizer and this size of a batch: change one of
# them, and ask again. It takes two seconds.
#
# ## Change the rate while it runs
#
# `LearningRateScheduler` sets the rate by a function of the epoch; `ReduceLROnPlateau` waits
# until nothing improves and then lowers it. The rate of each epoch is in the history, under
# `learning_rate`. Look at it. A plateau callback with a patience longer than the run never acts,
# and one that watches the training loss acts too late. `CSVLogger` writes the same numbers into a
# file that any program can read.

# %%
plateau = mk.callbacks.ReduceLROnPlateau(patience=2, factor=0.3, min_lr=1e-5)
table = mk.callbacks.CSVLogger("log.csv")
reduced = mk.fit(network(), x, y, epochs=20, callbacks=[plateau, table], **options)
figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 2.8))
left.step(range(1, 21), reduced["learning_rate"], where="mid")
left.set(xlabel="epoch", ylabel="learning rate", yscale="log", title="Down at each plateau")
right.plot(range(1, 21), history["val_loss"][:20], label="one rate")
right.plot(range(1, 21), reduced["val_loss"], label="lowered")
right.set(xlabel="epoch", ylabel="watched loss", title="The rise is nearly gone")
right.legend()
plt.show()
lines = open("log.csv").read().splitlines()
assert len(lines) == 21, "a head and a line an epoch"
assert reduced["learning_rate"][-1] < 1e-2, "the rate was lowered"
assert reduced["val_loss"][-1] < history["val_loss"][19], "better than with one rate"

# %% [markdown]
# ## A ladder of checkpoints
#
# Weights in memory are lost with the process. `ModelCheckpoint` writes files. With
# `save_best_only` it writes only when the watched value improves, and the files climb a ladder.
# `mk.callbacks.TopKCheckpoint` keeps so many of the best and removes the others, but only when
# the new file is safely on the disk.

# %%
name = "ladder-{epoch:02d}.keras"
ladder = mk.callbacks.ModelCheckpoint(name, monitor="val_loss", save_best_only=True)
top = mk.callbacks.TopKCheckpoint("top", monitor="val_loss", k=2, last=0)
log = mk.fit(network(), x, y, epochs=12, callbacks=[ladder, top], **options)
rungs = [epoch for epoch in range(1, 13) if os.path.exists(name.format(epoch=epoch))]
figure, axis = plt.subplots(figsize=(6.4, 2.8))
axis.plot(range(1, 13), log["val_loss"], label="each epoch")
axis.plot(rungs, [log["val_loss"][e - 1] for e in rungs], "s", label="a file was written")
axis.set(xlabel="epoch", ylabel="watched loss", title="Files are written on the way down only")
axis.legend()
plt.show()
loaded: Any = mk.saving.load_model(name.format(epoch=rungs[-1]))
again = loaded.evaluate(*held_out, verbose=0, return_dict=True)
assert abs(again["accuracy"] - log["val_accuracy"][rungs[-1] - 1]) < 1e-6, "file == best epoch"
assert top.best[0][1].name == f"epoch-{rungs[-1]:04d}.keras", "the same is best"

# %% [markdown]
# The file holds the whole model, so whoever has it can load and use it, and needs none of the
# lines above. Do check, once, that what you load is as good as what you saved. The assert above
# does that: it loads the last rung and measures it anew.
#
# ## TensorBoard
#
# TensorBoard draws what lies in event files. In raw TensorFlow `tf.summary` writes them: make a
# writer, and give it a number and a step. The callback does it for every metric.

# %%
writer = tf.summary.create_file_writer("board/by-hand")
with writer.as_default():
    for epoch, loss in enumerate(log["val_loss"], start=1):
        tf.summary.scalar("epoch_loss", loss, step=epoch * 37)  # 37 batches
writer.close()
board = mk.callbacks.TensorBoardLogger("board/logger", every=37)
mk.fit(network(), x, y, epochs=12, callbacks=[board], **options)


def events(folder, tag):
    """The numbers under a tag in the event files of a folder, by step."""
    found = {}
    for file in tf.io.gfile.glob(f"{folder}/events*"):
        for record in tf.data.TFRecordDataset(file):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                if value.tag == tag:
                    found[event.step] = float(tf.make_ndarray(value.tensor))
    return found


# %%
by_hand = events("board/by-hand", "epoch_loss")
by_logger = events("board/logger/validation", "epoch_loss")
print(
    f"{len(by_hand)} numbers by hand, the last at step {max(by_hand)}: {by_hand[max(by_hand)]:.4f}"
)
assert by_hand.keys() == by_logger.keys(), "the same steps"
assert np.allclose(list(by_hand.values()), list(by_logger.values()), rtol=1e-3), "and numbers"

# %% [markdown]
# In a terminal `tensorboard --logdir board` opens the page; in a notebook two lines do, `%load_ext
# tensorboard` and `%tensorboard --logdir board`.
#
# ## A callback of your own
#
# A custom callback is a class: override the methods you need, keep what you find. This one looks
# at the watched part every ten batches. It calls `evaluate`, as most would write it.


# %%
class Look(mk.callbacks.Callback):
    """Measures the accuracy on the watched part each ten batches."""

    def __init__(self):
        super().__init__()
        self.found = []

    def on_train_batch_end(self, batch, logs=None):
        if (batch + 1) % 10 == 0:
            metrics = self.model.evaluate(*held_out, verbose=0, return_dict=True)
            self.found.append(metrics["accuracy"])


# %% [markdown]
# ## Trap: the thermometer that changes the temperature
#
# `evaluate` uses the model's own metric objects, and **resets** them. The training loss and
# accuracy that `fit` reports at the end of the epoch are then those of the batches after the last
# look. The weights are right, the curves are not, and nobody is told.
# `mk.callbacks.StepEvaluator` takes the same look and puts the metrics back.

# %%
runs, helper = {}, mk.callbacks.StepEvaluator(*held_out, every=10)
looks = {"nobody looks": [], "evaluate": [Look()], "StepEvaluator": [helper]}
for who, callbacks in looks.items():
    runs[who] = network()
    log = runs[who].fit(x, y, callbacks=callbacks, **options).history
    print(f"{who:14s} training accuracy {log['accuracy'][0]:.3f}")
    runs[who] = (log["accuracy"][0], runs[who].get_weights()[0])
truth, disturbed, undisturbed = (accuracy for accuracy, _ in runs.values())
assert np.array_equal(runs["nobody looks"][1], runs["evaluate"][1]), "the weights are the same"
assert disturbed - truth > 0.03, "the report is off by three hundredths at least"
assert np.isclose(undisturbed, truth), "with the helper the report is true"

# %% [markdown]
# ## When numbers go wrong
#
# One broken picture is enough: its loss is NaN, the gradients are NaN, and after that step every
# weight is. `TerminateOnNaN` stops the run, and leaves you with the ruins. With
# `mk.callbacks.NaNRecovery` the last good state comes back and the bad batch is skipped.
#
# We call `model.fit` here, for `mk.fit` looks at arrays before it begins: it refuses these, and
# says which example is broken. Files and streams cannot be looked through like that.

# %%
broken = x.copy()
broken[500] = np.nan
ruined, rescued = network(), network()
guard = mk.callbacks.NaNRecovery(every=4)
quiet = {**options, "epochs": 3}
with contextlib.redirect_stderr(io.StringIO()):  # what the helper says of each
    ruined.fit(broken, y, callbacks=[mk.callbacks.TerminateOnNaN()], **quiet)
    log = rescued.fit(broken, y, callbacks=[guard], **quiet).history
assert np.isnan(ruined.get_weights()[0]).any(), "stopped, but too late"
assert np.isfinite(rescued.get_weights()[0]).all(), "gone on, with whole weights"
print(f"{guard.rollbacks} times put back; accuracy {log['val_accuracy'][-1]:.3f}")

# %% [markdown]
# ## Break it off, and go on
#
# Machines stop. `BackupAndRestore` of Keras saves now and then, and starts again after the last
# saved epoch or step. `mk.callbacks.Resume` saves all that a run consists of: the place in the
# data, the masks of dropout, and what the other callbacks remember. We break a run off in its
# second epoch, and ask of both: is the result that of the run without a break?


# %%
class PowerCut(mk.callbacks.Callback):
    """Raises after so many batches, once."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def on_train_batch_end(self, batch, logs=None):
        self.after -= 1
        if self.after == 0:
            raise InterruptedError("no power")


def run(make, *callbacks):
    """Two epochs of a net with dropout, with a callback that saves; the model."""
    data = mk.data.pipeline((x, y), 32, seed=3, epochs=1)
    model = network(mk.layers.Dropout(0.3, seed=5))
    try:
        saver = make(data)
        model.fit(data, epochs=2, shuffle=False, verbose=0, callbacks=[saver, *callbacks])
    except InterruptedError:
        return run(make, PowerCut(0))  # as after a crash: a new model, nothing in memory
    return model


# %%
def backup(folder):
    return lambda data: mk.callbacks.BackupAndRestore(folder, save_freq=20)


def resume(folder):
    return lambda data: mk.callbacks.Resume(folder, data, every=20)


gaps = {}
for who, saver in (("BackupAndRestore", backup), ("Resume", resume)):
    whole, mended = run(saver(f"{who}-a")), run(saver(f"{who}-b"), PowerCut(50))
    gaps[who] = (apart(whole, mended), int(mended.optimizer.iterations))
    print(f"{who:17s} {gaps[who][0]:.4f} apart after {gaps[who][1]} steps")
assert gaps["BackupAndRestore"][0] > 1e-3, "another run, and nothing said so"
assert gaps["Resume"] == (0.0, 74), "the same bits after the same 74 steps"

# %% [markdown]
# Why did the first one end elsewhere? It gave back the weights and the optimizer. But the order
# of the data began anew, dropout drew other masks, and some batches were trained on twice, as the
# number of steps shows. The curves look alike, and that is the trouble: nobody looks again. If
# you need to say "this is the result of that run", compare bits.
#
# ## Exercises
#
# Run the check cell, then call the check on your own.
#
# **1. Recall of each class.** Write a callback that appends to `self.recalls`, after each epoch,
# the share of the watched digits of each class that are found: ten numbers.


# %% tags=["exercise", "skip-execution"]
class MyRecalls(mk.callbacks.Callback): ...


# then: check_recalls(MyRecalls)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
class Recalls(mk.callbacks.Callback):
    """The recall of each class on the watched part after each epoch."""

    def on_train_begin(self, logs=None):
        self.recalls = []

    def on_epoch_end(self, epoch, logs=None):
        found = self.model.predict(held_out[0], verbose=0).argmax(axis=-1)
        right = found == held_out[1]
        self.recalls.append([right[held_out[1] == digit].mean() for digit in range(10)])


# %% tags=["check"]
def check_recalls(cls):
    callback, model = cls(), network()
    model.fit(x, y, epochs=2, callbacks=[callback], **options)
    table = mk.metrics.RecallScore(10, average=None)
    table.update_state(held_out[1], model.predict(held_out[0], verbose=0))
    expected = [float(value) for value in table.result().values()]
    assert np.shape(callback.recalls) == (2, 10), "ten numbers an epoch"
    assert np.allclose(callback.recalls[-1], expected), "as mk.metrics.RecallScore"
    return "right"


check_recalls(Recalls)

# %% [markdown]
# **2. The k best.** Keep the weights of the `k` epochs with the lowest `val_loss` in
# `self.kept`, a list of pairs (loss, weights), the best first.


# %% tags=["exercise", "skip-execution"]
class MyBest(mk.callbacks.Callback): ...


# then: check_best(MyBest)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
class Best(mk.callbacks.Callback):
    """The weights of the k best epochs."""

    def __init__(self, k):
        super().__init__()
        self.k, self.kept = k, []

    def on_epoch_end(self, epoch, logs=None):
        self.kept.append((logs["val_loss"], self.model.get_weights()))
        self.kept = sorted(self.kept, key=lambda pair: pair[0])[: self.k]


# %% tags=["check"]
def check_best(cls):
    callback, model = cls(2), network()
    log = model.fit(x, y, epochs=4, callbacks=[callback], **options).history
    assert [pair[0] for pair in callback.kept] == sorted(log["val_loss"])[:2], "the two lowest"
    model.set_weights(callback.kept[0][1])
    loss = model.evaluate(*held_out, verbose=0, return_dict=True)["loss"]
    assert abs(loss - min(log["val_loss"])) < 1e-5, "with the weights of that epoch"
    return "right"


check_best(Best)

# %% [markdown]
# **3. A budget of batches.** Stop the run after so many batches, in the midst of an epoch. Set
# `self.model.stop_training`. (For a budget of time there is `mk.callbacks.TimeStopping`.)


# %% tags=["exercise", "skip-execution"]
class MyBudget(mk.callbacks.Callback): ...


# then: check_budget(MyBudget)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
class Budget(mk.callbacks.Callback):
    """Stops after so many batches."""

    def __init__(self, batches):
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left <= 0:
            self.model.stop_training = True


# %% tags=["check"]
def check_budget(cls):
    model = network()
    model.fit(x, y, epochs=5, callbacks=[cls(50)], **options)
    assert int(model.optimizer.iterations) == 50, "stopped after fifty batches"
    return "right"


check_budget(Budget)

# %% [markdown]
# **4. Remember over a crash.** A callback that counts batches starts at zero after a resume, and
# a budget is spent twice. `Resume` asks each callback for `get_state()` and gives the dict back
# with `set_state(state)`. Add both to your `Budget`.


# %% tags=["exercise", "skip-execution"]
class MyLastingBudget(mk.callbacks.Callback): ...


# then: check_lasting(MyLastingBudget)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
class LastingBudget(Budget):
    """Stops after so many batches, those before a crash included."""

    def get_state(self):
        return {"left": self.left}

    def set_state(self, state):
        self.left = state["left"]


# %% tags=["check"]
def check_lasting(cls, folder="budget"):
    data = mk.data.pipeline((x, y), 32, seed=3, epochs=1)
    for cut in (PowerCut(30), PowerCut(0)):
        model, saver = network(), mk.callbacks.Resume(folder, data, every=20)
        try:
            callbacks = [saver, cls(50), cut]
            model.fit(data, epochs=5, shuffle=False, verbose=0, callbacks=callbacks)
        except InterruptedError:
            pass
    assert int(model.optimizer.iterations) == 50, "fifty in all, before and after the crash"
    return "right"


check_lasting(LastingBudget)

# %% [markdown]
# ## Recap
#
# * A callback sees the run and may change it: `on_epoch_end(epoch, logs)` is enough for most.
# * `EarlyStopping` without `restore_best_weights` leaves the last model, not the best.
# * `evaluate` in a callback falsifies the report of training; `StepEvaluator` does not.
# * Whether a run can really go on is seen by comparing bits, not curves.
#
# **Next:** [07 Classification](07_classification.ipynb) turns what a network says into decisions.
