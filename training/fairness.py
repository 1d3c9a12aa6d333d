"""How the model treats groups of people, gender and age first: measured, never an input.

Each figure comes with a 95 % interval, since small groups differ by chance. "Good" applicants are
those who repaid. Pure: rows in, a table out; `training.gates` holds bounds against it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from contracts.application import COLUMNS
from contracts.application_fields import FIELDS
from feature_service.application import Encoded
from scorer.policy import CutOffs
from training.intervals import Interval, around, ratio_interval, share_interval

Probabilities = npt.NDArray[np.float64]
Target = npt.NDArray[np.int64]

_DAYS_PER_YEAR: Final = 365.25
_AGE_EDGES: Final = (0, 25, 35, 45, 55, 65, 200)
_CATEGORIES: Final = ("CODE_GENDER", "NAME_FAMILY_STATUS", "NAME_EDUCATION_TYPE", "NAME_INCOME_TYPE")
#: Smaller groups are left out: nothing can be said of them.
MIN_APPLICANTS: Final = 100


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """One group of applicants.

    `approval_ratio` is the group's approval rate over that of the most approved of its attribute;
    `true_positive_rate` the share of its defaults that were not approved; `good_approved_rate` the share
    of its good applicants that were; `observed_to_expected` its bad rate over the PD promised.
    """

    attribute: str
    value: str
    applicants: int
    bad_rate: float
    mean_probability: float
    approval_rate: float
    approval_interval: Interval
    approval_ratio: float
    approval_ratio_interval: Interval
    true_positive_rate: float
    true_positive_interval: Interval
    good_approved_rate: float
    observed_to_expected: float
    observed_to_expected_interval: Interval


def group_figures(
    columns: Encoded, probabilities: Probabilities, target: Target, cut_offs: CutOffs
) -> list[GroupFigures]:
    """The table, attribute by attribute, the largest group of each first."""
    is_approved = probabilities < cut_offs.approve_below
    table = []
    for attribute, values in attributes(columns):
        groups = [np.flatnonzero(values == value) for value in sorted(set(values) - {""})]
        groups = sorted((rows for rows in groups if len(rows) >= MIN_APPLICANTS), key=len, reverse=True)
        most = max(groups, key=lambda rows: float(is_approved[rows].mean()), default=None)
        for rows in groups:
            table.append(
                _figures(
                    (attribute, str(values[rows[0]])),
                    probabilities[rows],
                    target[rows],
                    is_approved[rows],
                    is_approved[rows if most is None else most],
                )
            )
    return table


def attributes(columns: Encoded) -> Iterator[tuple[str, npt.NDArray[np.str_]]]:
    """Each attribute with its value per row as text, empty where not stated."""
    yield "age", _age_bands(-columns[:, COLUMNS.index("DAYS_BIRTH")] / _DAYS_PER_YEAR)
    for name in _CATEGORIES:
        codes = columns[:, COLUMNS.index(name)]
        texts = np.array(["", *FIELDS[COLUMNS.index(name)].categories])
        yield name, texts[np.where(np.isnan(codes), 0, codes + 1).astype(np.int64)]


def _age_bands(years: npt.NDArray[np.float64]) -> npt.NDArray[np.str_]:
    between = [f"{low} to {high - 1}" for low, high in pairwise(_AGE_EDGES[1:-1])]
    bands = np.array(["", f"below {_AGE_EDGES[1]}", *between, f"{_AGE_EDGES[-2]} and more"])
    return bands[np.where(np.isnan(years), 0, np.searchsorted(_AGE_EDGES, years, side="right"))]


def _figures(
    name: tuple[str, str],
    probabilities: Probabilities,
    target: Target,
    is_approved: npt.NDArray[np.bool_],
    is_reference_approved: npt.NDArray[np.bool_],
) -> GroupFigures:
    applicants, bad = len(target), int(target.sum())
    approved, caught = int(is_approved.sum()), int((~is_approved & (target == 1)).sum())
    reference = (int(is_reference_approved.sum()), len(is_reference_approved))
    expected = float(probabilities.mean())
    spread = math.sqrt(float(np.mean(probabilities * (1 - probabilities))) / applicants)
    observed = around(bad / applicants, spread)
    return GroupFigures(
        attribute=name[0],
        value=name[1],
        applicants=applicants,
        bad_rate=bad / applicants,
        mean_probability=expected,
        approval_rate=approved / applicants,
        approval_interval=share_interval(approved, applicants),
        approval_ratio=_quotient(approved / applicants, reference[0] / reference[1]),
        approval_ratio_interval=ratio_interval((approved, applicants), reference),
        true_positive_rate=_quotient(caught, bad),
        true_positive_interval=share_interval(caught, bad),
        good_approved_rate=_quotient(float((is_approved & (target == 0)).sum()), applicants - bad),
        observed_to_expected=_quotient(bad / applicants, expected),
        observed_to_expected_interval=Interval(
            max(0.0, _quotient(observed.low, expected)), _quotient(observed.high, expected)
        ),
    )


def _quotient(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0


def fairness_facts(table: Sequence[GroupFigures]) -> dict[str, float]:
    """The worst figures by name, each at the end of its interval that is kinder to the model.

    `groups_measured`: how many groups are in the table; a figure that these do not give is left out.
    `gender_approval_ratio_high`: the lowest ratio of a gender, at its interval's upper end;
    `group_miscalibration`: the farthest that any group's observed-to-expected ratio is surely from 1.
    """
    ratios = [row.approval_ratio_interval.high for row in table if row.attribute == "CODE_GENDER"]
    distances = [
        max(
            0.0,
            row.observed_to_expected_interval.low - 1.0,
            1.0 - row.observed_to_expected_interval.high,
        )
        for row in table
    ]
    facts = {"groups_measured": float(len(table))}
    # The most approved gender is compared with itself: one alone says nothing.
    if len(ratios) > 1 and (known := [ratio for ratio in ratios if math.isfinite(ratio)]):
        facts["gender_approval_ratio_high"] = min(known)
    if distances:
        facts["group_miscalibration"] = max(distances)
    return facts
