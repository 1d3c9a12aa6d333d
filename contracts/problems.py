"""What is wrong with a submitted application or outcome, field by field.

Errors
------
InvalidApplication    rejected: the same bytes are refused every time (HTTP 422, or a dead letter)
InvalidOutcome        rejected: the same bytes are refused every time (HTTP 422)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from contracts.application_fields import FIELDS

#: The field name of a problem that concerns the document as a whole.
BODY: Final = "body"

MISSING: Final = "missing"
WRONG_TYPE: Final = "wrong_type"
OUT_OF_RANGE: Final = "out_of_range"
UNKNOWN_CATEGORY: Final = "unknown_category"
UNKNOWN_FIELD: Final = "unknown_field"
DUPLICATE_FIELD: Final = "duplicate_field"
NOT_FINITE: Final = "not_finite"
MALFORMED: Final = "malformed"

#: Every code a problem may carry; clients branch on them, so they are never renamed.
CODES: Final = (
    MISSING,
    WRONG_TYPE,
    OUT_OF_RANGE,
    UNKNOWN_CATEGORY,
    UNKNOWN_FIELD,
    DUPLICATE_FIELD,
    NOT_FINITE,
    MALFORMED,
)


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one field; `detail` says what would be right."""

    field: str
    code: str
    detail: str


class InvalidApplication(ValueError):
    """The bytes are not an application; `problems` names every reason, in document order.

    The text of the exception holds codes and the contract's own field names and nothing the
    applicant or client wrote, so it may be logged. `problems` may quote the client: answer with
    it, but don't log it.
    """

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        self.problems = problems
        super().__init__(", ".join(_loggable(problem) for problem in problems[:10]))


class InvalidOutcome(ValueError):
    """The bytes are not an outcome; `problems` names every reason and may quote the client: don't log it."""

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        self.problems = problems
        super().__init__(", ".join(problem.code for problem in problems))


_LOGGABLE: Final = frozenset((BODY, *(field.name for field in FIELDS)))


def _loggable(problem: FieldProblem) -> str:
    # Any other name is the client's text and could be anything, a person's name included.
    return f"{problem.code}: {problem.field}" if problem.field in _LOGGABLE else problem.code
