"""A promotion as a page: who, when, and each gate with whether it holds and why."""

from __future__ import annotations

from collections.abc import Sequence

from training.gates import Gate
from training.page import html_page
from training.registry import Occasion, RegisteredVersion


def gates_page(version: RegisteredVersion, occasion: Occasion, gates: Sequence[Gate]) -> str:
    """The page, as HTML; a gate that does not hold was overruled, or nothing would have been promoted."""
    failed = sum(not gate.is_passed for gate in gates)
    verdict = "Every gate holds." if not failed else f"{failed} of {len(gates)} gates do not hold: overruled."
    numbers = [
        (gate.name, ", ".join(f"{name} {value:.6g}" for name, value in gate.numbers.items()))
        for gate in gates
        if gate.numbers
    ]
    return html_page(
        f"{version.name} version {version.version} became Production",
        [
            (
                "Gates",
                f"{occasion.at}, by {occasion.by}. {verdict}",
                [
                    ("gate", "holds", "why"),
                    *((gate.name, "yes" if gate.is_passed else "NO", gate.detail) for gate in gates),
                ],
            ),
            ("Numbers", "What was measured, and the bounds.", [("gate", "numbers"), *numbers]),
        ],
    )
