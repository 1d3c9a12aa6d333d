"""Verdicts for a micro-batch, where an application that breaks deciding takes no neighbour along."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence

import structlog

from contracts.application import Application
from contracts.errors import DeadLetterReason
from scorer.decide import History, Verdict, decide
from scorer.intake import Accepted, Rejected
from scorer.model import ServingModel
from scorer.pair import ModelInUse

log = structlog.get_logger()

#: One verdict per application, in their order: `scorer.decide.decide`, or a stand-in for it.
Decide = Callable[[Sequence[Application], ServingModel, History | None], list[Verdict]]


def verdicts(
    accepted: Sequence[Accepted], model: ModelInUse, *, decide: Decide = decide
) -> tuple[list[tuple[Accepted, Verdict]], list[Rejected]]:
    """The verdicts in order, and what could not be decided."""
    if not accepted:
        return [], []
    try:
        return list(zip(accepted, _decided(accepted, model, decide), strict=True)), []
    except Exception as error:
        log.error(
            "a micro-batch could not be decided at once; trying its applications one by one",
            **_without_words(error),
        )
    found: list[tuple[Accepted, Verdict]] = []
    failed: list[Rejected] = []
    for one in accepted:
        try:
            found.append((one, _decided([one], model, decide)[0]))
        except Exception as error:
            log.error("scoring failed", application_id=one.application_id, **_without_words(error))
            failed.append(_scoring_failed(one, error))
    return found, failed


def _decided(accepted: Sequence[Accepted], model: ModelInUse, decide: Decide) -> list[Verdict]:
    return decide([one.application for one in accepted], model.serving, model.snapshot)


def _scoring_failed(one: Accepted, error: Exception) -> Rejected:
    return Rejected(
        one.record,
        one.application_id,
        one.reply_to,
        DeadLetterReason.SCORING_FAILED,
        f"scoring raised {type(error).__name__}; the scorer's log has it under this id",
    )


def _without_words(error: Exception) -> dict[str, str]:
    """What an error was and where: its message may quote the applicant and stays out of the log."""
    return {"error": type(error).__name__, "where": "".join(traceback.format_tb(error.__traceback__))}
