"""The application view: features that one application yields by itself, before any history.

The scorer calls it with the rows of a micro-batch, training with a whole table; both get the same
bits. Knows no JSON, no CSV, no client.

Two steps. `encode` turns contract rows into numbers without judging them; `application_features`
does what credit people would do with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from contracts.application import Value
from contracts.application_fields import FIELDS
from contracts.fields import Field, Kind
from feature_service.definitions import FeatureDefinition
from feature_service.ratios import COMPOUNDS, QUOTIENTS, Columns

Encoded = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32]

#: "About a thousand years": how the source system writes a day that never was.
SENTINEL_DAYS: Final = 365_243
NOT_EMPLOYED: Final = "IS_NOT_EMPLOYED"

#: Computed for the fairness report only. The household's size is here because together with the
#: number of children it tells whether the applicant lives as a couple.
PROTECTED: Final = frozenset({"CODE_GENDER", "NAME_FAMILY_STATUS", "CNT_FAM_MEMBERS"})
#: Categories that every feature takes for "not stated", for the same reason: who is on maternity leave.
PROTECTED_CATEGORIES: Final = {"NAME_INCOME_TYPE": "Maternity leave"}
#: When somebody applies says nothing of what they owe; such a reason could not be explained to them.
_NO_MODEL_INPUT: Final = frozenset({"WEEKDAY_APPR_PROCESS_START", "HOUR_APPR_PROCESS_START"})

#: Rows per pass: small enough to stay in the processor's cache.
_BLOCK_ROWS: Final = 4096

_FEATURE_FIELDS: Final = tuple(field for field in FIELDS if field.name != "SK_ID_CURR")
_BASE: Final = np.array([index for index, field in enumerate(FIELDS) if field.name != "SK_ID_CURR"])
_POSITION: Final = {field.name: index for index, field in enumerate(_FEATURE_FIELDS)}
_DAYS: Final = np.array([index for name, index in _POSITION.items() if name.startswith("DAYS_")])
_NUMERATORS: Final = np.array([_POSITION[quotient.numerator] for quotient in QUOTIENTS])
_DENOMINATORS: Final = np.array([_POSITION[quotient.denominator] for quotient in QUOTIENTS])
_CODES: Final[tuple[tuple[int, dict[Value, float]], ...]] = tuple(
    (index, {category: float(code) for code, category in enumerate(field.categories)})
    for index, field in enumerate(FIELDS)
    if field.kind is Kind.CATEGORY
)
_PROTECTED_CODES: Final = tuple(
    (_POSITION[name], float(_FEATURE_FIELDS[_POSITION[name]].categories.index(category)))
    for name, category in PROTECTED_CATEGORIES.items()
)


def _of_field(field: Field) -> FeatureDefinition:
    or_sentinel = " or 365243" if field.name.startswith("DAYS_") else ""
    or_protected = f", or {PROTECTED_CATEGORIES[field.name]}" if field.name in PROTECTED_CATEGORIES else ""
    return FeatureDefinition(
        name=field.name,
        unit=field.unit,
        null_rule=f"missing when not stated{or_sentinel}{or_protected}",
        description=field.meaning,
        sources=(field.name,),
        categories=field.categories,
        is_protected=field.name in PROTECTED,
        is_model_input=field.name not in PROTECTED | _NO_MODEL_INPUT,
    )


FEATURES: Final[tuple[FeatureDefinition, ...]] = (
    *(_of_field(field) for field in _FEATURE_FIELDS),
    *(
        FeatureDefinition(
            name=quotient.name,
            unit=quotient.unit,
            null_rule="missing when one of its columns is, or when the divisor is 0",
            description=quotient.description,
            sources=(quotient.numerator, quotient.denominator),
        )
        for quotient in QUOTIENTS
    ),
    FeatureDefinition(
        name=NOT_EMPLOYED,
        unit="flag",
        null_rule="never missing",
        description="1 if the applicant stated to have no job (DAYS_EMPLOYED is 365243)",
        sources=("DAYS_EMPLOYED",),
    ),
    *(
        FeatureDefinition(
            name=compound.name,
            unit=compound.unit,
            null_rule=compound.null_rule,
            description=compound.description,
            sources=compound.sources,
        )
        for compound in COMPOUNDS
    ),
)
FEATURE_NAMES: Final = tuple(feature.name for feature in FEATURES)
FEATURE_BY_NAME: Final = {feature.name: feature for feature in FEATURES}
#: Features whose values are codes: a higher one is not more of anything. The history has numbers only.
CATEGORY_NAMES: Final = frozenset(feature.name for feature in FEATURES if feature.categories)
#: What a model is given unless told otherwise.
MODEL_INPUTS: Final = tuple(feature.name for feature in FEATURES if feature.is_model_input)


def encode(rows: Sequence[tuple[Value, ...]]) -> Encoded:
    """Contract rows as numbers, `(n_rows, n_columns)` in the order of the contract's `COLUMNS`.

    A category becomes its position in the field's categories. None, and a category that the
    contract does not know, become NaN. 365243 stays: the features need to see it.
    """
    encoded = []
    for row in rows:
        values = list(row)
        for index, codes in _CODES:
            values[index] = codes.get(values[index])
        encoded.append(values)
    return np.array(encoded, dtype=np.float64).reshape(len(encoded), len(FIELDS))


def application_features(columns: Encoded) -> Features:
    """The features of encoded rows, `(n_rows, n_features)` in the order of `FEATURES`.

    Missing is NaN, always the same NaN, so that equal features have equal bytes. Nothing is ever
    infinite: a division by 0, and what float32 cannot hold, is missing.
    """
    features = np.empty((len(columns), len(FEATURES)), dtype=np.float32)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        for start in range(0, len(columns), _BLOCK_ROWS):
            _fill(features[start : start + _BLOCK_ROWS], columns[start : start + _BLOCK_ROWS])
    return features


def _fill(features: Features, columns: Encoded) -> None:
    base = columns[:, _BASE]
    days = base[:, _DAYS]
    is_sentinel = days == SENTINEL_DAYS
    is_not_employed = base[:, _POSITION["DAYS_EMPLOYED"]] == SENTINEL_DAYS
    days[is_sentinel] = np.nan
    base[:, _DAYS] = days
    for index, code in _PROTECTED_CODES:
        base[base[:, index] == code, index] = np.nan
    divisors = base[:, _DENOMINATORS]
    divisors[divisors == 0.0] = np.nan

    width = base.shape[1]
    features[:, :width] = base
    features[:, width : width + len(QUOTIENTS)] = base[:, _NUMERATORS] / divisors
    width += len(QUOTIENTS)
    features[:, width] = is_not_employed
    named = Columns(base, _POSITION)
    for index, compound in enumerate(COMPOUNDS, width + 1):
        features[:, index] = compound.of(named)
    # The sign and payload of a computed NaN depend on the processor's path; hashes must not.
    features[~np.isfinite(features)] = np.nan
