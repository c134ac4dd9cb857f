"""Layers that begin to train one stage after the other."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from mlkit._core.checks import check_bool, check_choice, check_integer
from mlkit._core.patterns import check_patterns
from mlkit._core.types import Logs
from mlkit.callbacks._model_state import begin_anew, layers_of, rebuilt
from mlkit.callbacks._monitor import say


class GradualUnfreeze(keras.callbacks.Callback):
    """Thaws layers at given epochs, for fine-tuning from the head downwards.

    All layers are frozen when training begins; at the beginning of each epoch in `stages` those
    thaw whose path holds one of its patterns, and stay so. The optimizer knows all of them from the
    first update on (Keras refuses "unknown variables" otherwise): what thaws begins with new slots,
    the others keep theirs. One that was built without them, as after `base.trainable = False` and
    `fit`, is replaced by one of the same configuration that takes over its state.

    Adam and its kin correct the bias of new slots by a counter that all variables share. What thaws
    late is therefore not corrected, and moves up to 6.5 times as fast as it should for some tens of
    updates. Let the rate warm up after a thaw, or use `restart`.

    Args:
        stages: epoch (from 0) to regular expressions, looked for in the paths of layers
            (`"backbone/block5_conv1"`), such as `{0: ["head"], 3: ["block5"], 6: ["block4"]}`.
        keep_batch_norm: whether batch normalisation stays frozen (and uses its moving statistics)
            when it would thaw. Default True.
        restart: whether the optimizer begins anew at each thaw, its counter (and so its schedule)
            included, as if the model were compiled again. Default False.
        verbose: 1 says on stdout what thaws. Default 0.

    Raises:
        ValueError: a pattern is in no layer's path; a stage is no epoch.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> body, head = mk.layers.Dense(4, name="body"), mk.layers.Dense(1, name="head")
        >>> model = mk.Sequential([mk.Input((2,)), body, head])
        >>> model.compile("adam", "mse")
        >>> thaw = mk.callbacks.GradualUnfreeze({0: ["head"], 2: ["body"]})
        >>> x = np.ones((8, 2), "float32")
        >>> history = model.fit(x, x[:, :1], epochs=2, verbose=0, callbacks=[thaw])
        >>> body.trainable, head.trainable
        (False, True)

    Reference:
        Howard and Ruder, 2018, https://arxiv.org/abs/1801.06146 (§3.3).
        Differs from it in stages that are given and not one layer an epoch.
    """

    # It changes what is trained: of several workers all must call it.
    on_all_workers = True

    def __init__(
        self,
        stages: Mapping[int, Sequence[str]],
        *,
        keep_batch_norm: bool = True,
        restart: bool = False,
        verbose: int = 0,
    ) -> None:
        super().__init__()
        if not isinstance(stages, Mapping) or not stages:
            raise TypeError(
                f"`stages` must be a dict from epochs to patterns. Received: stages={stages!r}"
            )
        for epoch, patterns in stages.items():
            check_integer("stages", epoch, low=0)
            if isinstance(patterns, str):
                raise TypeError(f"`stages` must hold lists of patterns. Received: {patterns!r}")
            check_patterns("stages", patterns)
        check_bool("keep_batch_norm", keep_batch_norm)
        check_bool("restart", restart)
        check_choice("verbose", verbose, (0, 1))
        self.stages, self.keep_batch_norm = stages, keep_batch_norm
        self.restart, self.verbose = restart, verbose
        self._first: dict[int, int] = {}
        self._thawed: frozenset[str] | None = None
        self._epoch = -1

    def on_train_begin(self, logs: Logs | None = None) -> None:
        model: Any = self.model
        self._layers = list(layers_of(model))
        self._first = self._first_epochs()
        self._thawed, self._epoch = None, -1
        before = {id(v) for v in model.trainable_variables}
        self._set(max(self.stages))
        self._variables = list(model.trainable_variables)
        if not model.optimizer.built:
            model.optimizer.build(self._variables)
        elif any(id(v) not in before for v in self._variables):
            model.optimizer = rebuilt(model.optimizer, self._variables)
        self._set(-1)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        thawed = frozenset(
            name
            for i, (name, _) in enumerate(self._layers)
            if self._first.get(i, epoch + 1) <= epoch
        )
        if thawed == self._thawed:
            return
        new = thawed - (self._thawed or frozenset())
        if self.restart and self._thawed:
            begin_anew(self.model.optimizer, self._variables)
        self._thawed, self._epoch = thawed, epoch
        self._set(epoch)
        # The traced step goes by the variables that trained when it was traced.
        self.model.make_train_function(force=True)
        count = len(self.model.trainable_variables)
        say(self, f"epoch {epoch + 1}: {', '.join(sorted(new))} thaw, {count} variables train.")

    def get_state(self) -> dict[str, Any]:
        """What a resumed run needs to go on."""
        return {"thawed": sorted(self._thawed or ()), "epoch": self._epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        self._thawed, self._epoch = frozenset(state["thawed"]) or None, state["epoch"]
        if self._thawed is not None and self.model is not None:
            self._set(self._epoch)
            self.model.make_train_function(force=True)

    def _first_epochs(self) -> dict[int, int]:
        """The epoch from which each layer trains, by its place."""
        found: dict[int, int] = {}
        paths = [name for name, _ in self._layers]
        for epoch in sorted(self.stages):
            for pattern in self.stages[epoch]:
                places = [i for i, path in enumerate(paths) if re.search(pattern, path)]
                if not places:
                    raise ValueError(
                        f"`stages`: the pattern {pattern!r} is in no layer's path. "
                        f"The paths are: {', '.join(paths)}."
                    )
                for i in places:
                    if not (self.keep_batch_norm and _is_batch_norm(self._layers[i][1])):
                        found.setdefault(i, epoch)
        return found

    def _set(self, epoch: int) -> None:
        # A frozen model hides its layers' variables, and to thaw it thaws all of them.
        self.model.trainable = True
        for i, (_, layer) in enumerate(self._layers):
            layer.trainable = self._first.get(i, epoch + 1) <= epoch


def _is_batch_norm(layer: Any) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization)
