"""Values drawn from normal scores have the distribution they were asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.sample.draws import (
    Quantiles,
    codes,
    flags,
    generator,
    mixed,
    normal_cdf,
    normal_quantile,
    quantiles,
)
from training.sample.facts import APPLICATION_TRAIN, column

CAR_AGE = "OWN_CAR_AGE"
SCORES = generator(1, "test", 0).standard_normal(200_000)


@given(st.floats(0.001, 0.999))
def test_the_normal_quantile_undoes_the_distribution(p: float) -> None:
    assert normal_cdf(np.array([normal_quantile(p)]))[0] == pytest.approx(p, abs=1e-6)


@pytest.mark.parametrize(
    "name", ["EXT_SOURCE_2", "AMT_CREDIT", "DAYS_REGISTRATION", "DAYS_BIRTH", "OWN_CAR_AGE"]
)
def test_a_fitted_column_has_the_published_mean_quartiles_and_range(name: str) -> None:
    published = column(APPLICATION_TRAIN, name)
    values = quantiles(APPLICATION_TRAIN, name).at(SCORES)
    mean, std = published.moments
    assert values.mean() == pytest.approx(mean, abs=0.05 * std)
    quartiles = list(np.quantile(values, [0.25, 0.5, 0.75]))
    assert quartiles == pytest.approx(published.quantiles[1:4], abs=0.05 * std)
    assert values.min() >= published.quantiles[0]
    assert values.max() <= published.quantiles[-1]


@given(st.lists(st.floats(-4, 4), min_size=2, max_size=30))
def test_a_higher_score_never_gives_a_lower_value(scores: list[float]) -> None:
    fitted = Quantiles.through((0, 0.25, 0.5, 0.75, 1), (0, 1, 2, 4, 100), mean=4.0, std=6.0)
    values = fitted.at(np.sort(np.array(scores)))
    assert (np.diff(values) >= 0).all()


@given(st.floats(0.01, 0.99))
def test_flags_are_set_for_the_share_asked_for(share: float) -> None:
    assert flags(SCORES, share).mean() == pytest.approx(share, abs=0.01)


def test_categories_have_their_weights() -> None:
    drawn = np.bincount(codes(SCORES, [5, 0, 3, 2])) / len(SCORES)
    assert list(drawn) == pytest.approx([0.5, 0, 0.3, 0.2], abs=0.01)


def test_a_mixture_is_standard_normal_with_the_correlation_asked_for() -> None:
    score = mixed(generator(2, "test", 0), [(0.6, SCORES)], len(SCORES))
    assert score.std() == pytest.approx(1, abs=0.01)
    assert np.corrcoef(score, SCORES)[0, 1] == pytest.approx(0.6, abs=0.01)


def test_streams_chunks_and_seeds_draw_apart() -> None:
    first = {
        generator(*key).random() for key in [(1, "a", 0), (2, "a", 0), (1, "b", 0), (1, "a", 1), (1, "ab", 0)]
    }
    assert len(first) == 5
