"""The application as a type, and the two ways to read one from bytes.

`decode_submitted` is the rule of the HTTP interface (nothing unknown gets in), `decode_logged`
that of the topics (what a newer or careless producer adds is ignored). Both make one fast typed
pass; only a body that it refuses, or that looks odd, pays for `contracts.application_problems`,
which names every problem. Knows nothing of HTTP, Kafka or features.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from itertools import repeat
from operator import is_
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

import msgspec
from msgspec.structs import astuple

from contracts.application_fields import FIELDS
from contracts.application_problems import examine
from contracts.fields import Field, Kind
from contracts.problems import BODY, MALFORMED, FieldProblem, InvalidApplication

#: What one field of an application holds: a number, a category, or nothing.
Value = int | float | str | None

#: Names of the application's fields, in the order of `as_row`.
COLUMNS: Final[tuple[str, ...]] = tuple(field.name for field in FIELDS)

if TYPE_CHECKING:

    class Application(msgspec.Struct, frozen=True, gc=False, kw_only=True):
        """One application: each field of `FIELDS` is an attribute, None where nothing was said.

        Only the required fields are spelled here; the class itself is made from `FIELDS`.
        NAME_CONTRACT_TYPE is None only for a contract type never seen, read from a topic.
        """

        SK_ID_CURR: int
        NAME_CONTRACT_TYPE: str | None
        AMT_INCOME_TOTAL: float
        AMT_CREDIT: float
        DAYS_BIRTH: int

        def __init__(self, **values: Value) -> None: ...
        def __getattr__(self, name: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class LoggedApplication:
    """An application read from a topic; `unseen` names the fields whose category was never seen."""

    application: Application
    unseen: tuple[str, ...] = ()


def _type_of(field: Field, *, is_float_accepted: bool) -> Any:
    if field.kind is Kind.CATEGORY:
        accepted: Any = Literal[field.categories]
    elif field.kind is Kind.NUMBER:
        accepted = Annotated[float, msgspec.Meta(ge=field.minimum, le=field.maximum)]
    else:
        accepted = Annotated[int, msgspec.Meta(ge=field.minimum, le=field.maximum)]
        if is_float_accepted:
            whole = msgspec.Meta(ge=field.minimum, le=field.maximum, multiple_of=1)
            accepted = accepted | Annotated[float, whole]
    return accepted if field.is_required else accepted | None


def _struct(name: str, *, is_float_accepted: bool) -> Any:
    columns: list[Any] = []
    for field in FIELDS:
        column = (field.name, _type_of(field, is_float_accepted=is_float_accepted))
        columns.append(column if field.is_required else (*column, None))
    return msgspec.defstruct(name, columns, frozen=True, gc=False, kw_only=True, module=__name__)


if not TYPE_CHECKING:
    Application = _struct("Application", is_float_accepted=False)
    Application.__doc__ = (
        "One application: each field of `FIELDS` is an attribute, None where nothing was said."
    )

#: The same with `3.0` accepted for a whole number: pandas writes counts that way when some are missing.
_FloatApplication = _struct("_FloatApplication", is_float_accepted=True)
#: Which fields a body names at all; a null would otherwise look like an absent field.
_Presence = msgspec.defstruct(
    "_Presence",
    [(name, Value | msgspec.UnsetType, msgspec.UNSET) for name in COLUMNS],
    gc=False,
    kw_only=True,
)

_application: Final[Callable[[bytes], Application]] = msgspec.json.Decoder(Application).decode
_float_application: Final[Callable[[bytes], Any]] = msgspec.json.Decoder(_FloatApplication).decode
_presence: Final[Callable[[bytes], Any]] = msgspec.json.Decoder(_Presence).decode
_mapping: Final[Callable[[bytes], dict[str, Any]]] = msgspec.json.Decoder(dict[str, Any]).decode

_INTEGERS: Final = tuple(at for at, field in enumerate(FIELDS) if field.kind is Kind.INTEGER)
_REFUSED: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decode_submitted(body: bytes) -> Application:
    """The application that a client submitted.

    Raises
    ------
    InvalidApplication
        For anything else, whatever the bytes are: an unknown field or category, a field named
        twice, a number out of range or not finite, a missing field, bytes that are no JSON
        object. Lists every problem, up to `application_problems.MAX_PROBLEMS`.
    """
    try:
        application = _decode(body)
        if _is_plain(body) and _field_names(body, application) == _fields_present(body):
            return application
    except _REFUSED as refusal:
        raise _refused(body, refusal, is_logged=False) from None
    examination = examine(body, is_logged=False)
    if examination.problems:
        raise InvalidApplication(tuple(examination.problems))
    return application


def decode_logged(body: bytes) -> LoggedApplication:
    """The application that a record of a topic holds.

    Unknown fields are ignored. A category never seen is read as None and named in `unseen`.

    Raises
    ------
    InvalidApplication
        As `decode_submitted` does, for everything else.
    """
    try:
        application = _decode(body)
        if _is_plain(body):
            names = _field_names(body, application)
            if names == _fields_present(body) or names == len(_mapping(body)):
                return LoggedApplication(application)
    except _REFUSED as refusal:
        return _logged_slowly(body, refusal)
    return _logged_slowly(body, None)


def as_row(application: Application) -> tuple[Value, ...]:
    """The application's values in the order of `COLUMNS`."""
    return cast("tuple[Value, ...]", astuple(application))


