"""The kinds of parts: their spec, their namespace, their base-class arguments, how one is used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from mlkit.testing import _spec
from mlkit.testing._layer_data import call, example
from mlkit.testing._spec import Spec, draw


def _use_layer(spec: Any, layer: Any) -> None:
    call(spec, layer, example(spec))


def _use_loss(spec: Any, loss: Any) -> None:
    loss(draw(spec.y_true), draw(spec.y_pred))


def _use_metric(spec: Any, metric: Any) -> None:
    metric.update_state(draw(spec.y_true), draw(spec.y_pred))
    metric.result()


def _use_optimizer(_: Any, optimizer: Any) -> None:
    weight = keras.Variable(np.ones((3, 2), np.float32))
    optimizer.build([weight])
    optimizer.apply([keras.ops.ones((3, 2))], [weight])


def _use_schedule(_: Any, schedule: Any) -> None:
    schedule(3)


def _use_on_shape(spec: Any, part: Any) -> None:
    values = np.random.default_rng(0).normal(size=tuple(spec.shape))
    part(keras.ops.convert_to_tensor(values, "float32"))


def _use_initializer(spec: Any, initializer: Any) -> None:
    initializer(tuple(spec.shape))


@dataclass(frozen=True)
class Kind:
    """One kind of part.

    Args:
        spec: its dataclass.
        base: its class in Keras.
        package: its namespace in mlkit.
        use: `(spec, part)`: builds and calls the part once.
        base_arguments: arguments that every part of the kind takes, with a value to try.
        also_base: further arguments of the base class: a spec need not give them a value.
    """

    spec: type[Spec]
    base: type
    package: str
    use: Callable[[Any, Any], None]
    base_arguments: Mapping[str, Any] = field(default_factory=dict)
    also_base: tuple[str, ...] = ()


_TRY_NAME = "a_name_of_its_own"
_OPTIMIZER_BASE = (
    "weight_decay clipnorm clipvalue global_clipnorm use_ema ema_momentum ema_overwrite_frequency "
    "loss_scale_factor gradient_accumulation_steps"
)

KINDS: dict[str, Kind] = {
    "layer": Kind(
        _spec.LayerSpec,
        keras.Layer,
        "mlkit.layers",
        _use_layer,
        {"name": _TRY_NAME, "dtype": "mixed_bfloat16", "trainable": False},
        ("autocast", "activity_regularizer"),
    ),
    "loss": Kind(
        _spec.LossSpec,
        keras.Loss,
        "mlkit.losses",
        _use_loss,
        {"name": _TRY_NAME, "reduction": "sum", "dtype": "float64"},
    ),
    "metric": Kind(
        _spec.MetricSpec,
        keras.Metric,
        "mlkit.metrics",
        _use_metric,
        {"name": _TRY_NAME, "dtype": "float64"},
    ),
    "optimizer": Kind(
        _spec.OptimizerSpec,
        keras.Optimizer,
        "mlkit.optimizers",
        _use_optimizer,
        {"name": _TRY_NAME, "clipnorm": 0.5, "use_ema": True},
        tuple(_OPTIMIZER_BASE.split()),
    ),
    "schedule": Kind(
        _spec.ScheduleSpec,
        keras.optimizers.schedules.LearningRateSchedule,
        "mlkit.optimizers.schedules",
        _use_schedule,
        also_base=("name",),
    ),
    "initializer": Kind(
        _spec.InitializerSpec, keras.Initializer, "mlkit.initializers", _use_initializer
    ),
    "regularizer": Kind(
        _spec.RegularizerSpec, keras.Regularizer, "mlkit.regularizers", _use_on_shape
    ),
    "constraint": Kind(
        _spec.ConstraintSpec, keras.constraints.Constraint, "mlkit.constraints", _use_on_shape
    ),
}
