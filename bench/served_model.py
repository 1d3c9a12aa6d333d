"""Stage the model that the benchmark's services decide with: 600 trees of 48 leaves, as large as a lender's.

    MLFLOW_TRACKING_URI=… FEATURES_STORE=… python -m bench.served_model DATA SNAPSHOT_ID

The sample is small, so a model that is grown for its quality is small too, and LightGBM's reasons for it are
cheap. This one grows slowly and is never stopped: for speed, not to lend on.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from bench.model import N_LEAVES, N_TREES
from feature_service.settings import FeatureSettings
from feature_service.store import SnapshotStore
from infra.local.platform import MODEL_NAME
from training.fit import FitSettings
from training.mlflow_registry import MlflowRegistry
from training.snapshots import StoredSnapshots
from training.train import TrainingPlan, train

_SETTINGS: Final = FitSettings(
    learning_rate=0.004, num_leaves=N_LEAVES, max_trees=N_TREES, patience_trees=N_TREES,
    min_data_in_leaf=20, feature_fraction=0.3,
)  # fmt: skip
_SEED: Final = 1


def main(data: Path, snapshot_id: str) -> None:
    """Train on the files of `data` and the snapshot, and stage the model."""
    settings = FeatureSettings()
    snapshots = StoredSnapshots(SnapshotStore(settings.store), settings.cache)
    plan = TrainingPlan(data, MODEL_NAME, _SETTINGS, _SEED, history=snapshots.open(snapshot_id))
    train(plan, MlflowRegistry(os.environ["MLFLOW_TRACKING_URI"]), progress=lambda *_: None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
