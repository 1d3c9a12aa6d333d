from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.application import COLUMNS
from feature_service.application import Encoded
from tests.models import labelled
from training.dataset import make_dataset
from training.errors import TooFewApplicants
from training.persons import persons_of
from training.split import folds, split, take_stratified

DATES = ("DAYS_BIRTH", "DAYS_EMPLOYED", "DAYS_REGISTRATION", "DAYS_ID_PUBLISH")


def complete(rows: int) -> Encoded:
    """Rows that state all dates, of different people."""
    columns = labelled().columns[:rows].copy()
    random = np.random.default_rng(1)
    for name in DATES:
        columns[:, COLUMNS.index(name)] = random.integers(-20_000, -1, rows)
    columns[:, COLUMNS.index("REGION_POPULATION_RELATIVE")] = 0.02
    return columns


def test_different_people_are_different_persons() -> None:
    assert len(np.unique(persons_of(complete(500)))) == 500


def test_somebody_who_comes_back_months_later_is_the_same_person() -> None:
    columns = complete(10)
    columns[7] = columns[2]
    columns[7, COLUMNS.index("SK_ID_CURR")] = 999_999
    columns[7, COLUMNS.index("AMT_CREDIT")] *= 2
    for name in DATES:
        columns[7, COLUMNS.index(name)] -= 90
    persons = persons_of(columns)
    assert persons[7] == persons[2]
    assert len(np.unique(persons)) == 9


def test_those_without_a_job_are_told_apart_by_their_other_dates() -> None:
    columns = complete(10)
    columns[:, COLUMNS.index("DAYS_EMPLOYED")] = 365_243
    columns[4, [COLUMNS.index(name) for name in DATES]] = columns[3, [COLUMNS.index(n) for n in DATES]]
    assert len(np.unique(persons_of(columns))) == 9


def test_a_row_that_does_not_state_a_date_is_nobody_elses() -> None:
    columns = complete(4)
    columns[:] = columns[0]
    columns[:, COLUMNS.index("SK_ID_CURR")] = np.arange(4)
    columns[2:, COLUMNS.index("DAYS_ID_PUBLISH")] = np.nan
    persons = persons_of(columns)
    assert persons[0] == persons[1]
    assert len(np.unique(persons)) == 3


def test_the_same_id_is_the_same_person_whatever_was_stated() -> None:
    columns = complete(5)
    columns[4, COLUMNS.index("SK_ID_CURR")] = columns[0, COLUMNS.index("SK_ID_CURR")]
    columns[3, [COLUMNS.index(name) for name in DATES]] = columns[4, [COLUMNS.index(n) for n in DATES]]
    persons = persons_of(columns)
    assert persons[0] == persons[4] == persons[3]


@given(people=st.integers(60, 400), seed=st.integers(0, 50))
def test_nobody_is_in_two_parts_or_two_folds(people: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    persons = random.integers(0, people, 1_000)
    target = (random.random(1_000) < 0.2).astype(np.int64)
    parts = split(target, seed=seed, persons=persons)
    sets = [set(persons[rows]) for rows in (parts.fit, parts.choose, parts.held_out)]
    assert len(set.union(*sets)) == sum(map(len, sets))
    assert sum(map(len, (parts.fit, parts.choose, parts.held_out))) == 1_000
    fold_of = folds(target, 3, seed=seed, persons=persons)
    assert all(len(set(fold_of[persons == person])) == 1 for person in set(persons.tolist()))


def test_folds_have_equal_bad_rates() -> None:
    target = (np.random.default_rng(2).random(10_000) < 0.08).astype(np.int64)
    fold_of = folds(target, 5, seed=1)
    rates = [target[fold_of == fold].mean() for fold in range(5)]
    assert max(rates) - min(rates) < 0.001


def test_the_newest_applications_are_held_out_and_their_people_are_nowhere_else() -> None:
    target = np.tile([0, 0, 0, 1], 100)
    applied_at = np.full(400, np.datetime64("NaT", "us"))
    applied_at[200:] = np.datetime64("2026-01-01", "us") + np.arange(200) * np.timedelta64(1, "D")
    persons = np.arange(400)
    persons[399] = 5  # somebody in the undated rows came back last
    parts = split(target, seed=1, persons=persons, applied_at=applied_at)
    assert parts.newest.tolist() == list(range(300, 400))
    assert set(parts.newest) < set(parts.held_out)
    assert 5 not in np.concatenate([parts.fit, parts.choose])
    everybody = np.concatenate([parts.fit, parts.choose, parts.held_out])
    assert sorted({*everybody.tolist(), 5}) == list(range(400))


def test_drawing_keeps_whole_persons() -> None:
    persons = np.repeat(np.arange(50), 4)
    target = np.repeat(np.arange(50) % 5 == 0, 4).astype(np.int64)
    drawn, rest = take_stratified(target, np.arange(200), 0.2, seed=1, persons=persons)
    assert len(drawn) == pytest.approx(40)
    assert not set(persons[drawn]) & set(persons[rest])


def test_a_dataset_keeps_near_duplicates_in_one_part() -> None:
    columns = complete(400)
    columns[200:] = columns[:200]
    columns[:, COLUMNS.index("SK_ID_CURR")] = np.arange(400)
    rows = replace(labelled(), columns=columns, target=np.tile([0, 0, 0, 1], 100))
    parts = make_dataset(rows, seed=3).parts
    for part in (parts.fit, parts.choose, parts.held_out):
        assert set((part % 200).tolist()) == {row for row in (part % 200).tolist() if row in part}


def test_too_few_defaults_are_said_with_what_is_needed() -> None:
    target = np.zeros(400, dtype=np.int64)
    target[:20] = 1
    rows = replace(labelled(), columns=complete(400), target=target)
    with pytest.raises(
        TooFewApplicants, match=r"held-out part would have 3 defaults among|choose part would"
    ):
        make_dataset(rows, seed=3)


def test_applicants_who_are_all_one_person_cannot_be_divided() -> None:
    columns = complete(200)
    columns[:] = columns[0]
    with pytest.raises(TooFewApplicants, match="at least 5 defaults"):
        make_dataset(replace(labelled(), columns=columns, target=labelled().target[:200]), seed=3)
