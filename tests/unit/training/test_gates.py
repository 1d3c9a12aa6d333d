from __future__ import annotations

import pytest

from training.challenge import Compared, Comparison
from training.gates import Gate, fairness_gates, gates_against_production


def auc_gate(difference: float, standard_error: float) -> Gate:
    same = Compared(0.5, 0.5, 0.0)
    auc = Compared(0.75 + difference, 0.75, standard_error)
    return gates_against_production(Comparison(1000, auc, same, production_ece=0.01))[0]


def cost_gate(difference: float, standard_error: float) -> Gate:
    same = Compared(0.75, 0.75, 0.0)
    cost = Compared(0.5 + difference, 0.5, standard_error)
    return gates_against_production(Comparison(1000, same, cost, production_ece=0.01))[1]


@pytest.mark.parametrize(
    ("difference", "standard_error", "said"),
    [
        (0.02, 0.001, "inside the tolerance of 0.004"),
        (-0.003, 0.0001, "inside the tolerance of 0.004"),
        (-0.03, 0.02, "no more than chance explains"),
    ],
)
def test_a_challenger_is_not_kept_out_by_noise_or_by_next_to_nothing(
    difference: float, standard_error: float, said: str
) -> None:
    for gate in (auc_gate(difference, standard_error), cost_gate(-2.5 * difference, 2.5 * standard_error)):
        assert gate.is_passed
        assert said.replace("0.004", "0.01" if gate.name.startswith("cost") else "0.004") in gate.detail


@pytest.mark.parametrize(("difference", "standard_error"), [(-0.1, 0.04), (-0.006, 0.0015)])
def test_a_challenger_that_is_clearly_worse_is_kept_out_on_few_applicants_and_on_many(
    difference: float, standard_error: float
) -> None:
    for gate in (auc_gate(difference, standard_error), cost_gate(-2.5 * difference, 2.5 * standard_error)):
        assert not gate.is_passed
        assert "more than chance explains" in gate.detail


def test_groups_that_were_too_small_to_measure_are_said_to_be_and_hold_nothing_up() -> None:
    gates = fairness_gates({"groups_measured": 0.0})
    assert all(gate.is_passed and gate.detail.startswith("unmeasured: no ") for gate in gates)
    assert not any(gate.numbers for gate in gates)


def test_groups_that_nobody_looked_at_hold_a_promotion_up() -> None:
    assert [gate.is_passed for gate in fairness_gates({})] == [False]
