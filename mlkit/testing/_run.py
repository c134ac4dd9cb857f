"""Running all checks of a kind on one part: the `check_*` functions."""

from collections.abc import Mapping
from typing import Any

from mlkit.testing._check import checks
from mlkit.testing._report import ConformanceError, Report, Result
from mlkit.testing._spec import (
    CallbackSpec,
    ConstraintSpec,
    InitializerSpec,
    LayerSpec,
    LossSpec,
    MetricSpec,
    OptimizerSpec,
    RegularizerSpec,
    ScheduleSpec,
    Spec,
)

Kwargs = Mapping[str, Any] | None


def unknown_excuses(spec: Spec) -> list[str]:
    """Names in `excuse` that are no check of the kind."""
    known = {c.name for c in checks(spec.kind)}
    return sorted(set(spec.excuse) - known)


def run(spec: Spec) -> Report:
    """Run every check of the spec's kind on its part.

    Args:
        spec: a `LayerSpec`, `LossSpec`, ...

    Returns:
        A `Report`. Nothing is raised for a check that fails.
    """
    results = [one(spec) for one in checks(spec.kind)]
    for name in unknown_excuses(spec):
        results.append(
            Result(
                name,
                "failed",
                f"`excuse` names {name!r}, which is no {spec.kind} check.",
                "The excuse excuses nothing.",
                f"The checks are: {', '.join(c.name for c in checks(spec.kind))}.",
            )
        )
    return Report(spec.id, spec.kind, tuple(results))


def _finish(spec: Spec, verbose: bool) -> Report:
    report = run(spec)
    if not report.ok:
        raise ConformanceError(report)
    if verbose:
        print(report)
    return report


def check_layer(
    cls: type,
    kwargs: Kwargs = None,
    input_shape: Any = None,
    *,
    verbose: bool = True,
    **fields: Any,
) -> Report:
    """Check that a layer honours the contract of Keras layers.

    Saved and loaded, exported, compiled with XLA, in mixed precision, with unknown sizes, with a
    mask, on two devices: a layer that passes does the same everywhere. In particular it finds
    weights that would never train (a `tf.Variable` in a Keras layer), arguments that are lost on
    the way through a saved file, and padding that leaks into valid outputs.

    Args:
        cls: the class.
        kwargs: arguments for its `__init__`, every one, none at its default. Default: none.
        input_shape: shape of one input with the batch axis, such as `(2, 5, 3)`; a list, tuple
            or dict of shapes for several.
        verbose: print the report if all is well. Default: True.
        **fields: the other fields of `LayerSpec`, such as `stochastic=True`, `trains=True`,
            `inputs=`, `excuse={"xla": "why not"}`.

    Returns:
        A `Report`: `print` it, ask `report.ok`, `report["masking"].status`.

    Raises:
        ConformanceError: a check fails; the message says what was seen, why it matters and how to
            mend it.

    Example:
        >>> import keras, mlkit as mk
        >>> report = mk.testing.check_layer(
        ...     keras.layers.ReLU,
        ...     dict(max_value=6.0, negative_slope=0.1, threshold=0.2),
        ...     (2, 5, 3),
        ...     verbose=False,
        ... )
        >>> report.ok
        True
    """
    spec = LayerSpec(cls, kwargs or {}, input_shape=input_shape, **fields)
    return _finish(spec, verbose)


def check_loss(
    cls: type,
    kwargs: Kwargs = None,
    y_true: Any = None,
    y_pred: Any = None,
    *,
    verbose: bool = True,
    **fields: Any,
) -> Report:
    """Check that a loss honours the contract of Keras losses.

    Args:
        cls: the class.
        kwargs: as for `check_layer`.
        y_true, y_pred: a batch of targets and of predictions, batch first: arrays, or functions of
            a `numpy.random.Generator`.
        verbose: as for `check_layer`.
        **fields: the other fields of `LossSpec`, such as `function=`, `reference=`, `properties=`.

    Returns:
        A `Report`.

    Raises:
        ConformanceError: a check fails.

    Example:
        >>> import keras, numpy as np, mlkit as mk
        >>> mk.testing.check_loss(
        ...     keras.losses.MeanAbsoluteError,
        ...     y_true=np.zeros((4, 3)),
        ...     y_pred=np.ones((4, 3)),
        ...     verbose=False,
        ... ).ok
        True
    """
    spec = LossSpec(cls, kwargs or {}, y_true=y_true, y_pred=y_pred, **fields)
    return _finish(spec, verbose)


def check_metric(
    cls: type,
    kwargs: Kwargs = None,
    y_true: Any = None,
    y_pred: Any = None,
    *,
    verbose: bool = True,
    **fields: Any,
) -> Report:
    """Check that a metric honours the contract of Keras metrics.

    Args:
        cls: the class.
        kwargs: as for `check_layer`.
        y_true, y_pred: as for `check_loss`, at least 12 examples.
        verbose: as for `check_layer`.
        **fields: the other fields of `MetricSpec`, such as `reference=`.

    Returns:
        A `Report`.

    Raises:
        ConformanceError: a check fails.

    Example:
        >>> import keras, numpy as np, mlkit as mk
        >>> mk.testing.check_metric(
        ...     keras.metrics.MeanAbsoluteError,
        ...     y_true=np.arange(12.0)[:, None],
        ...     y_pred=np.zeros((12, 1)),
        ...     verbose=False,
        ... ).ok
        True
    """
    spec = MetricSpec(cls, kwargs or {}, y_true=y_true, y_pred=y_pred, **fields)
    return _finish(spec, verbose)


