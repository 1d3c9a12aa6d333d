"""The platform on one machine: each part started in its order, all stopped in the reverse one.

    broker → topics → sample or DATA → feature snapshot → registry → model trained on it and promoted →
    feature service → scorers → ledger → archive → gateway

Used by the demo, by the tests of real processes and by measurements. Knows no display.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.lanes import Lane
from feature_service.sources import OPTIONAL_TABLES, SOURCES
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.ports import require_free
from infra.kafka.topics import ensure_topics
from infra.kafka.watchdog import Watchdog
from infra.local.mlflow_server import MlflowServer
from infra.local.processes import Child, ChildFailed, run_to_end
from infra.local.settings import LocalSettings
from infra.runtime.kafka import KafkaConnection

MODEL_NAME: Final = "credit-risk"
#: A child that ends is noticed at once; a slow or busy machine may take its time.
_READY_TIMEOUT_S: Final = 180


#: What `scorestream features build` says of its snapshot.
_BUILT: Final = re.compile(r"^(?:published|unchanged)  (?P<id>\w+)  .*\n +(?P<size>.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class BuiltFeatures:
    """The snapshot of a start; `size` is applicants and features, in words."""

    snapshot_id: str
    size: str
    missing_tables: tuple[str, ...]
    n_warnings: int

    def __str__(self) -> str:
        said = f"{self.snapshot_id[:12]}: {self.size}"
        if self.n_warnings:
            said += f", {self.n_warnings} quality warnings"
        if self.missing_tables:
            said += f"; no values from {', '.join(self.missing_tables)}: the files are not there"
        return said


class LocalPlatform:
    """The parts of the platform; the methods are the steps of its start, each idempotent on disk."""

    def __init__(self, settings: LocalSettings) -> None:
        self.settings = settings
        self.run_dir = settings.run_dir.resolve()
        self.kafka: EmbeddedKafka | None = None
        self.mlflow: MlflowServer | None = None
        self.children: dict[str, Child] = {}
        self.bootstrap_servers = settings.kafka_bootstrap_servers or f"127.0.0.1:{settings.kafka_port}"
        self.tracking_uri = settings.mlflow_tracking_uri or f"http://127.0.0.1:{settings.mlflow_port}"
        self.ledger_url = f"http://127.0.0.1:{settings.ledger_port}"
        self.features_url = f"http://127.0.0.1:{settings.features_port}"
        self.gateway_url = f"http://127.0.0.1:{settings.gateway_port}"
        self._watchdog = Watchdog()
        self._stops: list[Callable[[], None]] = [self._watchdog.close]

    def require_ports(self, *others: int) -> None:
        """Raise PortTaken, naming it, before anything is started; `others` are of what comes besides."""
        settings = self.settings
        ports = [
            *others,
            settings.gateway_port,
            settings.features_port,
            settings.scorer_port,
            settings.batch_scorer_port,
            settings.ledger_port,
            settings.archive_port,
        ]
        if settings.kafka_bootstrap_servers is None:
            ports.append(settings.kafka_port)
        if settings.mlflow_tracking_uri is None:
            ports.append(settings.mlflow_port)
        require_free(ports)

    def start_kafka(self) -> str:
        """A broker, unless one was given."""
        if self.settings.kafka_bootstrap_servers is None:
            self.kafka = EmbeddedKafka(
                self.run_dir / "kafka", ports=[self.settings.kafka_port], is_lasting=True
            )
            self.kafka.start()
            self._stops.append(self.kafka.stop)
            return f"Apache Kafka 4.3.1, one KRaft node at {self.bootstrap_servers}"
        return f"yours, at {self.bootstrap_servers}"

    def ensure_topics(self) -> str:
        """The topics of the contracts."""
        report = asyncio.run(
            ensure_topics(
                self.bootstrap_servers,
                partitions=self.settings.partitions,
                replication=1,
                **self.connection().login_options(),
            )
        )
        return f"{len(report.created)} created" if report.created else "all there"

    def start_mlflow(self) -> str:
        """A registry, unless one was given."""
        if self.settings.mlflow_tracking_uri is None:
            self.mlflow = MlflowServer(self.run_dir / "mlflow", port=self.settings.mlflow_port)
            self.mlflow.start()
            self._stops.append(self.mlflow.stop)
        return self.tracking_uri

    def make_sample(self) -> Path:
        """The folder with the sample's eight files, written unless they are there with this size and seed."""
        applicants, seed = self.settings.applicants, self.settings.seed
        folder = self.run_dir / f"sample-{applicants}-{seed}"
        if missing_tables(folder):
            draft = folder.with_suffix(".draft")
            self._scorestream(
                "sample-data", "--applicants", str(applicants), "--out", str(draft), "--seed", str(seed)
            )
            shutil.rmtree(folder, ignore_errors=True)
            draft.replace(folder)
        return folder

    def build_features(self, data: Path) -> BuiltFeatures:
        """A snapshot of `data`, announced; the one that is there when nothing has changed."""
        missing = missing_tables(data)
        options = [word for name in missing for word in ("--allow-missing", name)]
        said = self._scorestream("features", "build", "--data", str(data), *options)
        built = _BUILT.search(said)
        if built is None:
            raise ChildFailed(f"the feature build named no snapshot:\n{said}")
        n_warnings = len(re.findall("^warning ", said, re.MULTILINE))
        return BuiltFeatures(built["id"], built["size"], missing, n_warnings)

    def train(self, data: Path, *, snapshot_id: str, is_sample: bool) -> str:
        """A staged model from `data` and the snapshot; the one that is there when nothing has changed."""
        options = ["--smoke"] if is_sample else ["--minutes", str(self.settings.training_minutes)]
        said = self._scorestream(
            "train",
            "--data",
            str(data),
            "--snapshot",
            snapshot_id,
            "--seed",
            str(self.settings.seed),
            *options,
        )
        return said.strip().splitlines()[-1]

    def promote(self) -> str:
        """The staged model, checked and made Production."""
        return self._scorestream("promote").strip().splitlines()[-1]

    def start_feature_service(self) -> None:
        """The feature service's HTTP API; scoring goes on without it."""
        port = self.settings.features_port
        child = self._launch("feature-service", ["features", "serve", "--port", str(port)])
        child.wait_ready(_ready(port), _READY_TIMEOUT_S)

    def start_scorers(self, lanes: Iterable[Lane]) -> None:
        """A worker of each of `lanes`, started beside each other."""
        ports = {Lane.SYNC: self.settings.scorer_port, Lane.BATCH: self.settings.batch_scorer_port}
        started = [
            (
                self._launch(
                    f"scorer-{lane.value}", ["scorer", "--lane", lane.value, "--port", str(ports[lane])]
                ),
                lane,
            )
            for lane in lanes
        ]
        for child, lane in started:
            child.wait_ready(_ready(ports[lane]), _READY_TIMEOUT_S)

    def start_ledger(self) -> None:
        """The ledger, on SQLite."""
        self._launch("ledger", ["ledger"]).wait_ready(_ready(self.settings.ledger_port), _READY_TIMEOUT_S)

    def start_archive(self) -> str:
        """The archive; where its files are."""
        child = self._launch("archive", ["archive", "--port", str(self.settings.archive_port)])
        child.wait_ready(_ready(self.settings.archive_port), _READY_TIMEOUT_S)
        return str(self.run_dir / "archive")

    def start_gateway(self) -> None:
        """The gateway."""
        port = self.settings.gateway_port
        child = self._launch("gateway", ["gateway", "--port", str(port)])
        child.wait_ready(_ready(port), _READY_TIMEOUT_S)

    def start_program(
        self, name: str, command: Sequence[str], *, ready_url: str, environment: Mapping[str, str]
    ) -> None:
        """A further program, kept running until `stop`; back once it is ready."""
        self._child(name, command, environment).wait_ready(ready_url, _READY_TIMEOUT_S)

    def start_lag_exporter(self) -> str:
        """The lag exporter; where it says what waits."""
        port = self.settings.lag_port
        self._launch("lag", ["lag", "--port", str(port)]).wait_ready(_ready(port), _READY_TIMEOUT_S)
        return f"http://127.0.0.1:{port}/metrics"

    def on_stop(self, stop: Callable[[], None]) -> None:
        """Call `stop` when the platform stops, before what was started earlier."""
        self._stops.append(stop)

    def stop(self) -> None:
        """Stop what was started, the last first; a part that fails to stop does not keep the others."""
        while self._stops:
            with contextlib.suppress(Exception):
                self._stops.pop()()

    def connection(self) -> KafkaConnection:
        """How the platform's own looks at Kafka connect."""
        return KafkaConnection(bootstrap_servers=self.bootstrap_servers)

    def environment(self) -> dict[str, str]:
        """Variables by which the platform's processes and commands find each other."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "MLFLOW_TRACKING_URI": self.tracking_uri,
            "LEDGER_URL": self.ledger_url,
            "LEDGER_PORT": str(self.settings.ledger_port),
            "LEDGER_DATABASE_URL": f"sqlite:///{self.run_dir / 'ledger' / 'ledger.db'}",
            "LEDGER_RUN_DIR": str(self.run_dir / "workers"),
            "FEATURES_STORE": str(self.run_dir / "features" / "store"),
            "FEATURES_CACHE": str(self.run_dir / "features" / "cache"),
            "FEATURES_RUN_DIR": str(self.run_dir / "workers"),
            "ARCHIVE_STORE": str(self.run_dir / "archive"),
            "ARCHIVE_RUN_DIR": str(self.run_dir / "workers"),
            "ARCHIVE_FLUSH_S": "5",
            "LAG_RUN_DIR": str(self.run_dir / "workers"),
            "SCORER_CACHE_DIR": str(self.run_dir / "scorer-cache"),
            "SCORER_RUN_DIR": str(self.run_dir / "workers"),
            "GATEWAY_RUN_DIR": str(self.run_dir / "workers"),
            "SCORER_MODEL_NAME": MODEL_NAME,
            "GATEWAY_MODEL_NAME": MODEL_NAME,
        }

    def exports(self) -> str:
        """The same as a line for a shell."""
        wanted = ("KAFKA_BOOTSTRAP_SERVERS", "MLFLOW_TRACKING_URI")
        found = self.environment()
        return "export " + " ".join(f"{name}={shlex.quote(found[name])}" for name in wanted)

    def _launch(self, name: str, arguments: list[str]) -> Child:
        return self._child(name, [sys.executable, "-m", "scorestream.cli", *arguments], self.environment())

    def _child(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Child:
        child = Child(
            name,
            command,
            log_file=self.run_dir / "logs" / f"{name}.log",
            environment=environment,
            watchdog=self._watchdog,
        )
        self.children[name] = child
        self._stops.append(child.stop)
        child.start()
        return child

    def _scorestream(self, *arguments: str) -> str:
        return run_to_end(
            [sys.executable, "-m", "scorestream.cli", *arguments],
            log_file=self.run_dir / "logs" / f"{arguments[0]}.log",
            environment=self.environment(),
        )


def missing_tables(data: Path) -> tuple[str, ...]:
    """Tables that a build can do without and whose files are not in the folder."""
    return tuple(name for name in OPTIONAL_TABLES if not (data / SOURCES[name].file_name).is_file())


def _ready(port: int) -> str:
    return f"http://127.0.0.1:{port}/readyz"
