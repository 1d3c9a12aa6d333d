"""Whatever is killed when, each offset of the log is read from the archive exactly once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from training.archive.files import (
    HOUR_MS,
    ArchiveFile,
    Place,
    holes,
    next_offsets,
    parse,
    pieces,
)
from training.archive.plan import CLOSED_AFTER_MS, compactions, runs

PLACE = Place("predictions", 3)
NOON = 1_764_000_000_000 - 1_764_000_000_000 % HOUR_MS
LATER = NOON + 100 * HOUR_MS + CLOSED_AFTER_MS


def file(first: int, last: int, hour: int = 0) -> ArchiveFile:
    return ArchiveFile(PLACE, first, last, NOON + hour * HOUR_MS)


def read_once(files: list[ArchiveFile]) -> Counter[int]:
    return Counter(
        offset for piece in pieces(files) for offset in range(piece.from_offset, piece.file.last + 1)
    )


@dataclass
class Store:
    """A store in memory; a step is one atomic write or removal, and may be the last one."""

    files: dict[ArchiveFile, set[int]] = field(default_factory=dict)

    def write(self, one: ArchiveFile, offsets: set[int]) -> None:
        self.files[one] = offsets

    def remove(self, one: ArchiveFile) -> None:
        self.files.pop(one, None)

    def archive(self, timestamps: list[int], start: int, steps: int) -> None:
        """A writer that begins at `start`, reads to the end of the log, and is killed after `steps` files."""
        written = [(offset, timestamps[offset]) for offset in range(start, len(timestamps))]
        for run in runs(PLACE, start, written)[:steps]:
            self.write(run.file, {offset for offset, _ in written[run.start : run.stop]})

    def compact(self, steps: int) -> None:
        """A compaction that is killed after so many steps."""
        sizes = {one: 10 * len(offsets) for one, offsets in self.files.items()}
        left = steps
        for step in compactions(sizes, sizes, now_ms=LATER, target_bytes=500):
            if step.merged is not None and left:
                offsets = {
                    offset
                    for piece in step.sources
                    for offset in self.files[piece.file]
                    if offset >= piece.from_offset
                }
                self.write(step.merged, offsets)
                left -= 1
            for one in step.removed:
                if not left:
                    return
                self.remove(one)
                left -= 1


timestamps = st.lists(st.sampled_from([NOON, NOON + 1, NOON + HOUR_MS]), min_size=1, max_size=60)
action = st.one_of(
    st.tuples(st.just("archive"), st.integers(0, 60), st.integers(0, 12)),
    st.tuples(st.just("second writer"), st.integers(0, 60), st.integers(0, 12)),
    st.tuples(st.just("compact"), st.just(0), st.integers(0, 12)),
)


@settings(max_examples=300, deadline=None)
@given(timestamps, st.lists(action, max_size=12))
def test_every_offset_is_read_exactly_once_whoever_is_killed_when(
    log: list[int], actions: list[tuple[str, int, int]]
) -> None:
    store, last_start = Store(), 0
    for what, length, steps in actions:
        if what == "compact":
            store.compact(steps)
            continue
        # A second writer still goes by what the store held when the first began.
        if what == "archive":
            last_start = next_offsets(store.files).get(PLACE, 0)
        seen = log[: max(length, last_start)]
        store.archive(seen, last_start, steps)
    archived = next_offsets(store.files).get(PLACE, 0)
    assert read_once(list(store.files)) == Counter(range(archived))
    for piece in pieces(store.files):
        wanted = set(range(piece.from_offset, piece.file.last + 1))
        assert wanted <= store.files[piece.file]
        assert {log[offset] - log[offset] % HOUR_MS for offset in wanted} == {piece.file.hour_ms}
    assert not list(holes(store.files))


@settings(max_examples=100, deadline=None)
@given(timestamps, st.lists(st.integers(1, 8), max_size=10))
def test_a_compaction_that_is_not_killed_leaves_nothing_to_compact(log: list[int], steps: list[int]) -> None:
    store = Store()
    for length in range(1, len(log) + 1):
        store.archive(log[:length], next_offsets(store.files).get(PLACE, 0), 1)
    for count in steps:
        store.compact(count)
    store.compact(10_000)
    store.compact(10_000)
    sizes = {one: 10 * len(offsets) for one, offsets in store.files.items()}
    assert compactions(sizes, sizes, now_ms=LATER, target_bytes=500) == []
    assert read_once(list(store.files)) == Counter(range(len(log)))
    assert all(piece.is_whole for piece in pieces(store.files))


@given(st.integers(0, 10**12), st.integers(0, 10**6), st.integers(0, 10**5))
def test_a_name_says_what_the_file_holds(first: int, more: int, hour: int) -> None:
    one = file(first, first + more, hour)
    assert parse(one.path) == one
    assert parse(f"/somewhere/else/{one.path}") == one


def test_what_the_archive_did_not_write_is_no_file_of_it() -> None:
    path = file(0, 9).path
    for other in (path + ".tmp", path.replace("hour=", "hour-"), "predictions/notes.parquet", ".draft-1"):
        assert parse(other) is None


def test_an_hour_that_is_not_over_is_left_alone() -> None:
    small = [file(0, 9), file(10, 19)]
    sizes = dict.fromkeys(small, 100)
    open_until = NOON + HOUR_MS + CLOSED_AFTER_MS
    assert compactions(small, sizes, now_ms=open_until - 1, target_bytes=1000) == []
    (step,) = compactions(small, sizes, now_ms=open_until, target_bytes=1000)
    assert step.merged == file(0, 19)
    assert set(step.removed) == set(small)


def test_files_of_an_hour_with_another_hours_records_between_them_stay_apart() -> None:
    known = [file(0, 9), file(10, 19, hour=1), file(20, 29)]
    assert compactions(known, dict.fromkeys(known, 1), now_ms=LATER, target_bytes=1000) == []


def test_a_hole_between_files_is_named() -> None:
    assert list(holes([file(0, 9), file(15, 19)])) == [(PLACE, 10, 14)]


def test_records_of_two_hours_become_two_files_that_follow_each_other() -> None:
    planned = runs(PLACE, 100, [(103, NOON), (104, NOON + 5), (105, NOON + HOUR_MS)])
    assert [run.file for run in planned] == [file(100, 104), file(105, 105, hour=1)]
