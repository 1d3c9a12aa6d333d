"""Prometheus and Alertmanager beside the platform: their folders made ready, and how they are started.

Both are programs of the operating system, never fetched by us. Everything listens on 127.0.0.1.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from infra.kafka.ports import LOOPBACK
from infra.runtime.presence import Present

_SHIPPED: Final = Path(__file__).resolve().parents[1] / "prometheus"
_DASHBOARDS: Final = Path(__file__).resolve().parents[2] / "grafana"
#: The service objective is counted over 30 days.
_KEPT: Final = "35d"
_RECEIVERS: Final = "\nreceivers:\n"

#: Announced processes (`infra.runtime.presence`) by the first word of their names, and their Prometheus jobs.
_JOBS: Final = {"gateway": "gateway", "scorer": "scorer"}

PROMETHEUS: Final = "prometheus"
ALERTMANAGER: Final = "prometheus-alertmanager"
GRAFANA: Final = "grafana-server"
#: What to do where a program is not installed.
MENDS: Final = {
    PROMETHEUS: "apt-get install --no-install-recommends prometheus",
    ALERTMANAGER: "apt-get install --no-install-recommends prometheus-alertmanager",
    GRAFANA: "see https://grafana.com/docs/grafana/latest/setup-grafana/installation/",
}


def is_installed(program: str) -> bool:
    """Whether `program` is on the path."""
    return shutil.which(program) is not None


def prepare_prometheus(folder: Path, *, targets: Mapping[str, Sequence[int]], alertmanager_port: int) -> None:
    """Copy rules and configuration to `folder`, with `targets` (ports by job) to scrape."""
    shutil.copytree(_SHIPPED / "rules", folder / "rules", dirs_exist_ok=True)
    shutil.copy(_SHIPPED / "prometheus.yml", folder)
    (folder / "targets").mkdir(exist_ok=True)
    write_targets(folder, targets)
    _write(folder / "targets" / "alertmanager.json", [{"targets": [f"{LOOPBACK}:{alertmanager_port}"]}])


def write_targets(folder: Path, targets: Mapping[str, Sequence[int]]) -> None:
    """Have a Prometheus of `folder` scrape `targets`; it looks every few seconds."""
    groups = [
        {"targets": [f"{LOOPBACK}:{port}" for port in ports], "labels": {"job": job}}
        for job, ports in targets.items()
    ]
    _write(folder / "targets" / "scorestream.json", groups)


def further_workers(
    announced: Iterable[Present], targets: Mapping[str, Sequence[int]]
) -> dict[str, list[int]]:
    """`targets`, and the gateways and scorers that somebody started beside them on ports of their own."""
    found = {job: list(ports) for job, ports in targets.items()}
    for process in announced:
        job = _JOBS.get(process.name.partition("-")[0])
        port = int(process.url.rpartition(":")[2])
        if job is not None and port not in found.setdefault(job, []):
            found[job].append(port)
    return found


def grafana_environment(folder: Path, *, port: int, prometheus_port: int) -> dict[str, str]:
    """Grafana by its environment: the dashboards of this repository, to be looked at by everybody here."""
    return {
        "GF_SERVER_HTTP_ADDR": LOOPBACK,
        "GF_SERVER_HTTP_PORT": str(port),
        "GF_PATHS_DATA": str(folder),
        "GF_PATHS_LOGS": str(folder / "logs"),
        "GF_PATHS_PROVISIONING": str(_DASHBOARDS / "provisioning"),
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "PROMETHEUS_URL": f"http://{LOOPBACK}:{prometheus_port}",
        "SCORESTREAM_DASHBOARDS": str(_DASHBOARDS / "dashboards"),
    }


def prepare_alertmanager(folder: Path, *, secrets: Path | None) -> None:
    """Copy the configuration to `folder`; with `secrets`, a folder of files, it sends, else it only shows."""
    shutil.copytree(_SHIPPED / "templates", folder / "templates", dirs_exist_ok=True)
    text = (_SHIPPED / "alertmanager.yml").read_text()
    if secrets is None:
        routes, _, receivers = text.partition(_RECEIVERS)
        names = [line for line in receivers.splitlines() if line.startswith("  - name:")]
        text = "\n".join([routes + _RECEIVERS.rstrip(), *names, ""])
    else:
        (folder / "secrets").unlink(missing_ok=True)
        (folder / "secrets").symlink_to(secrets.resolve())
    (folder / "alertmanager.yml").write_text(text)


def prometheus_command(folder: Path, port: int) -> list[str]:
    """Starts Prometheus on a prepared folder."""
    return [
        PROMETHEUS,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'series'}",
        f"--storage.tsdb.retention.time={_KEPT}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--log.level=warn",
    ]


def alertmanager_command(folder: Path, port: int) -> list[str]:
    """Starts Alertmanager on a prepared folder, alone: without an address its cluster port stays closed."""
    return [
        "env", f"--chdir={folder}", ALERTMANAGER,
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'state'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]  # fmt: skip


def _write(file: Path, content: object) -> None:
    """Write all or nothing: Prometheus may be reading."""
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(content, indent=1))
    draft.replace(file)
