"""What is measured: the whole platform, and the controls, each with the same model and snapshot."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.controls.plain import ControlSettings, PlainDecider
from bench.machine import usage
from bench.traffic import Service
from contracts.events import decode_promoted, decode_snapshot_published
from contracts.lanes import Lane
from infra.kafka.ports import free_ports
from infra.kafka.watchdog import Watchdog
from infra.local.platform import MODEL_NAME, LocalPlatform
from infra.local.processes import Child, run_to_end
from infra.local.settings import LocalSettings
from infra.local.showcase import unseen_applications

RUN_DIR: Final = Path(".run/bench")
_APPLICATIONS: Final = 1_500
_READY_S: Final = 120.0


class Platform:
    """The demo's processes, all of them, on free ports."""

    def __init__(self) -> None:
        names = ("gateway", "features", "scorer", "batch_scorer", "ledger", "archive", "mlflow", "kafka")
        ports: dict[str, Any] = {
            f"{name}_port": port for name, port in zip(names, free_ports(len(names)), strict=True)
        }
        settings = LocalSettings(run_dir=RUN_DIR, **ports)
        self.local = LocalPlatform(settings)
        self.watchdog = Watchdog()
        self.data = Path()

    def start(self) -> None:
        """Start everything, as `make demo` does."""
        local = self.local
        local.start_kafka()
        local.ensure_topics()
        self.data = local.make_sample()
        features = local.build_features(self.data)
        local.start_mlflow()
        run_to_end(
            [sys.executable, "-m", "bench.served_model", str(self.data), features.snapshot_id],
            log_file=local.run_dir / "logs" / "train.log",
            environment=local.environment(),
        )
        local.promote()
        local.start_feature_service()
        local.start_scorers((Lane.SYNC, Lane.BATCH))
        local.start_ledger()
        local.start_archive()
        local.start_gateway()

    def stop(self) -> None:
        """Stop it all."""
        self.local.stop()
        self.watchdog.close()

    def controls(self, *, has_reasons: bool) -> ControlSettings:
        """What a control needs to decide with what the platform decides with."""
        cache = self.local.run_dir / "scorer-cache"
        promoted = decode_promoted((cache / "last-good.json").read_bytes())
        published = decode_snapshot_published((cache / "last-good-snapshot.json").read_bytes())
        return ControlSettings(
            bundle=cache / "bundles" / promoted.digest,
            snapshot=cache / "snapshots" / published.snapshot_id,
            has_reasons=has_reasons,
            bootstrap_servers=self.local.bootstrap_servers,
        )

    def pids(self) -> dict[str, int]:
        """The running processes by name."""
        found = {name: child.pid for name, child in self.local.children.items() if child.pid is not None}
        if self.local.kafka is not None:
            found["kafka"] = self.local.kafka.pid()
        return found

    def service(self, bodies: list[bytes], name: str = "scorestream") -> Service:
        """The gateway."""
        return Service(name, f"{self.local.gateway_url}/v1/applications", bodies, self.pids())

    def applications(self) -> list[dict[str, object]]:
        """Applications that no model was fitted on."""
        rows = unseen_applications(self.data, seed=self.local.settings.seed)
        return [dict(row) for row in islice(rows, _APPLICATIONS)]

    @contextmanager
    def child(self, name: str, arguments: list[str], url: str, settings: ControlSettings) -> Iterator[int]:
        """A control's process with the platform's variables, ready; its id."""
        control = {
            "BENCH_BUNDLE": str(settings.bundle),
            "BENCH_SNAPSHOT": str(settings.snapshot),
            "BENCH_HAS_REASONS": str(settings.has_reasons),
            "BENCH_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            # MLflow starts uvicorn by its name.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        }
        child = Child(
            name, [sys.executable, "-m", *arguments], log_file=RUN_DIR / "logs" / f"{name}.log",
            environment={**self.local.environment(), **control}, watchdog=self.watchdog,
        )  # fmt: skip
        child.start()
        try:
            child.wait_ready(url, _READY_S)
            yield child.pid or 0
        finally:
            child.stop()

    @contextmanager
    def in_process(self, bodies: list[bytes], *, has_reasons: bool) -> Iterator[Service]:
        """Controls 1 and 2: plain FastAPI, two workers."""
        (port,) = free_ports(1)
        name = "FastAPI with pred_contrib" if has_reasons else "FastAPI"
        arguments = [
            "uvicorn", "--factory", "bench.controls.in_process:app", "--workers", "2", "--port", str(port),
            "--log-level", "warning",
        ]  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        settings = self.controls(has_reasons=has_reasons)
        with self.child("fastapi", arguments, f"{url}/readyz", settings) as pid:
            yield Service(name, f"{url}/v1/applications", bodies, {"service": pid})

    @contextmanager
    def mlflow(self, bodies: list[bytes]) -> Iterator[Service]:
        """Control 3: MLflow's own server of the same model; it is given finished features."""
        (port,) = free_ports(1)
        arguments = [
            "mlflow", "models", "serve", "--model-uri", f"models:/{MODEL_NAME}@production",
            "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", "2",
        ]  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        with self.child("mlflow-serve", arguments, f"{url}/ping", self.controls(has_reasons=False)) as pid:
            yield Service("mlflow models serve", f"{url}/invocations", bodies, {"service": pid})

    @contextmanager
    def plain_faust(self, bodies: list[bytes]) -> Iterator[Service]:
        """Control 4: a plain Faust agent instead of the scorers, behind the same gateway."""
        for name in ("scorer-sync", "scorer-batch"):
            self.local.children[name].stop()
        arguments = ["bench.controls.plain_faust", "worker", "--without-web"]
        # It opens no port: ready is when the gateway gets answers, which `bench.traffic.check` waits for.
        ready = f"{self.local.gateway_url}/readyz"
        with self.child("plain-faust", arguments, ready, self.controls(has_reasons=True)) as pid:
            pids = {name: found for name, found in self.pids().items() if not name.startswith("scorer")}
            url = f"{self.local.gateway_url}/v1/applications"
            yield Service("plain Faust agent", url, bodies, {**pids, "faust": pid})


class Asked:
    """Applications as request bodies, and what LightGBM says of each."""

    def __init__(self, platform: Platform) -> None:
        decider = PlainDecider(platform.controls(has_reasons=False))
        self.mixed = [json.dumps(application).encode() for application in platform.applications()]
        decided = [msgspec.json.decode(decider.decide(body)) for body in self.mixed]
        self.expected = [document["probability_of_default"] for document in decided]
        is_approved = [document["decision"] == "approve" for document in decided]
        self.approved = [body for body, approved in zip(self.mixed, is_approved, strict=True) if approved]
        self.share_with_reasons = 1 - len(self.approved) / len(self.mixed)
        self.rows = [decider.row(body) for body in self.mixed[:200]]
        self.raw = [decider.uncalibrated(body) for body in self.mixed[:200]]
        columns = list(decider.columns)
        self.for_mlflow = [
            json.dumps({"dataframe_split": {"columns": columns, "data": [row]}}).encode() for row in self.rows
        ]


def memory(platform: Platform) -> dict[str, dict[str, float]]:
    """Megabytes by process: all that is resident, and what is the process's own."""
    return {
        name: {"rss_mb": round(used.rss_mb), "own_mb": round(used.anonymous_mb)}
        for name, pid in platform.pids().items()
        for used in [usage(pid)]
    }
