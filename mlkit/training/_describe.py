"""The plan of a job, for a person."""

from typing import Any

from mlkit.training._callbacks import wants_every_batch
from mlkit.training._engine import Engine


def describe(engine: Engine, callbacks: list[Any], replicas: list[str]) -> str:
    """Which program runs the job, why, and who makes it stop how often."""
    model = engine.model
    lines = [f"Trainer of {model.name} ({type(model).__name__})"]
    if engine.choice is None:
        lines.append(f"  execution   {engine.execution}, not run yet")
    else:
        lines.append(f"  execution   {engine.choice}")
        if engine.choice.xla:
            lines.append("              XLA draws dropout masks of its own: other than without it")
    if engine.residence is not None:
        lines.append(f"  data        {engine.residence}")
    lines += [f"  {'' if i else 'replicas':<10}  {text}" for i, text in enumerate(replicas)]
    eager = [type(c).__name__ for c in callbacks if wants_every_batch(c)]
    if eager:
        lines.append(
            f"  blocks      of one update: {', '.join(eager)} must be called at each batch"
        )
    names = [type(c).__name__ for c in callbacks]
    lines.append(f"  callbacks   {', '.join(names) or 'none'}")
    return "\n".join(lines)
