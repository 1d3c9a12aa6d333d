"""What moves the model as a whole, and what the reasons of a single decision are measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from feature_service.application import Features
from scorer.reasons import ReasonCatalogue, ReasonGroup
from training.catalogue import CatalogueGroup, features_by_group
from training.fit import FittedModel

#: Rows that are explained; a mean over more would cost minutes and move in the third digit.
BASELINE_ROWS: Final = 4_000
GLOBAL_ROWS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Explained:
    """A sample of rows with their exact contributions, `(n_rows, n_features)` each, in log-odds."""

    names: tuple[str, ...]
    features: Features
    contributions: npt.NDArray[np.float64]


def explain_sample(model: FittedModel, features: Features, names: Sequence[str], *, seed: int) -> Explained:
    """At most `GLOBAL_ROWS` of `features`, explained."""
    sample = _sample(features, GLOBAL_ROWS, seed)
    return Explained(tuple(names), sample, model.contributions(sample)[:, :-1])


def reason_groups(
    model: FittedModel,
    approved: Features,
    feature_names: Sequence[str],
    of_history: Sequence[CatalogueGroup] = (),
    *,
    seed: int,
) -> tuple[ReasonGroup, ...]:
    """The catalogue of this model; each baseline is the approved rows' mean contribution, in log-odds.

    `approved` are rows, `(n_rows, n_model_features)`, that the model's own cut-offs approve;
    `of_history` are the reasons of history features.
    """
    members = features_by_group(feature_names, of_history)
    groups = [
        ReasonGroup(
            code=group.code,
            features=features,
            texts={"en": group.english, "fr": group.french},
            baseline=0.0,
        )
        for group, features in members
    ]
    contributions = model.contributions(_sample(approved, BASELINE_ROWS, seed))
    baselines = ReasonCatalogue(groups, feature_names).group_contributions(contributions).mean(axis=0)
    return tuple(
        ReasonGroup(code=group.code, features=group.features, texts=group.texts, baseline=float(baseline))
        for group, baseline in zip(groups, baselines, strict=True)
    )


def global_importance(explained: Explained, groups: Sequence[ReasonGroup]) -> dict[str, float]:
    """Mean absolute contribution of each reason group, in log-odds, strongest first."""
    contributions = np.column_stack([explained.contributions, np.zeros(len(explained.contributions))])
    strength = np.abs(ReasonCatalogue(groups, explained.names).group_contributions(contributions)).mean(
        axis=0
    )
    order = np.argsort(-strength, kind="stable")
    return {groups[index].code: float(strength[index]) for index in order}


def _sample(features: Features, rows: int, seed: int) -> npt.NDArray[np.float32]:
    if len(features) <= rows:
        return features
    return features[np.sort(np.random.default_rng(seed).permutation(len(features))[:rows])]
