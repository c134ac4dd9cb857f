"""Numbers by step, in MLflow."""

import math
import time
from collections.abc import Mapping
from typing import Any

from mlkit._core.optional import require


class MLflowSink:
    """Writes numbers by step into a run of MLflow.

    For the argument `to` of `mk.callbacks.MetricsLogger` and of the other loggers. The run is begun
    at the first number and ended when training ends; what is written later goes on with it.

    Args:
        experiment: name of the experiment; made if it is not there. Default `"Default"`.
        name: name of the run. Default None: MLflow makes one up.
        uri: address of the tracking server, or a database or directory: as for
            `mlflow.set_tracking_uri`. Default None: what MLflow is set to.
        params: hyper-parameters of the run, name to value. Default None.
        run_id: run to go on with, for a job that is resumed. Default None: a new one; afterwards
            the attribute holds its id.

    Raises:
        ImportError: at the first number: MLflow is not installed.

    Example:
        >>> import mlkit as mk
        >>> sink = mk.callbacks.MLflowSink("digits", params={"width": 128})
        >>> log = mk.callbacks.MetricsLogger(sink, every=50)
        >>> sink.experiment, sink.run_id
        ('digits', None)
    """

    def __init__(
        self,
        experiment: str = "Default",
        name: str | None = None,
        *,
        uri: str | None = None,
        params: Mapping[str, Any] | None = None,
        run_id: str | None = None,
    ) -> None:
        self.experiment, self.name, self.uri = experiment, name, uri
        self.params, self.run_id = params, run_id
        self._client: Any = None

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Log the numbers of one step; MLflow's stores take no NaN everywhere, so none is sent."""
        if self._client is None:
            self._open()
        entities: Any = require("mlflow.entities", extra="mlflow", purpose="MLflowSink")
        now = int(time.time() * 1000)
        metrics = [
            entities.Metric(key, float(value), now, step)
            for key, value in values.items()
            if math.isfinite(value)
        ]
        self._client.log_batch(self.run_id, metrics=metrics)

    def _open(self) -> None:
        mlflow: Any = require("mlflow", extra="mlflow", purpose="MLflowSink")
        # A client of its own: the run that is active in the user's process stays that.
        self._client = mlflow.MlflowClient(tracking_uri=self.uri)
        if self.run_id is not None:
            self._client.update_run(self.run_id, status="RUNNING")
            return
        found = self._client.get_experiment_by_name(self.experiment)
        number = (
            self._client.create_experiment(self.experiment)
            if found is None
            else found.experiment_id
        )
        self.run_id = self._client.create_run(number, run_name=self.name).info.run_id
        for key, value in (self.params or {}).items():
            self._client.log_param(self.run_id, key, value)

    def close(self) -> None:
        """End the run."""
        if self._client is not None:
            self._client.set_terminated(self.run_id)
        self._client = None
