"""Who hears of which alert, judged by amtool; and what is not said because another alert says it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.platform.prometheus_tools import RULES, run
from tests.platform.test_alert_rules import ALERTS

#: What is lost, does not add up or answers nobody does not follow from another alert.
NEVER_HELD_BACK = {
    *("ApiDown", "BrokerUnreachable", "ProcessDown", "DeadLettersMany", "TwoOwners"),
    *("ConservationBroken", "DecisionWithoutApplication", "UndecidedRemoved", "RepliesUndeliverable"),
    *("LedgerMissesApplications", "LedgerMissedRecords", "ArchiveGap"),
}
CONFIG: dict[str, Any] = yaml.safe_load((RULES / "alertmanager.yml").read_text())


def test_alertmanager_takes_its_configuration() -> None:
    assert "SUCCESS" in run("amtool", "check-config", "alertmanager.yml")


@pytest.mark.parametrize("severity", ["page", "ticket"])
def test_an_alert_goes_to_the_receiver_of_its_severity(severity: str) -> None:
    said = run(
        "amtool", "config", "routes", "test", "--config.file=alertmanager.yml",
        f"severity={severity}", "alertname=Any", f"--verify.receivers={severity}",
    )  # fmt: skip
    assert severity in said


def test_a_page_goes_to_slack_and_by_mail_and_a_ticket_by_mail_only() -> None:
    ways = {one["name"]: {way for way in one if way.endswith("_configs")} for one in CONFIG["receivers"]}
    assert ways == {"page": {"slack_configs", "email_configs"}, "ticket": {"email_configs"}}


def test_no_secret_is_in_the_configuration() -> None:
    text = (RULES / "alertmanager.yml").read_text()
    assert not re.search(r"hooks\.slack|(password|api_url|token):", text)
    assert CONFIG["global"]["slack_api_url_file"].startswith("secrets/")


def test_inhibitions_name_alerts_that_exist() -> None:
    for rule in CONFIG["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            for name in pattern(matcher).split("|"):
                assert any(re.fullmatch(name, one) for one in ALERTS), matcher


def test_nothing_holds_back_that_something_is_lost_or_answers_nobody() -> None:
    assert set(ALERTS) >= NEVER_HELD_BACK
    for rule in CONFIG["inhibit_rules"]:
        (matcher,) = rule["target_matchers"]
        assert {name for name in NEVER_HELD_BACK if re.fullmatch(pattern(matcher), name)} == set(), matcher


def pattern(matcher: str) -> str:
    """What the name of an alert must be like."""
    label, _, like = re.split(r"\s*(=~|=)\s*", matcher, maxsplit=1)
    assert label == "alertname", f"{matcher}: by name, so that a new alert of an area is not held back unseen"
    return like
