"""Accumulation and transforms of gradients inside plain `model.fit`."""

import types
from collections.abc import Sequence
from typing import Any

import keras

from mlkit._core.checks import check_integer
from mlkit.training._model_step import ModelStep, overrides
from mlkit.training._shares import share_of
from mlkit.training._update import Transform, apply_gradients, value_and_grad


def patch(model: keras.Model, *, accumulate: int = 1, gradients: Sequence[Transform] = ()) -> None:
    """Give one model a training step with accumulation and transforms of gradients.

    `model.fit` stays Keras' own, with its callbacks; only its step is another. It is bound to this
    object, not to its class, so that `model.save` and `keras.saving.load_model` go on working. A
    loaded model has the plain step again: patch it too.

    The variables of a transform (`state_variables`) are not part of the model, and so not of the
    The variables of a transform (`state_variables`: of annealed noise, say) are not part of the
    model, and so not of the file that `model.save` writes.

    Args:
        model: a Keras model, compiled or not, whose class has Keras' own `train_step`.
        accumulate: parts in which each batch is run, ≥ 1. `batch_size=256` with 4 parts needs the
            memory of 64 examples and is one update, for schedules and averages too.
        gradients: transforms `(gradients, variables) -> gradients`, applied in order.

    Raises:
        ValueError: the model is patched already, has its own `train_step`, or was made under a
            strategy with several replicas, where transforms would see a replica's share only.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> mk.training.patch(model, accumulate=4, gradients=[mk.gradients.clip_by_norm(1.0)])
        >>> history = model.fit(np.ones((64, 2)), np.ones((64, 1)), batch_size=32, verbose=0)
        >>> int(model.optimizer.iterations)
        2
    """
    check_integer("accumulate", accumulate, low=1)
    if is_patched(model):
        raise ValueError(
            f"The model {model.name!r} is patched already. Call mk.training.unpatch(model) first."
        )
    if overrides(model, "train_step"):
        raise ValueError(
            f"{type(model).__name__} has its own train_step, which the patch would replace. Call "
            "mk.training.value_and_grad and mk.training.apply_gradients in it instead."
        )
    replicas = model.distribute_strategy.num_replicas_in_sync
    if replicas > 1:
        raise ValueError(
            "Under model.fit each replica would transform its own share of the gradients. "
            f"Train with one replica. Received: a model of {replicas} replicas"
        )
    model_step, transforms = ModelStep(model), list(gradients)

    def train_step(self: keras.Model, data: Any) -> dict[str, Any]:
        variables = self.trainable_variables
        _, found = value_and_grad(
            lambda part: model_step.loss(part, training=True),
            variables,
            data,
            accumulate=accumulate,
            optimizer=self.optimizer,
            share=share_of(self, accumulate),
        )
        apply_gradients(self.optimizer, found, variables, transforms)
        return self.get_metrics_result()

    step: Any = train_step
    # What a saved run needs is found by these names on the bound method too.
    step.transforms = transforms
    step.state_variables = [v for t in transforms for v in getattr(t, "state_variables", [])]
    model.train_step = types.MethodType(step, model)
    model.train_function = None  # a function that was traced before holds the old step


def unpatch(model: keras.Model) -> None:
    """Give a model that was patched its own training step back.

    Args:
        model: a model on which `mk.training.patch` was called.

    Raises:
        ValueError: the model is not patched.

    Example:
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1)])
        >>> mk.training.patch(model, accumulate=2)
        >>> mk.training.unpatch(model)
        >>> "train_step" in vars(model)
        False
    """
    if not is_patched(model):
        raise ValueError(f"The model {model.name!r} is not patched.")
    del model.train_step
    model.train_function = None


def is_patched(model: keras.Model) -> bool:
    """Whether the model has the step of `patch`."""
    return hasattr(vars(model).get("train_step"), "transforms")
