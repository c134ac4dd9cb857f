"""Variables of which every replica holds a value of its own, summed up when they are read: metrics.

The sum alone would lose the values: added up again from other parts, it differs in its last digit.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Ends the key of what each replica holds, a row a replica. The key itself has the value as read.
ROWS = "#replicas"


def copies(variable: Any) -> list[Any]:
    """The variables of the replicas of this process, of one that is put together when it is read.

    Of any other variable, and on one replica: the variable itself.
    """
    return [variable] if _strategy(variable) is None else _local(variable)


def each_and_all(variables: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """What each replica holds, a row a replica, and what is read: of those that hold their own.

    Of several processes all must call it.
    """
    divided = {key: v for key, v in variables.items() if _strategy(v) is not None}
    if not divided:
        return {}
    local = {key: tf.stack([tf.identity(c) for c in _local(v)]) for key, v in divided.items()}
    strategy = _strategy(next(iter(divided.values())))
    several = len(next(iter(local.values()))) < strategy.num_replicas_in_sync
    rows = _gathered(strategy, local) if several else local
    read = {key: _together(divided[key], rows[key]) for key in rows}
    return {**read, **{key + ROWS: value for key, value in rows.items()}}


def _gathered(strategy: Any, local: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The rows of all processes: one exchange for each type, as each takes its time."""
    numbers, found = _numbers(strategy), {}
    for dtype in sorted({value.dtype.name for value in local.values()}):
        keys = [key for key, value in local.items() if value.dtype.name == dtype]
        flat = tf.concat([tf.reshape(local[key], [len(numbers), -1]) for key in keys], axis=1)
        mine = [flat[row : row + 1] for row in range(len(numbers))]
        whole = strategy.gather(
            strategy.experimental_distribute_values_from_function(
                lambda context, mine=mine: mine[numbers.index(context.replica_id_in_sync_group)]
            ),
            axis=0,
        )
        sizes = [local[key].shape[1:].num_elements() for key in keys]
        for key, part in zip(keys, tf.split(whole, sizes, axis=1), strict=True):
            found[key] = tf.reshape(part, [-1, *local[key].shape[1:]])
    return found


def _together(variable: Any, rows: tf.Tensor) -> tf.Tensor:
    """What is read of a variable whose replicas hold these."""
    if _sums(variable):
        return tf.reduce_sum(rows, axis=0)
    mean = variable.aggregation in ("mean", tf.VariableAggregation.MEAN)
    return tf.reduce_mean(rows, axis=0) if mean else rows[0]


def put_back(variables: Mapping[str, Any], values: Mapping[str, np.ndarray]) -> None:
    """Assign the values of a checkpoint, which has one for every key.

    With as many replicas as there were, each gets its own value; else the first gets the sum.
    """
    for key, variable in variables.items():
        strategy = _strategy(variable)
        if strategy is None:
            variable.assign(values[key])
            continue
        each = values.get(key + ROWS)
        same = each is not None and len(each) == strategy.num_replicas_in_sync
        for number, copy in zip(_numbers(strategy), _local(variable), strict=True):
            if same:
                copy.assign(each[number])
            elif number == 0 or not _sums(variable):
                copy.assign(values[key])
            else:
                copy.assign(np.zeros_like(values[key]))


def inner(variable: Any) -> Any:
    """What TensorFlow has for a variable of Keras."""
    return variable.value if isinstance(variable, keras.Variable) else variable


def _strategy(variable: Any) -> Any:
    """The strategy whose several replicas hold different values of a variable, or None."""
    found = getattr(variable, "synchronization", None)
    if found not in ("on_read", tf.VariableSynchronization.ON_READ):
        return None
    strategy = getattr(inner(variable), "distribute_strategy", None)
    return None if strategy is None or strategy.num_replicas_in_sync == 1 else strategy


def _local(variable: Any) -> list[Any]:
    return list(_strategy(variable).experimental_local_results(inner(variable)))


def _numbers(strategy: Any) -> list[int]:
    """The numbers of the replicas of this process among all."""
    numbers = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(context.replica_id_in_sync_group)
    )
    return [int(number) for number in strategy.experimental_local_results(numbers)]


def _sums(variable: Any) -> bool:
    return variable.aggregation in ("sum", tf.VariableAggregation.SUM)
