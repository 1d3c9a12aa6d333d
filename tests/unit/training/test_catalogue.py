from __future__ import annotations

import re

import pytest

from feature_service.application import FEATURES, MODEL_INPUTS
from feature_service.reason_groups import HISTORY_GROUPS, HistoryGroup
from training.catalogue import CATALOGUE, CatalogueGroup, features_by_group
from training.reason_page import PAGE, page


def test_every_feature_a_model_may_use_has_a_reason() -> None:
    unprotected = [feature.name for feature in FEATURES if not feature.is_protected]
    groups = features_by_group(unprotected)
    assert sorted(name for _, names in groups for name in names) == sorted(unprotected)


@pytest.mark.parametrize("name", [feature.name for feature in FEATURES if feature.is_protected])
def test_what_is_protected_has_no_reason_and_so_cannot_be_used(name: str) -> None:
    with pytest.raises(LookupError, match=name):
        features_by_group([name])


def test_every_group_is_used_by_default_but_the_time_of_applying() -> None:
    used = {group.code for group, _ in features_by_group(MODEL_INPUTS)}
    assert {group.code for group in CATALOGUE} - used == {"APPLICATION_TIME"}


def test_codes_are_unique_and_each_is_said_in_two_languages() -> None:
    assert len({group.code for group in CATALOGUE}) == len(CATALOGUE)
    for group in CATALOGUE:
        assert group.english.endswith(".")
        assert group.french.endswith(".")
        assert group.english != group.french


@pytest.mark.parametrize("group", [*CATALOGUE, *HISTORY_GROUPS.values()], ids=lambda group: group.code)
def test_no_text_says_which_way_a_feature_lies(group: CatalogueGroup | HistoryGroup) -> None:
    directions = "low|high|heav(y|ily)|little|few|short|well|too|faibles?|lourd|peu|trop|insuffisante?s?"
    for text in (group.english, group.french):
        assert not re.search(rf"\b({directions})\b", text), text


def test_the_page_of_reasons_says_what_the_catalogue_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python -m training.reason_page"


def test_every_reason_fits_on_the_page_and_in_a_letter() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    texts = [text for row in rows for text in row.split(" | ")[1:3]]
    assert len(texts) == 2 * len(rows) > 60
    assert all(text.endswith(".") and len(text) <= 110 and "|" not in text for text in texts)
