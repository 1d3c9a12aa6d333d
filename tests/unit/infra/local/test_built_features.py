"""What the platform learns from the feature build's own words."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from feature_service.settings import FeatureSettings
from feature_service.sources import OPTIONAL_TABLES
from feature_service.store import SnapshotStore
from infra.local.platform import LocalPlatform, missing_tables
from infra.local.settings import LocalSettings
from scorestream.commands import features
from tests.feature_builds import FixedGate, Said
from tests.history_rows import write_tables


class TalkingPlatform(LocalPlatform):
    """A platform whose commands have said something already."""

    said = ""
    asked: tuple[str, ...] = ()

    def _scorestream(self, *arguments: str) -> str:
        self.asked = arguments
        return self.said


@pytest.fixture
def platform(tmp_path: Path) -> TalkingPlatform:
    return TalkingPlatform(LocalSettings(run_dir=tmp_path / "run"))


def test_the_snapshot_its_size_and_its_warnings_are_read_from_what_the_build_says(
    platform: TalkingPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "_gate", FixedGate(warnings=(Said("one"), Said("two"))))
    monkeypatch.setattr(features, "_DEFAULTS", FeatureSettings(cache=tmp_path / "cache"))
    folder = write_tables(tmp_path / "csv", {"application_train": [{"SK_ID_CURR": 1}]})
    for name in OPTIONAL_TABLES[1:]:
        (folder / f"{name}.csv").unlink()
    options = [word for name in OPTIONAL_TABLES[1:] for word in ("--allow-missing", name)]
    store = str(tmp_path / "store")
    ended = CliRunner().invoke(
        features.features,
        ["build", "--data", str(folder), "--store", store, *options],
        env={"KAFKA_BOOTSTRAP_SERVERS": ""},
    )
    assert ended.exit_code == 0, ended.output
    platform.said = ended.output
    built = platform.build_features(folder)
    assert built.snapshot_id == SnapshotStore(store).ids()[0]
    assert built.n_warnings == 2
    assert built.missing_tables == OPTIONAL_TABLES[1:]
    assert platform.asked[-2:] == ("--allow-missing", OPTIONAL_TABLES[-1])
    assert "598 features" in str(built)
    assert "installments_payments" in str(built)


def test_tables_that_are_not_there_are_found(tmp_path: Path) -> None:
    (tmp_path / "bureau.csv").touch()
    assert missing_tables(tmp_path) == tuple(name for name in OPTIONAL_TABLES if name != "bureau")