def check_optimizer(
    cls: type, kwargs: Kwargs = None, *, verbose: bool = True, **fields: Any
) -> Report:
    """Check that an optimizer honours the contract of Keras optimizers.

    Args:
        cls: the class.
        kwargs: as for `check_layer`.
        verbose: as for `check_layer`.
        **fields: the other fields of `OptimizerSpec`, such as `reference=`, `learning_rate=`.

    Returns:
        A `Report`.

    Raises:
        ConformanceError: a check fails.

    Example:
        >>> import keras, numpy as np, mlkit as mk
        >>> mk.testing.check_optimizer(
        ...     keras.optimizers.SGD,
        ...     dict(learning_rate=0.02, momentum=0.8, nesterov=True),
        ...     verbose=False,
        ... ).ok
        True
    """
    return _finish(OptimizerSpec(cls, kwargs or {}, **fields), verbose)


def check_callback(
    cls: type, kwargs: Kwargs = None, *, verbose: bool = True, **fields: Any
) -> Report:
    """Check that a callback does the same in `model.fit` and in our loop.

    Args:
        cls: the class.
        kwargs: as for `check_layer`.
        verbose: as for `check_layer`.
        **fields: the other fields of `CallbackSpec`: `observe=`, `monitors=`, `stateful=`, ...

    Returns:
        A `Report`.

    Raises:
        ConformanceError: a check fails.

    Example:
        >>> import keras, mlkit as mk
        >>> mk.testing.check_callback(
        ...     keras.callbacks.EarlyStopping,
        ...     dict(monitor="loss", patience=1),
        ...     observe=lambda callback: callback.best_epoch,
        ...     monitors="monitor",
        ...     verbose=False,
        ... ).ok
        True
    """
    return _finish(CallbackSpec(cls, kwargs or {}, **fields), verbose)


def check_schedule(
    cls: type, kwargs: Kwargs = None, *, verbose: bool = True, **fields: Any
) -> Report:
    """Check that a learning-rate schedule honours the contract of Keras schedules.

    Args:
        cls: the class.
        kwargs: as for `check_layer`.
        verbose: as for `check_layer`.
        **fields: the other fields of `ScheduleSpec`: `reference=`, `knots=`, `last=`.

    Returns:
        A `Report`.

    Raises:
        ConformanceError: a check fails.

    Example:
        >>> import keras, numpy as np, mlkit as mk
        >>> mk.testing.check_schedule(
        ...     keras.optimizers.schedules.InverseTimeDecay,
        ...     dict(initial_learning_rate=0.1, decay_steps=3, decay_rate=0.5, staircase=True),
        ...     verbose=False,
        ... ).ok
        True
    """
    return _finish(ScheduleSpec(cls, kwargs or {}, **fields), verbose)


def check_initializer(
    cls: type, kwargs: Kwargs = None, shape: Any = (), *, verbose: bool = True, **fields: Any
) -> Report:
    """Check that an initializer honours the contract of Keras initializers.

    Args:
        cls: the class.
        kwargs: as for `check_layer`.
        shape: shape of the variable to make.
        verbose: as for `check_layer`.
        **fields: the other fields of `InitializerSpec`: `mean=`, `variance=`, `reference=`, ...

    Returns:
        A `Report`.

    Raises:
        ConformanceError: a check fails.

    Example:
        >>> import keras, mlkit as mk
        >>> mk.testing.check_initializer(
        ...     keras.initializers.RandomNormal,
        ...     dict(mean=0.5, stddev=0.1, seed=3),
        ...     (40, 50),
        ...     mean=0.5,
        ...     variance=0.01,
        ...     verbose=False,
        ... ).ok
        True
    """
    return _finish(InitializerSpec(cls, kwargs or {}, shape=shape, **fields), verbose)


def check_regularizer(
    cls: type, kwargs: Kwargs = None, shape: Any = (), *, verbose: bool = True, **fields: Any
) -> Report:
    """Check that a regularizer honours the contract of Keras regularizers.

    Args:
        cls: the class.
        kwargs: as for `check_layer`.
        shape: shape of the variable that is penalised.
        verbose: as for `check_layer`.
        **fields: the other fields of `RegularizerSpec`: `reference=`, `zero_at=`.

    Returns:
        A `Report`.

    Raises:
        ConformanceError: a check fails.

    Example:
        >>> import keras, numpy as np, mlkit as mk
        >>> mk.testing.check_regularizer(
        ...     keras.regularizers.L1, dict(l1=0.2), (4, 3), verbose=False
        ... ).ok
        True
    """
    return _finish(RegularizerSpec(cls, kwargs or {}, shape=shape, **fields), verbose)


def check_constraint(
    cls: type, kwargs: Kwargs = None, shape: Any = (), *, verbose: bool = True, **fields: Any
) -> Report:
    """Check that a constraint honours the contract of Keras constraints.

    Args:
        cls: the class.
        kwargs: as for `check_layer`.
        shape: shape of the variable that is constrained.
        verbose: as for `check_layer`.
        **fields: the other fields of `ConstraintSpec`: `satisfied=`, `reference=`, ...

    Returns:
        A `Report`.

    Raises:
        ConformanceError: a check fails.

    Example:
        >>> import keras, numpy as np, mlkit as mk
        >>> mk.testing.check_constraint(
        ...     keras.constraints.MaxNorm, dict(max_value=0.5, axis=1), (4, 3), verbose=False
        ... ).ok
        True
    """
    return _finish(ConstraintSpec(cls, kwargs or {}, shape=shape, **fields), verbose)
