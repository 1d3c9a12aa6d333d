"""What is expected of application_train and application_test.

Columns, bounds and categories are the application's contract; added here is how often a column is
usually missing and what holds between columns.
"""

from __future__ import annotations

from typing import Final

from contracts.application_fields import BUILDING_MEASURES, FIELDS
from contracts.fields import Field, Kind
from feature_service.quality.vocabulary import (
    NO_DAY,
    Column,
    Key,
    Rule,
    TableSuite,
    at_most,
    count,
    identifier,
    missing_together,
)

ENQUIRIES: Final = tuple(
    f"AMT_REQ_CREDIT_BUREAU_{window}" for window in ("HOUR", "DAY", "WEEK", "MON", "QRT", "YEAR")
)
_HOUSING_MISSING: Final = {
    "APARTMENTS": 0.507, "BASEMENTAREA": 0.585, "YEARS_BEGINEXPLUATATION": 0.488, "YEARS_BUILD": 0.665,
    "COMMONAREA": 0.699, "ELEVATORS": 0.533, "ENTRANCES": 0.503, "FLOORSMAX": 0.498, "FLOORSMIN": 0.678,
    "LANDAREA": 0.594, "LIVINGAPARTMENTS": 0.684, "LIVINGAREA": 0.502, "NONLIVINGAPARTMENTS": 0.694,
    "NONLIVINGAREA": 0.552,
}  # fmt: skip
#: Usual share of missing values: the larger of both tables. What is not named is always there.
MISSING: Final[dict[str, float]] = {
    "AMT_ANNUITY": 0.001, "AMT_GOODS_PRICE": 0.001, "NAME_TYPE_SUITE": 0.019, "OWN_CAR_AGE": 0.663,
    "OCCUPATION_TYPE": 0.32, "CNT_FAM_MEMBERS": 0.001, "EXT_SOURCE_1": 0.564, "EXT_SOURCE_2": 0.003,
    "EXT_SOURCE_3": 0.198, "FONDKAPREMONT_MODE": 0.684, "HOUSETYPE_MODE": 0.502, "TOTALAREA_MODE": 0.483,
    "WALLSMATERIAL_MODE": 0.508, "EMERGENCYSTATE_MODE": 0.474, "OBS_30_CNT_SOCIAL_CIRCLE": 0.004,
    "DEF_30_CNT_SOCIAL_CIRCLE": 0.004, "OBS_60_CNT_SOCIAL_CIRCLE": 0.004, "DEF_60_CNT_SOCIAL_CIRCLE": 0.004,
    "DAYS_LAST_PHONE_CHANGE": 0.001,
    **dict.fromkeys(ENQUIRIES, 0.135),
    **{
        f"{stem}_{suffix}": share
        for stem, share in _HOUSING_MISSING.items() for suffix in ("AVG", "MODE", "MEDI")
    },
}  # fmt: skip

RULES: Final = (
    Rule(
        "not employed",
        f"DAYS_EMPLOYED is {NO_DAY} exactly when ORGANIZATION_TYPE is XNA",
        ("DAYS_EMPLOYED", "ORGANIZATION_TYPE"),
        holds=f"(DAYS_EMPLOYED = {NO_DAY}) = (ORGANIZATION_TYPE = 'XNA')",
        tolerated=0.001,
        refused=0.05,
    ),
    Rule(
        "no car",
        "OWN_CAR_AGE is missing exactly when FLAG_OWN_CAR is N",
        ("OWN_CAR_AGE", "FLAG_OWN_CAR"),
        holds="(OWN_CAR_AGE IS NULL) = (FLAG_OWN_CAR = 'N')",
        tolerated=0.001,
        refused=0.05,
    ),
    Rule(
        "household",
        "CNT_FAM_MEMBERS is CNT_CHILDREN plus the applicant plus a partner where NAME_FAMILY_STATUS has one",
        ("CNT_FAM_MEMBERS", "CNT_CHILDREN", "NAME_FAMILY_STATUS"),
        holds="CNT_FAM_MEMBERS = CNT_CHILDREN + 1"
        " + (NAME_FAMILY_STATUS IN ('Married', 'Civil marriage'))::INTEGER",
        tolerated=0.02,
    ),
    missing_together("bureau enquiries", *ENQUIRIES),
    Rule(
        "cash loan covers the goods",
        "AMT_CREDIT is at least AMT_GOODS_PRICE for cash loans",
        ("NAME_CONTRACT_TYPE", "AMT_CREDIT", "AMT_GOODS_PRICE"),
        when="NAME_CONTRACT_TYPE = 'Cash loans'",
        holds="AMT_CREDIT >= AMT_GOODS_PRICE",
        tolerated=0.05,
    ),
    Rule(
        "revolving annuity",
        "AMT_ANNUITY is 5 % of AMT_CREDIT for revolving loans",
        ("NAME_CONTRACT_TYPE", "AMT_CREDIT", "AMT_ANNUITY"),
        when="NAME_CONTRACT_TYPE = 'Revolving loans'",
        holds="abs(AMT_ANNUITY - 0.05 * AMT_CREDIT) <= 1",
        tolerated=0.05,
    ),
    Rule(
        "annuity below credit",
        "AMT_ANNUITY is smaller than AMT_CREDIT",
        ("AMT_CREDIT", "AMT_ANNUITY"),
        holds="AMT_ANNUITY < AMT_CREDIT",
        tolerated=0.001,
        refused=0.05,
    ),
    Rule(
        "employed after birth",
        "DAYS_EMPLOYED is later than DAYS_BIRTH",
        ("DAYS_EMPLOYED", "DAYS_BIRTH"),
        holds="DAYS_EMPLOYED > DAYS_BIRTH",
        tolerated=0.001,
        refused=0.05,
    ),
    at_most("DEF_30_CNT_SOCIAL_CIRCLE", "OBS_30_CNT_SOCIAL_CIRCLE"),
    at_most("DEF_60_CNT_SOCIAL_CIRCLE", "OBS_60_CNT_SOCIAL_CIRCLE"),
    *(
        missing_together(f"building: {stem}", f"{stem}_AVG", f"{stem}_MODE", f"{stem}_MEDI", tolerated=0.01)
        for stem in BUILDING_MEASURES
    ),
)


def _column(field: Field) -> Column:
    if field.name == "SK_ID_CURR":
        return identifier(field.name)
    not_employed = field.name == "DAYS_EMPLOYED"
    return Column(
        field.name,
        field.kind,
        MISSING.get(field.name, 0.0),
        low=field.minimum,
        high=0 if not_employed else field.maximum,
        categories=field.categories,
        sentinel=NO_DAY if not_employed else None,
        has_to_vary=field.unit in {"currency", "day"} or field.name.startswith("EXT_SOURCE"),
    )


_COLUMNS: Final = tuple(_column(field) for field in FIELDS)
APPLICATION_TRAIN: Final = TableSuite(
    "application_train", (*_COLUMNS, count("TARGET", 1)), key=Key(("SK_ID_CURR",)), rules=RULES
)
APPLICATION_TEST: Final = TableSuite("application_test", _COLUMNS, key=Key(("SK_ID_CURR",)), rules=RULES)
#: What can hold a category in one of the two tables that the other has never seen.
CATEGORIES: Final = tuple(column.name for column in _COLUMNS if column.kind is Kind.CATEGORY)
