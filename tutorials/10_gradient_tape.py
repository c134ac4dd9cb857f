# ---
# jupyter:
#   mlkit:
#     title: GradientTape
#     line: "derivatives of anything: a pendulum measured from its film, and digits that deceive"
#     seconds: 45
#     data: "a simulated pendulum, digits (in mlkit)"
#     covers:
#     - tf.GradientTape
#     - jacobian
#     - hessian
#     - custom_gradient
#     - stop_gradient
#     - persistent
#     - watch
#     - unconnected
#     - tf.nn
#     - tf.Module
#     - Keras variables
#     - batch_jacobian
#     - reset
#     - stop_recording
#     - watched_variables
# ---

# %% [markdown]
# # 10 GradientTape
#
# {colab}
#
# > * **You will** take derivatives of whatever you can compute, measure a pendulum by
# >   differentiating through two hundred steps of its motion, and deceive a network with pictures
# >   in which everybody else still sees the right digit.
# > * **You need** notebooks 01 and 02, and the chain rule.
# > * **It takes** fifty minutes to read and less than a minute to run.
# > * **The data** are a pendulum that the notebook simulates, and the digits that come with
# >   mlkit.

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
print("data: a pendulum, simulated here; digits from the package mlkit")


@tf.function
def swing(length, damping):
    """Angle and speed of a pendulum at 200 moments, 0.02 s apart."""
    angle, speed, film = tf.constant(0.9), tf.constant(0.0), []
    for _ in range(200):
        speed -= 0.02 * (9.81 / length * tf.sin(angle) + damping * speed)
        angle += 0.02 * speed
        film.append(tf.stack([angle, speed]))
    return tf.stack(film)


figure, axis = plt.subplots(figsize=(4.6, 3.2))
for length in (0.6, 1.3, 2.6):
    axis.plot(*tf.transpose(swing(tf.constant(length), tf.constant(0.0))), label=f"{length} m")
axis.set(xlabel="angle (radians)", ylabel="speed (radians per second)")
axis.set_title("A longer pendulum is slower: can we tell its length?")
axis.legend(loc="center")
plt.show()

# %% [markdown]
# ## The tape
#
# How does TensorFlow differentiate a program? It writes down every operation that it carries out,
# with its inputs, on a **tape**, and then walks the tape backwards with the chain rule. There is
# no formula to derive and no step size to choose. What can be computed by TensorFlow's operations
# can be differentiated, loops and branches included.

# The way back costs about as much as the way there, **however many variables there are**. That is
# what makes training possible. To find the slopes by trying small steps, you would have to run
# the program once for each variable, and a network has millions. What the tape costs is memory:
# it must keep the values in the middle until it has walked back past them. Two hundred steps of a
# pendulum are nothing. A deep network on large pictures is another matter, and the reason why
# batches cannot be as large as one likes.

# %%
x = tf.Variable(3.0)
with tf.GradientTape() as tape:
    y = x**2 * tf.sin(x)
slope = tape.gradient(y, x)
by_hand = 2 * 3 * np.sin(3) + 9 * np.cos(3)
step = 1e-3
numeric = ((3 + step) ** 2 * np.sin(3 + step) - (3 - step) ** 2 * np.sin(3 - step)) / (2 * step)
print(f"tape {float(slope):.5f}, by hand {by_hand:.5f}, by a small step {numeric:.5f}")
assert abs(slope - by_hand) < 1e-4, "the tape is exact up to rounding"
assert abs(numeric - by_hand) < 1e-3, "a small step is nearly so"

# %% [markdown]
# Three rules cover most questions. Variables are watched by themselves; for a constant say
# `tape.watch`. A tape can be asked once, unless you make it `persistent=True`. And a variable of
# Keras, which wraps one of TensorFlow, is handed over by its `.value`.

# %%
constant, of_keras = tf.constant(2.0), mk.Variable(4.0)
with tf.GradientTape(persistent=True) as tape:
    tape.watch(constant)
    cube, product = constant**3, constant * of_keras.value
