"""The chart as the tests see it: what Helm makes of it, and the parts of objects that tests look at."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parent.parent.parent
CHART: Final = ROOT / "helm" / "scorestream"
ENVIRONMENTS: Final = sorted((ROOT / "helm" / "environments").glob("*.yaml"))
#: The chart with everything on, and with as little as it takes.
EXTREMES: Final = sorted((Path(__file__).parent / "values").glob("*.yaml"))
ALL_VALUES: Final = [*ENVIRONMENTS, *EXTREMES]

Object = dict[str, Any]


class RefusedValues(Exception):
    """Helm would not render; the message is what the operator reads."""


class Chart:
    """Renders the chart in `helm/scorestream`."""

    def __init__(self, helm: Path) -> None:
        self.helm = helm
        self._rendered = cache(self._render)
        self._parsed = cache(self._parse)

    def objects(self, *values: Path, changes: tuple[str, ...] = ()) -> list[Object]:
        """What is installed with these values files and `--set` changes. Raises RefusedValues."""
        return self._parsed(values, changes)

    def source(self, values: Path) -> str:
        """The same as Helm prints it, with the template that each object is from."""
        return self._rendered((values,), ())

    def lint(self, values: Path) -> str:
        """What `helm lint --strict` says; raises RefusedValues if it is not content."""
        return self._run("lint", "--strict", str(CHART), "--values", str(values))

    def _parse(self, values: tuple[Path, ...], changes: tuple[str, ...]) -> list[Object]:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return [one for one in yaml.load_all(self._rendered(values, changes), loader) if one]

    def _render(self, values: tuple[Path, ...], changes: tuple[str, ...]) -> str:
        options = [option for path in values for option in ("--values", str(path))]
        options += [option for change in changes for option in ("--set", change)]
        return self._run("template", "scorestream", str(CHART), "--namespace", "scoring", *options)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run([self.helm, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RefusedValues(done.stderr + done.stdout)
        return done.stdout


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    """The objects of these kinds."""
    return [one for one in objects if one["kind"] in kinds]


def component(one: Object) -> str:
    """The component that the object belongs to."""
    return str(one["metadata"]["labels"]["app.kubernetes.io/component"])


def pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Name and pod spec of everything that starts pods."""
    for one in of_kind(objects, "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"):
        yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def containers(pod: Object) -> list[Object]:
    """All containers of a pod, those that run first included."""
    return [*pod.get("initContainers", []), *pod["containers"]]
