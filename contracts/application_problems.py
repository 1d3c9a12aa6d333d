"""Reads an application the exact and slow way and names everything that is wrong with it.

Called by `contracts.application` for bodies that the fast pass refused or could not vouch for.
Takes any bytes whatsoever, in time linear in their number, and raises nothing.
"""

from __future__ import annotations

import difflib
import json
import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from contracts.application_fields import FIELDS
from contracts.fields import Field, Kind
from contracts.problems import (
    BODY,
    DUPLICATE_FIELD,
    MALFORMED,
    MISSING,
    NOT_FINITE,
    OUT_OF_RANGE,
    UNKNOWN_CATEGORY,
    UNKNOWN_FIELD,
    WRONG_TYPE,
    FieldProblem,
)

#: Unknown and repeated names that are reported. A field of the contract is always reported, so a
#: flood of invented names cannot hide one.
MAX_STRANGE_NAMES: Final = 24
#: The most problems one body can have: every field of the contract once, and the strange names.
MAX_PROBLEMS: Final = len(FIELDS) + MAX_STRANGE_NAMES

_FIELD_OF: Final[dict[str, Field]] = {each.name: each for each in FIELDS}
_REQUIRED: Final = tuple(each.name for each in FIELDS if each.is_required)
#: Names longer than this are cut in an answer, and not searched for a likeness.
_LONGEST_NAME: Final = 64
#: Longest whole number read digit by digit; anything longer is out of every field's range.
_LONGEST_INTEGER: Final = 20
_FEW_CATEGORIES: Final = 8


@dataclass(slots=True)
class Examination:
    """What a body was found to hold.

    `values` has the canonical value (int, float, str or None) of each field that is right;
    `unseen` names fields whose category is unknown, where that is no problem (topics).
    """

    problems: list[FieldProblem] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    values: dict[str, int | float | str | None] = field(default_factory=dict)


