from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.application import COLUMNS, Value
from contracts.application_fields import FIELDS
from feature_service.application import (
    FEATURE_BY_NAME,
    FEATURE_NAMES,
    FEATURES,
    MODEL_INPUTS,
    application_features,
    encode,
)
from feature_service.definitions import definitions_digest
from tests.models import Row, random_rows


def row_with(**values: Value) -> Row:
    chosen: dict[str, Value] = dict.fromkeys(COLUMNS)
    return tuple({**chosen, "SK_ID_CURR": 100_001, **values}.values())


def feature(name: str, **values: Value) -> float:
    row = application_features(encode([row_with(**values)]))[0]
    return float(row[FEATURE_NAMES.index(name)])


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 40))
def test_a_row_has_the_same_bits_alone_and_in_any_batch(seed: int, count: int) -> None:
    rows = random_rows(count, seed=seed)
    together = application_features(encode(rows))
    alone = np.vstack([application_features(encode([row])) for row in rows])
    assert together.tobytes() == alone.tobytes()


def test_a_row_has_the_same_bits_on_either_side_of_a_block_border() -> None:
    rows = random_rows(50, seed=1)
    many = application_features(np.tile(encode(rows), (200, 1)))
    assert many[-50:].tobytes() == application_features(encode(rows)).tobytes()


@settings(deadline=None, max_examples=200)
@given(
    numbers=st.lists(
        st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), min_size=120, max_size=120
    )
)
def test_no_feature_is_ever_infinite(numbers: list[float | None]) -> None:
    columns = np.array([[100_001.0, *(np.nan if number is None else number for number in numbers)]])
    assert not np.isinf(application_features(columns)).any()


def test_missing_is_always_the_same_nan() -> None:
    features = application_features(encode(random_rows(200, seed=2)))
    assert np.unique(features[np.isnan(features)].view(np.uint32)).tolist() == [0x7FC00000]


def test_a_category_is_its_position_in_the_contract() -> None:
    for field in FIELDS:
        for code, category in enumerate(field.categories):
            assert encode([row_with(**{field.name: category})])[0, COLUMNS.index(field.name)] == code


def test_an_unknown_category_is_missing() -> None:
    assert np.isnan(encode([row_with(OCCUPATION_TYPE="Astronaut")])[0, COLUMNS.index("OCCUPATION_TYPE")])


def test_no_rows_give_an_empty_matrix() -> None:
    assert application_features(encode([])).shape == (0, len(FEATURES))


def test_the_sentinel_of_days_is_missing_and_flagged() -> None:
    assert np.isnan(feature("DAYS_EMPLOYED", DAYS_EMPLOYED=365_243))
    assert feature("IS_NOT_EMPLOYED", DAYS_EMPLOYED=365_243) == 1.0
    assert np.isnan(feature("EMPLOYED_TO_AGE", DAYS_EMPLOYED=365_243, DAYS_BIRTH=-12_000))
    assert feature("IS_NOT_EMPLOYED", DAYS_EMPLOYED=-100) == 0.0
    assert feature("IS_NOT_EMPLOYED") == 0.0


def test_a_division_by_zero_is_missing() -> None:
    assert np.isnan(feature("DEFAULTS_30_TO_SEEN", DEF_30_CNT_SOCIAL_CIRCLE=1, OBS_30_CNT_SOCIAL_CIRCLE=0))


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("CREDIT_TO_ANNUITY", {"AMT_CREDIT": 500_000.0, "AMT_ANNUITY": 25_000.0}, 20.0),
        ("ANNUITY_TO_INCOME", {"AMT_ANNUITY": 25_000.0, "AMT_INCOME_TOTAL": 100_000.0}, 0.25),
        ("EMPLOYED_TO_AGE", {"DAYS_EMPLOYED": -3_000, "DAYS_BIRTH": -12_000}, 0.25),
        ("CREDIT_OVER_GOODS", {"AMT_CREDIT": 110.0, "AMT_GOODS_PRICE": 100.0}, 10.0),
        ("INCOME_PER_PERSON", {"AMT_INCOME_TOTAL": 90_000.0, "CNT_CHILDREN": 2}, 30_000.0),
        ("EXT_SOURCE_MEAN", {"EXT_SOURCE_1": 0.25, "EXT_SOURCE_3": 0.75}, 0.5),
        ("EXT_SOURCE_STD", {"EXT_SOURCE_1": 0.25, "EXT_SOURCE_3": 0.75}, 0.25),
        ("EXT_SOURCE_STD", {"EXT_SOURCE_2": 0.3}, 0.0),
        ("EXT_SOURCE_MIN", {"EXT_SOURCE_1": 0.25, "EXT_SOURCE_3": 0.75}, 0.25),
        ("EXT_SOURCE_MAX", {"EXT_SOURCE_1": 0.25, "EXT_SOURCE_3": 0.75}, 0.75),
        ("EXT_SOURCE_COUNT", {"EXT_SOURCE_1": 0.25, "EXT_SOURCE_3": 0.75}, 2.0),
        ("EXT_SOURCE_COUNT", {}, 0.0),
        ("EXT_SOURCE_PRODUCT", {"EXT_SOURCE_1": 0.5, "EXT_SOURCE_2": 0.5, "EXT_SOURCE_3": 0.5}, 0.125),
        ("DOCUMENT_COUNT", {f"FLAG_DOCUMENT_{number}": number % 2 for number in range(2, 22)}, 10.0),
        ("HOUSING_MISSING_COUNT", {"APARTMENTS_AVG": 0.5}, 46.0),
    ],
)
def test_a_ratio_is_what_its_description_says(name: str, values: dict[str, Value], expected: float) -> None:
    assert feature(name, **values) == expected


def test_the_mean_score_is_missing_only_when_all_three_are() -> None:
    assert np.isnan(feature("EXT_SOURCE_MEAN"))
    assert np.isnan(feature("EXT_SOURCE_PRODUCT", EXT_SOURCE_1=0.5, EXT_SOURCE_2=0.5))


def test_what_is_protected_reaches_no_model_not_even_by_way_of_a_ratio() -> None:
    protected = {definition.name for definition in FEATURES if definition.is_protected}
    assert protected == {"CODE_GENDER", "NAME_FAMILY_STATUS", "CNT_FAM_MEMBERS"}
    for name in MODEL_INPUTS:
        assert not protected.intersection(FEATURE_BY_NAME[name].sources), name


def test_who_is_on_maternity_leave_is_to_a_model_as_if_it_had_not_been_stated() -> None:
    on_leave, silent, working = (
        application_features(encode([row_with(NAME_INCOME_TYPE=stated)]))
        for stated in ("Maternity leave", None, "Working")
    )
    assert on_leave.tobytes() == silent.tobytes() != working.tobytes()
    assert not np.isnan(encode([row_with(NAME_INCOME_TYPE="Maternity leave")])).all()


def test_feature_names_are_unique_and_each_says_what_it_is() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURES)
    for definition in FEATURES:
        assert definition.description
        assert definition.null_rule
        assert set(definition.sources) <= set(COLUMNS)
        assert definition.unit or definition.categories


def test_the_digest_of_definitions_changes_with_their_order() -> None:
    assert definitions_digest(FEATURES) == definitions_digest(tuple(FEATURES))
    assert definitions_digest(FEATURES) != definitions_digest(FEATURES[::-1])