assert float(tape.gradient(cube, constant)) == 12.0, "3 · 2²"
assert float(tape.gradient(product, of_keras.value)) == 2.0, "asked a second time"
del tape

# %% [markdown]
# ## Through two hundred steps
#
# Now the pendulum. Somebody filmed it: 200 angles, each off by about a degree. The length is not
# in the film, but it decides how the pendulum swings. So we guess a length, simulate, compare the
# two films, and ask the tape how the difference changes with the length. The derivative passes
# through all two hundred steps of the simulation.

# %%
true_length, still = 1.3, tf.constant(0.0)
noise = np.random.default_rng(0).normal(0, 0.02, 200).astype("float32")
film = swing(tf.constant(true_length), still)[:, 0] + noise


def difference(seen):
    """How far the swing with the guessed length is from the film."""
    return tf.reduce_mean((swing(guess.value, still)[:, 0] - seen) ** 2)


guess = mk.Variable(0.9)
with tf.GradientTape() as tape:
    by_tape = difference(film)
slope = tape.gradient(by_tape, guess.value)

# %% [markdown]
# `mk.training.value_and_grad` does the same in one line: it takes a function, the variables and a
# batch, and gives the loss and one gradient for each variable. It is the same function that the
# training loop of mlkit uses.

# %%
loss, (gradient,) = mk.training.value_and_grad(difference, [guess], film)
print(f"loss {float(loss):.4f}, slope {float(gradient):.4f}")
assert np.isclose(loss, by_tape), "the tape and the helper: one loss"
assert np.isclose(gradient, slope), "and one slope"

# %% [markdown]
# Now go downhill, eighty times. An optimizer of Keras does not care that its variable is a length
# in metres and not a weight. Give it a gradient and a variable, and it takes a step. Notice what
# we did not do: nobody solved an equation of motion, and nobody measured a period.

# %%
optimizer, path = mk.optimizers.Adam(0.02), [0.9]
for _ in range(80):
    loss, gradients = mk.training.value_and_grad(difference, [guess], film)
    optimizer.apply(gradients, [guess])
    path.append(float(guess.value))
found = path[-1]
print(f"found {found:.3f} m, true {true_length} m")

# %% [markdown]
# With five different films the length was between 1.294 and 1.295 metres, less than half a per
# cent off. The check asks for one per cent.

# %%
assert abs(found - true_length) < 0.01 * true_length, "worst of five films 0.45 per cent"

# %%
lengths = np.linspace(0.6, 2.6, 60).astype("float32")
surface = [float(tf.reduce_mean((swing(tf.constant(n), still)[:, 0] - film) ** 2)) for n in lengths]
figure, axes = plt.subplots(1, 2, figsize=(8.4, 3))
axes[0].plot(lengths, surface)
axes[0].plot(path[::4], np.interp(path[::4], lengths, surface), "o", color="#E69F00", markersize=4)
axes[0].set(xlabel="guessed length (m)", ylabel="difference", title="Downhill to the true length")
moments = np.arange(200) * 0.02
axes[1].plot(moments, film, ".", color="0.6", markersize=3, label="film")
for length, name in ((0.9, "first guess"), (found, "found")):
    axes[1].plot(moments, swing(tf.constant(length), still)[:, 0], label=name)
axes[1].set(xlabel="time (s)", ylabel="angle (radians)", ylim=(-1.05, 1.5))
axes[1].set_title("The found length follows the film")
axes[1].legend(ncols=3, loc="upper center", fontsize=8)
plt.show()

# %% [markdown]
# Look at the left picture again. The slope only knows the neighbourhood. Had we begun at a length
# where the curve falls to the other side, we would have walked into another valley. Gradients
# answer "which way is down from here", and no other question.
#
# ## Trap: the gradient that is `None`
#
# The tape knows only what TensorFlow computes. Leave its world for a moment, with `.numpy()` or a
# cast to whole numbers, and the trail ends. **There is no error.** The answer is `None`, and an
# optimizer that gets `None` for one variable among many skips it, with at most a warning; the
# others go on learning.

