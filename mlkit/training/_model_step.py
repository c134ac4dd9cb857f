"""What a compiled Keras model does with one batch: forward pass, loss, metrics."""

import inspect
import math
from typing import Any

import keras
import tensorflow as tf

from mlkit._core.types import Tensor
from mlkit.training._replica import Share, known_part
from mlkit.training._update import examples


def overrides(model: keras.Model, method: str) -> bool:
    """Whether the model's class, or the model itself, has its own `method`."""
    return method in vars(model) or getattr(type(model), method) is not getattr(keras.Model, method)


class ModelStep:
    """Forward pass, loss and metrics of a compiled model, as `model.fit` computes them.

    Args:
        model: a compiled Keras model.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        parameters = inspect.signature(model.call).parameters
        self._takes_training = "training" in parameters or any(
            p.kind is p.VAR_KEYWORD for p in parameters.values()
        )
        self._loss_takes_training = "training" in inspect.signature(model.compute_loss).parameters
        # Under a strategy: what Keras divides losses by there, and a part's share of the loss if
        # that is not its share of the examples.
        self.loss_factor = 1
        self.share: Share | None = None

    def tracker(self) -> keras.metrics.Mean | None:
        """Keras' own mean of the loss; None for a model that keeps its metrics itself."""
        own = type(self.model).metrics is not keras.Model.metrics
        if own or not self.model.compiled or not self.model.metrics:
            return None
        first = self.model.metrics[0]
        return first if isinstance(first, keras.metrics.Mean) and first.name == "loss" else None

    def call(self, x: Any, *, training: bool) -> Any:
        return self.model(x, training=training) if self._takes_training else self.model(x)

    def loss(self, batch: Any, *, training: bool) -> Tensor:
        """The total loss of a batch; updates the loss tracker and the metrics."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        y_pred = self.call(x, training=training)
        loss = self._total(batch, y_pred, training)
        if self.loss_factor != 1:
            loss = loss * tf.cast(self.loss_factor, loss.dtype)
        tracker = self.tracker()
        if tracker is not None:
            tracker.update_state(
                tf.stop_gradient(self._to_report(loss, batch)),
                sample_weight=tf.cast(examples(x), tf.float32),
            )
        self.model.compute_metrics(x, y, y_pred, sample_weight=sample_weight)
        return loss

    def _total(self, batch: Any, y_pred: Any, training: bool) -> Tensor:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        extra = {"training": training} if self._loss_takes_training else {}
        return self.model.compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **extra
        )

    def _to_report(self, loss: Tensor, batch: Any) -> Tensor:
        """A replica's loss as one that gives the batch's when it is averaged by examples."""
        part = known_part()
        if part is None or self.share is None:
            return loss
        portion = tf.cast(examples(batch), loss.dtype) / tf.cast(examples(part.whole), loss.dtype)
        return loss * tf.cast(self.share(batch, part.whole), loss.dtype) / portion

    def prepare(self, batch: Any) -> None:
        """Create every variable that one batch needs, and leave their values as they were."""
        seeds = [
            (v, tf.identity(v)) for v in self.model.non_trainable_variables if self.model.built
        ]
        if not self.model.built:
            self.call(keras.utils.unpack_x_y_sample_weight(batch)[0], training=False)
        self.loss(batch, training=False)
        self.model.reset_metrics()
        for variable, value in seeds:
            variable.assign(value)
        if self.model.optimizer is not None and not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)

    def prepare_in(self, strategy: tf.distribute.Strategy, batch: Any) -> None:
        """The same inside of a strategy, where metrics cannot be updated outside of a replica.

        Raises:
            ValueError: some losses are divided by the number of replicas and others are not.
        """
        with strategy.scope():
            if not self.model.built:
                self.call(keras.utils.unpack_x_y_sample_weight(batch)[0], training=False)
            # What is updated here is forgotten; what is made here stays.
            values = [(v, tf.convert_to_tensor(v)) for v in self.model.variables]
            with keras.StatelessScope(state_mapping=values):
                self.loss(batch, training=False)
            if self.model.optimizer is not None and not self.model.optimizer.built:
                self.model.optimizer.build(self.model.trainable_variables)
        y_pred = self.call(keras.utils.unpack_x_y_sample_weight(batch)[0], training=False)
        with strategy.scope():
            inside = float(self._total(batch, y_pred, False))
        self.loss_factor = _loss_factor(
            float(self._total(batch, y_pred, False)), inside, strategy.num_replicas_in_sync
        )


def _loss_factor(outside: float, inside: float, replicas: int) -> int:
    """What a loss must be multiplied by in a strategy's scope to be what it is outside of it.

    Keras divides a mean by the number of replicas; a sum, or a loss that is a scalar from the
    start, it does not.
    """
    if replicas == 1 or not math.isfinite(outside) or outside == inside == 0:
        return replicas
    ratio = outside / inside if inside else 0.0
    for factor in (1, replicas):
        if math.isclose(ratio, factor, rel_tol=1e-3):
            return factor
    raise ValueError(
        f"On {replicas} replicas Keras divides some losses of the model by {replicas} and others "
        "not: those that are a scalar for the whole batch, or a sum, beside means or regularizers. "
        "Give all losses one value an example, or override `Trainer.train_step`."
    )


def compile_missing(
    model: keras.Model, *, loss: Any, optimizer: Any, metrics: Any, extra: dict[str, Any]
) -> None:
    """`model.compile` with what is given; what is not is the model's own.

    Raises:
        ValueError: nothing is given and the model is not compiled.
    """
    given = {k: v for k, v in {"loss": loss, "metrics": metrics, **extra}.items() if v is not None}
    if not given and optimizer is None:
        if not model.compiled:
            raise ValueError(
                f"The model {model.name!r} is not compiled. Give `loss` and `optimizer`, or call "
                "model.compile(...) first."
            )
        return
    own: dict[str, Any] = {}
    if model.compiled:
        config: Any = model.get_compile_config()
        own = {
            key: keras.saving.deserialize_keras_object(config[key])
            for key in ("loss", "metrics", "loss_weights", "weighted_metrics")
            if key not in given and config.get(key) is not None
        }
    if optimizer is None:
        optimizer = model.optimizer if model.compiled else "rmsprop"
    model.compile(optimizer=optimizer, **own, **given)
