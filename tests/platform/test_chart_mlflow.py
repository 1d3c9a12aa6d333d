"""The MLflow of the chart: its pages may write, and what it keeps is somewhere that can be written to."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.server.security_utils import is_allowed_host_header, should_block_cors_request

from tests.platform.chart import ALL_VALUES, Chart, Object, component, of_kind
from tests.platform.test_chart_renders import EVERYTHING

MINIKUBE = next(path for path in ALL_VALUES if path.stem == "minikube")

#: Where it keeps runs and artifacts, and whether that takes a volume.
KEPT = [
    (("mlflow.database.secret=db", "mlflow.artifacts=gs://bucket/mlflow"), False),
    (("mlflow.database.secret=db", "mlflow.artifacts="), True),
    (("mlflow.database.secret=", "mlflow.artifacts=gs://bucket/mlflow"), True),
    (("mlflow.database.secret=", "mlflow.artifacts="), True),
]


@pytest.mark.parametrize(
    ("values", "origin"),
    [(EVERYTHING, "https://scoring.example.org"), (MINIKUBE, "http://scorestream.test")],
    ids=["everything", "minikube"],
)
def test_what_its_pages_send_from_behind_the_ingress_is_taken(
    chart: Chart, values: Path, origin: str
) -> None:
    """Each POST of a browser got 403: the host was allowed, and its origin was not."""
    settings = settings_of_mlflow(chart.objects(values))
    allowed = settings["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"].split(",")
    assert not should_block_cors_request(origin, "POST", allowed)
    assert should_block_cors_request("https://elsewhere.example.org", "POST", allowed)
    hosts = settings["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert is_allowed_host_header(hosts, origin.partition("://")[2])


def test_no_page_may_write_where_the_ingress_shows_none(chart: Chart) -> None:
    objects = chart.objects(EVERYTHING, changes=("ingress.mlflow.enabled=false",))
    assert "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS" not in settings_of_mlflow(objects)


@pytest.mark.parametrize(("changes", "is_on_volume"), KEPT, ids=str)
def test_artifacts_without_a_bucket_are_on_a_volume(
    chart: Chart, changes: tuple[str, ...], *, is_on_volume: bool
) -> None:
    """With a database and no bucket they went to a folder of the read-only root, and each upload failed."""
    objects = chart.objects(EVERYTHING, changes=changes)
    (pod,) = [
        one["spec"]["template"]["spec"]
        for one in of_kind(objects, "Deployment")
        if component(one) == "mlflow"
    ]
    (container,) = pod["containers"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    claimed = {
        volume["persistentVolumeClaim"]["claimName"]: mounted[volume["name"]]
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    made = {one["metadata"]["name"] for one in of_kind(objects, "PersistentVolumeClaim")}
    assert claimed == ({"scorestream-mlflow": "/var/lib/mlflow"} if is_on_volume else {})
    assert ("scorestream-mlflow" in made) is is_on_volume


def settings_of_mlflow(objects: list[Object]) -> dict[str, str]:
    (found,) = [one["data"] for one in of_kind(objects, "ConfigMap") if component(one) == "mlflow"]
    return dict(found)
