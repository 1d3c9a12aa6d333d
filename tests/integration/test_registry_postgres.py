"""The registry and a shared tuning study on a real PostgreSQL: what an installation runs on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from infra.local.mlflow_server import MlflowServer
from tests.postgres import PostgresServer
from tests.registry_rules import OCCASION, RegistryRules, built
from training.mlflow_registry import MlflowRegistry
from training.registry import PRODUCTION, Registry, promote

#: A worker of a shared study: in a process of its own, as on a machine of its own.
WORKER = """
import sys
from tests.unit.training.test_tune import FEATURES, PLAN, UNWATCHED, place
from tests.models import dataset
from training.tune import tune
done = []
tune(dataset(), FEATURES, plan=PLAN, place=place(sys.argv[1]), log=done.append, watch=UNWATCHED)
print(*(trial.number for trial in done))
"""


@pytest.fixture(scope="module")
def mlflow_server(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MlflowServer]:
    database = postgres_server.create("mlflow")
    with MlflowServer(tmp_path_factory.mktemp("mlflow"), backend_store_uri=database) as server:
        yield server


@pytest.mark.slow
@pytest.mark.usefixtures("pictures_drawn_once")
class TestMlflowRegistryOnPostgres(RegistryRules):
    @pytest.fixture
    def registry(self, mlflow_server: MlflowServer) -> Registry:
        return MlflowRegistry(mlflow_server.tracking_uri)


def test_a_version_is_registered_promoted_and_found_again(mlflow_server: MlflowServer) -> None:
    """The whole suite on PostgreSQL is in `make test-slow`."""
    registry, name = MlflowRegistry(mlflow_server.tracking_uri), "credit-risk-on-postgres"
    version = registry.register(built(name))
    promoted = promote(registry, name=name, version=None, occasion=OCCASION)
    assert promoted.version == version.version
    assert MlflowRegistry(mlflow_server.tracking_uri).with_alias(name, PRODUCTION) == registry.version(
        name, version.version
    )


def test_two_workers_share_one_study(postgres_server: PostgresServer) -> None:
    storage = postgres_server.create("tuning")
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, storage], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [worker.communicate(timeout=240) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    told = [[int(number) for number in out.split()] for out, _ in said]
    # The study asks for six; each worker may finish the one it was at when the sixth came in. Each is told
    # all of the study, its own and the other's, a trial once.
    assert all(len(numbers) == len(set(numbers)) >= 6 for numbers in told), told
    assert 6 <= len({number for numbers in told for number in numbers}) <= 7, told
