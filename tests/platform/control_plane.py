"""A real Kubernetes control plane without machines: etcd, API server, controllers, scheduler, kwok for nodes.

Everything that the chart can be refused for is decided by these; what runs in a pod is not part of it.
Loopback, free ports, a folder of its own; up in about ten seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

import httpx
import yaml

from infra.kafka.ports import LOOPBACK, free_ports
from infra.tools.catalogue import CONTROL_PLANE, ETCD, KUBERNETES, KWOK, kubectl_path
from infra.tools.settings import ToolSettings

STAGES: Final = Path(__file__).parent / "cluster" / "kwok.yaml"
_NODES: Final = 3
_START_S: Final = 60
_STOP_S: Final = 20


def missing_programs(settings: ToolSettings) -> list[str]:
    """Names of the programs that `make k8s-tools` has not built yet."""
    return [program.name for program in CONTROL_PLANE if not program.path(settings).exists()]


class ControlPlane:
    """The processes, and their API as an administrator sees it."""

    def __init__(self, folder: Path, settings: ToolSettings) -> None:
        self._folder = folder
        self._tools = settings
        self._token = uuid4().hex
        self._processes: list[subprocess.Popen[bytes]] = []
        etcd, etcd_peer, api, controllers, scheduler, kwok = free_ports(6)
        self._ports = {"etcd": etcd, "peer": etcd_peer, "controllers": controllers}
        self._ports |= {"scheduler": scheduler, "kwok": kwok}
        self.url = f"https://{LOOPBACK}:{api}"
        self.kubeconfig = folder / "kubeconfig"
        self.api = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self._token}"},
            verify=False,  # noqa: S501 - its certificate is of its own making, on loopback
            timeout=20,
        )

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl prints; raises CalledProcessError with what it complains of."""
        done = subprocess.run(
            [kubectl_path(self._tools), "--kubeconfig", self.kubeconfig, *arguments],
            input=stdin, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        if done.returncode != 0:
            raise KubectlRefused(done.stderr.strip())
        return done.stdout

    def get(self, kind: str, namespace: str, *options: str) -> list[dict[str, Any]]:
        """Objects of a kind in a namespace."""
        found = json.loads(self.kubectl("get", kind, "--namespace", namespace, "--output", "json", *options))
        items: list[dict[str, Any]] = found["items"]
        return items

    def _start(self) -> None:
        self._write_files()
        ports = self._ports
        etcd = f"http://{LOOPBACK}:{ports['etcd']}"
        peer = f"http://{LOOPBACK}:{ports['peer']}"
        self._run(
            ETCD.path(self._tools), f"--data-dir={self._folder / 'etcd'}", f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}", f"--listen-peer-urls={peer}", "--unsafe-no-fsync",
            f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}", "--log-level=error",
        )  # fmt: skip
        self._run(KUBERNETES.path(self._tools), "apiserver", *self._api_server_flags(etcd))
        self._wait_for_api()
        shared = [f"--kubeconfig={self.kubeconfig}", f"--bind-address={LOOPBACK}", "--leader-elect=false"]
        key = self._folder / "service-accounts.key"
        self._run(
            KUBERNETES.path(self._tools), "controller-manager", *shared,
            f"--secure-port={ports['controllers']}", f"--service-account-private-key-file={key}",
            # Else controllers wait half a minute for a node that is new.
            "--node-monitor-grace-period=3600s", f"--cert-dir={self._folder / 'controllers'}",
        )  # fmt: skip
        self._run(
            KUBERNETES.path(self._tools), "scheduler", *shared, f"--secure-port={ports['scheduler']}",
            f"--cert-dir={self._folder / 'scheduler'}",
        )  # fmt: skip
        self._run(
            KWOK.path(self._tools), f"--kubeconfig={self.kubeconfig}", f"--config={STAGES}",
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            f"--server-address={LOOPBACK}:{ports['kwok']}",
        )  # fmt: skip
        self.kubectl("create", "--filename", "-", stdin=yaml.safe_dump_all(map(_node, range(_NODES))))

    def _api_server_flags(self, etcd: str) -> list[str]:
        key = self._folder / "service-accounts.key"
        return [
            f"--etcd-servers={etcd}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={self.url.rpartition(':')[2]}",
            f"--cert-dir={self._folder / 'api'}",
            f"--token-auth-file={self._folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            # Else privileged pods are refused before Pod Security is asked.
            "--allow-privileged=true",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--endpoint-reconciler-type=none",
        ]

    def _write_files(self) -> None:
        (self._folder / "tokens.csv").write_text(f"{self._token},admin,1,system:masters\n")
        key = self._folder / "service-accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        access = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {"server": self.url, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "admin", "user": {"token": self._token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "current-context": "test",
        }
        self.kubeconfig.write_text(yaml.safe_dump(access))
        self.kubeconfig.chmod(0o600)

    def _run(self, program: Path, *arguments: str) -> None:
        name = arguments[0] if program.name.startswith("kubernetes") else program.name.partition("-")[0]
        with (self._folder / f"{name}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    [program, *arguments], cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            )

    def _wait_for_api(self) -> None:
        deadline = time.monotonic() + _START_S
        while True:
            with contextlib.suppress(httpx.TransportError):
                if self.api.get("/readyz").text == "ok":
                    return
            if time.monotonic() > deadline or any(one.poll() is not None for one in self._processes):
                logs = "\n".join(log.read_text()[-1500:] for log in self._folder.glob("*.log"))
                raise AssertionError(f"the API server did not get ready:\n{logs}")
            time.sleep(0.1)

    def _stop(self) -> None:
        # etcd was started first and is stopped last: an API server without it does not end.
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        self.api.close()


class KubectlRefused(Exception):
    """kubectl ended with an error; the message is its own."""


def _node(number: int) -> dict[str, Any]:
    name = f"node-{number}"
    labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": f"zone-{number}"}
    labels |= {"kubernetes.io/os": "linux", "kubernetes.io/arch": os.uname().machine}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
    }