# %%
with tf.GradientTape() as tape:
    middle = swing(guess.value, still)[100, 0].numpy() * 2.0  # a plain number from here on
    broken = tf.constant(middle) ** 2
lost = tape.gradient(broken, guess.value)
print("gradient:", lost)
assert lost is None, "the trail ended at .numpy()"

# %% [markdown]
# `value_and_grad` refuses to go on when no gradient arrives anywhere, and says what to look for.

# %%
try:
    mk.training.value_and_grad(lambda _: tf.constant(middle) ** 2, [guess], film)
    message = ""
except ValueError as error:
    message = str(error)
    print(message[:60], "...")
assert "No gradient reaches" in message, "mlkit says so"

# %% [markdown]
# Sometimes no connection is right, for example when a head is not used in this batch. Then say
# so: with `unconnected_gradients="zero"` the tape gives zeros. And sometimes you want to cut the
# trail yourself: `tf.stop_gradient` lets the value through and nothing back.

# %%
a, b = tf.Variable(2.0), tf.Variable(5.0)
with tf.GradientTape() as tape:
    y = a * tf.stop_gradient(a * 3.0)
slopes = tape.gradient(y, [a, b], unconnected_gradients=tf.UnconnectedGradients.ZERO)
assert [float(s) for s in slopes] == [6.0, 0.0], "the second factor counts as a constant"

# %% [markdown]
# ## Trap: a value that is right and a slope that is NaN
#
# The square root is zero at zero, and infinitely steep. Multiply that slope by the zero that
# comes from further back, and the result is NaN, for infinity times zero is not a number.
# `tf.where` around the result does not help: it chooses between two values, but the tape walks
# through both. The cure is to keep the bad point out **before** the root is taken.
# `mk.ops.safe_sqrt` does that, as does `mk.ops.safe_log`.

# %%
point = tf.Variable([0.0, 0.0])
slopes = {}
for name, root in (("tf.sqrt", tf.sqrt), ("mk.ops.safe_sqrt", mk.ops.safe_sqrt)):
    with tf.GradientTape() as tape:
        distance = root(tf.reduce_sum(point**2))
    slopes[name] = np.array(tape.gradient(distance, point))
    print(f"{name:17s} distance {float(distance)}, slope {slopes[name]}")
assert np.isnan(slopes["tf.sqrt"]).all(), "the plain root spoils the slope"
assert (slopes["mk.ops.safe_sqrt"] == 0).all(), "the safe one does not"

# %% [markdown]
# ## A gradient of your own
#
# With `tf.custom_gradient` you say what the way back shall be. One use turns the sign around:
# what comes before then learns to make the loss *larger*. That is how a network is taught to hide
# something, such as which hospital a picture came from. By hand it takes five lines; mlkit has it
# as a layer.


# %%
@tf.custom_gradient
def reverse(value):
    return value, lambda upstream: -0.5 * upstream


layer = mk.layers.GradientReversal(0.5)
probe = tf.Variable([1.0, -2.0])
slopes = []
for function in (reverse, layer):
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(tf.nn.softplus(function(probe)))
    slopes.append(np.array(tape.gradient(y, probe)))
assert np.allclose(*slopes), "by hand and as a layer: the same slopes"
assert (slopes[0] < 0).all(), "a rising function, and the slope says down"

# %% [markdown]
# ## Many outputs, and second derivatives
#
# A function with several outputs has a table of slopes, the **jacobian**. The slope of a slope is
# a second derivative, and the table of all of those is the **hessian**. It takes a tape inside a
# tape: the inner one differentiates, and the outer one writes that down too.

#
# Mind the size. A network with a million weights has a hessian with a million times a million
# entries, and nobody computes that. One computes what it does to a single direction, which takes
# two tapes and no table. For two variables, as here, the table is small, and it is the plainest
# thing to look at.


# %%
def bowl(p):
    return p[0] ** 2 + 3 * p[0] * p[1] + 5 * p[1] ** 2


p = tf.Variable([1.0, 2.0])
with tf.GradientTape() as outer:
    with tf.GradientTape() as inner:
        height = bowl(p)
    down = inner.gradient(height, p)
