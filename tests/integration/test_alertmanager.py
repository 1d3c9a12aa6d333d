"""What Alertmanager holds back beside another alert, with the shipped configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.alertmanager_process import running_alertmanager
from tests.e2e.processes import wait_until
from tests.platform.test_alert_rules import ALERTS

Labels = dict[str, str]


class Alertmanager:
    """A running one."""

    def __init__(self, url: str) -> None:
        self._api = f"{url}/api/v2"

    def fire(self, *names: str, **labels: str) -> None:
        """Report alerts as Prometheus would, with the labels of their rules."""
        alerts = [
            {"labels": {"alertname": name, **ALERTS[name]["labels"], **labels}, "annotations": {}}
            for name in names
        ]
        httpx.post(f"{self._api}/alerts", json=alerts).raise_for_status()

    def held_back(self) -> dict[str, bool]:
        """Whether each alert is held back, by name and what distinguishes it."""
        found = httpx.get(f"{self._api}/alerts").json()
        return {
            " ".join([alert["labels"]["alertname"], alert["labels"].get("version", "")]).strip(): bool(
                alert["status"]["inhibitedBy"]
            )
            for alert in found
        }


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    with running_alertmanager(tmp_path) as url:
        yield Alertmanager(url)


def test_what_follows_from_another_alert_is_held_back_and_nothing_else(alertmanager: Alertmanager) -> None:
    alertmanager.fire("ScorersDown", "UndecidedTooOld", "PendingOver60Seconds", "ErrorBudgetBurnsFast")
    alertmanager.fire("ConservationBroken", "DeadLetters", lane="sync")
    wait_until(
        lambda: (
            alertmanager.held_back()
            == {
                "ScorersDown": False,
                "UndecidedTooOld": True,
                "PendingOver60Seconds": True,
                "ErrorBudgetBurnsFast": True,
                "ConservationBroken": False,
                "DeadLetters": False,
            }
        ),
        why=f"only what follows is held back: {alertmanager.held_back()}",
    )


def test_without_kafka_only_that_is_said(alertmanager: Alertmanager) -> None:
    alertmanager.fire("BrokerUnreachable", "LedgerBehind", "ArchiveBehind", "ErrorsHigh", "ModelMismatch")
    alertmanager.fire("ApiDown", "ConservationBroken", "UndecidedRemoved")
    wait_until(
        lambda: (
            alertmanager.held_back()
            == {
                "BrokerUnreachable": False,
                "LedgerBehind": True,
                "ArchiveBehind": True,
                "ErrorsHigh": True,
                "ModelMismatch": False,
                "ApiDown": False,
                "ConservationBroken": False,
                "UndecidedRemoved": False,
            }
        ),
        why="the cause is said, and what has nothing to do with it or is worse",
    )


def test_a_refused_bundle_holds_back_its_own_promotion_only(alertmanager: Alertmanager) -> None:
    alertmanager.fire("BundleRefused", name="credit-risk", version="8", reason="golden-mismatch")
    alertmanager.fire("PromotionNotTaken", name="credit-risk", version="8")
    alertmanager.fire("PromotionNotTaken", name="credit-risk", version="9")
    wait_until(
        lambda: (
            alertmanager.held_back()
            == {"BundleRefused 8": False, "PromotionNotTaken 8": True, "PromotionNotTaken 9": False}
        ),
        why="version 8's is held back, version 9's is not",
    )
