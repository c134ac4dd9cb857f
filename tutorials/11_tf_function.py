# ---
# jupyter:
#   mlkit:
#     title: tf.function, AutoGraph and XLA
#     line: "what a graph is, when it is traced again, and what it forgets in silence"
#     seconds: 50
#     data: "a simulated pendulum, digits (in mlkit)"
#     covers:
#     - tf.function
#     - tf.autograph
#     - tf.gradients
#     - tf.graph_util
#     - tf.xla
#     - jit_compile
#     - retracing
#     - pruning
#     - input_signature
#     - TensorArray
#     - run_functions_eagerly
# ---

# %% [markdown]
# # 11 tf.function, AutoGraph and XLA
#
# {colab}
#
# > * **You will** turn Python functions into graphs, count how often that happens, and see four
# >   ways in which a graph differs from the program that you wrote without telling you.
# > * **You need** notebooks 01 and 10.
# > * **It takes** forty minutes to read and less than a minute to run.
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
import time

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import mlkit as mk

plt.style.use("mlkit.plotting.plain")
print("data: a pendulum, simulated here; digits from the package mlkit")


def swing(length):
    """The angle of a pendulum of that length after 200 steps of 0.02 s."""
    angle, speed = tf.constant(0.9), tf.constant(0.0)
    for _ in range(200):
        speed -= 0.02 * 9.81 / length * tf.sin(angle)
        angle += 0.02 * speed
    return angle


programs = {
    "Python, step by step": swing,
    "a graph": tf.function(swing),
    "a graph, by XLA": tf.function(swing, jit_compile=True),
}

# %%
answers, milliseconds = {}, {}
for name, program in programs.items():
    answers[name] = float(program(tf.constant(1.3)))  # the first call makes the graph
    begin = time.perf_counter()
    for _ in range(10):
        program(tf.constant(1.3))
    milliseconds[name] = (time.perf_counter() - begin) * 100
figure, axis = plt.subplots(figsize=(6.4, 2.2))
bars = axis.barh(list(milliseconds), list(milliseconds.values()), color="#0072B2")
axis.bar_label(bars, fmt="%.2f", padding=3)
axis.set(xlabel="milliseconds a call, on the machine that made this page", xscale="log")
axis.margins(x=0.2)
axis.set_title("The same 200 steps, written once and run in three ways")
plt.show()
assert max(answers.values()) - min(answers.values()) < 1e-4, "all three give the same angle"

# %% [markdown]
# ## What `tf.function` does
#
# Step by step, Python asks TensorFlow for one operation after the other, and the asking costs
# more than the arithmetic. `tf.function` calls your function **once**, with stand-ins for the
# tensors, and writes down which operations it asked for. That record is a **graph**. From then on
# the graph runs, and your Python code does not. XLA goes further, and compiles the graph into a
# program in which many operations have become one.
#
# A graph can be improved before it runs. What does not lead to a result is dropped, which is
# called **pruning**. What depends on constants alone is computed once. Neighbours that belong
# together are merged. And since a graph needs no Python, it can be stored and run elsewhere: on a
# server, on a telephone, in another language.
#
# Everything surprising follows from this. Python runs when the graph is made, which is called
# **tracing**, and never again.

# %%
ran = []


@tf.function
def double(value):
    ran.append("Python ran")  # at tracing only
    return value * 2


results = [int(double(tf.constant(n))) for n in (1, 2, 3)]
print(results, ran)
assert results == [2, 4, 6], "three results"
assert ran == ["Python ran"], "and Python ran once"

# %% [markdown]
# ## Trap: traced again, and again
#
# A graph is made for the kinds of its arguments. For tensors that means dtype and shape. For a
# Python number it means **the number itself**: another number, another graph. A learning rate
# that is handed over as a float and changes at each step makes every step as slow as the first.
# The results stay right. TensorFlow warns after a while, somewhere among the other lines of the
# log.


# %%
tf.get_logger().setLevel("ERROR")  # the warning: here we do on purpose what it warns of


def traces(arguments, **options):
    """How many graphs a function makes for these arguments, one after the other."""
    function = tf.function(lambda value: tf.reduce_sum(value) * 2.0, **options)
    for argument in arguments:
        function(argument)
    return function.experimental_get_tracing_count()


