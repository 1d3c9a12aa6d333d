"""Faults planted in the protocol, by name.

The simulator has to find every one of them; what it does not find it cannot vouch for. Several stood in the
code until the simulator found them: they are marked.
"""

from __future__ import annotations

from dataclasses import replace

from tests.simulation import planted_in_gateway as gateway_faults
from tests.simulation import planted_in_scorer as scorer_faults
from tests.simulation.parts import TRUE, Parts

FAULTS: dict[str, Parts] = {
    "none": TRUE,
    "commit-before-publish": replace(TRUE, ownership=scorer_faults.CommitsBeforePublishing),
    "repeats-decided-again": replace(TRUE, worker=scorer_faults.DecidesRepeats),
    "copy-in-batch-decided": replace(TRUE, worker=scorer_faults.DecidesCopiesInABatch),
    "conflict-answered": replace(TRUE, worker=scorer_faults.AnswersConflicts),
    "dead-letter-dropped": replace(TRUE, worker=scorer_faults.DropsDeadLetters),
    "neighbours-put-aside": replace(TRUE, worker=scorer_faults.PutsNeighboursAside),
    "model-version-mixed": replace(TRUE, worker=scorer_faults.NamesTheFirstModel),
    "no-tail-read": replace(TRUE, ownership=scorer_faults.ReadsNoTail),
    "tail-too-short": replace(TRUE, ownership=scorer_faults.ReadsTooShortATail),
    "tail-by-the-clock": replace(TRUE, ownership=scorer_faults.ReadsByTheClock),
    "attempts-not-noted": replace(TRUE, ownership=scorer_faults.NotesNoAttempt),
    "note-left-behind": replace(TRUE, ownership=scorer_faults.LeavesTheNote),
    "guilt-presumed": replace(TRUE, ownership=scorer_faults.PresumesGuilt),
    "no-single-writer-check": replace(TRUE, publication=scorer_faults.ChecksNoOtherWriter),
    "forgotten-place-trusted": replace(TRUE, publication=scorer_faults.TrustsAForgottenPlace),
    "own-decision-answered": replace(TRUE, publication=scorer_faults.AnswersItsOwn),
    "reply-before-acknowledgement": replace(TRUE, publication=scorer_faults.AnswersBeforeTheAcknowledgement),
    "documents-swapped": replace(TRUE, replies=scorer_faults.SwapsDocuments),
    "reply-to-the-wrong-waiter": replace(TRUE, pending=gateway_faults.GivesRepliesToTheFirst),
    "other-bytes-joined": replace(TRUE, pending=gateway_faults.JoinsOtherBytes),
    "second-bytes-remembered": replace(
        TRUE, pending=gateway_faults.RemembersWhatCameSecond, submissions=gateway_faults.BelievesItself
    ),
    "first-bytes-own-for-ever": replace(TRUE, ledger=gateway_faults.KeepsTheFirstBytes),
    "lost-reply-awaited": replace(TRUE, submissions=gateway_faults.WaitsForALostReply),
    "last-decision-kept": replace(TRUE, ledger=gateway_faults.KeepsTheLastDecision),
    "failed-batch-skipped": replace(TRUE, scorer=scorer_faults.GoesOnAfterAFailedBatch),
}
#: Faults that show only where accidents meet: schedules where they do.
RARE: dict[str, tuple[int, ...]] = {
    "forgotten-place-trusted": (646, 973),
    "last-decision-kept": (3, 53),
    "note-left-behind": (99, 176),
    "own-decision-answered": (3, 53),
    "second-bytes-remembered": (362, 752),
}
#: Rarer still: no schedule is known that shows it since keyed requests wait for the ledger in their place.
SOUGHT = frozenset({"first-bytes-own-for-ever"})
