"""What a bundle says about itself: the types of manifest.json.

Closed on purpose: a field that this code does not know may change what a decision means, so a
newer format has a newer `format_version` and is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from feature_service.application import FEATURE_BY_NAME
from feature_service.definitions import DTYPE
from feature_service.vector import ALL_FEATURE_BY_NAME
from scorer.calibration import Calibrator
from scorer.errors import BundleRefused, Refusal
from scorer.policy import CutOffs, PointsScale
from scorer.reasons import ReasonGroup

FORMAT_VERSION: Final = 2

#: What a feature's value needs: the application alone, or what the mapped snapshot holds of the applicant,
#: by itself or beside the application.
APPLICATION_VIEW: Final = "application"
HISTORY_VIEW: Final = "history"


class FeatureColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One column of the model's input; `view` computes it, `categories` are the texts of its codes."""

    name: str
    view: str = APPLICATION_VIEW
    dtype: str = DTYPE
    categories: tuple[str, ...] = ()


class Lineage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the model comes from. No time and no host: the same inputs give the same bundle.

    `inputs_digest` is over all that follows; `sha256` has the input files by name;
    `code_digest` is over the sources that trained; `environment_digest` over the lock of its libraries;
    `parts` has the SHA-256 of the applicant ids of each part; `metrics` are those of the held-out part;
    `is_quality_passed` is what the snapshot's quality report said, None without one.
    """

    inputs_digest: str
    code_digest: str
    seed: int
    sha256: dict[str, str]
    parameters: dict[str, float | int | str | bool]
    metrics: dict[str, float]
    snapshot_id: str | None = None
    is_quality_passed: bool | None = None
    environment_digest: str = ""
    parts: dict[str, str] = {}


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All of a bundle but its trees. `sha256` and `size_bytes` are of the other files, by name."""

    format_version: int = FORMAT_VERSION
    model_name: str
    features: tuple[FeatureColumn, ...]
    calibrator: Calibrator
    cut_offs: CutOffs
    points: PointsScale
    reason_groups: tuple[ReasonGroup, ...]
    lineage: Lineage
    sha256: dict[str, str] = {}
    size_bytes: dict[str, int] = {}

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The model's columns, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def history_names(self) -> tuple[str, ...]:
        """The columns that need a mapped snapshot, in the model's order."""
        return tuple(feature.name for feature in self.features if feature.view == HISTORY_VIEW)


def check_features(features: Sequence[FeatureColumn]) -> None:
    """Return if this code computes each column just as training did; BundleRefused otherwise.

    A model may use fewer features than there are, in any order. Categories only ever grow at
    their end, so a model that knows the first few codes still reads them right.
    """
    if not features or len({feature.name for feature in features}) != len(features):
        raise BundleRefused(Refusal.DUPLICATE_FEATURE, "a feature is there twice, or none at all")
    for feature in features:
        if feature.dtype != DTYPE:
            raise BundleRefused(Refusal.WRONG_DTYPE, f"{feature.name} is {feature.dtype[:20]!r}, not {DTYPE}")
        if feature.view == HISTORY_VIEW:
            _check_history(feature)
        else:
            _check_application(feature)


def _check_history(feature: FeatureColumn) -> None:
    # Whether the mapped snapshot has the column filled is asked when it is there (`scorer.pair`).
    if feature.name not in ALL_FEATURE_BY_NAME:
        raise BundleRefused(
            Refusal.UNKNOWN_FEATURE, f"this scorer knows no feature {feature.view}.{feature.name[:80]}"
        )
    if feature.categories or feature.name in FEATURE_BY_NAME:
        raise BundleRefused(
            Refusal.CATEGORIES_CHANGED, f"{feature.name[:80]!r} is a number of the history and no category"
        )


def _check_application(feature: FeatureColumn) -> None:
    definition = FEATURE_BY_NAME.get(feature.name)
    if definition is None or feature.view != APPLICATION_VIEW:
        raise BundleRefused(
            Refusal.UNKNOWN_FEATURE, f"this scorer cannot compute {feature.view[:20]}.{feature.name[:80]}"
        )
    if feature.categories != definition.categories[: len(feature.categories)] or (
        bool(feature.categories) != bool(definition.categories)
    ):
        raise BundleRefused(Refusal.CATEGORIES_CHANGED, f"the codes of {feature.name} mean something else")