floating = [tf.TensorSpec([None], tf.float32)]
counts = {
    "four Python numbers": traces([0.1, 0.2, 0.3, 0.4]),
    "the same as tensors": traces([tf.constant(n) for n in (0.1, 0.2, 0.3, 0.4)]),
    "four lengths": traces([tf.zeros(n) for n in (3, 4, 5, 6)], reduce_retracing=False),
    "four lengths, signature": traces(
        [tf.zeros(n) for n in (3, 4, 5, 6)], input_signature=floating
    ),
}
figure, axis = plt.subplots(figsize=(6.4, 2.4))
axis.bar_label(axis.barh(list(counts), list(counts.values()), color="#0072B2"), padding=3)
axis.set(xlabel="graphs made for four calls", xlim=(0, 5))
axis.set_title("Hand over tensors, and say which sizes may vary")
plt.show()
assert list(counts.values()) == [4, 1, 4, 1], "numbers and shapes make graphs of their own"

# %% [markdown]
# How would you notice? By the clock, if you look at it. The first call of a function is slow,
# because it is traced; if the hundredth is as slow as the first, something is traced again. In a
# profile it looks as if TensorFlow were slow.
#
# Two habits are enough. Hand over tensors for whatever changes. And where a size changes, such as
# a last batch that is smaller, write an `input_signature` with `None` in that place, or let
# `reduce_retracing=True` find it out. `experimental_get_tracing_count()` tells how many graphs
# there are, so a test can watch over it.
#
# ## Branches and loops: AutoGraph
#
# How can an `if` be in a graph, when Python runs only once? AutoGraph rewrites the source of your
# function before it is traced: an `if` on a tensor becomes a branch inside the graph, and a `for`
# over `tf.range` becomes a loop. An `if` on a Python value stays what it was, and is decided at
# tracing.


# %%
@tf.function
def collatz(number):
    """How many steps of halving, or tripling and adding one, lead to 1."""
    steps = 0
    while number != 1:
        number = number // 2 if number % 2 == 0 else 3 * number + 1
        steps += 1
    return steps


assert int(collatz(tf.constant(27))) == 111, "a loop whose length only the data know"
print(tf.autograph.to_code(collatz.python_function).splitlines()[0].strip())

# %% [markdown]
# There are limits. Inside a loop of the graph every variable must keep its dtype, and its shape
# unless you say otherwise. A Python list cannot be filled there. And both branches of an `if`
# must give the same kind of result, for the graph has to know what comes out before it knows
# which way the data will go. If AutoGraph refuses, it says which name is to blame.
#
# A loop over Python's `range` is unrolled: it is traced as often as it turns, and the graph grows
# with it. A loop over `tf.range` is a single node, whatever its length. Unrolled graphs can be a
# little faster and take long to make; for more than some dozens of turns take `tf.range`.


# %%
def operations(counter, turns):
    """The number of operations in the graph of a loop with so many turns."""

    def loop(value):
        for _ in counter(turns):
            value = tf.sin(value) + 1.0
        return value

    graph = tf.function(loop).get_concrete_function(tf.constant(0.0)).graph
    return len(graph.get_operations())


turns = [1, 10, 50, 100]
unrolled = [operations(range, n) for n in turns]
rolled = [operations(tf.range, n) for n in turns]
figure, axis = plt.subplots(figsize=(6.4, 2.7))
axis.plot(turns, unrolled, marker="o", label="range")
axis.plot(turns, rolled, marker="s", label="tf.range")
axis.set(xlabel="turns of the loop", ylabel="operations in the graph", xticks=turns)
axis.set_title("range is written out, tf.range is one loop")
axis.legend()
plt.show()
assert len(set(rolled)) == 1, "the loop in the graph does not grow"
assert unrolled[3] > 50 * unrolled[0] / 3, "the one that is written out does"

# %% [markdown]
# ## Trap: noise that is the same for ever
#
# Whatever Python or NumPy computes is computed at tracing, and goes into the graph as a constant.
# A random number, too. This function adds "noise" and adds the same noise in every step. It
# trains without complaint, and the effect that you wanted is not there.


# %%
@tf.function
def with_numpy(value):
    return value + np.random.default_rng().normal()


@tf.function
def with_tensorflow(value):
    return value + tf.random.normal([])


frozen = {float(with_numpy(tf.constant(0.0))) for _ in range(20)}
drawn = {float(with_tensorflow(tf.constant(0.0))) for _ in range(20)}
print("different values in 20 calls:", len(frozen), "and", len(drawn))
assert len(frozen) == 1, "NumPy drew once"
assert len(drawn) == 20, "TensorFlow draws each time"

# %% [markdown]
# Inside a layer the fault hides well, for `fit` makes graphs by itself. `mk.testing.check_layer`
# runs a layer step by step and as a graph, and looks whether it draws random numbers without
# having said so.


