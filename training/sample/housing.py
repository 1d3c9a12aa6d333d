"""The 47 columns about the building the applicant lives in: present together or missing together."""

import numpy as np

from training.sample.draws import Floats, mixed
from training.sample.facts import APPLICATION_TRAIN, column
from training.sample.frame import Frame
from training.sample.risk import Applicants
from training.sample.split import chosen, missing, numbers

MEASURES = (
    "APARTMENTS",
    "BASEMENTAREA",
    "YEARS_BEGINEXPLUATATION",
    "YEARS_BUILD",
    "COMMONAREA",
    "ELEVATORS",
    "ENTRANCES",
    "FLOORSMAX",
    "FLOORSMIN",
    "LANDAREA",
    "LIVINGAPARTMENTS",
    "LIVINGAREA",
    "NONLIVINGAPARTMENTS",
    "NONLIVINGAREA",
)
STATISTICS = ("AVG", "MODE", "MEDI")
WORDED = ("FONDKAPREMONT_MODE", "HOUSETYPE_MODE", "WALLSMATERIAL_MODE", "EMERGENCYSTATE_MODE")
# How strongly a measure follows the size of the building.
_SIZE = {
    "YEARS_BEGINEXPLUATATION": 0.1,
    "YEARS_BUILD": 0.35,
    "NONLIVINGAPARTMENTS": 0.2,
    "NONLIVINGAREA": 0.25,
}


def housing(people: Applicants) -> Frame:
    """Columns about the building.

    A single score says how much is known of a building: a column is missing below its own published
    share, so whoever lacks EMERGENCYSTATE_MODE lacks nearly everything. The three statistics of a
    measure share one score and are missing together.
    """
    rng = people.stream("housing")
    n = len(people)
    known, size = rng.standard_normal(n), rng.standard_normal(n)
    frame: Frame = {}
    for measure in MEASURES:
        score = mixed(rng, [(_SIZE.get(measure, 0.7), size)], n)
        coverage = mixed(rng, [(0.985, known)], n)
        for statistic in STATISTICS:
            name = f"{measure}_{statistic}"
            frame[name] = _measure(people, name, mixed(rng, [(0.985, score)], n), coverage)
    frame["TOTALAREA_MODE"] = _measure(people, "TOTALAREA_MODE", mixed(rng, [(0.75, size)], n), known)
    for name in WORDED:
        order = tuple(column(APPLICATION_TRAIN, name).counts)
        coverage = mixed(rng, [(0.985, known)], n) if name != "EMERGENCYSTATE_MODE" else known
        values = chosen(people, name, rng.standard_normal(n), order)
        frame[name] = values.missing_where(missing(people, name, coverage))
    return frame


def _measure(people: Applicants, name: str, score: Floats, coverage: Floats) -> Floats:
    values = np.round(numbers(people, name, score), 4)
    return np.where(missing(people, name, coverage), np.nan, values)
