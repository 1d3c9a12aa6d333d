"""What a feature is, said once for training, serving and whoever asks why.

A view (`feature_service.application` is the first) is a tuple of these in the order of its
matrix. This module knows no feature by name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

#: Every feature, in training too, so that no score depends on which side rounded.
DTYPE: Final = "float32"


@dataclass(frozen=True, slots=True)
class FeatureDefinition:
    """One column of a feature matrix.

    Attributes
    ----------
    unit
        What one step of the value is; empty for a category, whose value is a code.
    null_rule
        When the value is missing (NaN), in a sentence.
    sources
        The columns it is computed from: its lineage.
    categories
        For a category, the text of each code; a code is the position here.
    is_protected
        True for what must not move a decision (gender, family status and what gives it away).
        Such a feature is computed for the fairness report, never for a model by default.
    is_model_input
        True if models take it unless told otherwise.
    table
        The table its columns come from, as its file is named; several are joined by " + ".
    group
        Code of the reason (`feature_service.reason_groups`) that a history feature speaks through;
        empty for a feature of the application, whose groups the reason catalogue holds itself.
    entity
        Whom one value describes.
    """

    name: str
    unit: str
    null_rule: str
    description: str
    sources: tuple[str, ...]
    categories: tuple[str, ...] = ()
    is_protected: bool = False
    is_model_input: bool = True
    dtype: str = DTYPE
    table: str = "application"
    group: str = ""
    entity: str = "applicant"


def definitions_digest(definitions: Iterable[FeatureDefinition]) -> str:
    """SHA-256, hexadecimal, of names, order, types and categories: what a matrix's reader relies on."""
    digest = hashlib.sha256()
    for definition in definitions:
        digest.update(repr((definition.name, definition.dtype, definition.categories)).encode())
    return digest.hexdigest()
