from __future__ import annotations

import hashlib

import numpy as np
import pytest

from contracts.application import COLUMNS, Application, as_row, decode_logged, example
from feature_service.application import Encoded, Features, encode
from feature_service.vector import N_HISTORY, feature_vectors
from scorer.decide import Verdict, decide
from scorer.model import ServingModel
from tests.models import random_rows


def without_history(columns: Encoded) -> Features:
    return feature_vectors(columns, np.full((len(columns), N_HISTORY), np.nan, dtype=np.float32))


@pytest.fixture(scope="module")
def batch() -> list[Application]:
    return [Application(**dict(zip(COLUMNS, row, strict=True))) for row in random_rows(200, seed=41)]


@pytest.fixture(scope="module")
def verdicts(batch: list[Application], model: ServingModel) -> list[Verdict]:
    return decide(batch, model)


def test_no_applications_no_verdicts(model: ServingModel) -> None:
    assert decide([], model) == []


def test_every_decision_occurs_and_follows_from_the_probability(
    verdicts: list[Verdict], model: ServingModel
) -> None:
    assert {verdict.decision for verdict in verdicts} == {"approve", "refer", "decline"}
    for verdict in verdicts:
        assert verdict.decision == model.cut_offs.decision(verdict.probability_of_default)
        assert verdict.score == model.points.points(verdict.probability_of_default)


def test_reasons_are_given_for_every_refer_and_decline_and_for_no_approval(verdicts: list[Verdict]) -> None:
    for verdict in verdicts:
        ranks = [reason.rank for reason in verdict.reasons]
        assert ranks == list(range(1, len(ranks) + 1))
        assert len(ranks) == 0 if verdict.decision == "approve" else 1 <= len(ranks) <= 4


def test_reasons_come_in_the_language_asked_for(batch: list[Application], model: ServingModel) -> None:
    english, french = decide(batch, model), decide(batch, model, language="fr")
    spoken = [
        (one.text, other.text)
        for mine, theirs in zip(english, french, strict=True)
        for one, other in zip(mine.reasons, theirs.reasons, strict=True)
    ]
    assert all(one != other for one, other in spoken)


def test_contributions_add_up_to_the_margin(batch: list[Application], model: ServingModel) -> None:
    features = model.select(without_history(encode([as_row(application) for application in batch])))
    sums = model.contributions(features).sum(axis=1)
    np.testing.assert_allclose(sums, model.margins(features), rtol=0.0, atol=1e-6)


def test_the_feature_hash_is_of_the_models_float32_row(
    batch: list[Application], verdicts: list[Verdict], model: ServingModel
) -> None:
    features = model.select(without_history(encode([as_row(batch[7])])))
    assert verdicts[7].feature_hash == hashlib.sha256(features.astype("<f4").tobytes()).hexdigest()


@pytest.mark.parametrize("name", ["full", "minimal", "pensioner", "revolving"])
def test_every_example_of_the_contract_gets_a_decision(name: str, model: ServingModel) -> None:
    [verdict] = decide([decode_logged(example(name)).application], model)
    assert 0.0 < verdict.probability_of_default < 1.0
    assert 300 <= verdict.score <= 850
