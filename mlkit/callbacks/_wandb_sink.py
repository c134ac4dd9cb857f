"""Numbers by step, in Weights & Biases."""

import os
from collections.abc import Mapping
from typing import Any

from mlkit._core.checks import check_choice
from mlkit._core.optional import require


class WandbSink:
    """Writes numbers by step into a run of Weights & Biases.

    For the argument `to` of `mk.callbacks.MetricsLogger` and of the other loggers. The run is begun
    at the first number and finished when training ends; what is written later goes on with it.

    Args:
        project: name of the project. Default None: what W&B is set to.
        name: name of the run. Default None: W&B makes one up.
        config: hyper-parameters of the run, name to value. Default None.
        mode: `"online"`; `"offline"`, files that `wandb sync` sends later; or `"disabled"`. Default
            None: what W&B is set to.
        directory: where the files go. Default None: `wandb/` in the working directory.
        run_id: run to go on with, for a job that is resumed. Default None: a new one; afterwards
            the attribute holds its id.

    Raises:
        ValueError: `mode` is none of these.
        ImportError: at the first number: wandb is not installed.

    Example:
        >>> import mlkit as mk
        >>> sink = mk.callbacks.WandbSink("digits", mode="offline")
        >>> log = mk.callbacks.MetricsLogger(sink, every=50)
        >>> sink.project, sink.run_id
        ('digits', None)
    """

    def __init__(
        self,
        project: str | None = None,
        name: str | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        mode: str | None = None,
        directory: str | os.PathLike | None = None,
        run_id: str | None = None,
    ) -> None:
        check_choice("mode", mode, (None, "online", "offline", "disabled"))
        self.project, self.name, self.config = project, name, config
        self.mode, self.directory, self.run_id = mode, directory, run_id
        self._run: Any = None

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Log the numbers of one step."""
        if self._run is None:
            wandb: Any = require("wandb", extra="wandb", purpose="WandbSink")
            self._run = wandb.init(
                project=self.project,
                name=self.name,
                config=None if self.config is None else dict(self.config),
                mode=self.mode,
                dir=None if self.directory is None else os.fspath(self.directory),
                id=self.run_id,
                resume=None if self.run_id is None else "allow",
                # A run of its own: the one that is active in the user's process stays that.
                reinit="create_new",
            )
            self.run_id = self._run.id
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        """Finish the run."""
        if self._run is not None:
            self._run.finish()
        self._run = None
