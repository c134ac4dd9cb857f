"""The rows of all replicas, in every replica."""

# keras.ops has no collectives.
import tensorflow as tf

from mlkit._core.types import Tensor


def gather_across_replicas(x: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of `x` from all replicas, and the index where the own begin.

    For losses that compare the examples of a batch: each replica sees the whole batch instead of
    its share. The gradient goes back to the replica that each row came from, summed over all that
    used it. Outside a replica (no strategy, or one device) `x` comes back as it is.

    Args:
        x: tensor whose first axis is the batch of this replica.

    Returns:
        `(rows, start)`: a tensor of the shape of `x` but for its first axis, which has the rows of
        all replicas, in the order of the replicas; and the index of the first row of this one, a
        scalar int32.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> rows, start = mk.ops.gather_across_replicas(np.ones((4, 3)))
    >>> rows.shape, int(start)
    (TensorShape([4, 3]), 0)
    """
    x = tf.convert_to_tensor(x)
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return x, tf.constant(0, "int32")
    sizes = context.all_gather(tf.reshape(tf.shape(x)[0], [1]), axis=0)
    earlier = tf.range(tf.shape(sizes)[0]) < context.replica_id_in_sync_group
    start = tf.reduce_sum(tf.where(earlier, sizes, tf.zeros_like(sizes)))
    rows = context.all_gather(x, axis=0)
    rows.set_shape([None, *x.shape[1:]])  # which the gathering forgets
    return rows, start
