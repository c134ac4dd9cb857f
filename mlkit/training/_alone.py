"""One device: what the loop asks of replicas, where there are none."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import tensorflow as tf

from mlkit.training._model_step import ModelStep
from mlkit.training._replica import Share
from mlkit.training._replicated import Replicated
from mlkit.training._served import Served
from mlkit.training._sources import Source


class Alone:
    """Stands where `Replicated` stands under a strategy, and adds nothing to a step.

    Args:
        model: the model.
    """

    count = 1
    no_xla = None
    workers = None
    program = None

    def __init__(self, model: keras.Model) -> None:
        self.model = model

    def scope(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def steps(self, trainer: Any) -> dict[str, Callable[[Any], Any]]:
        """The steps of a trainer by kind."""
        return {
            "train": trainer.train_step,
            "test": trainer.test_step,
            "predict": trainer.predict_step,
        }

    def prepare(self, model_step: ModelStep, batch: Any, share: Share | None) -> None:
        """Create every variable that one batch needs."""
        model_step.prepare(batch)

    def refuse(self, trainer: Any) -> None:
        """Nothing is out of the question on one device."""

    def common_seed(self, seed: int | None) -> int | None:
        """The seed as it was given."""
        return seed

    def agree(self, trainer: Any, data: Source) -> None:
        """There is nobody to agree with."""

    def give_back(self) -> None:
        """The model is the one that was given."""

    def describe(self) -> list[str]:
        return []


def replicas_of(strategy: tf.distribute.Strategy | None, model: keras.Model) -> Any:
    """`Alone`, or under a strategy `Replicated`; with parameter servers `Served`."""
    if strategy is None:
        return Alone(model)
    servers = isinstance(strategy, tf.distribute.ParameterServerStrategy)
    return Served(strategy, model) if servers else Replicated(strategy, model)
