"""What can go wrong while deciding, by what the caller does next.

ScorerError
├── Rejected          the input is at fault: never retried
│   ├── BundleRefused     a model bundle that must not decide; `reason` says which rule it broke
│   ├── DoesNotFit        a model and a snapshot that can't decide together; the pair in use goes on
│   └── NotCompilable     trees that the kernel can't take; LightGBM walks them instead
└── Unavailable       something outside is away: retry later
    ├── BundleUnavailable   the promoted bundle can't be had now; the model in use goes on
    ├── SnapshotUnavailable the published snapshot can't be had now; the one in use goes on
    └── NoModel             nothing was promoted yet; nothing is read before something is
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Refusal(StrEnum):
    """Why a bundle is refused. A closed list: a metric's label, and what an operator searches for."""

    MISSING_FILE = "missing-file"
    UNKNOWN_FILE = "unknown-file"
    PICKLE_INSIDE = "pickle-inside"
    TOO_LARGE = "too-large"
    TRUNCATED = "truncated"
    DIGEST_MISMATCH = "digest-mismatch"
    HASH_MISMATCH = "hash-mismatch"
    UNSUPPORTED_FORMAT = "unsupported-format"
    MALFORMED_MANIFEST = "malformed-manifest"
    UNKNOWN_FEATURE = "unknown-feature"
    DUPLICATE_FEATURE = "duplicate-feature"
    WRONG_DTYPE = "wrong-dtype"
    CATEGORIES_CHANGED = "categories-changed"
    FEATURES_DIFFER = "features-differ"
    BAD_CALIBRATOR = "bad-calibrator"
    BAD_CUT_OFFS = "bad-cut-offs"
    BAD_POINTS = "bad-points"
    BAD_REASONS = "bad-reasons"
    BAD_STRUCTURE = "bad-structure"
    UNKNOWN_OBJECTIVE = "unknown-objective"
    LINEAR_TREES = "linear-trees"
    NOT_FINITE = "not-finite"
    MALFORMED_GOLDEN = "malformed-golden"
    CONSTANT_OUTPUT = "constant-output"
    GOLDEN_MISMATCH = "golden-mismatch"
    TOO_SLOW = "too-slow"
    CRASHED_LOADER = "crashed-loader"
    DOES_NOT_FIT = "does-not-fit"

    @property
    def is_damage(self) -> bool:
        """Whether bytes that have changed on a disk show as this: fetching the bundle anew may mend it."""
        return self in _DAMAGE


#: What is asked before a bundle's hashes have been found right.
_DAMAGE: Final = frozenset(
    {
        Refusal.MISSING_FILE,
        Refusal.UNKNOWN_FILE,
        Refusal.PICKLE_INSIDE,
        Refusal.TOO_LARGE,
        Refusal.TRUNCATED,
        Refusal.DIGEST_MISMATCH,
        Refusal.HASH_MISMATCH,
    }
)


class ScorerError(Exception):
    """Anything that goes wrong in the scorer and has a name."""


class Rejected(ScorerError):
    """The input breaks a rule. Trying again changes nothing."""


class BundleRefused(Rejected):
    """This bundle must not decide; the model in use goes on."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class DoesNotFit(Rejected):
    """A model uses features that the mapped snapshot lacks; it waits for another one."""


class NotCompilable(Rejected):
    """The kernel can't take these trees, or does not get what LightGBM gets from them."""


class Unavailable(ScorerError):
    """Something outside the process did not answer. Trying again may help."""


class BundleUnavailable(Unavailable):
    """The bundle can't be fetched now."""


class SnapshotUnavailable(Unavailable):
    """The snapshot can't be fetched now."""


class NoModel(Unavailable):
    """There is no model to decide with yet."""


class LogTruncated(Unavailable):
    """The prediction stream is shorter than it was: what this process knows of it is wrong."""


class TopicsUnfit(Unavailable):
    """A topic that this process writes to is not there, or has too few partitions."""
