"""The programs, where each comes from, and where it is kept once it is there.

A file's name carries its version: a new version is another file, and clones that differ share a cache.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.tools.settings import ToolSettings

SOURCES: Final = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class GoProgram:
    """A program built from the Go module in `infra/tools/<name>`, whose go.sum pins every source."""

    name: str
    #: Import path of what is built; "." is our own main.go.
    package: str
    #: Module whose version is the program's.
    module: str
    #: Variables that the linker sets; `{version}` is filled in.
    stamps: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where its go.mod is."""
        return SOURCES / self.name

    @property
    def version(self) -> str:
        """As go.mod says, without the v."""
        found = re.search(rf"{re.escape(self.module)} v(\S+)", (self.folder / "go.mod").read_text())
        if found is None:
            raise LookupError(f"{self.folder / 'go.mod'} names no version of {self.module}")
        return found[1]

    def path(self, settings: ToolSettings) -> Path:
        """Where the finished program is, or will be."""
        return settings.cache / f"{self.name}-{self.version}"


#: Helm asks the API server for its version, which is only in binaries that were told.
KUBERNETES: Final = GoProgram(
    "kubernetes",
    ".",
    "k8s.io/kubernetes",
    stamps=(
        "k8s.io/component-base/version.gitVersion=v{version}",
        "k8s.io/component-base/version.gitMajor=1",
        "k8s.io/component-base/version.gitMinor=37",
    ),
)
ETCD: Final = GoProgram("etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3")
KWOK: Final = GoProgram("kwok", "sigs.k8s.io/kwok/cmd/kwok", "sigs.k8s.io/kwok")
ACTIONLINT: Final = GoProgram(
    "actionlint", "github.com/rhysd/actionlint/cmd/actionlint", "github.com/rhysd/actionlint"
)

#: What a control plane without machines needs.
CONTROL_PLANE: Final = (ETCD, KWOK, KUBERNETES)

HELM_VERSION: Final = "4.3.1"
KUBECTL_VERSION: Final = "1.37.1"


def helm_path(settings: ToolSettings) -> Path:
    """Where Helm is, or will be."""
    return settings.cache / f"helm-{HELM_VERSION}"


def kubectl_path(settings: ToolSettings) -> Path:
    """Where kubectl is, or will be."""
    return settings.cache / f"kubectl-{KUBECTL_VERSION}"


#: Go modules whose files are read, not built: the custom resources that the chart makes. KEDA is the version
#: that docs/deploy installs; the operator there is newer than this, the last that is published as a module.
KEDA: Final = ("github.com/kedacore/keda/v2", "2.21.0")
PROMETHEUS_OPERATOR: Final = ("github.com/prometheus-operator/prometheus-operator", "0.85.0")
