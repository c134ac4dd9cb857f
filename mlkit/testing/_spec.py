"""Specs: what the conformance kit must be told about a part in order to check it.

One frozen dataclass a kind. A test file of mlkit declares `SPECS = [LayerSpec(...), ...]`; the
`check_*` functions take the same fields by keyword. Two rules hold for all kinds:

* `kwargs` gives *every* argument of `__init__` a value that is not its default: a default hides a
  configuration that is lost on the way through a saved file.
* `excuse` maps the name of a check to the reason why it cannot hold for this part. It is strict:
  an excuse whose check passes is an error, so that no excuse outlives its reason.

Data are given as an array, or as a function of a `numpy.random.Generator` that returns one.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, TypeAlias

import keras
import numpy as np

Data: TypeAlias = Any  # array, nest of arrays, or Callable[[np.random.Generator], such]
Kwargs: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Spec:
    """What all kinds share.

    Args:
        cls: the class to check.
        kwargs: arguments for its `__init__`, none of them at its default.
        excuse: name of a check to the reason why it cannot hold.
        name: for the test's id and the report; default: the name of the class.
    """

    kind: ClassVar[str] = ""

    cls: type
    kwargs: Kwargs = field(default_factory=dict)
    excuse: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.cls, type):
            raise TypeError(f"`cls` must be a class. Received: cls={self.cls!r}")

    @property
    def id(self) -> str:
        return self.name or self.cls.__name__

    @cached_property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The named parameters of `__init__`."""
        # Not of the class: up to Python 3.11.2 that is `__new__`, which Keras inherits to all.
        found = list(inspect.signature(self.cls.__init__).parameters.values())[1:]
        variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return {p.name: p for p in found if p.kind not in variadic}

    def make(self, **overrides: Any) -> Any:
        """A new instance from `kwargs`, with some of them replaced."""
        arguments = {**self.kwargs, **overrides}
        return self.cls(**{name: fresh(value) for name, value in arguments.items()})


def fresh(value: Any) -> Any:
    """A copy of what holds variables, so that two instances do not share a wrapped layer."""
    if isinstance(value, (keras.Layer, keras.Optimizer, keras.Metric)):
        copy: Any = type(value).from_config(value.get_config())
        if isinstance(value, keras.Layer) and value.built and value.get_build_config():
            copy.build_from_config(value.get_build_config())
            copy.set_weights(value.get_weights())
        return copy
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(fresh(v) for v in value)
    return value


def draw(data: Data, seed: int = 0) -> Any:
    """The data themselves: a function of a generator is called with a seeded one."""
    return data(np.random.default_rng(seed)) if callable(data) else data


@dataclass(frozen=True)
class LayerSpec(Spec):
    """A layer.

    Args:
        input_shape: shape with the batch axis, such as `(2, 5, 3)`; a list, tuple of tuples or dict
            of shapes for several inputs. A dict whose keys are parameters of `call` is passed by
            keyword, any other structure as one argument.
        inputs: data of that shape where uniform floats in [-1, 1) will not do (integers, lengths).
        call_kwargs: further arguments of `call`, other than `training` and `mask`.
        stochastic: whether `training=True` draws random numbers.
        trains: whether the layer has trainable weights.
        integer_inputs: inputs are integers: no gradient with respect to them is asked for.
        dynamic_axes: axes beside the batch that the layer lets be unknown, such as `(1,)` for time.
        mask_axes: axes of the input that a mask covers beside the batch: `(1,)` for sequences,
            `(2,)` for sequences with channels first, `(1, 2)` for images.
    """

    kind: ClassVar[str] = "layer"

    input_shape: Any = None
    inputs: Data = None
    call_kwargs: Kwargs = field(default_factory=dict)
    stochastic: bool = False
    trains: bool = False
    integer_inputs: bool = False
    dynamic_axes: Sequence[int] = ()
    mask_axes: Sequence[int] = (1,)


@dataclass(frozen=True)
class LossSpec(Spec):
    """A loss.

    Args:
        y_true, y_pred: data for one call, batch first.
        function: the pure function, called as `function(y_true, y_pred, **function_kwargs)`; it
            returns one value an example.
        function_kwargs: its arguments; default: `kwargs`.
        reference: an independent witness in numpy, `(y_true, y_pred) -> per-example values`.
        properties: of `"nonnegative"`, `"zero_at_target"`, `"symmetric"`, `"bounded"` (by 1).
        target: with `"zero_at_target"`, `y_true -> y_pred` of a perfect
            prediction; default: `y_true`.
        saturated: data for `y_pred` at the ends of its range (logits of ±1e4, probabilities 0 and
            1); default: `±1e4` at random where `from_logits` is true or absent, else 0 and 1.
        batchwise: the loss couples the examples of a batch (metric learning): the checks that
            rest on one example's independence of the others are then not asked for.
    """

    kind: ClassVar[str] = "loss"

    y_true: Data = None
    y_pred: Data = None
    function: Callable[..., Any] | None = None
    function_kwargs: Kwargs | None = None
    reference: Callable[..., Any] | None = None
    properties: Sequence[str] = ()
    target: Callable[[Any], Any] | None = None
    saturated: Data = None
    batchwise: bool = False