# %%
@mk.saving.register_keras_serializable("tutorial")
class NumpyNoise(mk.Layer):
    """Adds a random number, of a kind that stays the same."""

    def call(self, inputs):
        return inputs + np.random.default_rng().normal()


try:
    mk.testing.check_layer(NumpyNoise, {}, (2, 4), verbose=False)
    failed = []
except mk.testing.ConformanceError as error:
    failed = [failure.check for failure in error.report.failures]
print("failed checks:", ", ".join(failed[:4]))
assert failed, "the noise is found"

# %% [markdown]
# ## Trap: a check that XLA leaves out
#
# `tf.debugging.assert_positive` stops a graph that meets a negative number. Under XLA there is
# nothing that could stop, and the check is **left out without a word**. So a function that was
# safe yesterday computes rubbish today, because somebody has added `jit_compile=True`.


# %%
def root(value):
    tf.debugging.assert_positive(value)
    return tf.sqrt(value)


try:
    tf.function(root)(tf.constant(-4.0))
    stopped = False
except tf.errors.InvalidArgumentError:
    stopped = True
silent = tf.function(root, jit_compile=True)(tf.constant(-4.0))
print("graph stopped:", stopped, "| XLA returned:", float(silent))
assert stopped, "the plain graph stops"
assert np.isnan(silent), "XLA goes on, and gives NaN"

# %% [markdown]
# Check values outside: before the call, or in the result, with `tf.math.is_finite`. There is also
# a namespace `tf.xla`, but all that is in it is experimental; `jit_compile=True` is what you
# want. Strings and operations whose result has an unknown size cannot be compiled at all, and
# those do raise.
#
# ## A training step by hand, and the programs of mlkit
#
# Here is a training step as a graph. The variables must exist before, for a graph may not make
# new ones at each call; so the optimizer is built first.

# %%
(images, labels), _ = mk.data.load("digits")
x = images.reshape(-1, 64).astype("float32")[:1440] / 16
y = labels[:1440]
mk.utils.set_random_seed(0)
model = mk.Sequential(
    [mk.Input((64,)), mk.layers.Dense(64, activation="relu"), mk.layers.Dense(10)]
)
start = model.get_weights()
cross_entropy = mk.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = mk.optimizers.SGD(0.3)
optimizer.build(model.trainable_variables)


@tf.function
def step(batch, targets):
    with tf.GradientTape() as tape:
        loss = cross_entropy(targets, model(batch, training=True))
    values = [v.value for v in model.trainable_variables]
    optimizer.apply(tape.gradient(loss, values), model.trainable_variables)
    return loss


by_hand = []
for _ in range(3):
    pairs = [(x[i : i + 32], y[i : i + 32]) for i in range(0, 1440, 32)]
    losses = [step(tf.constant(a), tf.constant(b)) for a, b in pairs]
    by_hand.append(float(tf.reduce_mean(losses)))
assert step.experimental_get_tracing_count() == 1, "135 steps, one graph"

# %% [markdown]
# `mk.fit` can run the same step in several programs. `"eager"` runs it step by step, where a
# debugger can stop. `"step"` is the graph above. `"epoch"` puts a whole epoch into one graph, so
# that Python is asked once an epoch, and `"epoch+xla"` compiles that. With `"auto"`, the default,
# it chooses. **All of them learn the same**, and that is the point: you choose by speed alone.

# %%
learned, seconds = {}, {}
for execution in ("eager", "step", "epoch", "epoch+xla"):
    model.set_weights(start)
    model.compile(mk.optimizers.SGD(0.3), cross_entropy)
    begin = time.perf_counter()
    options = {"epochs": 3, "batch_size": 32, "shuffle": False, "verbose": 0}
    learned[execution] = mk.fit(model, x, y, execution=execution, **options)["loss"]
    seconds[execution] = time.perf_counter() - begin
print("by hand:  ", [round(loss, 4) for loss in by_hand])
print("epoch+xla:", [round(loss, 4) for loss in learned["epoch+xla"]])
assert all(np.allclose(losses, by_hand, atol=1e-4) for losses in learned.values()), "all the same"

# %%
figure, axis = plt.subplots(figsize=(6.4, 2.4))
bars = axis.barh(list(seconds), list(seconds.values()), color="#0072B2")
axis.bar_label(bars, fmt="%.2f", padding=3)
axis.set(xlabel="seconds for three epochs, the making of the graph included")
axis.set_title("Four programs, one result")
plt.show()

