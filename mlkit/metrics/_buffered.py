"""What the metrics share that need all examples at once: room for them, filled batch by batch."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras

# keras.ops does not know which replica it runs on.
import tensorflow as tf
from keras import ops

from mlkit._core.checks import check_choice, check_integer
from mlkit._core.guard import ensure
from mlkit._core.types import Config, Tensor, Variable
from mlkit.metrics._inputs import NAN
from mlkit.metrics._streaming import Streaming


class Buffered(Streaming):
    """Room for `capacity` examples, as columns.

    Under a strategy replica r of R writes to the slots r, r + R, r + 2R and so on, and leaves 0
    everywhere else: the sum over replicas, which is what reading gives, is then the union. Each has
    an equal share of the room.

    Args:
        columns: name of each column to the shape of an entry; None for no room at all.
        capacity: number of examples.
        overflow: `"error"` or `"latest"`.
        name: of the metric.
        **kwargs: as for `keras.Metric`.
    """

    def __init__(
        self,
        columns: Mapping[str, tuple[int, ...]] | None,
        capacity: int,
        overflow: str = "error",
        *,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        check_integer("capacity", capacity, low=1)
        check_choice("overflow", overflow, ("error", "latest"))
        self.capacity = capacity
        self.overflow = overflow
        # Weight 0 is an empty slot.
        self._columns: dict[str, Variable] = {
            column: self.add_sum(column, (capacity, *shape))
            for column, shape in ({} if columns is None else {**columns, "weight": ()}).items()
        }
        self.seen = self.add_sum("seen")
        self.poison = self.add_sum("poison")

    def _store(self, values: Mapping[str, Tensor], weight: Tensor) -> None:
        """Write one entry an example into each column; a weight of NaN makes the result NaN."""
        absent, rows = weight == 0, {}
        for column, value in {**values, "weight": weight}.items():
            gone = ops.reshape(absent, (-1,) + (1,) * (len(value.shape) - 1))
            value = ops.cast(value, "float64")
            rows[column] = ops.where(gone, ops.zeros_like(value), value)
        context = tf.distribute.get_replica_context()
        shares = _replica_copies({**self._columns, "": self.seen}) if context is None else []
        if shares:
            # Outside of strategy.run: deal the examples out, as if each replica had had its part.
            for replica, own in enumerate(shares):
                part = {k: v[replica :: len(shares)] for k, v in rows.items()}
                self._fill(own, part, len(shares), replica)
        elif context is None:
            self._fill({**self._columns, "": self.seen}, rows, 1, 0)
        else:
            own = {**self._columns, "": self.seen}
            self._fill(own, rows, context.num_replicas_in_sync, context.replica_id_in_sync_group)
        self._spoil(weight)

    def _spoil(self, weight: Tensor) -> None:
        self.poison.assign_add(0.0 * ops.sum(weight))

    def _fill(self, own: Mapping[str, Any], rows: Mapping[str, Tensor], of: int, at: Any) -> None:
        """Write rows into the slots of replica `at` of `of`; the count of its examples is `""`."""
        room, count = self.capacity // of, ops.shape(rows["weight"])[0]
        seen = own[""]
        self._check_room(ops.cast(seen, "float64"), ops.cast(count, "float64"), room)
        place = ops.cast(seen, "int32") + ops.arange(count, dtype="int32")
        slots = (place % room) * of + at
        for column, value in rows.items():
            _write(own[column], slots, value, alone=of == 1)
        seen.assign(ops.convert_to_tensor(seen) + ops.cast(count, "float64"))

    def _check_room(self, seen: Tensor, count: Tensor, room: int) -> None:
        over = count > room
        way_out = "a batch is larger than the room: make `capacity` larger"
        if self.overflow == "error":
            over = seen + count > room
            way_out = "make `capacity` larger, or give overflow='latest' to keep the newest"
        ensure(
            ops.logical_not(over),
            f"{self.name} has room for capacity={self.capacity} examples ({room} a replica) and "
            f"was given more: {way_out}.",
        )
        self.poison.assign_add(ops.where(over, ops.cast(NAN, "float64"), 0.0))

    def _column(self, name: str) -> Tensor:
        return ops.convert_to_tensor(self._columns[name])

    def merge_state(self, metrics: Iterable[Any]) -> None:
        """Add the examples of other metrics of the same kind to this one.

        Args:
            metrics: metrics with the same arguments. Those of weight 0 are left out.

        Raises:
            ValueError: a metric of another class, or more examples than there is room for.
        """
        for other in metrics:
            self._check_mergeable(other)
            held = {k: ops.convert_to_numpy(v) for k, v in other._columns.items()}
            keep = held["weight"] != 0
            rows = {k: ops.convert_to_tensor(v[keep]) for k, v in held.items()}
            weight = rows.pop("weight")
            self._store(rows, weight)
            self.poison.assign_add(ops.convert_to_tensor(other.poison))

    def get_config(self) -> Config:
        return {**super().get_config(), "capacity": self.capacity, "overflow": self.overflow}


def _replica_copies(variables: Mapping[str, Variable]) -> list[dict[str, Any]]:
    """Under a strategy, outside of its replicas: each replica's own copy of the variables."""
    strategy = tf.distribute.get_strategy()
    held = {name: variable.value for name, variable in variables.items()}
    if not all(tf.is_tensor(v) and hasattr(v, "values") for v in held.values()):
        return []  # tensors of a stateless scope, in which Keras traces shapes
    copies = {name: strategy.experimental_local_results(v) for name, v in held.items()}
    return [
        {name: copies[name][i] for name in copies} for i in range(strategy.num_replicas_in_sync)
    ]


def _write(variable: Any, slots: Tensor, value: Tensor, *, alone: bool) -> None:
    """Put rows into their slots; in place where the variable can, instead of copying it."""
    held = variable.value if isinstance(variable, keras.Variable) else variable
    if (alone or held is variable) and hasattr(held, "scatter_nd_update"):
        held.scatter_nd_update(slots[:, None], value)
    else:
        table = ops.convert_to_tensor(variable)
        variable.assign(ops.scatter_update(table, slots[:, None], value))