hessian = outer.jacobian(down, p).numpy()
assert np.allclose(hessian, [[2, 3], [3, 10]]), "the second derivatives of the bowl"

# %% [markdown]
# A tape has a few more words. `batch_jacobian` takes the examples one by one, where `jacobian`
# would also ask how each example moves all the others. `reset` forgets what was written so far.
# `stop_recording` leaves out a stretch that is only looked at, and saves its memory. And
# `watched_variables` says what the tape has noticed: ask it first when a gradient is `None`.

# %%
factor = tf.Variable([1.0, 2.0])
places = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
with tf.GradientTape(persistent=True) as tape:
    tape.watch(places)
    tape.reset()  # begin anew, and watch anew
    tape.watch(places)
    bent = places**2 * factor
    with tape.stop_recording():
        size = tf.reduce_sum(bent)
each = tape.batch_jacobian(bent, places)
assert np.allclose(each, tf.linalg.diag(2 * places * factor)), "a table for each example"
assert tape.jacobian(bent, places).shape == (3, 2, 3, 2), "and all with all"
assert tape.gradient(size, factor) is None, "not recorded, so without a slope"
assert [v is factor for v in tape.watched_variables()] == [True], "what the tape has noticed"

# %% [markdown]
# ## Slopes of pictures: saliency and deception
#
# So far we moved weights. Now we keep the weights, and ask how the loss changes with each
# **pixel**. The size of that slope shows where a network looks. Its sign shows how to deceive it:
# move every pixel a little in the direction that hurts most. This is the fast gradient sign
# method. To our eyes the picture gets a grey veil and still shows the same digit.

# %%
(images, labels), (test_images, test_labels) = mk.data.load("digits")
pixels = images.reshape(-1, 64).astype("float32") / 16
test = tf.constant(test_images.reshape(-1, 64).astype("float32") / 16)
mk.utils.set_random_seed(0)
model = mk.Sequential(
    [mk.Input((64,)), mk.layers.Dense(64, activation="relu"), mk.layers.Dense(10)]
)
cross_entropy = mk.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile("adam", cross_entropy)
mk.fit(model, pixels, labels, epochs=20, verbose=0)
with tf.GradientTape() as tape:
    tape.watch(test)
    loss = cross_entropy(test_labels, model(test))
saliency = tape.gradient(loss, test)


# %%
def right(pictures):
    """The share of the test pictures that the model gets right."""
    return float(np.mean(np.argmax(model(pictures), axis=1) == test_labels))


strengths = [0.0, 0.05, 0.1, 0.15]
signs = tf.constant(np.random.default_rng(0).choice([-1.0, 1.0], test.shape).astype("float32"))
attacked = [right(tf.clip_by_value(test + s * tf.sign(saliency), 0, 1)) for s in strengths]
noisy = [right(tf.clip_by_value(test + s * signs, 0, 1)) for s in strengths]
figure, axis = plt.subplots(figsize=(6.4, 2.8))
axis.plot(strengths, noisy, marker="o", label="random signs")
axis.plot(strengths, attacked, marker="s", label="signs of the gradient")
axis.set(xlabel="change of each pixel", ylabel="share right", ylim=(0, 1), xticks=strengths)
axis.set_title("The same amount of change, with and without knowing the slope")
axis.legend()
plt.show()

# %% [markdown]
# Over five seeds a tenth of the range took the accuracy from 0.96 or more to between 0.57 and
# 0.61, while random signs of the same size left at least 0.949.

# %%
assert attacked[2] < 0.7, "worst of five seeds 0.61"
assert noisy[2] > 0.92, "worst of five seeds 0.949"

# %%
deceived = tf.clip_by_value(test + 0.1 * tf.sign(saliency), 0, 1)
before, after = (np.argmax(model(part), axis=1) for part in (test, deceived))
chosen = np.flatnonzero((before == test_labels) & (after != test_labels))[:5]
figure, axes = plt.subplots(3, 5, figsize=(6.4, 4.2))
for column, index in enumerate(chosen):
    for row, part in enumerate((test, tf.abs(saliency), deceived)):
        axes[row, column].imshow(tf.reshape(part[index], [8, 8]))
        axes[row, column].axis("off")
    axes[0, column].set_title(f"says {before[index]}")
    axes[1, column].set_title("looks here")
    axes[2, column].set_title(f"says {after[index]}")
