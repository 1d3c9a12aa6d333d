"""What can go wrong on the way from files to a promoted model, by what the caller does next.

TrainingError
├── Rejected               the input is at fault: a retry changes nothing
│   ├── BadApplicationsFile    a file of applications that cannot be trained on
│   ├── TooFewApplicants       too few of a class in a part
│   ├── BadOutcomes            an archive of outcomes that cannot be trained on
│   │   ├── NoOutcomes             none has matured in the period
│   │   └── TooFewOutcomes         too few of a class to hold the newest out
│   ├── SnapshotUnusable       a feature snapshot that is not there, or of another code
│   ├── LeakSuspected          a feature knows the outcome too well to be true
│   ├── UnknownVersion         no such version of the registered model
│   ├── NeverProduction        a version that cannot be gone back to
│   └── GatesNotPassed         the version must not become Production
└── Unavailable            something outside is away: retry later
    ├── RegistryUnavailable    MLflow did not answer
    ├── StudyUnavailable       the study's database did not answer
    ├── TuningInterrupted      somebody stopped it; the study is kept and goes on with the next run
    ├── PromotionUnderWay      somebody else promotes the model at this moment
    ├── PromotionNotPublished  Kafka did not take the promotion
    └── PipelineNotNotified    the delivery pipeline did not take the news of a promotion
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class TrainingError(Exception):
    """Anything that goes wrong in training and has a name; the message says how to mend it."""


class Rejected(TrainingError):
    """The input breaks a rule. Trying again changes nothing."""


class BadApplicationsFile(Rejected):
    """A file of applications that cannot be trained on; the message names file, column and rule."""


class TooFewApplicants(Rejected):
    """There are not enough applicants of both classes to divide."""


class BadOutcomes(Rejected):
    """An archive of outcomes that cannot be trained on; the message names file and rule."""


class NoOutcomes(BadOutcomes):
    """No outcome has matured in the period that was asked for."""


class TooFewOutcomes(BadOutcomes):
    """There are not enough outcomes of both classes to hold out the newest of them."""


class SnapshotUnusable(Rejected, LookupError):
    """The feature store does not have the snapshot, or its features are not this code's."""


class LeakSuspected(Rejected):
    """One feature alone tells who defaults; `features` names them with their AUC."""

    def __init__(self, features: Mapping[str, float]) -> None:
        named = ", ".join(f"{name} (AUC {auc:.3f})" for name, auc in features.items())
        super().__init__(
            f"{named}: a feature that by itself tells who defaults was probably written after the fact;"
            " leave it out, or train with --allow-leak if you know better"
        )
        self.features = dict(features)


class UnknownVersion(Rejected):
    """The registered model has no such version."""


class NeverProduction(Rejected):
    """The version has not decided yet: there is nothing to go back to, and no gate was asked about it."""

    def __init__(self, version: str) -> None:
        super().__init__(
            f"version {version} has never been Production, so its gates were not asked; to let it decide:"
            f" scorestream promote {version}"
        )


class AlreadyReplaced(Rejected):
    """The version was Production before, and somebody put another in its place."""

    def __init__(self, version: str) -> None:
        super().__init__(
            f"version {version} was Production and has been replaced, so it is not promoted again; to go back"
            f" to it: scorestream rollback {version}"
        )


class GatesNotPassed(Rejected):
    """The version must not become Production; `failed` says which gates it did not pass."""

    def __init__(self, version: str, failed: Sequence[str]) -> None:
        super().__init__(f"version {version} is not promoted: {'; '.join(failed)}")
        self.failed = tuple(failed)


class Unavailable(TrainingError):
    """Something outside the process did not answer. Trying again may help."""


class RegistryUnavailable(Unavailable):
    """MLflow did not answer."""


class StudyUnavailable(Unavailable):
    """The database that holds the tuning study did not answer."""


class TuningInterrupted(Unavailable):
    """Tuning was stopped; finished trials are kept, and the same command goes on from them."""


class PromotionUnderWay(Unavailable):
    """Somebody else promotes the same model at this moment, or has just done so."""


class PromotionNotPublished(Unavailable):
    """Kafka did not acknowledge the promotion; promoting the same version again mends it."""


class PipelineNotNotified(Unavailable):
    """The delivery pipeline was not told; the promotion itself stands."""
