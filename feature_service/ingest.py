"""CSV → Parquet with declared types, once per content of a file.

What is wrong with a file is one `BadSource` that names file, column and line. Converted files are
kept by the hash of their bytes; size and time of change say whether the hash must be taken again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from feature_service.csv_header import Header, read_header
from feature_service.csv_problems import NOT_WHOLE, broken_whole, find_problem, translated
from feature_service.errors import BadSource
from feature_service.sources import APPLICATION_TEST, APPLICATION_TRAIN, SOURCES, Source, Type

#: Changes when the same bytes would be converted to something else.
_FORMAT: Final = "2"
_STAMPS: Final = "stamps.json"
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ingested:
    """The tables as Parquet.

    `parquet` and `sha256` (of the CSV files) are by table; `missing` were allowed to be; `notes`
    are for the manifest: columns that were ignored, a last line without its end.
    """

    parquet: dict[str, Path]
    sha256: dict[str, str]
    rows: dict[str, int]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    newest_change_s: float


def ingest(
    folder: Path,
    cache: Path,
    connection: duckdb.DuckDBPyConnection,
    *,
    allow_missing: Collection[str] = (),
    progress: Progress = lambda _: None,
) -> Ingested:
    """The eight tables of `folder` as Parquet in `cache`; BadSource for the first broken rule."""
    missing = tuple(name for name in SOURCES if not (folder / SOURCES[name].file_name).is_file())
    _check_missing(folder, missing, allow_missing)
    cache.mkdir(parents=True, exist_ok=True)
    stamps = _Stamps(cache / _STAMPS)
    parquet: dict[str, Path] = {}
    sha256: dict[str, str] = {}
    rows: dict[str, int] = {}
    notes: list[str] = []
    changed = 0.0
    for name, source in SOURCES.items():
        if name in missing:
            continue
        path = folder / source.file_name
        progress(name)
        header = read_header(path, source)
        notes += header.notes
        changed = max(changed, path.stat().st_mtime)
        sha256[name] = stamps.sha256(path)
        parquet[name] = cache / f"{name}-{sha256[name][:16]}-{_schema(source)}.parquet"
        if not parquet[name].is_file():
            _convert(connection, header, parquet[name])
        rows[name] = _count(connection, parquet[name])
    _check_applicants_once(connection, folder, parquet)
    return Ingested(parquet, sha256, rows, missing, tuple(notes), changed)


def _check_missing(folder: Path, missing: Sequence[str], allowed: Collection[str]) -> None:
    for name in missing:
        packed = sorted(folder.glob(f"{SOURCES[name].file_name}.*"))
        if packed:
            raise BadSource(f"unpack it: {SOURCES[name].file_name} is needed", file=str(packed[0]))
    if APPLICATION_TRAIN in missing:
        raise BadSource("the file is missing", file=str(folder / SOURCES[APPLICATION_TRAIN].file_name))
    wanted = [name for name in missing if name not in allowed]
    if wanted:
        files = ", ".join(SOURCES[name].file_name for name in wanted)
        options = " ".join(f"--allow-missing {name}" for name in wanted)
        problem = "the file is missing" if len(wanted) == 1 else f"{len(wanted)} files are missing ({files})"
        raise BadSource(
            f"{problem}; to build without: {options}", file=str(folder / SOURCES[wanted[0]].file_name)
        )


def _convert(connection: duckdb.DuckDBPyConnection, header: Header, target: Path) -> None:
    draft = target.with_suffix(f".{os.getpid()}.draft.parquet")
    try:
        # An owner's rows together: a build then reads the row groups of some applicants only.
        connection.execute(
            f"COPY (SELECT {_selection(header.source)} FROM {header.reader()}"
            f" ORDER BY {', '.join(_order(header.source))}) TO '{_quoted(draft)}' "
            "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 122880)"
        )
        problem = find_problem(connection, header, draft)
        if problem is not None:
            raise problem
        draft.replace(target)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise translated(connection, error, header) from error
    finally:
        draft.unlink(missing_ok=True)


def _order(source: Source) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*source.owners, *source.key)))


def _selection(source: Source) -> str:
    # Whole numbers are read as numbers: whoever saved the file with gaps in a column wrote `2.0`.
    return ", ".join(
        _whole(name) if kind is Type.WHOLE else f'"{name}"' for name, kind in source.columns.items()
    )


def _whole(name: str) -> str:
    told = f"error('{NOT_WHOLE}{name}')"
    return f'CASE WHEN {broken_whole(name)} THEN {told} ELSE "{name}" END::BIGINT AS "{name}"'


def _count(connection: duckdb.DuckDBPyConnection, parquet: Path) -> int:
    found = connection.execute(f"SELECT count(*) FROM '{_quoted(parquet)}'").fetchone()
    return int(found[0]) if found else 0


def _check_applicants_once(
    connection: duckdb.DuckDBPyConnection, folder: Path, parquet: dict[str, Path]
) -> None:
    if APPLICATION_TEST not in parquet:
        return
    both = connection.execute(
        f"SELECT min(SK_ID_CURR) FROM '{_quoted(parquet[APPLICATION_TRAIN])}' "
        f"SEMI JOIN '{_quoted(parquet[APPLICATION_TEST])}' USING (SK_ID_CURR)"
    ).fetchone()
    if both and both[0] is not None:
        raise BadSource(
            f"applicant {both[0]} is in {SOURCES[APPLICATION_TRAIN].file_name} as well",
            file=str(folder / SOURCES[APPLICATION_TEST].file_name),
            column="SK_ID_CURR",
        )


def _schema(source: Source) -> str:
    return hashlib.sha256(repr((_FORMAT, source.columns)).encode()).hexdigest()[:8]


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


class _Stamps:
    """Hashes of files by path, trusted while size and time of change stay."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._known: dict[str, list[object]] = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._known = {}

    def sha256(self, path: Path) -> str:
        """SHA-256 of the file, hexadecimal."""
        key, stat = str(path.resolve()), path.stat()
        known = self._known.get(key)
        if known and known[:2] == [stat.st_size, stat.st_mtime_ns]:
            return str(known[2])
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        self._known[key] = [stat.st_size, stat.st_mtime_ns, digest]
        draft = self._file.with_suffix(f".{os.getpid()}.draft")
        draft.write_text(json.dumps(self._known), encoding="utf-8")
        draft.replace(self._file)
        return digest
