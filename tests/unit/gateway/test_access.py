"""Who is let in, for what, and how much of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from contracts.keys import KeysFile, Scope, new_key, parse_key
from gateway.access import Access
from gateway.errors import Forbidden, TooManyInFlight, TooManyRequests, Unauthenticated
from gateway.keys_file import BadKeysFile, read_keys


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def access_with(*scopes: Scope, **limits: float) -> tuple[Access, str, Clock]:
    """Access for one key, and the header that it is sent in."""
    key, entry = new_key("bank", frozenset(scopes))
    clock = Clock()
    access = Access("local", now=clock)
    access.replace(KeysFile((msgspec.structs.replace(entry, **limits),)))
    return access, f"Bearer {key}", clock


def test_without_a_keys_file_everybody_is_the_default_client_and_no_admin() -> None:
    access = Access("local", now=Clock())
    with access.admitted(None, Scope.SCORE) as client:
        assert (client.client_id, client.may_read_all) == ("local", False)


def test_a_key_lets_its_client_in() -> None:
    access, header, _ = access_with(Scope.SCORE)
    with access.admitted(header, Scope.SCORE) as client:
        assert client.client_id == "bank"


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer x", "Basic abc", "Bearer ss_000000000000_" + "A" * 43]
)
def test_no_key_or_a_strange_one_is_not_let_in(header: str | None) -> None:
    access, _, _ = access_with(Scope.SCORE)
    with pytest.raises(Unauthenticated), access.admitted(header, Scope.SCORE):
        pass


def test_the_right_key_id_with_another_secret_is_not_let_in() -> None:
    access, header, _ = access_with(Scope.SCORE)
    with pytest.raises(Unauthenticated), access.admitted(header[:-3] + "AAA", Scope.SCORE):
        pass


def test_a_key_may_do_what_its_scopes_say_and_no_more() -> None:
    access, header, _ = access_with(Scope.READ)
    with pytest.raises(Forbidden), access.admitted(header, Scope.SCORE):
        pass


def test_an_admin_key_may_do_everything_and_read_everybody() -> None:
    access, header, _ = access_with(Scope.ADMIN)
    with access.admitted(header, Scope.SCORE) as client:
        assert client.may_read_all


def test_a_revoked_key_is_shut_out_at_once() -> None:
    access, header, _ = access_with(Scope.SCORE)
    access.replace(KeysFile(()))
    with pytest.raises(Unauthenticated), access.admitted(header, Scope.SCORE):
        pass


def test_a_key_over_its_rate_waits_for_its_tokens() -> None:
    access, header, clock = access_with(Scope.SCORE, rate_per_s=2.0)
    for _ in range(2):
        with access.admitted(header, Scope.SCORE):
            pass
    with pytest.raises(TooManyRequests), access.admitted(header, Scope.SCORE):
        pass
    clock.now += 0.5
    with access.admitted(header, Scope.SCORE):
        pass


def test_a_key_that_may_send_one_request_in_ten_seconds_may_send_it() -> None:
    access, header, clock = access_with(Scope.SCORE, rate_per_s=0.1)
    with access.admitted(header, Scope.SCORE):
        pass
    clock.now += 9
    with pytest.raises(TooManyRequests), access.admitted(header, Scope.SCORE):
        pass
    clock.now += 1.1
    with access.admitted(header, Scope.SCORE):
        pass


def test_tokens_do_not_gather_while_a_key_is_silent() -> None:
    access, header, clock = access_with(Scope.SCORE, rate_per_s=2.0)
    clock.now += 3_600
    for _ in range(2):
        with access.admitted(header, Scope.SCORE):
            pass
    with pytest.raises(TooManyRequests), access.admitted(header, Scope.SCORE):
        pass


def test_a_request_that_breaks_is_under_way_no_more() -> None:
    access, header, _ = access_with(Scope.SCORE, max_in_flight=1)
    with pytest.raises(LookupError), access.admitted(header, Scope.SCORE):
        raise LookupError
    with access.admitted(header, Scope.SCORE):
        pass


def test_limits_in_use_outlive_a_change_of_the_file() -> None:
    key, entry = new_key("bank", frozenset({Scope.SCORE}))
    limited = KeysFile((msgspec.structs.replace(entry, rate_per_s=1.0),))
    access = Access("local", now=Clock())
    access.replace(limited)
    with access.admitted(f"Bearer {key}", Scope.SCORE):
        pass
    access.replace(limited)
    with pytest.raises(TooManyRequests), access.admitted(f"Bearer {key}", Scope.SCORE):
        pass


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret_sha256": "é" * 64},
        {"secret_sha256": "hunter2"},
        {"key_id": "one"},
        {"client_id": ""},
        {"scopes": ["everything"]},
        {"rate_per_s": 0},
        {"max_in_flight": 0},
    ],
    ids=str,
)
def test_a_keys_file_with_a_wrong_entry_is_refused_and_the_field_is_named(
    tmp_path: Path, wrong: dict[str, object]
) -> None:
    _, entry = new_key("bank", frozenset({Scope.SCORE}))
    file = tmp_path / "keys.json"
    file.write_bytes(msgspec.json.encode({"keys": [{**msgspec.to_builtins(entry), **wrong}]}))
    with pytest.raises(BadKeysFile, match=next(iter(wrong))):
        read_keys(file)


def test_a_keys_file_with_one_id_twice_is_refused(tmp_path: Path) -> None:
    _, entry = new_key("bank", frozenset({Scope.SCORE}))
    file = tmp_path / "keys.json"
    file.write_bytes(msgspec.json.encode({"keys": [msgspec.to_builtins(entry)] * 2}))
    with pytest.raises(BadKeysFile, match="twice"):
        read_keys(file)


def test_a_key_has_no_more_requests_under_way_than_it_may() -> None:
    access, header, _ = access_with(Scope.SCORE, max_in_flight=1)
    with (
        access.admitted(header, Scope.SCORE),
        pytest.raises(TooManyInFlight),
        access.admitted(header, Scope.SCORE),
    ):
        pass
    with access.admitted(header, Scope.SCORE):
        pass


def test_the_file_of_a_key_holds_nothing_of_its_secret() -> None:
    key, entry = new_key("bank", frozenset({Scope.SCORE}))
    parsed = parse_key(key)
    assert parsed is not None
    assert parsed[1] not in msgspec.json.encode(entry).decode()
