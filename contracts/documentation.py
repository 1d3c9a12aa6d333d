"""Writes docs/application.md and docs/topics.md from the contracts themselves.

python -m contracts.documentation            write both
python -m contracts.documentation --check    write nothing; exit 1 if one is stale
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from contracts.application_fields import FIELDS
from contracts.fields import Field, Kind
from contracts.topics import DEFAULT_PARTITIONS, FOREVER_MS, MINUTE_MS, TOPICS, Topic

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
NOTICE: Final = "<!-- Written by `python -m contracts.documentation`; edit contracts/ instead. -->"

_UNITS_MS: Final = (("day", 24 * 60 * MINUTE_MS), ("hour", 60 * MINUTE_MS), ("minute", MINUTE_MS))


def application_page() -> str:
    """The page about an application's fields, as Markdown."""
    required = ", ".join(f"`{field.name}`" for field in FIELDS if field.is_required)
    rows = [
        (f"`{field.name}`", field.kind.value, field.unit, _accepted(field), _presence(field), field.meaning)
        for field in FIELDS
    ]
    return _page(
        "# The application",
        f"One JSON object of up to {len(FIELDS)} fields. Required: {required}. Any other field may be "
        "null or left out, which means the same.",
        '- A whole number may be written `3` or `3.0`, never `3.5` or `"3"`.\n'
        "- Over HTTP a field that is not listed, a category that is not listed and a field sent twice are "
        "refused, and every problem is named with its field.\n"
        "- On a topic fields that are not listed are ignored; a category that is not listed counts as "
        "missing and is flagged.\n"
        "- The position of a category in its list is the code that features use: lists only grow at the end.",
        _table(("field", "kind", "unit", "accepted", "required", "meaning"), rows),
    )


def topics_page() -> str:
    """The page about the platform's topics, as Markdown."""
    rows = [
        (
            f"`{topic.name}`",
            topic.key,
            topic.value,
            ", ".join(topic.producers),
            ", ".join(topic.consumers),
            str(topic.partitions(DEFAULT_PARTITIONS)),
            _retention(topic),
        )
        for topic in TOPICS
    ]
    return _page(
        "# The topics",
        "What is on each topic, who writes it and who reads it. Values are JSON in UTF-8; the fields of an "
        "application are listed in [application.md](application.md). Of several partitions, whose number "
        "is the default, an applicant's records share one.",
        _table(("topic", "key", "value", "written by", "read by", "partitions", "kept"), rows),
    )


def pages() -> dict[Path, str]:
    """Every page this module owns, by where it belongs."""
    return {DOCS / "application.md": application_page(), DOCS / "topics.md": topics_page()}


def stale() -> tuple[Path, ...]:
    """Pages on disk that don't say what the contracts say."""
    return tuple(
        path
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    )


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or with --check only compare; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m contracts.documentation", description="Write docs pages."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is stale")
    if parser.parse_args(arguments).check:
        for path in stale():
            sys.stderr.write(f"{path.name} is stale: run python -m contracts.documentation\n")
        return 1 if stale() else 0
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


def _page(*parts: str) -> str:
    return "\n\n".join((NOTICE, *parts)) + "\n"


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _accepted(field: Field) -> str:
    if field.kind is Kind.CATEGORY:
        return " · ".join(f"`{name}`" for name in field.categories)
    low, high = field.bounds
    return f"{low} … {high}"


def _presence(field: Field) -> str:
    return "yes" if field.is_required else ""


def _retention(topic: Topic) -> str:
    if topic.is_compacted:
        return "the newest per key, for ever"
    if topic.retention_ms == FOREVER_MS:
        return "for ever"
    for unit, unit_ms in _UNITS_MS:
        if topic.retention_ms % unit_ms == 0:
            number = topic.retention_ms // unit_ms
            return f"{number} {unit}" + ("" if number == 1 else "s")
    return f"{topic.retention_ms} ms"


if __name__ == "__main__":
    sys.exit(main())
