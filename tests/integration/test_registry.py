"""The model registry against a real MLflow server, and a promotion against a real broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from click.testing import CliRunner

from contracts.events import ModelPromoted, decode_promoted
from infra.kafka.ports import LOOPBACK, free_ports
from infra.local.mlflow_server import MlflowServer, MlflowServerFailed
from infra.runtime.mlflow_client import mlflow_at
from scorestream.commands.promote import promote as promote_command
from scorestream.commands.train import train as train_command
from tests.models import random_rows, random_target, write_csv
from tests.registry_rules import RegistryRules, built
from training.errors import PromotionNotPublished, RegistryUnavailable
from training.mlflow_registry import MlflowRegistry
from training.promotions import publish
from training.registry import STAGING, Registry


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with MlflowServer(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


class TestMlflowRegistry(RegistryRules):
    @pytest.fixture
    def registry(self, mlflow_server: MlflowServer) -> Registry:
        return MlflowRegistry(mlflow_server.tracking_uri)


def test_a_run_shows_figures_pictures_and_a_model_that_mlflow_can_open(mlflow_server: MlflowServer) -> None:
    name = f"credit-risk-{uuid4().hex[:8]}"
    version = MlflowRegistry(mlflow_server.tracking_uri).register(built(name))
    mlflow: Any = mlflow_at(mlflow_server.tracking_uri)
    client = mlflow.MlflowClient()

    run = client.get_run(version.run_id)
    assert run.data.metrics["auc"] == built(name).metrics["auc"]
    assert run.data.params["seed"] == "5"
    assert {file.path for file in client.list_artifacts(version.run_id, "pictures")} == {
        f"pictures/{picture}.png" for picture in ("calibration", "cost", "importance", "roc")
    }
    opened = mlflow.lightgbm.load_model(f"models:/{name}/{version.version}")
    assert opened.num_trees() == built(name).metrics["trees"]
    assert client.get_model_version(name, version.version).tags["stage"] == "Staging"


def test_a_server_that_is_down_is_said_at_once() -> None:
    registry = MlflowRegistry(f"http://{LOOPBACK}:{free_ports(1)[0]}")
    started = time.monotonic()
    with pytest.raises(RegistryUnavailable):
        registry.with_alias("credit-risk", STAGING)
    # Not a matter of speed: MLflow's own defaults go on for four minutes.
    assert time.monotonic() - started < 60


def test_a_stopped_server_comes_back_with_what_it_knew(tmp_path: Path) -> None:
    with MlflowServer(tmp_path) as server:
        version = MlflowRegistry(server.tracking_uri).register(built("credit-risk"))
    with MlflowServer(tmp_path) as server:
        assert MlflowRegistry(server.tracking_uri).with_alias("credit-risk", STAGING) == version


def test_a_server_that_cannot_start_says_why(mlflow_server: MlflowServer, tmp_path: Path) -> None:
    taken = int(mlflow_server.tracking_uri.rsplit(":", 1)[1])
    with pytest.raises(MlflowServerFailed, match="is taken"):
        MlflowServer(tmp_path, port=taken).start()


def test_the_commands_train_stage_and_name_what_is_missing(
    mlflow_server: MlflowServer, tmp_path: Path
) -> None:
    rows = random_rows(900, seed=61)
    write_csv(tmp_path / "application_train.csv", rows, random_target(rows, seed=61))
    place = ["--tracking-uri", mlflow_server.tracking_uri, "--model-name", f"credit-risk-{uuid4().hex[:8]}"]

    trained = CliRunner().invoke(train_command, ["--data", str(tmp_path), "--smoke", *place])
    again = CliRunner().invoke(train_command, ["--data", str(tmp_path), "--smoke", *place])
    nowhere = f"{LOOPBACK}:{free_ports(1)[0]}"
    promoted = CliRunner().invoke(promote_command, [*place, "--bootstrap-servers", nowhere])

    assert trained.exit_code == 0, trained.output
    assert "version 1 is staged" in trained.output
    assert "was trained on just this already" in again.output
    assert promoted.exit_code == 1
    assert "Kafka did not take the news" in promoted.output


PROMOTED = ModelPromoted(
    name="credit-risk",
    version="3",
    digest="d" * 64,
    bundle_uri="/bundles/3",
    promoted_at="2026-11-24T10:00:00.000Z",
    promoted_by="somebody",
)


async def first_record(bootstrap: str, topic: str) -> ConsumerRecord[bytes, bytes]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return await asyncio.wait_for(consumer.getone(), timeout=30)
    finally:
        await consumer.stop()


def test_a_promotion_is_one_record_keyed_by_the_models_name(kafka_bootstrap: str, fresh_topic: Any) -> None:
    topic = fresh_topic(config={"cleanup.policy": "compact"})
    offset = asyncio.run(publish(PROMOTED, {"bootstrap_servers": kafka_bootstrap}, topic=topic))
    record = asyncio.run(first_record(kafka_bootstrap, topic))
    assert record.offset == offset
    assert record.key == b"credit-risk"
    assert record.value is not None
    assert decode_promoted(record.value) == PROMOTED
    assert dict(record.headers) == {"schema-version": b"1"}


def test_brokers_that_are_away_are_said_to_be() -> None:
    with pytest.raises(PromotionNotPublished, match="promote it again"):
        asyncio.run(publish(PROMOTED, {"bootstrap_servers": f"{LOOPBACK}:{free_ports(1)[0]}"}))