figure.suptitle("Five digits, where the network looks, and the same five after a small push")
plt.show()
assert float(tf.reduce_max(tf.abs(deceived - test))) <= 0.1001, "no pixel moved by more"

# %% [markdown]
# ## Exercises
#
# Run the check cell, then call the check on your own function.
#
# **1. A sum that overflows.** `log(1 + exp(x))` is infinite for x = 100, and its slope NaN. Write
# it so that value and slope are right everywhere. The witness is `tf.nn.softplus`.


# %% tags=["exercise", "skip-execution"]
def my_softplus(x): ...


# then: check_softplus(my_softplus)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def softplus(x):
    return tf.maximum(x, 0.0) + tf.math.log1p(tf.exp(-tf.abs(x)))


# %% tags=["check"]
def check_softplus(function):
    places = tf.constant([-100.0, -1.0, 0.5, 100.0])
    with tf.GradientTape() as tape:
        tape.watch(places)
        values = function(places)
    assert np.allclose(values, tf.nn.softplus(places)), "the values"
    assert np.allclose(tape.gradient(values, places), tf.sigmoid(places)), "the slopes"
    return "right"


check_softplus(softplus)

# %% [markdown]
# **2. One step of Newton.** Solve *hessian* · *step* = *slope* and go that step back. On a bowl
# like the one above, one step leads to the bottom from anywhere. Return the new place.


# %% tags=["exercise", "skip-execution"]
def my_newton(function, place): ...


# then: check_newton(my_newton)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def newton(function, place):
    place = tf.constant(place)
    with tf.GradientTape() as outer:
        outer.watch(place)
        with tf.GradientTape() as inner:
            inner.watch(place)
            height = function(place)
        down = inner.gradient(height, place)
    hessian = outer.jacobian(down, place)
    return place - tf.linalg.solve(hessian, down[:, None])[:, 0]


# %% tags=["check"]
def check_newton(function):
    assert np.allclose(function(bowl, [1.0, 2.0]), 0, atol=1e-5), "the bottom is at (0, 0)"
    return "right"


check_newton(newton)

# %% [markdown]
# **3. Friction too.** This film is of a pendulum with friction. Find length and damping together.


# %% tags=["exercise", "skip-execution"]
def my_both(film): ...


# then: check_both(my_both)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def both(film):
    length, damping = mk.Variable(1.0), mk.Variable(0.0)
    optimizer = mk.optimizers.Adam(0.03)

    def difference(seen):
        return tf.reduce_mean((swing(length.value, damping.value)[:, 0] - seen) ** 2)

    for _ in range(100):
        _, slopes = mk.training.value_and_grad(difference, [length, damping], film)
        optimizer.apply(slopes, [length, damping])
    return float(length.value), float(damping.value)


# %% tags=["check"]
def check_both(function):
    length, damping = function(swing(tf.constant(1.3), tf.constant(0.4))[:, 0] + noise)
    assert abs(length - 1.3) < 0.05, f"length {length:.3f}"
    assert abs(damping - 0.4) < 0.05, f"damping {damping:.3f}"
    return "right"


check_both(both)

# %% [markdown]
# ## Recap
#
# * A tape writes operations down and walks back. Watch constants, give Keras variables by
#   `.value`.
# * `None` means that the trail ended; `mk.training.value_and_grad` says so instead of going on.
# * A right value can have a slope that is NaN. Keep bad points out before the root or logarithm.
# * `stop_gradient` cuts, `custom_gradient` replaces, a tape in a tape gives second derivatives.
# * You can differentiate with respect to pixels and physical constants as well as to weights. A
#   `tf.Module`, a Keras model or no class at all: the tape does not mind.
#
# **Next:** [11 tf.function](11_tf_function.ipynb) makes such programs fast, and shows what is
# lost on the way.
