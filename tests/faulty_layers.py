"""Sound layers, and for each check of layers one that breaks its rule."""

import itertools
import os

import keras
import tensorflow as tf
from keras import ops

from mlkit.testing import LayerSpec


@keras.saving.register_keras_serializable("tests_of_the_kit")
class Sound(keras.Layer):
    """A dense map over the last axis, with `units` outputs, as it should be written."""

    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.supports_masking = True

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")

    def call(self, inputs):
        return ops.matmul(inputs, self.kernel)

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("tests_of_the_kit")
class SoundNoise(keras.Layer):
    """Adds normal numbers drawn from `seed` in training."""

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs, training=False):
        if not training:
            return inputs
        return inputs + self.noise(ops.shape(inputs))

    def noise(self, shape):
        return keras.random.normal(shape, dtype=self.compute_dtype, seed=self.generator)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


class Elementwise(keras.Layer):
    """A layer without weights, for faults in `call`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_output_shape(self, shape):
        return shape


def sound(base=Sound, **fields):
    trains = issubclass(base, Sound)
    return LayerSpec(
        base,
        **{
            "kwargs": {"units": 3} if trains else {},
            "input_shape": (2, 4, 3),
            "trains": trains,
            "dynamic_axes": (1,),
            **fields,
        },
    )


def noise(base=SoundNoise, **fields):
    return sound(base, **{"kwargs": {"seed": 3}, "stochastic": True, "trains": False, **fields})


def variant(base, **methods):
    return type("Faulty", (base,), {"__doc__": "A faulty layer with units.", **methods})


def dense(fields=None, **methods):
    return sound(variant(Sound, **methods), **(fields or {}))


def calling(function, **fields):
    """An elementwise layer whose `call` is the function of (layer, inputs)."""
    return sound(variant(Elementwise, call=lambda self, inputs: function(self, inputs)), **fields)


def masked(function, **methods):
    def call(self, inputs, mask=None):
        return function(
            inputs, ops.cast(mask, inputs.dtype)[..., None] if mask is not None else None
        )

    return sound(variant(keras.Layer, __init__=_masking_init, call=call, **methods))


def _masking_init(self, **kwargs):
    keras.Layer.__init__(self, **kwargs)
    self.supports_masking = True


def init(extra):
    """An `__init__` like that of the sound layer, with something more."""

    def __init__(self, units=2, **kwargs):
        Sound.__init__(self, units, **kwargs)
        extra(self)

    return __init__


class Box:
    """An object of the author's own."""

    def __init__(self, variable):
        self.variable = variable


def _forgets_name(self, units=2, **kwargs):
    Sound.__init__(self, units)


def _no_kwargs(self, units=2):
    Sound.__init__(self, units)


def _writes_to_its_argument(self, shape):
    Sound.build(self, shape)
    self.units = [self.units]
    self.call = lambda inputs: ops.matmul(inputs, self.kernel)


def _bakes_batch(self, x):
    self.batch = getattr(self, "batch", None) or x.shape[0] or 2
    return ops.reshape(x, (self.batch, -1, 3))


def _rows(self, x):
    """The batch size where it is known, else what it was last."""
    self.rows = x.shape[0] or self.rows
    return float(self.rows)


def _lazy_variable(self, x, training=False):
    if training and not hasattr(self, "late"):
        self.late = tf.Variable(1.0)
    return x * self.late if training else x


def _counts_in_python(self, x):
    self.calls = getattr(self, "calls", 0) + 1
    return x * float(self.calls)


def _half_variance(self, x):
    x = x + 8.0
    return x - x + ops.mean(x * x, -1, keepdims=True) - ops.mean(x, -1, keepdims=True) ** 2


def _half_weight(self, shape):
    self.kernel = self.add_weight(
        shape=(shape[-1], self.units), name="kernel", dtype=self.compute_dtype
    )


def _square_root_of_weight(self, shape):
    Sound.build(self, shape)
    self.scale = self.add_weight(shape=(), initializer="zeros", name="scale")


