"""How an application gets its id.

Identity is (lane, application id). Ids made here are UUIDs in their canonical text form; a
producer may also bring an id of its own in the `application-id` header.
"""

from __future__ import annotations

import secrets
import time
import uuid
from typing import Final

#: Namespace of every UUIDv5 of the platform. Changing it changes every derived id: never do.
NAMESPACE: Final = uuid.UUID("6f0e6f6c-64f4-5d57-9a53-3a1f2c1f7f3e")
#: Whose applications are those that come without an API key, while keys are off.
LOCAL_CLIENT: Final = "local"


def fresh_application_id() -> str:
    """A UUIDv7: unique, and sorted by the millisecond of its making (RFC 9562, section 5.7)."""
    unix_ms = time.time_ns() // 1_000_000
    random_bits = secrets.randbits(74)
    value = (unix_ms & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76
    value |= (random_bits >> 62) << 64
    value |= 0b10 << 62
    value |= random_bits & 0x3FFF_FFFF_FFFF_FFFF
    return str(uuid.UUID(int=value))


def application_id_for_key(*, client_id: str, idempotency_key: str, applicant_id: int) -> str:
    """The id of every request that this client sends with this key for this applicant: a UUIDv5."""
    return str(uuid.uuid5(NAMESPACE, f"key\x1f{client_id}\x1f{idempotency_key}\x1f{applicant_id}"))


def application_id_for_record(topic: str, partition: int, offset: int) -> str:
    """The id of a record whose producer sent none: a UUIDv5, so that a redelivery has the same."""
    return str(uuid.uuid5(NAMESPACE, f"record\x1f{topic}\x1f{partition}\x1f{offset}"))


def application_id_for_row(batch_id: str, row: int) -> str:
    """The id of a row of a file that is sent as a batch: a UUIDv5, so that sending it again is the same."""
    return str(uuid.uuid5(NAMESPACE, f"row\x1f{batch_id}\x1f{row}"))
