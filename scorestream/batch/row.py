"""One application of a batch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """Its number in the batch from 0, its applicant, its JSON."""

    number: int
    applicant_id: int
    application: bytes
