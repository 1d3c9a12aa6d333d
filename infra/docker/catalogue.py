"""The images: which extras of pyproject.toml are in each, and which stage of the Dockerfile it is.

An image holds what its processes import and no more: no LightGBM in the gateway, no Java anywhere. Chart,
`make lock` and `make images` go by this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
LOCKS: Final = ROOT / "infra" / "locks"


@dataclass(frozen=True, slots=True)
class Image:
    """One image of the platform."""

    name: str
    title: str
    extras: tuple[str, ...]
    #: Stage of `infra/docker/Dockerfile`; the plain one has nothing from outside of Python.
    stage: str = "plain"

    @property
    def lock(self) -> Path:
        """Its share of the lock: the versions of all.txt, hashes included."""
        return LOCKS / f"{self.name}.txt"

    @property
    def repository(self) -> str:
        """Its name in a registry, as in the chart's values."""
        return f"scorestream-{self.name}"


IMAGES: Final = (
    Image("gateway", "the gateway: applications over HTTP", ("gateway",)),
    Image("scorer", "a scorer: decides applications", ("scorer", "archive", "stores"), stage="openmp"),
    Image("features", "the feature build and its HTTP API", ("features", "stores")),
    Image("ledger", "ledger, archive, lag exporter and the command line", ("ledger", "archive", "stores")),
    Image(
        "training",
        "training, promotion and drift",
        ("training", "features", "archive", "drift", "stores"),
        stage="openmp",
    ),
    Image("mlflow", "the MLflow server", ("registry",), stage="mlflow"),
    Image("airflow", "Airflow with the platform's DAGs", ("airflow",), stage="airflow"),
)


def image(name: str) -> Image:
    """The image of this name; KeyError for one that is not there."""
    return {one.name: one for one in IMAGES}[name]
