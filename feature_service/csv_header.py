"""The first line of a CSV file against the declared columns."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from feature_service.errors import BadSource
from feature_service.sources import Source, Type

#: How compressed files begin.
_PACKED: Final = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "a zip archive", b"7z\xbc\xaf": "a 7z archive"}
_OTHER_DELIMITERS: Final = {";": "a semicolon", "\t": "a tab", "|": "a bar"}
#: No header of the eight files is near this; a longer first line is no header.
_LONGEST_HEADER: Final = 65_536
_BLOCK_BYTES: Final = 1 << 22
_LONGEST_TAIL: Final = 4096


@dataclass(frozen=True, slots=True)
class Header:
    """A file's columns in its own order."""

    path: Path
    source: Source
    names: tuple[str, ...]
    notes: tuple[str, ...]

    def reader(self, *, extra: str = "") -> str:
        """DuckDB's table function that reads the file by its header."""
        columns = ", ".join(
            f"'{name.replace(chr(39), chr(39) * 2)}': '{self._read_as(name)}'" for name in self.names
        )
        path = str(self.path).replace("'", "''")
        return (
            f"read_csv('{path}', columns={{{columns}}}, header=true, auto_detect=false, delim=',', "
            f"quote='\"', escape='\"', nullstr='', strict_mode=true, null_padding=false"
            f"{extra})"
        )

    def _read_as(self, name: str) -> str:
        declared = self.source.columns.get(name, Type.TEXT)
        return Type.NUMBER if declared is Type.WHOLE else declared


def read_header(path: Path, source: Source) -> Header:
    """The file's header; BadSource when it does not name each declared column once."""
    with path.open("rb") as file:
        raw = file.readline(_LONGEST_HEADER)
        has_rows = bool(file.readline(_LONGEST_HEADER).strip())
        file.seek(0, 2)
        size = file.tell()
        if size:
            file.seek(size - 1)
        is_ended = file.read(1) == b"\n"
    for beginning, spoken in _PACKED.items():
        if raw.startswith(beginning):
            raise BadSource(f"the file is {spoken}; unpack it", file=str(path))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadSource("the file is not UTF-8 text", file=str(path), line=1) from error
    if not text.strip():
        raise BadSource("the file is empty", file=str(path))
    names = tuple(next(csv.reader([text.rstrip("\r\n")])))
    _check_names(path, source, names)
    if not has_rows:
        raise BadSource("the file has a header but no rows", file=str(path))
    extra = [name for name in names if name not in source.columns]
    notes = [f"{path.name}: columns that are not used: {', '.join(extra)}"] if extra else []
    if not is_ended:
        notes.append(f"{path.name}: the last line has no line end; the file may be cut")
    return Header(path, source, names, tuple(notes))


def count_rows(path: Path) -> int:
    """Lines of the file without the header and without empty ones at its end."""
    lines, tail = 0, b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            lines += block.count(b"\n")
            tail = (tail + block)[-_LONGEST_TAIL:]
    ended = len(tail) - len(tail.rstrip(b"\r\n"))
    return lines - tail[len(tail) - ended :].count(b"\n")


def _check_names(path: Path, source: Source, names: tuple[str, ...]) -> None:
    if len(names) == 1 and len(source.columns) > 1:
        for delimiter, spoken in _OTHER_DELIMITERS.items():
            if delimiter in names[0]:
                raise BadSource(
                    f"the columns are separated by {spoken}; a comma is needed", file=str(path), line=1
                )
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise BadSource("the column is there twice", file=str(path), column=min(repeated), line=1)
    missing = [name for name in source.columns if name not in names]
    if missing:
        raise BadSource(f"columns are missing: {', '.join(missing)}", file=str(path), line=1)