# %% [markdown]
# Before you choose, know what is paid for. A program with XLA takes a second or more to make, and
# saves a little at each step; it pays on long runs of small dense networks. Convolutions inside
# an XLA loop on a processor can be many times slower, so measure. The automatic choice knows
# these rules.
#
# With so few steps most of the time goes into making the graph. Over hundreds of epochs the
# picture turns around. We assert nothing about speed here, because it depends on the machine.
#
# ## Two old friends in a box
#
# `tf.gradients` is the derivative from before the tape. It works on graphs, so it raises step by
# step, and works inside a `tf.function`. And `tf.graph_util.import_graph_def` puts a stored graph
# into a new one; freezing a graph now belongs to `model.export`.


# %%
@tf.function
def slope(value):
    return tf.gradients(tf.sin(value) * value, value)[0]


stored = tf.function(lambda value: value**2 + 1.0).get_concrete_function(
    tf.TensorSpec([], tf.float32)
)
given, answer = stored.inputs[0].name, stored.outputs[0].name


@tf.function
def revived(value):
    graph = stored.graph.as_graph_def()
    return tf.graph_util.import_graph_def(graph, {given: value}, [answer])[0]


assert np.isclose(slope(tf.constant(2.0)), np.sin(2) + 2 * np.cos(2)), "as the tape would say"
assert float(revived(tf.constant(3.0))) == 10.0, "the stored graph still computes"

# %% [markdown]
# When something goes wrong inside a graph, `tf.config.run_functions_eagerly(True)` makes every
# `tf.function` plain Python again, so that you can print and step. Do not forget to turn it off.
# In `mk.fit`, `execution="eager"` does that for one run.
#
# ## Exercises
#
# Run the check cell, then call the check on your own function.
#
# **1. Find the retrace.** This makes a graph for every rate. Change it so that there is one.


# %% tags=["exercise", "skip-execution"]
def my_rates(function):
    return [function(rate) for rate in (0.1, 0.01, 0.001)]


# then: check_rates(my_rates)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
def rates(function):
    return [function(tf.constant(rate)) for rate in (0.1, 0.01, 0.001)]


# %% tags=["check"]
def check_rates(function):
    graph = tf.function(lambda rate: rate * 2.0)
    assert np.allclose(function(graph), [0.2, 0.02, 0.002]), "the values"
    assert graph.experimental_get_tracing_count() == 1, "one graph"
    return "right"


check_rates(rates)

# %% [markdown]
# **2. Keep every step.** Return all angles of the pendulum from a loop over `tf.range`. A Python
# list cannot be filled there; a `tf.TensorArray` can.


# %% tags=["exercise", "skip-execution"]
def my_film(length, steps): ...


# then: check_film(my_film)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
@tf.function
def film(length, steps):
    angle, speed = tf.constant(0.9), tf.constant(0.0)
    angles = tf.TensorArray(tf.float32, size=steps)
    for i in tf.range(steps):
        speed -= 0.02 * 9.81 / length * tf.sin(angle)
        angle += 0.02 * speed
        angles = angles.write(i, angle)
    return angles.stack()


# %% tags=["check"]
def check_film(function):
    angles = function(tf.constant(1.3), tf.constant(200))
    assert angles.shape == (200,), "one angle a step"
    assert np.isclose(angles[-1], swing(tf.constant(1.3)), atol=1e-4), "the last is that of swing"
    return "right"


check_film(film)

# %% [markdown]
# **3. One graph for all lengths.** Decorate a function that gives the mean of a vector, so that
# vectors of any length share one graph, and anything but a vector of `float32` is refused.


# %% tags=["exercise", "skip-execution"]
def my_mean(vector): ...


# then: check_mean(my_mean)


# %% tags=["solution"]
# @title Solution { display-mode: "form" }
@tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
def mean(vector):
    return tf.reduce_mean(vector)


# %% tags=["check"]
def check_mean(function):
    assert [float(function(tf.ones(n))) for n in (2, 3, 9)] == [1.0, 1.0, 1.0]
    assert function.experimental_get_tracing_count() == 1, "one graph"
    try:
        function(tf.ones([2, 2]))
    except TypeError:
        return "right"
    raise AssertionError("a matrix was accepted")


check_mean(mean)

# %% [markdown]
# ## Recap
#
# * Python runs at tracing; the graph runs after that.
# * Python numbers and new shapes make new graphs. Hand over tensors; give a signature.
# * Random numbers of NumPy freeze. Checks vanish under XLA. Neither says so.
# * `mk.fit(..., execution=...)` chooses among programs that all learn the same.
#
# **Next:** [12 Custom training loops](12_training_loops.ipynb) puts graphs, tapes and metrics
# together.