def _dead_weight(self, shape):
    Sound.build(self, shape)
    self.scale = self.add_weight(shape=(), initializer="zeros", name="scale")
    self.kernel.assign(ops.zeros_like(self.kernel))


def _first_steps(x, mask):
    """Counts the valid steps, and takes them for the first ones."""
    if mask is None:
        return x
    count = ops.sum(mask, 1, keepdims=True)
    first = ops.cast(ops.reshape(ops.arange(4), (1, 4, 1)), x.dtype) < count
    return x + ops.sum(ops.where(first, x, 0.0), 1, keepdims=True)


def _mean_by_count(x, mask):
    mask = ops.ones_like(x[..., :1]) if mask is None else mask
    return ops.sum(x * mask, 1) / ops.sum(mask, 1)


def _replica(self, x):
    context = tf.distribute.get_replica_context()
    number = 0 if context is None else context.replica_id_in_sync_group
    return x + ops.cast(number, x.dtype)


def _graph_differs(self, x):
    return x if tf.executing_eagerly() else 2.0 * x


COUNTER = itertools.count()
NOWHERE = {"__module__": "mlkit.layers._nowhere"}
LOST = {"get_config": lambda self: keras.Layer.get_config(self)}

FAULTS = [
    ("kwargs_complete", sound(kwargs={}), "not in `kwargs`: units"),
    ("kwargs_complete", sound(kwargs={"units": 2}), "at the default: units=2"),
    ("config_complete", dense(**LOST), "`units` is missing (given: units=3)"),
    (
        "config_complete",
        dense(get_config=lambda self: {**Sound.get_config(self), "units": 4}),
        "given as 3, stored as 4",
    ),
    (
        "config_round_trip",
        dense(get_config=lambda self: {**Sound.get_config(self), "units": next(COUNTER)}),
        "gives another configuration: units:",
    ),
    ("config_stable", dense(build=_writes_to_its_argument), "units: 3 -> [3]"),
    ("base_arguments", dense(__init__=_no_kwargs), "raised TypeError"),
    ("base_arguments", dense(__init__=_forgets_name), "name='a_name_of_its_own' was given"),
    ("public_path", dense(**NOWHERE), "mlkit.layers.Faulty is not"),
    ("registered", dense(**NOWHERE), "not 'mlkit.layers>Faulty'"),
    ("registered", dense(), "Faulty is not registered"),
    ("documented", dense(__doc__=None), "no docstring of its own"),
    ("documented", dense(__doc__="A layer."), "does not mention: units"),
    ("works", calling(lambda self, x: x @ "x"), "raised"),
    ("works", sound(input_shape=None), "`input_shape` was not given"),
    (
        "shapes",
        dense(compute_output_shape=lambda self, shape: (*shape[:-1], 7)),
        "gives (2, 4, 7), the call itself returns (2, 4, 3)",
    ),
    ("shapes", calling(lambda self, x: ops.cast(x > 0, "int32")), "float32 announced, int32"),
    ("dynamic_shapes", calling(_bakes_batch), "axes [0, 1] unknown the layer raised"),
    ("dynamic_shapes", calling(lambda self, x: x * _rows(self, x)), "called directly differ"),
    ("variables", dense(__init__=init(lambda s: setattr(s, "w", tf.Variable(1.0)))), ".w is a tf."),
    (
        "variables",
        dense(__init__=init(lambda s: setattr(s, "ws", [{"w": tf.Variable(1.0)}]))),
        "it will never train",
    ),
    (
        "variables",
        dense(__init__=init(lambda s: setattr(s, "box", Box(tf.Variable(1.0))))),
        ".box.variable is a tf.Variable: it will never train",
    ),
    (
        "variables",
        dense(__init__=init(lambda s: setattr(s, "box", Box(keras.Variable(1.0))))),
        "a keras.Variable that the layer does not track",
    ),
    ("variables", sound(trains=False), "but trains=False"),
    ("variables", noise(trains=True), "has no trainable weight"),
    ("gradients", calling(lambda self, x: ops.stop_gradient(x)), "no gradient to input 0"),
    (
        "gradients",
        dense(call=lambda self, x: ops.matmul(x, ops.stop_gradient(self.kernel))),
        "no g",
    ),
    ("gradients", calling(lambda self, x: x / (x - x)), "outputs are not finite for the batch"),
    (
        "gradients_at_zero",
        calling(lambda self, x: x + ops.sqrt(ops.sum(x * x, -1, keepdims=True))),
        "not finite for an input of zeros: input 0",
    ),
    (
        "gradients_of_large_input",
        calling(lambda self, x: ops.log(1.0 + ops.exp(ops.abs(x)))),
        "outputs are not finite for an input of size 1e4",
    ),
    ("deterministic", calling(lambda self, x: x + keras.random.normal((1,))), "a second call"),
    ("undeclared_randomness", noise(stochastic=False), "a second call with training=True"),
    ("stochastic", noise(variant(SoundNoise, call=lambda self, x: x)), "what training=False gives"),
    (
        "stochastic",
        noise(variant(SoundNoise, noise=lambda self, s: keras.random.normal(s, seed=3))),
        "give the same output",
    ),
    (
        "stochastic",
        noise(variant(SoundNoise, noise=lambda self, s: keras.random.normal(s))),
        "with all its variables put back",
    ),
    (
        "stochastic",
        noise(
            variant(
                SoundNoise,
                __init__=lambda self, **kwargs: SoundNoise.__init__(
                    self, **{**kwargs, "seed": int.from_bytes(os.urandom(3), "big")}
                ),
            )
        ),
        "two layers made alike draw other numbers",
    ),
    (
        "mask_accepted",
        sound(variant(Elementwise, call=lambda self, inputs, mask=None: _where(inputs, mask))),
        "a mask of shape (batch, steps)",
    ),
    ("masking", calling(lambda self, x: x - ops.mean(x, 1, keepdims=True)), "at the end changes"),
    ("masking_left", masked(_first_steps), "at the beginning changes"),
    ("mask_propagation", masked(lambda x, mask: 2.0 * x, compute_mask=lambda *_: None), "no mask"),
    ("masking_all", masked(_mean_by_count), "where a whole sequence is masked"),
    ("mixed_precision", calling(lambda self, x: ops.cast(x, "float32")), "the output is float32"),
    ("mixed_precision", dense(build=_half_weight), "/kernel is float16, not float32"),
    ("mixed_precision", calling(_half_variance), "mixed_float16 gives"),
    (
        "float16_large_input",
        calling(lambda self, x: x * x / (1.0 + ops.abs(x))),
        "not finite for inputs up to 1e4",
    ),
    ("compiled", sound(variant(Elementwise, call=_lazy_variable)), "were traced 2 times"),
    ("compiled", calling(_counts_in_python), "in a tf.function gives"),
    ("xla", calling(lambda self, x: tf.boolean_mask(x, x > 0)), "XLA does not compile it"),
    ("xla", calling(_graph_differs), "outputs under XLA"),
    (
        "fit",
        dense(build=_dead_weight, call=lambda self, x: self.scale * ops.matmul(x, self.kernel)),
        "no weight moved in two steps",
    ),
    (
        "fit",
        dense(
            build=_square_root_of_weight,
            call=lambda self, x: ops.matmul(x, self.kernel) + ops.sqrt(self.scale),
        ),
        "losses [",
    ),
    (
        "save_load",
        dense(
            __init__=init(lambda s: setattr(s, "shift", float(next(COUNTER)))),
            call=lambda self, x: ops.matmul(x, self.kernel) + self.shift,
        ),
        "the model that was loaded gives",
    ),
    (
        "export",
        calling(lambda self, x: x + _traced()),
        "the SavedModel gives",
    ),
    ("replicas", calling(_replica), "replica 1 gives"),
]


def _where(x, mask):
    return x if mask is None else ops.where(mask, x, 0.0)


def _traced():
    """Zero eagerly, one in a graph."""
    return 0.0 if tf.executing_eagerly() else 1.0
