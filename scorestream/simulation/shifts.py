"""What changes among the applicants: each shift is a function over one application. Pure.

And the made-up truth about who defaults: the file's TARGET where there is one, else a chance that
falls with the external scores and rises with the burden, as in the sample.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Application = Mapping[str, Any]

_EXTERNAL: Final = ("EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3")


@dataclass(frozen=True, slots=True)
class Shift:
    """A change of the applicants, and by how much the odds of default change with it."""

    meaning: str
    apply: Callable[[Application, random.Random], Application]
    uses_test_file: bool = False
    odds: float = 1.0


def _as_it_is(application: Application, _: random.Random) -> Application:
    return application


def _richer(application: Application, _: random.Random) -> Application:
    changed = dict(application)
    for name, factor in (("AMT_INCOME_TOTAL", 1.8), ("AMT_CREDIT", 1.4), ("AMT_ANNUITY", 1.5)):
        if changed.get(name) is not None:
            changed[name] = round(changed[name] * factor, 1)
    return changed


def _worse_scores(application: Application, _: random.Random) -> Application:
    changed = dict(application)
    for name in _EXTERNAL:
        if changed.get(name) is not None:
            changed[name] = max(0.0, changed[name] - 0.12)
    return changed


def _scores_missing(application: Application, chance: random.Random) -> Application:
    if chance.random() < 0.5:
        return application
    return {name: value for name, value in application.items() if name not in _EXTERNAL}


SHIFTS: Final[dict[str, Shift]] = {
    "none": Shift("applicants like those of training", _as_it_is),
    "test": Shift("the applicants of the test file", _as_it_is, uses_test_file=True),
    "income": Shift("higher incomes and larger loans", _richer, odds=1.3),
    "external-scores": Shift("external scores half a standard deviation lower", _worse_scores, odds=1.6),
    "missing": Shift("half of the applicants without external scores", _scores_missing),
    "risk": Shift("the same applicants, who default two and a half times as often", _as_it_is, odds=2.5),
}


def defaults(application: Application, target: int | None, shift: Shift, chance: random.Random) -> bool:
    """Whether this applicant defaults, by lot."""
    if target == 1:
        return True
    probability = _probability(application) if target is None else 0.0
    odds = shift.odds * probability / (1 - probability)
    extra = 0.0 if target is None else (shift.odds - 1.0) * 0.08
    return chance.random() < max(odds / (1 + odds), extra)


def _probability(application: Application) -> float:
    known = [application[name] for name in _EXTERNAL if application.get(name) is not None]
    external = sum(known) / len(known) if known else 0.45
    credit, annuity = application.get("AMT_CREDIT"), application.get("AMT_ANNUITY")
    burden = annuity / credit if credit and annuity else 0.05
    years = -application["DAYS_BIRTH"] / 365.25
    # A logistic regression of the sample's TARGET on these three.
    logit = -2.76 - 5.0 * (external - 0.5) + 5.3 * (burden - 0.05) - 0.22 * (years - 44) / 12
    return 1 / (1 + math.exp(-logit))
