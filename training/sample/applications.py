"""application_train.csv and application_test.csv: one row per applicant."""

import numpy as np

from training.sample.contact import contact
from training.sample.facts import APPLICATION_TEST, APPLICATION_TRAIN, facts
from training.sample.frame import Frame, take, worded
from training.sample.housing import housing
from training.sample.loan import loan
from training.sample.person import person
from training.sample.risk import Applicants


def applications(people: Applicants) -> Frame:
    """Every application column of every applicant of the chunk, TARGET included, in file order."""
    frame: Frame = {"SK_ID_CURR": people.ids, "TARGET": people.target}
    frame |= person(people)
    frame |= loan(people)
    frame |= contact(people, worded(frame, "ORGANIZATION_TYPE").having("XNA"))
    frame |= housing(people)
    return {name: frame[name] for name in facts().tables[APPLICATION_TRAIN].columns}


def split(people: Applicants, frame: Frame) -> dict[str, Frame]:
    """The two application tables: outcomes known, and outcomes withheld (no TARGET column)."""
    train = take(frame, people.is_train)
    test = take(frame, np.logical_not(people.is_train))
    del test["TARGET"]
    return {APPLICATION_TRAIN: train, APPLICATION_TEST: test}
