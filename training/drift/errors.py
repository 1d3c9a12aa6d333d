"""What keeps a drift run from saying anything.

DriftError (training.errors.TrainingError)
├── NoReference          the model in Production has none: train and promote one (rejected)
├── ArchiveUnreadable    the archive does not answer (unavailable)
└── ReportNotPublished   Kafka did not take the report; the run can be repeated (unavailable)
"""

from __future__ import annotations

from training.errors import Rejected, Unavailable


class NoReference(Rejected):
    """There is no model in Production, or no reference is stored with it."""


class ArchiveUnreadable(Unavailable):
    """The archive's store does not answer."""


class ReportNotPublished(Unavailable):
    """Kafka did not acknowledge the report."""
