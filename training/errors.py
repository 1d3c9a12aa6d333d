"""What can go wrong on the way from files to a promoted model, by what the caller does next.

TrainingError
├── Rejected               the input is at fault: a retry changes nothing
│   ├── BadApplicationsFile    a file of applications that cannot be trained on
│   ├── UnknownVersion         no such version of the registered model
│   └── GatesNotPassed         the version must not become Production
└── Unavailable            something outside is away: retry later
    ├── RegistryUnavailable    MLflow did not answer
    └── PromotionNotPublished  Kafka did not take the promotion
"""

from __future__ import annotations

from collections.abc import Sequence


class TrainingError(Exception):
    """Anything that goes wrong in training and has a name; the message says how to mend it."""


class Rejected(TrainingError):
    """The input breaks a rule. Trying again changes nothing."""


class BadApplicationsFile(Rejected):
    """A file of applications that cannot be trained on; the message names file, column and rule."""


class UnknownVersion(Rejected):
    """The registered model has no such version."""


class GatesNotPassed(Rejected):
    """The version must not become Production; `failed` says which gates it did not pass."""

    def __init__(self, version: str, failed: Sequence[str]) -> None:
        super().__init__(f"version {version} is not promoted: {'; '.join(failed)}")
        self.failed = tuple(failed)


class Unavailable(TrainingError):
    """Something outside the process did not answer. Trying again may help."""


class RegistryUnavailable(Unavailable):
    """MLflow did not answer."""


class PromotionNotPublished(Unavailable):
    """Kafka did not acknowledge the promotion; promoting the same version again mends it."""
