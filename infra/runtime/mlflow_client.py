"""Imports MLflow with defaults that a command line can live with.

Left alone, its client retries a dead server for four minutes and reports its use to its makers at
import. It reads these choices from nothing but its environment, so this is the one place beside
settings objects that touches it; what the operator has set stays.
"""

from __future__ import annotations

import logging
import os
from types import ModuleType
from typing import Final

_DEFAULTS: Final = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
}


def apply_defaults() -> None:
    """Set what the operator has not set; also for other libraries that look at DO_NOT_TRACK."""
    for name, choice in _DEFAULTS.items():
        os.environ.setdefault(name, choice)


def mlflow_at(tracking_uri: str) -> ModuleType:
    """The `mlflow` module, pointed at the server."""
    apply_defaults()
    import mlflow  # noqa: PLC0415  # its import reads the choices

    # Its notices are about things we do on purpose: a new experiment, a model without an input example.
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(tracking_uri)
    return mlflow
