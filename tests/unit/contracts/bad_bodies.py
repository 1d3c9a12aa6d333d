"""Bodies that are refused over HTTP, with the problems that each must be answered with."""

from __future__ import annotations

import json
from typing import Any

from contracts.application import example

MINIMAL: dict[str, Any] = json.loads(example("minimal"))
TEXT = example("minimal").decode()
REQUIRED = tuple(MINIMAL)
MISSING_ALL = tuple(
    (name, "missing")
    for name in ("SK_ID_CURR", "NAME_CONTRACT_TYPE", "AMT_INCOME_TOTAL", "AMT_CREDIT", "DAYS_BIRTH")
)
MALFORMED = (("body", "malformed"),)

Problems = tuple[tuple[str, str], ...]


def raw(name: str, value: str) -> bytes:
    """The minimal application with one field's JSON text as given."""
    fields = {**{key: json.dumps(each) for key, each in MINIMAL.items()}, name: value}
    return ("{" + ", ".join(f'"{key}": {each}' for key, each in fields.items()) + "}").encode()


def without(*names: str) -> bytes:
    """The minimal application without some of its fields."""
    return json.dumps({key: each for key, each in MINIMAL.items() if key not in names}).encode()


def and_then(text: str) -> bytes:
    """The minimal application with more text before its closing brace."""
    return TEXT.rstrip()[:-1].encode() + b", " + text.encode("utf-8", "surrogatepass") + b"}"


NOT_AN_OBJECT: dict[str, bytes] = {
    "empty": b"",
    "white space": b" \r\n\t",
    "null": b"null",
    "true": b"true",
    "a number": b"1",
    "an endless number": b"9" * 10_000,
    "NaN": b"NaN",
    "a string": b'"SK_ID_CURR"',
    "an empty list": b"[]",
    "a list of one application": b"[" + TEXT.encode() + b"]",
    "two applications": TEXT.encode() * 2,
    "a form": b"SK_ID_CURR=1&AMT_CREDIT=2",
    "XML": b"<application/>",
    "gzip": bytes.fromhex("1f8b080000000000"),
    "zeros": b"\x00" * 50,
    "a byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-32": TEXT.encode("utf-32-le"),
    "latin-1 text": raw("CODE_GENDER", '"\xe9"').decode().encode("latin-1"),
    "an overlong encoding": raw("CODE_GENDER", '"#"').replace(b"#", b"\xc0\xaf"),
    "a surrogate in UTF-8": and_then('"x": "\ud800"'),
    "cut off": TEXT.encode()[:-5],
    "only a brace": b"{",
    "deep lists": b"[" * 60_000,
    "deep objects": b'{"a":' * 20_000,
    "deep inside a field": raw("AMT_CREDIT", "[" * 50_000 + "]" * 50_000),
    "deep inside an unknown field": raw("x", "[" * 50_000),
    "trailing comma": and_then("").rstrip(b"}").rstrip() + b"}",
    "trailing text": TEXT.encode() + b"x",
    "trailing zero byte": TEXT.encode() + b"\x00",
    "comment": b"/* hello */" + TEXT.encode(),
    "single quotes": TEXT.replace('"', "'").encode(),
    "names without quotes": b"{SK_ID_CURR: 1}",
    "Python's None": raw("CODE_GENDER", "None"),
    "Python's True": raw("FLAG_MOBIL", "True"),
    "undefined": raw("AMT_CREDIT", "undefined"),
    "leading zero": raw("AMT_CREDIT", "0100"),
    "plus sign": raw("AMT_CREDIT", "+100"),
    "hexadecimal": raw("AMT_CREDIT", "0x10"),
    "no digits after the point": raw("AMT_CREDIT", "1."),
    "no digits before the point": raw("AMT_CREDIT", ".5"),
    "an exponent without digits": raw("AMT_CREDIT", "1e"),
    "a lone minus": raw("AMT_CREDIT", "-"),
    "underscores": raw("AMT_CREDIT", "1_000"),
    "a raw line break in text": raw("CODE_GENDER", '"F\n"'),
    "a raw tab in a name": and_then('"A\tB": 1'),
    "a wrong escape": raw("CODE_GENDER", '"\\x46"'),
    "half an escape": raw("CODE_GENDER", '"\\u00"'),
    "no value": raw("CODE_GENDER", ""),
    "no colon": and_then('"CODE_GENDER" "F"'),
    "double comma": and_then(', "CODE_GENDER": "F"'),
}

