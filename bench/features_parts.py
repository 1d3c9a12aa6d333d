"""The parts of `bench.features`, each a process that tells its figures as JSON on standard output."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_THREADS = 2
_MEMORY = "3GB"
_LOOK_UPS = 2_000


def ingest(data: Path, cache: Path) -> dict[str, Any]:
    """The tables as Parquet in `cache`, converted unless they are there."""
    from feature_service.engines import DuckDbEngine  # noqa: PLC0415 - a part pays for its own imports
    from feature_service.ingest import ingest as convert  # noqa: PLC0415

    with DuckDbEngine(threads=_THREADS, spill=cache / "spill") as engine:
        tables = convert(data, cache / "parquet", engine.connection)
    return {"parquet": {name: str(path) for name, path in tables.parquet.items()}, "rows": tables.rows}


def build(data: Path, cache: Path, store: Path) -> dict[str, Any]:
    """A snapshot, gate and all; what `scorestream features build` does."""
    from feature_service.build import BuildRequest, build_snapshot  # noqa: PLC0415
    from feature_service.quality.gate import run_gate  # noqa: PLC0415
    from feature_service.store import SnapshotStore  # noqa: PLC0415

    gate_s = 0.0

    def gate(parquet: Any, docs: Path) -> Any:
        nonlocal gate_s
        started = time.monotonic()
        report = run_gate(parquet, docs_dir=docs, memory_limit=_MEMORY, threads=_THREADS)
        gate_s = time.monotonic() - started
        return report

    steps: list[tuple[str, float]] = []
    request = BuildRequest(data, cache, memory_limit=_MEMORY, threads=_THREADS)
    built = build_snapshot(
        request,
        SnapshotStore(str(store)),
        gate,
        progress=lambda doing, *_: steps.append((doing, time.monotonic())),
    )
    laps = {f"{at:02} {doing}": steps[at + 1][1] - when for at, (doing, when) in enumerate(steps[:-1])}
    return {
        "snapshot": built.uri,
        "gate_s": gate_s,
        "steps_s": laps,
        "applicants": built.manifest.n_applicants,
    }


def lookup(snapshot: Path) -> dict[str, Any]:
    """Opening the snapshot, one applicant and 64, at random ids, fastest of five rounds."""
    from feature_service.snapshot import SnapshotReader  # noqa: PLC0415

    opened = _fastest_us(lambda: SnapshotReader.open(snapshot).close(), 1)
    reader = SnapshotReader.open(snapshot)
    ids = np.random.default_rng(1).choice(reader.applicant_ids, (_LOOK_UPS, 64))
    ones, batches = iter(ids[:, 0].tolist() * 5), iter(ids.tolist() * 5)
    return {
        "open_ms": opened / 1000,
        "one_us": _fastest_us(lambda: reader.history([next(ones)]), _LOOK_UPS),
        "sixty_four_us": _fastest_us(lambda: reader.history(next(batches)), _LOOK_UPS),
    }


def duckdb(parquet: Path, cache: Path, *applications: Path) -> dict[str, Any]:
    """The instalment features of the applicants on DuckDB, as the build computes them."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    from feature_service.engines import DuckDbEngine  # noqa: PLC0415
    from feature_service.history import evaluated  # noqa: PLC0415
    from feature_service.views.installments import INSTALMENTS, TABLE  # noqa: PLC0415

    ids = np.sort(np.concatenate([pq.read_table(one)["SK_ID_CURR"].to_numpy() for one in applications]))
    n_rows = {TABLE: pq.read_metadata(parquet).num_rows}
    with DuckDbEngine(memory_limit=_MEMORY, threads=_THREADS, spill=cache / "spill") as engine:
        parts = evaluated(INSTALMENTS, engine.tables({TABLE: parquet}), ids, n_rows=n_rows, engine=engine)
        found = sum(part.num_rows for part in parts)
    return {"applicants": found}


def pandas(parquet: Path) -> dict[str, Any]:
    """The same features in plain pandas."""
    from bench.pandas_instalments import instalment_features  # noqa: PLC0415

    return {"applicants": len(instalment_features(parquet))}


def _fastest_us(call: Callable[[], object], times: int) -> float:
    fastest = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(times):
            call()
        fastest = min(fastest, time.perf_counter() - started)
    return fastest / times * 1e6


_PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "ingest": ingest, "build": build, "lookup": lookup, "duckdb": duckdb, "pandas": pandas,
}  # fmt: skip

if __name__ == "__main__":
    told = _PARTS[sys.argv[1]](*map(Path, sys.argv[2:]))
    sys.stdout.write(json.dumps({**told, "processor_s": time.process_time()}))
