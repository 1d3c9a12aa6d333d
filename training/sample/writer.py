"""Writes the sample's CSV files chunk by chunk, on as many processes as asked for."""

from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO

from training.sample.chunks import Chunk, chunks, frames
from training.sample.csv_text import header, lines
from training.sample.errors import SampleRejected
from training.sample.facts import ALL_TABLES, facts

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class SampleWritten:
    """What was written: rows and bytes of each table, in file order."""

    folder: Path
    applicants: int
    seed: int
    rows: dict[str, int]
    size_bytes: dict[str, int]


@dataclass(frozen=True)
class _Part:
    """A table's share of a chunk, as text."""

    rows: int
    text: bytes


def write_sample(
    out: Path,
    *,
    applicants: int,
    seed: int,
    tables: Collection[str] = ALL_TABLES,
    progress: Progress | None = None,
    workers: int = 1,
) -> SampleWritten:
    """Write CSV files under their Kaggle names into ``out`` and say how many rows each holds.

    The same seed gives the same bytes, whatever ``workers`` is and whichever tables are asked for.
    A file appears under its name only when it is complete; an older one is replaced.

    Parameters
    ----------
    progress
        Called with the table, the applicants written so far and all applicants.
    workers
        Processes that make rows. More than one needs an importable main module (``spawn``).

    Raises
    ------
    SampleRejected
        For an unknown table or fewer than one applicant.
    """
    wanted = _checked(applicants, seed, tables)
    out.mkdir(parents=True, exist_ok=True)
    rows = dict.fromkeys(wanted, 0)
    sizes = dict.fromkeys(wanted, 0)
    with _removed_on_failure([_partial(out, name) for name in wanted]), ExitStack() as stack:
        files = {name: stack.enter_context(_partial(out, name).open("wb")) for name in wanted}
        for name, file in files.items():
            sizes[name] += _write(file, header(facts().tables[name].columns))
        done = 0
        for chunk, parts in _made(chunks(seed, applicants), wanted, workers):
            done += chunk.size
            for name, part in parts.items():
                rows[name] += part.rows
                sizes[name] += _write(files[name], part.text)
                if progress is not None:
                    progress(name, done, applicants)
    for name in wanted:
        _partial(out, name).replace(out / facts().tables[name].file_name)
    return SampleWritten(out, applicants, seed, rows, sizes)


def _checked(applicants: int, seed: int, tables: Collection[str]) -> tuple[str, ...]:
    if applicants < 1:
        raise SampleRejected(f"a sample needs at least one applicant, not {applicants}")
    if seed < 0:
        raise SampleRejected(f"the seed must not be negative: {seed}")
    unknown = sorted(set(tables) - set(ALL_TABLES))
    if unknown or not tables:
        raise SampleRejected(f"unknown tables {unknown}; the tables are {', '.join(ALL_TABLES)}")
    return tuple(name for name in ALL_TABLES if name in tables)


def _partial(out: Path, name: str) -> Path:
    return out / f"{facts().tables[name].file_name}.partial"


@contextmanager
def _removed_on_failure(unfinished: list[Path]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for path in unfinished:
            path.unlink(missing_ok=True)
        raise


def _write(file: BinaryIO, text: bytes) -> int:
    file.write(text)
    return len(text)


def _make(chunk: Chunk, wanted: tuple[str, ...]) -> dict[str, _Part]:
    return {
        name: _Part(len(next(iter(frame.values()))), lines(frame)) for name, frame in frames(chunk, wanted)
    }


def _made(
    plan: list[Chunk], wanted: tuple[str, ...], workers: int
) -> Iterator[tuple[Chunk, dict[str, _Part]]]:
    """The chunks' parts in order, at most two chunks per process ahead of the files."""
    if workers <= 1 or len(plan) == 1:
        for chunk in plan:
            yield chunk, _make(chunk, wanted)
        return
    with ProcessPoolExecutor(min(workers, len(plan)), mp_context=get_context("spawn")) as pool:
        waiting: deque[tuple[Chunk, Future[dict[str, _Part]]]] = deque()
        for chunk in plan:
            waiting.append((chunk, pool.submit(_make, chunk, wanted)))
            if len(waiting) > workers:
                yield _next(waiting)
        while waiting:
            yield _next(waiting)


def _next(waiting: deque[tuple[Chunk, Future[dict[str, _Part]]]]) -> tuple[Chunk, dict[str, _Part]]:
    chunk, future = waiting.popleft()
    return chunk, future.result()
