from __future__ import annotations

import numpy as np
import pytest

from scorer.errors import BundleRefused
from scorer.reasons import MAX_REASONS, MIN_SHARE, ReasonCatalogue, ReasonGroup, check_catalogue

NAMES = ("A1", "A2", "B", "C", "D", "E", "F")


def group(code: str, *features: str, baseline: float = 0.0) -> ReasonGroup:
    return ReasonGroup(
        code=code, features=features, texts={"en": f"about {code}", "fr": f"sur {code}"}, baseline=baseline
    )


GROUPS = (group("A", "A1", "A2", baseline=0.5), *(group(name, name) for name in NAMES[2:]))
CATALOGUE = ReasonCatalogue(GROUPS, NAMES)


def codes(*contributions: float) -> list[str]:
    row = np.array([[*contributions, -2.0]])
    return [reason.code for reason in CATALOGUE.reasons(row, language="en")[0]]


def test_features_of_a_group_speak_with_one_voice_against_the_approved_mean() -> None:
    assert codes(0.4, 0.3, 0.1, 0.0, 0.0, 0.0, 0.0) == ["A", "B"]
    assert codes(0.4, 0.1, 0.1, 0.0, 0.0, 0.0, 0.0) == ["B"]


def test_the_strongest_comes_first_and_what_helps_is_no_reason() -> None:
    assert codes(-1.0, 0.0, 0.1, 0.3, -0.2, 0.2, -0.1) == ["C", "E", "B"]


def test_there_are_four_at_most() -> None:
    assert codes(2.0, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5) == ["A", "F", "E", "D"]
    assert MAX_REASONS == 4


def test_equally_strong_reasons_keep_the_catalogues_order() -> None:
    assert codes(0.0, 0.0, 0.2, 0.2, 0.2, 0.2, 0.2) == ["B", "C", "D", "E"]


def test_what_is_hardly_above_the_mean_is_no_reason() -> None:
    assert codes(0.5, 0.0, 1.0, 0.3, 1e-9, 0.01, 0.0) == ["B", "C"]
    all_of_it = 1.0 + 0.3 + 0.06
    assert 0.06 < MIN_SHARE * all_of_it < 0.07
    assert codes(0.5, 0.0, 1.0, 0.3, 0.06, 0.0, 0.0) == ["B", "C"]
    assert codes(0.5, 0.0, 1.0, 0.3, 0.07, 0.0, 0.0) == ["B", "C", "D"]


def test_a_tiny_excess_is_named_when_nothing_else_is_there() -> None:
    assert codes(0.5, 0.0, 1e-9, 0.0, 0.0, 0.0, 0.0) == ["B"]


def test_there_is_one_even_if_nothing_is_above_the_mean() -> None:
    assert codes(-1.0, -1.0, -0.1, -0.2, -0.3, -0.4, -0.5) == ["B"]


def test_reasons_are_ranked_from_one_and_said_in_the_language_asked_for() -> None:
    reasons = CATALOGUE.reasons(np.array([[0.0, 0.0, 0.1, 0.3, 0.0, 0.0, 0.0, -2.0]]), language="fr")[0]
    assert [(reason.rank, reason.text) for reason in reasons] == [(1, "sur C"), (2, "sur B")]


@pytest.mark.parametrize(
    "groups",
    [
        GROUPS[:-1],
        (*GROUPS, group("G", "F")),
        (*GROUPS, group("G")),
        (*GROUPS[:-1], group("A", "F")),
        (*GROUPS[:-1], group("F", "F", baseline=float("nan"))),
        (*GROUPS[:-1], ReasonGroup(code="F", features=("F",), texts={"en": "x", "fr": " "}, baseline=0.0)),
    ],
)
def test_a_catalogue_with_a_gap_is_refused(groups: tuple[ReasonGroup, ...]) -> None:
    with pytest.raises(BundleRefused):
        check_catalogue(groups, NAMES)


def test_a_whole_catalogue_passes() -> None:
    check_catalogue(GROUPS, NAMES)