@dataclass(frozen=True)
class MetricSpec(Spec):
    """A metric.

    Args:
        y_true, y_pred: data for one call, batch first, at least 12 examples; only `y_true` for a
            metric of values, as `keras.metrics.Mean` is.
        reference: an independent witness, `(y_true, y_pred, sample_weight) -> value` (a float, or a
            dict as `result()` returns it); `sample_weight` is None or of shape (N,).
        weighted: whether `update_state` takes `sample_weight`.
    """

    kind: ClassVar[str] = "metric"

    y_true: Data = None
    y_pred: Data = None
    reference: Callable[..., Any] | None = None
    weighted: bool = True


@dataclass(frozen=True)
class OptimizerSpec(Spec):
    """An optimizer.

    Args:
        reference: an independent witness: `reference(**kwargs)` returns an object whose
            `step(weights, gradients) -> weights` takes and returns lists of float64 arrays.
        learning_rate: a rate at which the optimizer descends a parabola in `steps` updates.
        steps: updates given to reach the minimum of the parabola and of Rosenbrock's valley.
    """

    kind: ClassVar[str] = "optimizer"

    reference: Callable[..., Any] | None = None
    learning_rate: float = 0.05
    steps: int = 1000


@dataclass(frozen=True)
class ScheduleSpec(Spec):
    """A learning-rate schedule.

    Args:
        reference: an independent witness, `step -> rate`.
        knots: steps at which the formula changes; each is checked with its neighbours.
        last: a step past the end.
    """

    kind: ClassVar[str] = "schedule"

    reference: Callable[[int], float] | None = None
    knots: Sequence[int] = ()
    last: int = 1000


@dataclass(frozen=True)
class InitializerSpec(Spec):
    """An initializer.

    Args:
        shape: shape of the variable.
        mean, variance: of its entries, where the initializer promises them.
        reference: an independent witness, `shape -> array`, for one that draws nothing.
        stochastic: whether the entries are drawn.
    """

    kind: ClassVar[str] = "initializer"

    shape: Sequence[int] = ()
    mean: float | None = None
    variance: float | None = None
    reference: Callable[..., Any] | None = None
    stochastic: bool = True


@dataclass(frozen=True)
class RegularizerSpec(Spec):
    """A regularizer.

    Args:
        shape: shape of the variable (or activation) that it is called on.
        reference: an independent witness in numpy, `array -> penalty`.
        zero_at: `shape -> array` whose penalty is zero, where there is one.
    """

    kind: ClassVar[str] = "regularizer"

    shape: Sequence[int] = ()
    reference: Callable[..., Any] | None = None
    zero_at: Callable[..., Any] | None = None


@dataclass(frozen=True)
class ConstraintSpec(Spec):
    """A constraint.

    Args:
        shape: shape of the variable.
        reference: an independent witness in numpy, `array -> projected array`.
        satisfied: `array -> bool`, whether a projected array obeys the constraint.
        idempotent: whether projecting twice is projecting once.
    """

    kind: ClassVar[str] = "constraint"

    shape: Sequence[int] = ()
    reference: Callable[..., Any] | None = None
    satisfied: Callable[..., bool] | None = None
    idempotent: bool = True


@dataclass(frozen=True)
class CallbackSpec(Spec):
    """A callback.

    Args:
        monitors: the name of the constructor's argument that names an entry of the logs, if any.
        stateful: whether `get_state`/`set_state` carry it over a resume.
        observe: `callback -> comparable`, what it saw or did, to be the same in every loop.
        fit_kwargs: further arguments for `fit`, the same in every loop.
        model: makes the compiled model to train, of 4 inputs and 3 classes, where a small
            classifier with Adam will not do.
    """

    kind: ClassVar[str] = "callback"

    monitors: str | None = None
    stateful: bool = False
    observe: Callable[[Any], Any] | None = None
    fit_kwargs: Kwargs = field(default_factory=dict)
    model: Callable[[], keras.Model] | None = None
