"""The decision itself: applications in, verdicts out.

One call per micro-batch. Knows no topic, no client, no clock, no setting; the same applications and
the same model give the same verdicts, to the bit, in any batch and on any day. Next on the way from
HTTP to decision: `feature_service.vector`, `scorer.model`, `scorer.policy`, `scorer.reasons`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from contracts.application import Application, as_row
from contracts.events import Decision, Reason
from feature_service.application import Features, encode
from feature_service.vector import N_HISTORY, feature_vectors
from scorer.model import ServingModel

Found = npt.NDArray[np.bool_]


class History(Protocol):
    """What the lender knows of applicants: a mapped snapshot."""

    def history(self, applicant_ids: npt.ArrayLike) -> tuple[Features, Found]:
        """The history features, `(n, N_HISTORY)`, and who was found; NaN for who was not."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about one application, and what is needed to check it.

    `margin` is in log-odds; `score` in points; `reasons` is empty for an approval and never
    otherwise; `feature_hash` is the SHA-256 of the model's float32 row, little-endian. Without
    `applicant_found` the history features were missing.
    """

    margin: float
    probability_of_default: float
    score: int
    decision: Decision
    reasons: tuple[Reason, ...]
    feature_hash: str
    applicant_found: bool = False


def decide(
    applications: Sequence[Application],
    model: ServingModel,
    history: History | None = None,
    *,
    language: str = "en",
) -> list[Verdict]:
    """One verdict per application, in their order; reasons in `language` ("en" or "fr")."""
    if not applications:
        return []
    vectors, found = vectors_of(applications, history)
    features = model.select(vectors)
    margins = model.margins(features)
    probabilities = model.probabilities(margins).tolist()
    decisions = [model.cut_offs.decision(probability) for probability in probabilities]
    reasons = _reasons(features, decisions, model, language)
    return [
        Verdict(
            margin=margin,
            probability_of_default=probability,
            score=model.points.points(probability),
            decision=decision,
            reasons=reasons.get(row, ()),
            feature_hash=feature_hash(features[row]),
            applicant_found=is_found,
        )
        for row, (margin, probability, decision, is_found) in enumerate(
            zip(margins.tolist(), probabilities, decisions, found.tolist(), strict=True)
        )
    ]


def vectors_of(applications: Sequence[Application], history: History | None) -> tuple[Features, Found]:
    """The whole feature vectors, `(n_applications, n_features)`, and whose history is known."""
    past, found = _looked_up(applications, history)
    return feature_vectors(encode([as_row(application) for application in applications]), past), found


def feature_hash(row: Features) -> str:
    """SHA-256, hexadecimal, of the row's float32 values, little-endian."""
    return hashlib.sha256(row.astype("<f4", copy=False).tobytes()).hexdigest()


def _looked_up(applications: Sequence[Application], history: History | None) -> tuple[Features, Found]:
    if history is None:
        nothing = np.full((len(applications), N_HISTORY), np.nan, dtype=np.float32)
        return nothing, np.zeros(len(applications), dtype=np.bool_)
    return history.history([application.SK_ID_CURR for application in applications])


def _reasons(
    features: Features, decisions: Sequence[Decision], model: ServingModel, language: str
) -> dict[int, tuple[Reason, ...]]:
    # Contributions cost ten times a score, so only those who are owed a reason pay for them.
    rows = [row for row, decision in enumerate(decisions) if decision != "approve"]
    if not rows:
        return {}
    contributions = model.contributions(features[np.array(rows)])
    return dict(zip(rows, model.catalogue.reasons(contributions, language=language), strict=True))
