"""What the DAGs make and wait for. An event on an asset starts the DAGs that are scheduled on it."""

from __future__ import annotations

from airflow.sdk import Asset

#: A drift run found drift; the event's extra is `DriftReported`. Starts credit_training.
DRIFT_FOUND = Asset(name="drift-found", uri="scorestream://drift/credit-risk")
#: A new feature snapshot was published.
FEATURES_REFRESHED = Asset(name="features-refreshed", uri="scorestream://features/home-credit")
#: A version became Production.
MODEL_PROMOTED = Asset(name="model-promoted", uri="scorestream://models/credit-risk")
