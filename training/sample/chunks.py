"""The population in chunks: who is in which, and the tables of one chunk as frames.

A chunk is a function of seed and number alone, so chunks can be made in any order, in any process,
and the first 10,000 applicants of a large sample are the 10,000 applicants of a small one.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from training.sample.applications import applications, split
from training.sample.bureau import bureau
from training.sample.bureau_balance import bureau_balance
from training.sample.credit_card import credit_card
from training.sample.draws import Bools, generator
from training.sample.facts import (
    APPLICATION_TEST,
    APPLICATION_TRAIN,
    BUREAU,
    BUREAU_BALANCE,
    CREDIT_CARD_BALANCE,
    INSTALLMENTS_PAYMENTS,
    POS_CASH_BALANCE,
    PREVIOUS_APPLICATION,
    facts,
)
from training.sample.frame import Frame
from training.sample.installments import installments
from training.sample.loans import loan_book
from training.sample.pos_cash import pos_cash
from training.sample.previous import previous, published_rows
from training.sample.risk import CHUNK_APPLICANTS, Applicants, applicants

FIRST_ID = 100_001


@dataclass(frozen=True)
class Chunk:
    """One slice of the population."""

    seed: int
    number: int
    size: int

    @property
    def first_id(self) -> int:
        """SK_ID_CURR of the first applicant of the chunk."""
        return FIRST_ID + self.number * CHUNK_APPLICANTS

    def people(self) -> Applicants:
        """The applicants of the chunk, with outcomes and hidden scores."""
        return applicants(self.seed, self.number, self.first_id, self._is_train()[: self.size])

    def _is_train(self) -> Bools:
        """Train or test at random; over whole chunks the published share holds to the applicant."""
        share = facts().train_share
        first = self.number * CHUNK_APPLICANTS
        trained = round((first + CHUNK_APPLICANTS) * share) - round(first * share)
        order = generator(self.seed, "split", self.number).permutation(CHUNK_APPLICANTS)
        return np.asarray(order < trained, dtype=np.bool_)


def chunks(seed: int, population: int) -> list[Chunk]:
    """The chunks that hold ``population`` applicants; the last may be smaller."""
    starts = range(0, population, CHUNK_APPLICANTS)
    return [Chunk(seed, i, min(CHUNK_APPLICANTS, population - start)) for i, start in enumerate(starts)]


def frames(chunk: Chunk, wanted: Collection[str]) -> Iterator[tuple[str, Frame]]:
    """The wanted tables of a chunk, one after the other, parents first."""
    people = chunk.people()
    for tables in (_application_tables, _bureau_tables, _previous_tables):
        yield from tables(people, wanted)


def _application_tables(people: Applicants, wanted: Collection[str]) -> Iterator[tuple[str, Frame]]:
    if {APPLICATION_TRAIN, APPLICATION_TEST} & set(wanted):
        made = split(people, applications(people))
        yield from ((name, made[name]) for name in made if name in wanted)


def _bureau_tables(people: Applicants, wanted: Collection[str]) -> Iterator[tuple[str, Frame]]:
    if {BUREAU, BUREAU_BALANCE} & set(wanted):
        credits = bureau(people)
        if BUREAU in wanted:
            yield BUREAU, credits.frame
        if BUREAU_BALANCE in wanted:
            yield BUREAU_BALANCE, bureau_balance(people, credits)


def _previous_tables(people: Applicants, wanted: Collection[str]) -> Iterator[tuple[str, Frame]]:
    children = {
        POS_CASH_BALANCE: pos_cash,
        CREDIT_CARD_BALANCE: credit_card,
        INSTALLMENTS_PAYMENTS: installments,
    }
    if {PREVIOUS_APPLICATION, *children} & set(wanted):
        made = previous(people)
        if PREVIOUS_APPLICATION in wanted:
            yield PREVIOUS_APPLICATION, published_rows(people, made)
        book = loan_book(people, made)
        yield from ((name, rows(people, book)) for name, rows in children.items() if name in wanted)
