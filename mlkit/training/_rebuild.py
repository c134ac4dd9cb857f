"""A model that was made outside of a strategy's scope, made anew inside it."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def owns(strategy: tf.distribute.Strategy, variables: Iterable[Any]) -> bool:
    """Whether all variables were made in the scope of a strategy."""
    extended: Any = strategy.extended
    return all(extended.variable_created_in_scope(getattr(v, "value", v)) for v in variables)


def rebuilt_inside(strategy: tf.distribute.Strategy, model: keras.Model) -> keras.Model:
    """The model if it belongs to the strategy, else one like it that does, with its values.

    Raises:
        ValueError: the model, its loss or a metric cannot be made from its configuration.
    """
    inside = model if owns(strategy, model.variables) else _clone(strategy, model)
    optimizer: Any = model.optimizer
    beside = [*optimizer.variables, *(v for m in model.metrics for v in m.variables)]
    if inside is not model or not owns(strategy, beside):
        _compile(strategy, inside, model)
    return inside


def _how(model: keras.Model, what: str) -> str:
    return (
        f"{what} of the model {model.name!r} ({type(model).__name__}) was made outside of the "
        "strategy's scope and cannot be made anew inside it. Make and compile the model there: "
        "`with strategy.scope(): model = ...; model.compile(...)`, or give it a `get_config`."
    )


def _clone(strategy: tf.distribute.Strategy, model: keras.Model) -> keras.Model:
    try:
        # Not clone_model, which would compile too: a loss may be a function without a name.
        known = {type(x).__name__: type(x) for x in [model, *leaves(model)]}
        with strategy.scope(), keras.saving.custom_object_scope(known):
            clone = _from_config(model)
            if model.built and not clone.built:
                clone.build_from_config(model.get_build_config())
    except Exception as error:  # a configuration is the user's own code
        raise ValueError(f"{_how(model, 'A part')} The error was: {error}") from error
    copy_values(model.variables, clone.variables, _how(model, "A part"))
    return clone


def _from_config(model: keras.Model) -> keras.Model:
    config: Any = model.get_config()
    if type(model) is not keras.Sequential:
        return type(model).from_config(config)
    # All layers at once, built by the model, as people make it: otherwise the paths of its
    # variables would be others, and so would their keys in a checkpoint.
    unbuilt = [{k: v for k, v in c.items() if k != "build_config"} for c in config["layers"]]
    layers = [keras.saving.deserialize_keras_object(layer) for layer in unbuilt]
    return keras.Sequential(layers, name=model.name, trainable=model.trainable)


def _compile(strategy: tf.distribute.Strategy, inside: keras.Model, model: keras.Model) -> None:
    optimizer: Any = model.optimizer
    config: Any = model.get_compile_config() or {}
    try:
        with strategy.scope():
            made = {
                key: keras.saving.deserialize_keras_object(config[key])
                for key in ("metrics", "loss_weights", "weighted_metrics")
                if config.get(key) is not None
            }
            # Losses have no variables, and a function may have no configuration.
            inside.compile(
                optimizer=type(optimizer).from_config(optimizer.get_config()),
                loss=model.loss,
                run_eagerly=model.run_eagerly,
                **made,
            )
            if optimizer.built:
                inside.optimizer.build(inside.trainable_variables)
    except Exception as error:
        raise ValueError(f"{_how(model, 'A metric')} The error was: {error}") from error
    if optimizer.built:
        copy_values(optimizer.variables, inside.optimizer.variables, _how(model, "The optimizer"))


def leaves(model: Any) -> list[Any]:
    """The layers of a model and of the models in it."""
    found: list[Any] = []
    for layer in model.layers:
        found += [layer] if not hasattr(layer, "layers") else [layer, *leaves(layer)]
    return found


def copy_values(sources: Any, targets: Any, error: str) -> None:
    """Assign variables to variables, pair by pair; `ValueError` where they do not pair."""
    sources, targets = list(sources), list(targets)
    if [tuple(v.shape) for v in sources] != [tuple(v.shape) for v in targets]:
        raise ValueError(error)
    for source, target in zip(sources, targets, strict=True):
        target.assign(np.asarray(tf.convert_to_tensor(source)))


def give_back(inside: keras.Model, model: keras.Model) -> None:
    """Put what was learned into the model that a user gave."""
    if inside is model:
        return
    if not model.built and inside.built:
        model.build_from_config(inside.get_build_config())
    copy_values(inside.variables, model.variables, "The model given has other variables now.")
    theirs, ours = model.optimizer, inside.optimizer
    if isinstance(theirs, keras.Optimizer) and ours.built and type(theirs) is type(ours):
        if not theirs.built:
            theirs.build(model.trainable_variables)
        copy_values(ours.variables, theirs.variables, "The optimizer given has other variables.")
