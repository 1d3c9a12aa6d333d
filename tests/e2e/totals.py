"""What all audits of a run came to, for the last lines of its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from tests.history.checker import Finding

#: What a finding means for the client; every other one is a wrong answer.
_MEANING: Final = {
    "lost": "lost",
    "undecided": "lost",
    "dead letter missing": "lost",
    "committed past": "lost",
    "duplicate": "duplicate",
    "divergent": "duplicate",
}
#: Of N trials without an event the true rate is below 3/N with 95 % confidence (the rule of three).
_RULE_OF_THREE: Final = 3

_counted: Counter[str] = Counter()


def count(requests: int, accepted: int, findings: Iterable[Finding]) -> None:
    """Add one audited history."""
    _counted.update(histories=1, requests=requests, accepted=accepted)
    _counted.update(_MEANING.get(finding.rule, "wrong") for finding in findings)


def told() -> str:
    """The totals in a line; empty when nothing was audited."""
    requests = _counted["requests"]
    if not requests:
        return ""
    kinds = ", ".join(f"{kind} {_counted[kind]}" for kind in ("lost", "duplicate", "wrong"))
    bound = _RULE_OF_THREE / requests
    return (
        f"{_counted['histories']} audited histories, {requests:,} requests, "
        f"{_counted['accepted']:,} applications in the log: {kinds}; "
        f"for each kind that is 0 the true rate is below {bound:.2g} (95 %)"
    )
