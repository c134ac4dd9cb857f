"""One job: from its plan to the end of its last epoch."""

from functools import partial
from typing import Any

import keras

from mlkit._state.variables import collect
from mlkit.training._callbacks import stops_on_nonfinite
from mlkit.training._chooser import Chooser
from mlkit.training._engine import Engine
from mlkit.training._keeper import Keeper
from mlkit.training._loop import Loop
from mlkit.training._plan import Plan
from mlkit.training._setup import Watching, nobody_looks_within
from mlkit.training._sources import Source


def run_job(
    owner: Any,
    engine: Engine,
    plan: Plan,
    train: Source,
    watching: Watching,
    keeper: Keeper | None = None,
) -> None:
    """Choose the program and run it to the end.

    Args:
        owner: the trainer, whose attributes hold all that is learned.
        engine: makes the programs.
        plan: what to do.
        train: the data.
        watching: everybody who watches.
        keeper: of the state, if it is kept.
    """
    loop = _loop(owner, engine, plan, train, watching, keeper)
    owner.model.stop_training = False
    loop.callbacks.on_train_begin()
    logs: dict[str, Any] = {}
    try:
        logs = loop.run()
        optimizer = owner.optimizer
        if isinstance(optimizer, keras.Optimizer) and optimizer.built:
            optimizer.finalize_variable_values(owner.model.trainable_variables)
    finally:
        # Also after an error and Ctrl-C: files are closed and weights put back.
        loop.callbacks.on_train_end(logs)
        engine.release("train")


def _loop(
    owner: Any, engine: Engine, plan: Plan, train: Source, watching: Watching, keeper: Keeper | None
) -> Loop:
    """The outer loop of a job, with the program that was chosen for it."""
    updates = None
    if plan.steps is not None:
        updates = (plan.epochs - plan.initial_epoch) * plan.steps
    watch = any(stops_on_nonfinite(c) for c in watching.list.callbacks)
    plan.in_one_call = nobody_looks_within(plan, watching, keeper)
    if owner.workers is not None:
        plan.in_one_call = bool(owner.workers.smallest([plan.in_one_call])[0])
    choice = None if keeper is None else keeper.choice
    if choice is None or (choice.xla and engine.no_xla):
        everything = list(collect(owner).values())
        chooser = Chooser(engine, train, updates, everything, watch, plan.in_one_call)
        choice, plan.in_one_call = chooser.choose(), chooser.whole
    engine.choice = choice
    make = partial(engine.program, "train", train, engine.choice, watch, plan.in_one_call)
    loop = Loop(plan, make(), owner.model, watching, engine)
    loop.renew = make
    loop.seconds_a_step = engine.choice.seconds_a_step
    loop.keeper, loop.workers = keeper, owner.workers
    if keeper is not None:
        keeper.choice = choice
    return loop
