"""What callbacks share that measure something and write it down."""

from collections.abc import Mapping
from typing import Any

from mlkit._core.checks import check_integer
from mlkit._core.types import Logs
from mlkit.callbacks._sink import sink_for
from mlkit.callbacks._update_callback import UpdateCallback, multiple_after


class LoggingCallback(UpdateCallback):
    """Measures each `every` updates, keeps the values in `history` and writes them to a sink."""

    def __init__(self, every: int, to: Any) -> None:
        super().__init__()
        check_integer("every", every, low=1)
        self.every, self.to = every, to
        self.history: list[tuple[int, dict[str, float]]] = []
        self._sink = sink_for(to)

    def next_update(self, update: int) -> int | None:
        return multiple_after(self.every, update)

    def measure(self, logs: Logs) -> Mapping[str, float]:
        """The values of now, by name."""
        return {}

    def record(self, update: int, values: Mapping[str, float]) -> None:
        """Keep values and write them."""
        self.history.append((update, dict(values)))
        if self._sink is not None:
            self._sink.write(update, values)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self.history = []

    def on_update(self, update: int, logs: Logs) -> None:
        self.record(update, self.measure(logs))

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._sink is not None:
            self._sink.close()

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "history": [list(row) for row in self.history]}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self.history = [(int(update), dict(values)) for update, values in state["history"]]
