"""Which model and which snapshot decide together, whatever comes first."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from contracts.events import ModelVersion
from feature_service.manifest import MANIFEST
from feature_service.snapshot import SnapshotReader
from scorer.errors import DoesNotFit, NoModel
from scorer.metrics import ScorerMetrics
from scorer.model import ServingModel
from scorer.pair import ModelInUse, Pair
from tests.snapshots import write_snapshot

USES_BUREAU = ("BUREAU_COUNT", "BUREAU_DEBT_TO_INCOME")
USES_CARDS = ("CARD_BALANCE_NEWEST",)


@dataclass
class Offers:
    """A pair, and what was taken of the offers, in order."""

    metrics: ScorerMetrics = field(default_factory=lambda: ScorerMetrics("sync"))
    taken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pair = Pair("sync", self.metrics)

    def model(self, version: str, uses: tuple[str, ...] = ()) -> None:
        self.pair.offer_model(model(version, uses), when_taken=lambda: self.taken.append(f"model {version}"))

    def snapshot(self, reader: SnapshotReader, name: str = "snapshot") -> None:
        self.pair.offer_snapshot(reader, when_taken=lambda: self.taken.append(name))

    @property
    def version(self) -> str:
        return self.pair.current().version.version

    def value(self, name: str, **labels: str) -> float | None:
        registry = self.metrics.registry
        return registry.get_sample_value(f"scorestream_scorer_{name}", {"lane": "sync", **labels})


def model(version: str, uses: tuple[str, ...] = (), *, not_compiled: str = "") -> ModelInUse:
    serving = cast(ServingModel, SimpleNamespace(history_used=uses, not_compiled=not_compiled))
    return ModelInUse(ModelVersion("credit-risk", version), f"digest-{version}", "then", serving)


@pytest.fixture
def snapshot(tmp_path: Path) -> Callable[..., SnapshotReader]:
    """Makes snapshots, each of other applicants, without the tables named."""
    numbers = itertools.count(1)

    def make(*missing: str) -> SnapshotReader:
        number = next(numbers)
        folder = tmp_path / str(number)
        manifest = write_snapshot(folder, [100 * number, 100 * number + 1])
        (folder / MANIFEST).write_bytes(msgspec.structs.replace(manifest, missing_tables=missing).encoded())
        return SnapshotReader.open(folder)

    return make


@pytest.fixture
def offers() -> Offers:
    return Offers()


def test_a_model_of_the_application_alone_needs_no_snapshot(offers: Offers) -> None:
    offers.model("1")
    assert offers.version == "1"
    assert offers.pair.current().snapshot is None


def test_a_model_with_history_waits_for_a_snapshot_and_both_are_taken_at_once(
    offers: Offers, snapshot: Callable[..., SnapshotReader]
) -> None:
    with pytest.raises(DoesNotFit, match=r"version 1 uses BUREAU_COUNT.*scorestream features build"):
        offers.model("1", USES_BUREAU)
    with pytest.raises(NoModel, match="no snapshot is mapped"):
        offers.pair.current()
    reader = snapshot()
    offers.snapshot(reader)
    assert (offers.version, offers.pair.current().snapshot) == ("1", reader)
    assert offers.taken == ["snapshot", "model 1"]


def test_a_new_snapshot_takes_the_place_of_the_old_one_which_is_unmapped(
    offers: Offers, snapshot: Callable[..., SnapshotReader]
) -> None:
    before, after = snapshot(), snapshot()
    offers.snapshot(before)
    offers.model("1", USES_BUREAU)
    offers.snapshot(after)
    assert offers.pair.current().snapshot is after
    with pytest.raises(AttributeError):
        before.row(100)
    assert offers.value("snapshot_swaps_total") == 1
    assert offers.value("snapshot_info", id=after.id) == 1
    assert offers.value("snapshot_info", id=before.id) is None
    assert offers.value("snapshot_as_of_timestamp_seconds") == 1_767_225_600


def test_a_snapshot_without_a_table_that_the_model_uses_is_refused_by_name_and_the_old_pair_goes_on(
    offers: Offers, snapshot: Callable[..., SnapshotReader]
) -> None:
    old = snapshot()
    offers.snapshot(old)
    offers.model("1", USES_BUREAU)
    with pytest.raises(DoesNotFit, match=r"BUREAU_COUNT, BUREAU_DEBT_TO_INCOME.*built without bureau"):
        offers.snapshot(snapshot("bureau"))
    assert (offers.version, offers.pair.current().snapshot) == ("1", old)
    assert offers.value("snapshot_swaps_total") == 0


def test_a_snapshot_without_a_table_that_nothing_uses_is_taken(
    offers: Offers, snapshot: Callable[..., SnapshotReader]
) -> None:
    reader = snapshot("bureau")
    offers.snapshot(reader)
    offers.model("1", USES_CARDS)
    assert offers.pair.current().snapshot is reader


def test_a_model_that_the_snapshot_can_not_feed_is_refused_and_the_old_model_goes_on(
    offers: Offers, snapshot: Callable[..., SnapshotReader]
) -> None:
    reader = snapshot("credit_card_balance")
    offers.snapshot(reader)
    offers.model("1", USES_BUREAU)
    with pytest.raises(DoesNotFit, match=r"version 2 uses CARD_BALANCE_NEWEST.*credit_card_balance"):
        offers.model("2", USES_CARDS)
    assert offers.version == "1"
    assert offers.taken == ["snapshot", "model 1"]


def test_a_pair_whose_halves_fit_only_each_other_is_taken_when_both_are_there(
    offers: Offers, snapshot: Callable[..., SnapshotReader]
) -> None:
    offers.snapshot(snapshot("credit_card_balance"))
    offers.model("1", USES_BUREAU)
    with pytest.raises(DoesNotFit):
        offers.model("2", USES_CARDS)
    successor = snapshot("bureau")
    offers.snapshot(successor, "successor")
    assert (offers.version, offers.pair.current().snapshot) == ("2", successor)
    assert offers.taken[-2:] == ["successor", "model 2"]


def test_a_snapshot_that_waits_is_unmapped_before_a_third_is_mapped(
    offers: Offers, snapshot: Callable[..., SnapshotReader]
) -> None:
    offers.snapshot(snapshot())
    offers.model("1", USES_BUREAU)
    waiting = snapshot("bureau")
    with pytest.raises(DoesNotFit):
        offers.snapshot(waiting)
    offers.pair.drop_waiting_snapshot()
    with pytest.raises(AttributeError):
        waiting.row(100)
    offers.model("2")
    assert offers.pair.current().snapshot is not waiting


def test_what_stands_in_decides_until_what_waits_can(
    offers: Offers, snapshot: Callable[..., SnapshotReader]
) -> None:
    with pytest.raises(DoesNotFit):
        offers.model("2", USES_BUREAU)
    offers.pair.stand_in(model("1"))
    assert offers.version == "1"
    offers.snapshot(snapshot())
    assert offers.version == "2"


def test_a_loaded_model_is_found_by_its_digest_also_while_it_waits(offers: Offers) -> None:
    offers.model("1")
    with pytest.raises(DoesNotFit):
        offers.model("2", USES_BUREAU)
    assert offers.pair.loaded("digest-1") is not None
    assert offers.pair.loaded("digest-2") is not None
    assert offers.pair.loaded("digest-3") is None


def test_a_metric_says_whether_the_compiled_kernel_or_lightgbm_walks_the_trees() -> None:
    offers = Offers()
    offers.pair.offer_model(model("1", not_compiled="too many slots"), when_taken=lambda: None)
    offers.pair.current()
    assert offers.value("model_compiled") == 0.0
    offers.pair.offer_model(model("2"), when_taken=lambda: None)
    offers.pair.current()
    assert offers.value("model_compiled") == 1.0
