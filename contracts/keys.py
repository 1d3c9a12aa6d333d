"""API keys: their form, and what a gateway keeps of one. The key itself is shown once and kept nowhere.

A key reads `ss_<key id>_<secret>`: the id finds the entry, the secret is compared by its hash. The
secret has 256 random bits, so a plain SHA-256 of it can't be searched; no slow hash is needed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

_FORM: Final = re.compile(r"ss_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class Scope(StrEnum):
    """What a key may do."""

    SCORE = "score"
    READ = "read"
    OUTCOMES = "outcomes"
    ADMIN = "admin"


class KeyEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A key as the keys file has it. Limits are per key and gateway process; None is no limit."""

    key_id: Annotated[str, Meta(pattern="^[0-9a-f]{12}$")]
    client_id: Annotated[str, Meta(pattern="^[ -~]{1,255}$")]
    secret_sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    scopes: frozenset[Scope]
    rate_per_s: Annotated[float, Meta(gt=0)] | None = None
    max_in_flight: Annotated[int, Meta(ge=1)] | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the key has the scope; an admin key has all."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


class KeysFile(msgspec.Struct, frozen=True):
    """The keys file: every key that is let in, each id once."""

    keys: tuple[KeyEntry, ...] = ()

    def __post_init__(self) -> None:
        ids = [entry.key_id for entry in self.keys]
        twice = sorted({key_id for key_id in ids if ids.count(key_id) > 1})
        if twice:
            raise ValueError(f"key id {', '.join(twice)} is there twice; revoke one or make a new key")


def new_key(client_id: str, scopes: frozenset[Scope]) -> tuple[str, KeyEntry]:
    """A fresh key, to be shown once, and its entry."""
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    entry = KeyEntry(key_id=key_id, client_id=client_id, secret_sha256=_hash(secret), scopes=scopes)
    return f"ss_{key_id}_{secret}", entry


def parse_key(key: str) -> tuple[str, str] | None:
    """Key id and secret of a key, or None when it has not the form of one."""
    found = _FORM.fullmatch(key)
    return None if found is None else (found[1], found[2])


def is_secret(entry: KeyEntry, secret: str) -> bool:
    """Whether `secret` is the entry's; takes the same time either way."""
    return hmac.compare_digest(_hash(secret), entry.secret_sha256)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
