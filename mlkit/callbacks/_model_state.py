"""The values of a model and of its optimizer: kept, put back, copied."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from mlkit._core.types import Variable
from mlkit._state.variables import Snapshot
from mlkit.optimizers.schedules import ScaledSchedule


def metric_variables(model: keras.Model) -> list[Variable]:
    return [v for metric in model.metrics for v in metric.variables]


@contextmanager
def undisturbed(model: keras.Model) -> Iterator[None]:
    """Puts back what a forward pass changes: seeds, moving statistics, metrics."""
    # Each replica's own values: assigned as a whole, all would get their mean.
    kept = Snapshot([*model.non_trainable_variables, *metric_variables(model)])
    try:
        yield
    finally:
        kept.restore()


def inner_optimizer(optimizer: Any) -> Any:
    """The optimizer inside a `LossScaleOptimizer`, or the one given."""
    while isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = optimizer.inner_optimizer
    return optimizer


def optimizers_of(optimizer: Any) -> dict[str, Any]:
    """The optimizers that have a learning rate, by a name for logs; "" where there is one."""
    optimizer = inner_optimizer(optimizer)
    several = getattr(optimizer, "optimizers", None)
    if isinstance(several, dict):
        return {**several, "default": optimizer.default}
    return {"": optimizer}


def _rate(optimizer: Any) -> float:
    return float(ops.convert_to_numpy(optimizer.learning_rate))


def rates(model: Any) -> dict[str, float]:
    """The learning rates of the next update, by name."""
    found = {}
    for name, optimizer in optimizers_of(model.optimizer).items():
        key = f"learning_rate/{name}" if name else "learning_rate"
        found[key] = _rate(optimizer)
    return found


def scaled_schedules(model: Any) -> list[ScaledSchedule | None]:
    """Of each optimizer its schedule, put into one whose scale can be set; None for a constant."""
    found = [_scaled_schedule(optimizer) for optimizer in optimizers_of(model.optimizer).values()]
    if any(found):
        # A step that was traced before follows the schedules themselves.
        model.make_train_function(force=True)
    return found


def _scaled_schedule(optimizer: Any) -> ScaledSchedule | None:
    inner = optimizer
    while isinstance(getattr(inner, "optimizer", None), keras.Optimizer):
        inner = inner.optimizer  # a wrapper has the rate of the one inside it
    config = inner.get_config()["learning_rate"]
    if not isinstance(config, dict):
        return None
    schedule = keras.saving.deserialize_keras_object(config)
    scaled = schedule if isinstance(schedule, ScaledSchedule) else ScaledSchedule(schedule)
    optimizer.learning_rate = scaled
    return scaled


def lower_rates(
    model: Any, schedules: Sequence[ScaledSchedule | None], factor: float, low: float = 0.0
) -> list[str]:
    """Multiply rates, or the scales of schedules, down to `low`; says what those are that fell."""
    told = []
    for optimizer, schedule in zip(optimizers_of(model.optimizer).values(), schedules, strict=True):
        now = _rate(optimizer) if schedule is None else schedule.scale
        new = max(now * factor, low)
        if new >= now:
            continue
        if schedule is None:
            optimizer.learning_rate = new
        else:
            schedule.scale = new
        told.append(f"{new:.3g}" if schedule is None else f"{new:.3g} of the schedule")
    return told


def scales_of(schedules: Sequence[ScaledSchedule | None]) -> list[float | None]:
    """What `set_scales` puts back."""
    return [None if schedule is None else schedule.scale for schedule in schedules]


def set_scales(
    schedules: Sequence[ScaledSchedule | None], scales: Sequence[float | None]
) -> list[ScaledSchedule | None]:
    """The schedules, or new ones where there are none yet, with these scales."""
    found = list(schedules) or [None if s is None else ScaledSchedule(1.0) for s in scales]
    for schedule, scale in zip(found, scales, strict=True):
        if schedule is not None and scale is not None:
            schedule.scale = scale
    return found


def is_rate(variable: Variable) -> bool:
    """Whether an optimizer's variable holds its constant learning rate."""
    return variable.name == "learning_rate"


def rebuilt(optimizer: Any, variables: Sequence[Variable]) -> Any:
    """An optimizer of the same configuration for these variables, with the state that fits."""
    new = type(optimizer).from_config(optimizer.get_config())
    new.build(list(variables))
    for variable, value in _of_one_name(new, optimizer):
        variable.assign(value)
    return new


def begin_anew(optimizer: Any, variables: Sequence[Variable]) -> None:
    """Give an optimizer's counters and slots of these variables the state of a new one."""
    new = type(optimizer).from_config(optimizer.get_config())
    new.build(list(variables))
    for variable, value in _of_one_name(optimizer, new):
        if not is_rate(variable):
            variable.assign(value)


def _of_one_name(optimizer: Any, other: Any) -> Iterator[tuple[Variable, Variable]]:
    """Pairs of variables of the same path and shape in two optimizers."""
    there: dict[Any, list[Any]] = {}
    for variable in other.variables:
        there.setdefault((variable.path, tuple(variable.shape)), []).append(variable)
    for variable in optimizer.variables:
        found = there.get((variable.path, tuple(variable.shape)))
        if found:
            yield variable, found.pop(0)


def layers_of(model: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """`(path, layer)` of the layers of a model that hold no layers listed in `layers`."""
    for layer in model.layers:
        name = f"{path}{layer.name}"
        if getattr(layer, "layers", None):
            yield from layers_of(layer, f"{name}/")
        else:
            yield name, layer
