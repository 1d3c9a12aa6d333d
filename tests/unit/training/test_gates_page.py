from __future__ import annotations

from tests.registry_rules import OCCASION
from training.gates import Gate
from training.gates_page import gates_page
from training.registry import RegisteredVersion

VERSION = RegisteredVersion("credit-risk", "7", "run", "bundle", "digest", "inputs")
HOLDS = Gate("calibrated", True, "deciles differ by 0.0010", {"ece": 0.001, "bound": 0.01})
FAILS = Gate("worth having", False, "AUC <b>0.5</b>")


def test_a_promotion_says_who_when_and_each_gate_with_its_numbers() -> None:
    page = gates_page(VERSION, OCCASION, [HOLDS])
    for said in ("credit-risk version 7", OCCASION.at, OCCASION.by, HOLDS.name, HOLDS.detail, "bound 0.01"):
        assert said in page
    assert "Every gate holds" in page


def test_a_gate_that_was_overruled_is_seen_at_once() -> None:
    page = gates_page(VERSION, OCCASION, [HOLDS, FAILS])
    assert "1 of 2 gates do not hold: overruled" in page
    assert "<td>NO</td>" in page
    assert "<b>" not in page