def applicant_id(application: Application) -> int:
    """The number by which the lender's history and the topics' keys know the applicant."""
    return application.SK_ID_CURR


def example(name: str) -> bytes:
    """One of the golden bodies: "full", "minimal", "pensioner" or "revolving"."""
    return (resources.files("contracts") / "examples" / "applications" / "v1" / f"{name}.json").read_bytes()


def application_json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12, as OpenAPI 3.1 uses it) of a submitted application.

    A field's unit is under `x-unit`; the example is the full golden one.
    """
    return {
        "title": "Application",
        "description": "A loan application, each field under its Home Credit name.",
        "type": "object",
        "properties": {field.name: _property(field) for field in FIELDS},
        "required": [field.name for field in FIELDS if field.is_required],
        "additionalProperties": False,
        "examples": [json.loads(example("full"))],
    }


def _property(field: Field) -> dict[str, Any]:
    json_type = "string" if field.kind is Kind.CATEGORY else field.kind.value
    described: dict[str, Any] = {
        "description": field.meaning,
        "type": json_type if field.is_required else [json_type, "null"],
    }
    if field.kind is Kind.CATEGORY:
        described["enum"] = [*field.categories, *([] if field.is_required else [None])]
    else:
        described["minimum"], described["maximum"] = field.bounds
        described["x-unit"] = field.unit
    return described


def _decode(body: bytes) -> Application:
    try:
        return _application(body)
    except msgspec.ValidationError:
        row = list(astuple(_float_application(body)))
    for at in _INTEGERS:
        if row[at] is not None:
            row[at] = int(row[at])
    return Application(**dict(zip(COLUMNS, row, strict=True)))


def _is_plain(body: bytes) -> bool:
    # Counting names is exact only without escapes. msgspec checks the UTF-8 of what it decodes
    # but not of what it skips; the contract's own names and categories are all ASCII.
    return b"\\" not in body and body.isascii()


def _field_names(body: bytes, application: Application) -> int:
    """Field names a plain body spells, repeats and unknown ones included.

    Each costs one colon, and so does the employer's line of business in some of its categories.
    A body that hides further colons in texts or inner objects is counted too high, never too low:
    it fails the comparison and is then read exactly.
    """
    line_of_business: str | None = application.ORGANIZATION_TYPE
    return body.count(b":") - (1 if line_of_business is not None and ":" in line_of_business else 0)


def _fields_present(body: bytes) -> int:
    return len(COLUMNS) - sum(map(is_, astuple(_presence(body)), repeat(msgspec.UNSET)))


def _logged_slowly(body: bytes, refusal: Exception | None) -> LoggedApplication:
    examination = examine(body, is_logged=True)
    if examination.problems:
        raise InvalidApplication(tuple(examination.problems))
    if refusal is not None and not examination.unseen:
        raise _refused(body, refusal, is_logged=True)
    try:
        # The prediction embeds these bytes, so its readers must be able to read all of them.
        _mapping(body)
    except _REFUSED as unreadable:
        raise _refused(body, unreadable, is_logged=True) from None
    return LoggedApplication(Application(**examination.values), tuple(examination.unseen))


def _refused(body: bytes, refusal: Exception, *, is_logged: bool) -> InvalidApplication:
    problems = examine(body, is_logged=is_logged).problems
    return InvalidApplication(tuple(problems) or (FieldProblem(BODY, MALFORMED, str(refusal)),))
