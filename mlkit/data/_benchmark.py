"""How fast a pipeline is, stage by stage, and what to change."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from mlkit._core.checks import check_number
from mlkit.data._pipeline import Pipeline
from mlkit.data._source import fits_decoded


class Timing:
    """What `mk.data.benchmark` measured; `print` shows it.

    Args:
        stages: seconds for one example by stage, each with all before it.
        step: seconds of a training step for one example, or None.
        hints: sentences about how the pipeline is set up, in addition to `advice`.

    Example:
        >>> import mlkit as mk
        >>> timing = mk.data.Timing({"whole": 1e-5}, step=2e-5)
        >>> round(timing.rate), timing.advice
        (100000, 'The pipeline is faster than the step: nothing to gain here.')
    """

    def __init__(
        self, stages: dict[str, float], step: float | None = None, hints: Sequence[str] = ()
    ) -> None:
        self.stages, self.step, self.hints = stages, step, list(hints)

    @property
    def rate(self) -> float:
        """Examples in a second, of the whole pipeline."""
        return 1.0 / list(self.stages.values())[-1]

    @property
    def advice(self) -> str:
        """What to change, in a sentence."""
        whole = list(self.stages.values())[-1]
        if self.step is not None and self.step > whole:
            return "The pipeline is faster than the step: nothing to gain here."
        shares = self._shares()
        worst = max(shares, key=lambda name: shares[name])
        return {
            "source": "Reading takes longest: keep the data in memory, or read fewer bytes.",
            "load": "Decoding takes longest: decode once and keep pixels, or use smaller files.",
            "map": "`map` takes longest: it sees whole batches, so let it work on them at once.",
            "augment": "`augment` takes longest: use fewer operations, or smaller pictures.",
        }.get(worst, "The whole is one stage to this measurement: hand over a `Pipeline`.")

    def _shares(self) -> dict[str, float]:
        shares, before = {}, 0.0
        for name, seconds in self.stages.items():
            shares[name], before = max(0.0, seconds - before), max(before, seconds)
        return shares

    def __repr__(self) -> str:
        shares, total = self._shares(), list(self.stages.values())[-1]
        lines = [f"{self.rate:,.0f} examples/s"]
        for name, seconds in self.stages.items():
            lines.append(
                f"  {name:8s} {1.0 / seconds:12,.0f} examples/s so far, "
                f"{shares[name] / max(total, 1e-12):4.0%} of the time"
            )
        if self.step is not None:
            lines.append(f"  {'step':8s} {1.0 / self.step:12,.0f} examples/s")
        return "\n".join([*lines, *(f"  {text}" for text in (self.advice, *self.hints))])

    __str__ = __repr__


def benchmark(
    dataset: tf.data.Dataset, seconds: float = 1.0, step: Callable[[Any], Any] | None = None
) -> Timing:
    """Measure the examples in a second of a pipeline, stage by stage.

    Of a `mk.data.pipeline`, source and load, map, and augment are measured one after the other; of
    any other data set only the whole. The first batch is not counted. `print` of the result says
    which stage takes longest and what to change.

    Args:
        dataset: a `tf.data.Dataset` of batches.
        seconds: time for each stage, > 0.
        step: function of a batch, such as a training step, to compare with. None: none.

    Returns:
        `Timing`, to be printed or read.

    Raises:
        ValueError: the data set has fewer than two batches.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> ds = mk.data.pipeline(np.zeros((640, 8)), 32, map=lambda x: x + 1.0)
        >>> list(mk.data.benchmark(ds, seconds=0.01).stages)
        ['source', 'map']
    """
    check_number("seconds", seconds, low=0.0, open_low=True)
    stages = {name: _measure(part, seconds) for name, part in _parts(dataset).items()}
    pace = None if step is None else _measure_step(dataset, seconds, step)
    return Timing(stages, pace, _hints(dataset) if isinstance(dataset, Pipeline) else ())


def _hints(pipeline: Pipeline) -> list[str]:
    """What the settings give away, whatever the clock says."""
    settings, source, hints = pipeline._settings, pipeline.source, []
    if source.load_row is not None and fits_decoded(source):
        hints.append("The decoded examples fit into memory: `cache=True` decodes them once.")
    if settings["parallel"] == 1:
        hints.append("`parallel=1` uses one processor: leave it out.")
    if settings["prefetch"] == 0:
        hints.append("`prefetch=0` makes each batch while the step waits for it: leave it out.")
    if settings["map"] is not None and settings["augment"] and pipeline.training:
        before = tf.nest.flatten(source.element_spec)[0].dtype
        after = tf.nest.flatten(pipeline.element_spec)[0].dtype
        if before.is_integer and after.is_floating:
            hints.append(
                f"`map` makes {after.name} of {before.name} before `augment`, which then moves "
                f"{after.size // before.size} times the bytes: scale after it, or in the model."
            )
    return hints


def _parts(dataset: tf.data.Dataset) -> dict[str, tf.data.Dataset]:
    """The pipeline up to each stage."""
    if not isinstance(dataset, Pipeline):
        return {"whole": dataset}
    settings = dataset._settings
    first = "source" if dataset.source.resident else "load"
    parts = {first: {**settings, "map": None, "augment": ()}}
    if settings["map"] is not None:
        parts["map"] = {**settings, "augment": ()}
    if settings["augment"] and dataset.training:
        parts["augment"] = settings
    return {name: Pipeline(dataset.source, options) for name, options in parts.items()}


def _size(batch: Any) -> int:
    return int(tf.nest.flatten(batch)[0].shape[0] or 1)


def _measure(dataset: tf.data.Dataset, seconds: float) -> float:
    """Seconds for one example."""
    iterator = iter(dataset.repeat())
    if next(iterator, None) is None:
        raise ValueError("`dataset` is empty: there is nothing to measure.")
    examples, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds or not examples:
        examples += _size(next(iterator))
    return spent / examples


def _measure_step(dataset: tf.data.Dataset, seconds: float, step: Callable[[Any], Any]) -> float:
    batch = next(iter(dataset))
    step(batch)
    examples, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds or not examples:
        step(batch)
        examples += _size(batch)
    return spent / examples