class _Number(Enum):
    """Numbers that no field can hold and Python should not spend time on."""

    NOT_FINITE = "not finite"
    HUGE = "huge"


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with its repeated names still in it."""


class _UnreadableError(Exception):
    """The body is no JSON object; the text says why."""


def examine(body: bytes, *, is_logged: bool) -> Examination:
    """Everything that is right and wrong with a body.

    Parameters
    ----------
    is_logged
        True reads by the rule of the topics: unknown fields are ignored, an unknown category is
        None and unseen. False reads by the rule of HTTP, where both are problems.
    """
    examination = Examination()
    try:
        pairs, has_constants = _parse(body)
    except _UnreadableError as unreadable:
        examination.problems.append(FieldProblem(BODY, MALFORMED, str(unreadable)))
        return examination
    names = _walk(pairs, examination, is_logged=is_logged)
    for name in _REQUIRED:
        if name not in names:
            examination.problems.append(_missing(_FIELD_OF[name]))
    if has_constants and not examination.problems:
        # Only possible inside a field that the topics' rule skips.
        examination.problems.append(
            FieldProblem(BODY, NOT_FINITE, "NaN and Infinity are not JSON; send null")
        )
    return examination


def _parse(body: bytes) -> tuple[_Pairs, bool]:
    constants: list[str] = []

    def constant(name: str) -> _Number:
        constants.append(name)
        return _Number.NOT_FINITE

    if not body.strip():
        raise _UnreadableError("the body is empty; send one JSON object of fields")
    if body.startswith(b"\xef\xbb\xbf"):
        raise _UnreadableError("the body starts with a byte order mark; send plain UTF-8")
    try:
        document = json.JSONDecoder(
            object_pairs_hook=_Pairs, parse_float=_float, parse_int=_integer, parse_constant=constant
        ).decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _UnreadableError(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise _UnreadableError(f"not JSON: {error}") from None
    except RecursionError:
        raise _UnreadableError("nested too deeply; an application is one flat JSON object") from None
    if not isinstance(document, _Pairs):
        raise _UnreadableError("an application is one JSON object of fields, not a list or a single value")
    return document, bool(constants)


def _float(digits: str) -> float | _Number:
    value = float(digits)
    return value if math.isfinite(value) else _Number.NOT_FINITE


def _integer(digits: str) -> int | _Number:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else _Number.HUGE


def _walk(pairs: _Pairs, examination: Examination, *, is_logged: bool) -> set[str]:
    names: set[str] = set()
    repeated: set[str] = set()
    strange: list[FieldProblem] = []
    for name, value in pairs:
        problem: FieldProblem | None
        if name in names:
            problem = None if name in repeated else _repeated(name)
            repeated.add(name)
        elif name not in _FIELD_OF:
            # A likeness costs about a millisecond to find, so only as many are sought as are shown.
            problem = None if is_logged or len(strange) >= MAX_STRANGE_NAMES else _unknown(name)
        else:
            names.add(name)
            _check(_FIELD_OF[name], value, examination, is_logged=is_logged)
            continue
        names.add(name)
        if problem is not None and len(strange) < MAX_STRANGE_NAMES:
            strange.append(problem)
            examination.problems.append(problem)
    return names


def _check(each: Field, value: Any, examination: Examination, *, is_logged: bool) -> None:
    if is_logged and each.categories and isinstance(value, str) and value not in each.categories:
        examination.unseen.append(each.name)
        examination.values[each.name] = None
        return
    found = _canonical(each, value)
    if isinstance(found, FieldProblem):
        examination.problems.append(found)
    else:
        examination.values[each.name] = found


def _canonical(each: Field, value: Any) -> int | float | str | FieldProblem | None:
    if value is None:
        return _missing(each) if each.is_required else None
    if each.kind is Kind.CATEGORY:
        return _category(each, value)
    return _number(each, value)


def _number(each: Field, value: Any) -> int | float | FieldProblem:
    if value is _Number.NOT_FINITE:
        return FieldProblem(each.name, NOT_FINITE, f"not a finite number; send {_wanted(each)}")
    if value is _Number.HUGE:
        return _out_of_range(each)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return FieldProblem(each.name, WRONG_TYPE, f"{_type_name(value)} sent; send {_wanted(each)}")
    if each.kind is Kind.INTEGER and value != int(value):
        return FieldProblem(each.name, WRONG_TYPE, f"a fraction sent; send {_wanted(each)}")
    if not each.bounds[0] <= value <= each.bounds[1]:
        return _out_of_range(each)
    return int(value) if each.kind is Kind.INTEGER else float(value)


def _category(each: Field, value: Any) -> str | FieldProblem:
    if not isinstance(value, str):
        sent = "a number" if isinstance(value, _Number) else _type_name(value)
        return FieldProblem(each.name, WRONG_TYPE, f"{sent} sent; send {_wanted(each)}")
    if value in each.categories:
        return value
    nearest = _nearest(value, each.categories)
    hint = f'; the nearest is "{nearest}"' if nearest else ""
    return FieldProblem(
        each.name, UNKNOWN_CATEGORY, f"not a category of this field{hint}; send {_wanted(each)}"
    )


def _missing(each: Field) -> FieldProblem:
    return FieldProblem(each.name, MISSING, f"required; send {_wanted(each)}")


def _out_of_range(each: Field) -> FieldProblem:
    return FieldProblem(each.name, OUT_OF_RANGE, f"out of range; send {_wanted(each)}")


def _repeated(name: str) -> FieldProblem:
    return FieldProblem(_shown(name), DUPLICATE_FIELD, "sent more than once; send it once")


def _unknown(name: str) -> FieldProblem:
    nearest = _nearest(name.upper(), tuple(_FIELD_OF))
    mend = f"did you mean {nearest}?" if nearest else "leave it out"
    return FieldProblem(_shown(name), UNKNOWN_FIELD, f"not a field of an application; {mend}")


def _wanted(each: Field) -> str:
    if each.kind is Kind.CATEGORY:
        few = each.categories[:_FEW_CATEGORIES]
        more = len(each.categories) - len(few)
        listed = ", ".join(f'"{name}"' for name in few)
        accepted = f"one of {listed}" + (f" or {more} more" if more else "")
    else:
        number = "a whole number" if each.kind is Kind.INTEGER else "a number"
        accepted = f"{number} from {each.bounds[0]} to {each.bounds[1]}"
    return accepted if each.is_required else f"{accepted}, or null"


def _type_name(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, _Pairs):
        return "an object"
    return "a list" if isinstance(value, list) else "a number"


def _nearest(text: str, accepted: tuple[str, ...]) -> str | None:
    if len(text) > _LONGEST_NAME:
        return None
    # Case is the commonest slip, and difflib sees no likeness between "f" and "F".
    by_folded = {each.casefold(): each for each in accepted}
    found = difflib.get_close_matches(text.casefold(), by_folded, n=1, cutoff=0.7)
    return by_folded[found[0]] if found else None


def _shown(name: str) -> str:
    # A lone surrogate is legal in a JSON escape and cannot be written back as UTF-8.
    readable = name.encode("utf-8", "replace").decode("utf-8")
    return readable if len(readable) <= _LONGEST_NAME else readable[: _LONGEST_NAME - 1] + "…"
