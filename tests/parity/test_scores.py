"""The score that training evaluated is the score that the scorer gives, to the bit."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from contracts.application import COLUMNS, Application
from feature_service.application import FEATURE_NAMES, MODEL_INPUTS, application_features, encode
from scorer.decide import decide
from scorer.model import ServingModel
from tests.models import Row, built_model, random_rows, serving_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ServingModel:
    return serving_model(tmp_path_factory.mktemp("bundle"))


def applications(rows: list[Row]) -> list[Application]:
    return [Application(**dict(zip(COLUMNS, row, strict=True))) for row in rows]


def test_training_and_deciding_give_the_same_margin_and_probability(model: ServingModel) -> None:
    rows = random_rows(300, seed=31)
    columns = [FEATURE_NAMES.index(name) for name in MODEL_INPUTS]
    booster = lightgbm.Booster(model_str=built_model().model_text)
    trained = booster.predict(application_features(encode(rows))[:, columns], raw_score=True)

    verdicts = decide(applications(rows), model)

    assert [verdict.margin for verdict in verdicts] == np.asarray(trained).tolist()
    calibrated = built_model().manifest.calibrator.probabilities(np.asarray(trained))
    assert [verdict.probability_of_default for verdict in verdicts] == calibrated.tolist()


def test_a_verdict_is_the_same_alone_and_in_a_batch(model: ServingModel) -> None:
    batch = applications(random_rows(130, seed=32))
    alone = [decide([application], model)[0] for application in batch]
    assert decide(batch, model) == alone
    assert decide(batch[::-1], model) == alone[::-1]
