"""More than a thousand kinds of broken body, each with the fields that its answer must name.

Made from the contract's table of fields and from one good body; the hand-written kinds are those of
the contract's own tests.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass

from contracts.application_fields import FIELDS
from contracts.fields import Field, Kind
from tests.unit.contracts.bad_bodies import MINIMAL, NOT_AN_OBJECT, TEXT, WRONG_FIELDS, and_then, raw

#: What the answer names when the bytes as a whole are no application.
WHOLE_BODY = frozenset({"body"})
_SPECIAL = '{}[]:,"'


@dataclass(frozen=True, slots=True)
class BrokenBody:
    """`wrong` is every field name that the answer's `errors` must have, and nothing else."""

    kind: str
    body: bytes
    wrong: frozenset[str]


def broken_bodies() -> list[BrokenBody]:
    """All kinds; none of them twice."""
    made = itertools.chain(
        _hand_written(),
        *(_of_field(each) for each in FIELDS),
        _truncated(),
        _one_character_off(),
        _broken_text(),
        _several_at_once(),
    )
    return list({each.body: each for each in made}.values())


def _hand_written() -> Iterator[BrokenBody]:
    for kind, body in NOT_AN_OBJECT.items():
        yield BrokenBody(kind, body, WHOLE_BODY)
    for kind, (body, problems) in WRONG_FIELDS.items():
        yield BrokenBody(kind, body, frozenset(name for name, _ in problems))


def _of_field(field: Field) -> Iterator[BrokenBody]:
    wrong = frozenset({field.name})
    values = _bad_categories(field) if field.kind is Kind.CATEGORY else _bad_numbers(field)
    for value in (*values, "true", "[]", "{}", '[{"a": 1}]', '"\\ud800"', '""'):
        yield BrokenBody(f"{field.name}: {value[:40]}", raw(field.name, value), wrong)
    twice = json.dumps(MINIMAL.get(field.name))
    yield BrokenBody(
        f"{field.name} twice",
        and_then(f'"{field.name}": {twice}, "{field.name}": {twice}'),
        wrong,
    )
    misspelt = field.name.lower()
    yield BrokenBody(f"{misspelt} in lower case", raw(misspelt, "1"), frozenset({misspelt}))


def _bad_categories(field: Field) -> tuple[str, ...]:
    first = field.categories[0]
    return ("1", "-0", "1e999", "NaN", f'"{first} "', f'"{first.swapcase()}"', '"<script>"')


def _bad_numbers(field: Field) -> tuple[str, ...]:
    low, high = field.bounds
    odd = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e308", "-1e308", "9" * 400, "-" + "9" * 400)
    beyond = (str(low - 1), str(high + 1), '"1"', '"NaN"')
    # Minus zero is zero: only wrong where zero is.
    zero = ("-0", "-0.0", "0e0") if not low <= 0 <= high else ()
    return odd + beyond + zero + (("0.5",) if field.kind is Kind.INTEGER else ())


def _truncated() -> Iterator[BrokenBody]:
    text = TEXT.strip()
    for length in range(len(text)):
        yield BrokenBody(f"cut after {length} characters", text[:length].encode(), WHOLE_BODY)


def _one_character_off() -> Iterator[BrokenBody]:
    text = TEXT.strip()
    for at, character in enumerate(text):
        if character in _SPECIAL:
            yield BrokenBody(
                f"without {character} at {at}", (text[:at] + text[at + 1 :]).encode(), WHOLE_BODY
            )
            for other in _SPECIAL.replace(character, ""):
                broken = text[:at] + other + text[at + 1 :]
                yield BrokenBody(f"{other} for {character} at {at}", broken.encode(), WHOLE_BODY)


def _broken_text() -> Iterator[BrokenBody]:
    """Bytes that no JSON text may hold, in a value and in a name."""
    for byte in (*range(0x20), *range(0x80, 0x100)):
        value = raw("NAME_TYPE_SUITE", '"Fam\x01ily"').replace(b"\x01", bytes([byte]))
        yield BrokenBody(f"byte {byte:02x} in a text", value, WHOLE_BODY)
    for byte in range(0x80, 0x100):
        name = raw("na\x01me", "1").replace(b"\\u0001", b"\x01").replace(b"\x01", bytes([byte]))
        yield BrokenBody(f"byte {byte:02x} in a name", name, WHOLE_BODY)


def _several_at_once() -> Iterator[BrokenBody]:
    """Ten neighbouring fields wrong together, and each required field missing beside them."""
    optional = [each for each in FIELDS if not each.is_required]
    for start in range(0, len(optional), 10):
        chosen = optional[start : start + 10]
        fields = {**MINIMAL, **{each.name: {"an": "object"} for each in chosen}}
        names = frozenset(each.name for each in chosen)
        yield BrokenBody(f"ten wrong from {chosen[0].name}", json.dumps(fields).encode(), names)
        for missing in MINIMAL:
            rest = {name: value for name, value in fields.items() if name != missing}
            yield BrokenBody(
                f"ten wrong from {chosen[0].name} without {missing}",
                json.dumps(rest).encode(),
                names | {missing},
            )
    every = json.dumps({each.name: [] for each in FIELDS}).encode()
    yield BrokenBody("every field wrong", every, frozenset(each.name for each in FIELDS))
