"""Who may do what, and how much of it: keys, scopes, rate and requests in flight. Pure but for a clock.

Called by `gateway.routes` before anything else is looked at. While no keys file is set, everybody is the
default client with every scope but `admin`, which is for one machine only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from contracts.keys import KeyEntry, KeysFile, Scope, is_secret, parse_key
from gateway.errors import Forbidden, TooManyInFlight, TooManyRequests, Unauthenticated

_BEARER = "bearer "
#: Compared against when the key id is unknown, so that unknown and wrong take the same time.
_NOBODY = KeyEntry(key_id="", client_id="", secret_sha256="0" * 64, scopes=frozenset())


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks. `may_read_all` is an admin's."""

    client_id: str
    may_read_all: bool = False


class _Use:
    """What a key used of its limits: a token bucket of one second's size, and requests in flight."""

    def __init__(self, now: float, rate_per_s: float | None) -> None:
        self.tokens = _bucket(rate_per_s or 0.0)
        self.filled_at = now
        self.in_flight = 0


class Access:
    """The keys of one gateway. `replace` swaps them at once; limits in use go on by key id."""

    def __init__(self, default_client_id: str, *, now: Callable[[], float]) -> None:
        self._default = Client(default_client_id)
        self._entries: dict[str, KeyEntry] | None = None
        self._uses: dict[str, _Use] = {}
        self._now = now

    @property
    def is_on(self) -> bool:
        """Whether keys are asked for."""
        return self._entries is not None

    def replace(self, keys: KeysFile) -> None:
        """Let in `keys` and no others from here on."""
        self._entries = {entry.key_id: entry for entry in keys.keys}
        self._uses = {key_id: use for key_id, use in self._uses.items() if key_id in self._entries}

    @contextmanager
    def admitted(self, authorization: str | None, scope: Scope) -> Iterator[Client]:
        """The client, counted as in flight while the block lasts.

        Raises Unauthenticated, Forbidden, TooManyRequests or TooManyInFlight.
        """
        if self._entries is None:
            yield self._default
            return
        entry = self._entry(authorization)
        if not entry.may(scope):
            raise Forbidden(f"this key may not {scope.value}; it may: {', '.join(sorted(entry.scopes))}")
        use = self._uses.setdefault(entry.key_id, _Use(self._now(), entry.rate_per_s))
        self._require_limits(entry, use)
        use.in_flight += 1
        try:
            yield Client(entry.client_id, Scope.ADMIN in entry.scopes)
        finally:
            use.in_flight -= 1

    def _entry(self, authorization: str | None) -> KeyEntry:
        if authorization is None or not authorization.lower().startswith(_BEARER):
            raise Unauthenticated("send your API key: Authorization: Bearer ss_…")
        parsed = parse_key(authorization[len(_BEARER) :].strip())
        key_id, secret = parsed or ("", "")
        entry = (self._entries or {}).get(key_id, _NOBODY)
        if not is_secret(entry, secret) or entry is _NOBODY:
            raise Unauthenticated("this API key is not known here; it may have been rotated")
        return entry

    def _require_limits(self, entry: KeyEntry, use: _Use) -> None:
        if entry.max_in_flight is not None and use.in_flight >= entry.max_in_flight:
            raise TooManyInFlight(
                f"this key has {entry.max_in_flight} requests under way, which is its limit"
            )
        if entry.rate_per_s is None:
            return
        now = self._now()
        earned = (now - use.filled_at) * entry.rate_per_s
        use.tokens = min(_bucket(entry.rate_per_s), use.tokens + earned)
        use.filled_at = now
        if use.tokens < 1:
            raise TooManyRequests(f"this key may send {entry.rate_per_s:g} requests a second")
        use.tokens -= 1


def _bucket(rate_per_s: float) -> float:
    """Most tokens that gather: a second's, and one for who may send less than one a second."""
    return max(1.0, rate_per_s)
