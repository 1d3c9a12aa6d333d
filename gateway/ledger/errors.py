"""What can go wrong in the ledger, by what the caller should do next.

LedgerError
├── Rejected                  never retried
│   ├── UnreadableRecord          a record that says nothing the ledger can keep; counted, passed over
│   └── UnsupportedDatabase       LEDGER_DATABASE_URL names what the ledger can't run on
└── Unavailable               retry
    ├── StorageUnavailable        the database is down, full or not made yet
    ├── LogUnavailable            Kafka does not answer, or a topic is not there
    ├── LogShrunk                 the log is shorter than what the ledger has read: an operator must look
    ├── Superseded                another writer moved on in this database: read its offsets, go on there
    └── Behind                    the ledger has not read far enough yet to say
"""

from __future__ import annotations


class LedgerError(Exception):
    """Anything the ledger raises on purpose."""


class Rejected(LedgerError):
    """The same input fails every time."""


class UnreadableRecord(Rejected):
    """A record without an application id, or a prediction that is not one."""


class UnsupportedDatabase(Rejected):
    """Neither a SQLite file nor PostgreSQL by psycopg."""


class Unavailable(LedgerError):
    """The same may succeed later."""


class StorageUnavailable(Unavailable):
    """The database did not do it; nothing of the transaction is there."""


class LogUnavailable(Unavailable):
    """Kafka does not answer, or a topic does not exist yet."""


class LogShrunk(Unavailable):
    """The ledger's offset is past the end of the log: the topic was made anew, or the log lost its tail."""


class Superseded(Unavailable):
    """The stored offsets are not the ones this writer left."""


class Behind(Unavailable):
    """What was in the log at the time of the question is not in the database yet."""
