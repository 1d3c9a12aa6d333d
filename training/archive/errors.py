"""What keeps the archive from going on.

ArchiveError
├── Rejected              a person must look: a retry changes nothing
│   ├── LogShrunk             a topic ends before what is archived of it
│   └── AlreadyRunning        another process writes to this store
└── Unavailable           retried for ever, nothing is lost meanwhile
    ├── LogUnavailable        Kafka does not answer, or a topic is not there
    └── StoreUnavailable      the store does not take or give a file
"""

from __future__ import annotations


class ArchiveError(Exception):
    """Anything that stops the archive and has a name."""


class Rejected(ArchiveError):
    """The same start would fail again."""


class LogShrunk(Rejected):
    """The log ends before what was archived of it: a topic was made anew under its old name."""


class AlreadyRunning(Rejected):
    """Another process of this machine writes to the same store."""


class Unavailable(ArchiveError):
    """Trying again may help."""


class LogUnavailable(Unavailable):
    """Kafka does not answer, or has not the topic yet."""


class StoreUnavailable(Unavailable):
    """The store does not answer."""
