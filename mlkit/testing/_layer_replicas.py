"""The rule for several devices: each replica computes what one device would."""

import functools
from typing import Any

import tensorflow as tf

from mlkit.testing._check import check
from mlkit.testing._layer_data import call, example
from mlkit.testing._layer_live import copy_weights, gradients_of, live
from mlkit.testing._report import CheckFailed, NotRun
from mlkit.testing._spec import LayerSpec
from mlkit.testing._values import difference, not_finite


@functools.cache
def strategy() -> Any:
    """A MirroredStrategy over two logical devices, made once a process.

    Two strategies with default collectives in one process stumble over each other's keys;
    reducing to one device uses none.
    """
    devices = [d.name for d in tf.config.list_logical_devices("CPU")]
    if len(devices) < 2:
        raise NotRun(
            "there is one logical device; before TensorFlow starts, call "
            "tf.config.set_logical_device_configuration(tf.config.list_physical_devices('CPU')[0], "
            "[tf.config.LogicalDeviceConfiguration()] * 2)"
        )
    return tf.distribute.MirroredStrategy(
        devices[:2], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )


@check("layer")
def replicas(spec: LayerSpec) -> None:
    """On two replicas each computes what one device does, and its gradients are finite."""
    it = live(spec)
    mirrored = strategy()
    batches = [it.data, example(spec, seed=1)]
    with mirrored.scope():
        layer = spec.make()
        call(spec, layer, it.data, training=False)
        copy_weights(it.layer, layer)

    def step(data: Any) -> Any:
        inference = call(spec, layer, data, training=False)
        outputs, to_inputs, to_weights = gradients_of(spec, layer, data)
        dense = [tf.convert_to_tensor(g) for g in (*to_inputs, *to_weights) if g is not None]
        return inference, outputs, dense

    both = mirrored.experimental_distribute_values_from_function(
        lambda context: _tensors(batches[context.replica_id_in_sync_group])
    )
    results = tf.function(lambda data: mirrored.run(step, args=(data,)))(both)
    for number, data in enumerate(batches):
        inference, outputs, found = tf.nest.map_structure(
            lambda value, n=number: mirrored.experimental_local_results(value)[n], results
        )
        _must_agree(number, inference, call(spec, it.layer, data, training=False))
        if not_finite(outputs) or not_finite(found):
            raise CheckFailed(
                f"replica {number}: outputs or gradients are not finite with training=True",
                why="Training on several devices ends in NaN.",
                mend="See `gradients`; look for statistics that are merged over replicas.",
            )


def _tensors(data: Any) -> Any:
    return tf.nest.map_structure(tf.convert_to_tensor, data)


def _must_agree(number: int, replica: Any, alone: Any) -> None:
    found = difference(replica, alone, 1e-5)
    if found:
        raise CheckFailed(
            f"replica {number} gives {found} (training=False)",
            why="What is learned depends on the number of devices.",
            mend="Make all variables in `build` or `__init__`, inside the strategy's scope.",
        )
