from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from feature_service.catalogue import markdown
from feature_service.reason_groups import HISTORY_GROUPS
from feature_service.sources import SOURCES
from feature_service.vector import ALL_FEATURE_BY_NAME, ALL_FEATURES, HISTORY
from feature_service.views import VIEWS
from scorestream.commands.features import features

_PAGE = Path(__file__).resolve().parents[3] / "docs" / "features.md"


def test_the_page_says_what_the_code_says() -> None:
    assert _PAGE.read_text(encoding="utf-8") == markdown(ALL_FEATURES)


def test_each_feature_is_on_the_page_once() -> None:
    page = markdown(ALL_FEATURES)
    for one in ALL_FEATURES:
        assert page.count(f"\n| `{one.name}`") == 1, one.name


def test_coverage_is_a_column_when_it_is_known() -> None:
    coverage = dict.fromkeys(ALL_FEATURE_BY_NAME, 0.25)
    assert markdown(ALL_FEATURES, coverage=coverage).count("25.0%") == len(ALL_FEATURES)


def test_the_command_lists_every_feature() -> None:
    listed = CliRunner().invoke(features, ["list"])
    assert listed.exit_code == 0
    assert len(listed.output.splitlines()) == len(ALL_FEATURES)


def test_each_reason_of_the_history_has_a_sentence_and_each_sentence_a_feature() -> None:
    used = {one.group for one in ALL_FEATURES[HISTORY.start :]}
    assert used == set(HISTORY_GROUPS)


def test_the_lineage_of_a_feature_is_columns_of_its_tables() -> None:
    for view in VIEWS:
        columns = {name for table in view.tables for name in SOURCES[table].columns}
        for one in view.definitions():
            assert set(one.sources) <= columns, one.name