WRONG_FIELDS: dict[str, tuple[bytes, Problems]] = {
    "an empty object": (b"{}", MISSING_ALL),
    "an application inside another": (
        b'{"application": ' + TEXT.encode() + b"}",
        (("application", "unknown_field"), *MISSING_ALL),
    ),
    **{f"without {name}": (without(name), ((name, "missing"),)) for name in REQUIRED},
    **{f"{name} null": (raw(name, "null"), ((name, "missing"),)) for name in REQUIRED},
    "without two": (
        without("AMT_CREDIT", "DAYS_BIRTH"),
        (("AMT_CREDIT", "missing"), ("DAYS_BIRTH", "missing")),
    ),
    "id as text": (raw("SK_ID_CURR", '"100002"'), (("SK_ID_CURR", "wrong_type"),)),
    "id of zero": (raw("SK_ID_CURR", "0"), (("SK_ID_CURR", "out_of_range"),)),
    "negative id": (raw("SK_ID_CURR", "-1"), (("SK_ID_CURR", "out_of_range"),)),
    "id beyond exact floats": (raw("SK_ID_CURR", "9007199254740992"), (("SK_ID_CURR", "out_of_range"),)),
    "id of 64 bits and more": (raw("SK_ID_CURR", "18446744073709551616"), (("SK_ID_CURR", "out_of_range"),)),
    "id of 10,000 digits": (raw("SK_ID_CURR", "9" * 10_000), (("SK_ID_CURR", "out_of_range"),)),
    "id of minus 10,000 digits": (raw("SK_ID_CURR", "-" + "9" * 10_000), (("SK_ID_CURR", "out_of_range"),)),
    "id with a fraction": (raw("SK_ID_CURR", "100002.5"), (("SK_ID_CURR", "wrong_type"),)),
    "half a child": (raw("CNT_CHILDREN", "3.5"), (("CNT_CHILDREN", "wrong_type"),)),
    "a child as true": (raw("CNT_CHILDREN", "true"), (("CNT_CHILDREN", "wrong_type"),)),
    "a hundred children": (raw("CNT_CHILDREN", "100"), (("CNT_CHILDREN", "out_of_range"),)),
    "a flag as true": (raw("FLAG_MOBIL", "true"), (("FLAG_MOBIL", "wrong_type"),)),
    "a flag as a letter": (raw("FLAG_MOBIL", '"Y"'), (("FLAG_MOBIL", "wrong_type"),)),
    "a flag of two": (raw("FLAG_MOBIL", "2"), (("FLAG_MOBIL", "out_of_range"),)),
    "a letter flag as a number": (raw("FLAG_OWN_CAR", "1"), (("FLAG_OWN_CAR", "wrong_type"),)),
    "a letter flag as false": (raw("FLAG_OWN_CAR", "false"), (("FLAG_OWN_CAR", "wrong_type"),)),
    "credit as text": (raw("AMT_CREDIT", '"270000"'), (("AMT_CREDIT", "wrong_type"),)),
    "credit as a list": (raw("AMT_CREDIT", "[270000]"), (("AMT_CREDIT", "wrong_type"),)),
    "credit as an object": (raw("AMT_CREDIT", '{"amount": 1}'), (("AMT_CREDIT", "wrong_type"),)),
    "no credit": (raw("AMT_CREDIT", "0"), (("AMT_CREDIT", "out_of_range"),)),
    "negative credit": (raw("AMT_CREDIT", "-5"), (("AMT_CREDIT", "out_of_range"),)),
    "credit of 1e30": (raw("AMT_CREDIT", "1e30"), (("AMT_CREDIT", "out_of_range"),)),
    "credit of 10,000 digits": (raw("AMT_CREDIT", "1" + "0" * 10_000), (("AMT_CREDIT", "out_of_range"),)),
    "credit NaN": (raw("AMT_CREDIT", "NaN"), (("AMT_CREDIT", "not_finite"),)),
    "credit infinite": (raw("AMT_CREDIT", "Infinity"), (("AMT_CREDIT", "not_finite"),)),
    "credit minus infinite": (raw("AMT_CREDIT", "-Infinity"), (("AMT_CREDIT", "not_finite"),)),
    "credit of 1e999": (raw("AMT_CREDIT", "1e999"), (("AMT_CREDIT", "not_finite"),)),
    "optional amount NaN": (raw("AMT_ANNUITY", "NaN"), (("AMT_ANNUITY", "not_finite"),)),
    "whole number of 1e999": (raw("CNT_CHILDREN", "1e999"), (("CNT_CHILDREN", "not_finite"),)),
    "category NaN": (raw("CODE_GENDER", "NaN"), (("CODE_GENDER", "wrong_type"),)),
    "a child of 17": (raw("DAYS_BIRTH", "-6205"), (("DAYS_BIRTH", "out_of_range"),)),
    "age in years": (raw("DAYS_BIRTH", "45"), (("DAYS_BIRTH", "out_of_range"),)),
    "age of 130": (raw("DAYS_BIRTH", "-47500"), (("DAYS_BIRTH", "out_of_range"),)),
    "beyond the sentinel": (raw("DAYS_EMPLOYED", "365244"), (("DAYS_EMPLOYED", "out_of_range"),)),
    "the sentinel where none is": (raw("DAYS_ID_PUBLISH", "365243"), (("DAYS_ID_PUBLISH", "out_of_range"),)),
    "a score over one": (raw("EXT_SOURCE_2", "1.0001"), (("EXT_SOURCE_2", "out_of_range"),)),
    "a negative share": (raw("LANDAREA_AVG", "-1e-9"), (("LANDAREA_AVG", "out_of_range"),)),
    "hour 24": (raw("HOUR_APPR_PROCESS_START", "24"), (("HOUR_APPR_PROCESS_START", "out_of_range"),)),
    "weekday in lower case": (
        raw("WEEKDAY_APPR_PROCESS_START", '"monday"'),
        (("WEEKDAY_APPR_PROCESS_START", "unknown_category"),),
    ),
    "a misspelt category": (raw("CODE_GENDER", '"f"'), (("CODE_GENDER", "unknown_category"),)),
    "an empty category": (raw("CODE_GENDER", '""'), (("CODE_GENDER", "unknown_category"),)),
    "a category with a space": (raw("CODE_GENDER", '"F "'), (("CODE_GENDER", "unknown_category"),)),
    "a category ending in zero": (raw("CODE_GENDER", '"F\\u0000"'), (("CODE_GENDER", "unknown_category"),)),
    "a huge category": (raw("CODE_GENDER", '"' + "F" * 60_000 + '"'), (("CODE_GENDER", "unknown_category"),)),
    "half a surrogate pair": (raw("CODE_GENDER", '"\\ud83d"'), (("CODE_GENDER", "unknown_category"),)),
    "contract type unknown": (
        raw("NAME_CONTRACT_TYPE", '"Loans"'),
        (("NAME_CONTRACT_TYPE", "unknown_category"),),
    ),
    "the target": (raw("TARGET", "1"), (("TARGET", "unknown_field"),)),
    "a name in lower case": (raw("amt_credit", "1"), (("amt_credit", "unknown_field"),)),
    "a name without text": (raw("", "1"), (("", "unknown_field"),)),
    "a name of half a pair": (and_then('"\\ud800": 1'), (("?", "unknown_field"),)),
    "a prototype": (raw("__proto__", "{}"), (("__proto__", "unknown_field"),)),
    "an unknown field of deep text": (raw("x", '"' + "[" * 1000 + '"'), (("x", "unknown_field"),)),
    "the same twice": (and_then('"AMT_CREDIT": 270000.0'), (("AMT_CREDIT", "duplicate_field"),)),
    "the same twice, escaped": (and_then('"AMT\\u005fCREDIT": 1'), (("AMT_CREDIT", "duplicate_field"),)),
    "null twice": (
        and_then('"CODE_GENDER": null, "CODE_GENDER": null'),
        (("CODE_GENDER", "duplicate_field"),),
    ),
    "null, then a value": (
        and_then('"CODE_GENDER": null, "CODE_GENDER": "F"'),
        (("CODE_GENDER", "duplicate_field"),),
    ),
    "a value, then null": (
        and_then('"CODE_GENDER": "F", "CODE_GENDER": null'),
        (("CODE_GENDER", "duplicate_field"),),
    ),
    "three times": (and_then('"AMT_CREDIT": 1, "AMT_CREDIT": 2'), (("AMT_CREDIT", "duplicate_field"),)),
    "a colon to confuse a count": (
        and_then('"ORGANIZATION_TYPE": "Trade: type 7", "ORGANIZATION_TYPE": "Bank"'),
        (("ORGANIZATION_TYPE", "duplicate_field"),),
    ),
    "five at once, in order": (
        b'{"CNT_CHILDREN": "2", "SK_ID_CURR": 1.5, "nonsense": 1, "CODE_GENDER": "Q", "CNT_CHILDREN": 2,'
        b' "AMT_CREDIT": 1e999, "DAYS_BIRTH": -9000, "AMT_INCOME_TOTAL": 1}',
        (
            ("CNT_CHILDREN", "wrong_type"),
            ("SK_ID_CURR", "wrong_type"),
            ("nonsense", "unknown_field"),
            ("CODE_GENDER", "unknown_category"),
            ("CNT_CHILDREN", "duplicate_field"),
            ("AMT_CREDIT", "not_finite"),
            ("NAME_CONTRACT_TYPE", "missing"),
        ),
    ),
}
