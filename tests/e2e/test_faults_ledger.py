"""The ledger away, or out of room: only keyed applications are told to come again, and no row is lost."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

from contracts.events import ModelPromoted
from tests.e2e.audit import audit
from tests.e2e.decisions_of_record import agrees
from tests.e2e.faults import PATIENT, applicants, now, own_broker, report, wait_until_answered
from tests.e2e.load import Load
from tests.e2e.processes import wait_until

pytestmark = pytest.mark.faults


def test_a_ledger_that_is_away_for_a_minute_holds_up_only_keyed_applications(
    tmp_path: Path, promoted: ModelPromoted
) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        path.scorer()
        ledger = path.ledger()
        gateway = path.gateway(**PATIENT, LEDGER_URL=ledger.url)
        with Load([gateway.url], applicants, rate_per_s=50) as load:
            wait_until_answered(load, since_s=now())
            away = now()
            ledger.kill()
            load.run_for(60)
            ended = now()
            ledger.start()
            load.run_for(3)
            wait_until_answered(load, since_s=now())
        audited = audit(kafka.bootstrap_servers, load.requests)
        wait_until(lambda: agrees(ledger, audited), why="the ledger has caught up")
        during = [r for r in load.since(away + 0.5) if r.ended_s < ended]
        report("ledger kill -9, 60 s", statuses=dict(load.statuses()), during=len(during))
        assert {r.status for r in during if r.key is None} <= {200, 202}
        assert {r.status for r in during if r.key is not None} == {503}
        assert set(load.statuses()) <= {200, 202, 503}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 32 MB."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs the right to mount a file system: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_ledger_on_a_full_disk_says_so_and_goes_on_when_there_is_room(
    tmp_path: Path, promoted: ModelPromoted, small_disk: Path
) -> None:
    @contextmanager
    def full_disk(_: list[int]) -> Iterator[None]:
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4_096))
        yield
        filler.unlink()

    goes_on_after(full_disk, tmp_path, promoted, small_disk)


def test_a_ledger_whose_files_may_not_grow_says_so_and_goes_on_when_they_may(
    tmp_path: Path, promoted: ModelPromoted
) -> None:
    @contextmanager
    def limited(writers: list[int]) -> Iterator[None]:
        for pid in writers:
            # No file may grow beyond what the write-ahead log has already.
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (65_536, resource.RLIM_INFINITY))
        yield
        for pid in writers:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)

    goes_on_after(limited, tmp_path, promoted, tmp_path / "ledger")


def goes_on_after(
    without_room: Callable[[list[int]], AbstractContextManager[None]],
    tmp_path: Path,
    promoted: ModelPromoted,
    ledger_folder: Path,
) -> None:
    """Take the ledger's room away for ten seconds of load; `without_room` is given its writers' pids."""
    with own_broker(tmp_path, promoted) as (kafka, path):
        path.scorer()
        ledger = path.ledger(LEDGER_DATABASE_URL=f"sqlite:///{ledger_folder}/ledger.db")
        gateway = path.gateway(**PATIENT, LEDGER_URL=ledger.url)
        with Load([gateway.url], applicants, rate_per_s=50) as load:
            wait_until_answered(load, since_s=now())
            writers = children(ledger.pid)
            with without_room(writers):
                wait_until(lambda: not ledger.is_ready(), why="the ledger says that it can't write")
                load.run_for(5)
                full = now()
                load.run_for(5)
            wait_until(ledger.is_ready, why="the ledger writes again")
            wait_until_answered(load, since_s=now())
        audited = audit(kafka.bootstrap_servers, load.requests)
        wait_until(lambda: agrees(ledger, audited), why="the ledger has caught up")
        unkeyed = {r.status for r in load.since(full) if r.key is None}
        report("the ledger without room for 10 s", statuses=dict(load.statuses()))
        assert children(ledger.pid) == writers, "want of room ends no writer"
        assert unkeyed <= {200, 202}
        assert set(load.statuses()) <= {200, 202, 503}


def children(pid: int) -> list[int]:
    """Process ids of a process's children."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = folder.joinpath("stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == pid:
            found.append(int(folder.name))
    return sorted(found)
