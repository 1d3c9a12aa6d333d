"""The model registry against a real MLflow server, and a promotion against a real broker."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import replace
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
from tests.registry_rules import OCCASION, RegistryRules, built
from training import lineage
from training.errors import PromotionNotPublished, PromotionUnderWay, RegistryUnavailable, TuningInterrupted
from training.mlflow_lock import promotion_lock
from training.mlflow_registry import MlflowRegistry
from training.promotions import publish
from training.registry import STAGING, Registry, promote, roll_back
from training.tune import TrialFinished


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with MlflowServer(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.mark.usefixtures("pictures_drawn_once")
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
    pictures = {Path(file.path).stem for file in client.list_artifacts(version.run_id, "pictures")}
    assert pictures >= {
        "approval", "baselines", "calibration", "calibrators", "cost", "deciles", "fairness_approval",
        "fairness_calibration", "fairness_ratio", "fairness_tpr", "importance", "ks", "leakage", "points",
        "points_scale", "precision_recall", "roc", "shap_bar", "shap_beeswarm",
    }  # fmt: skip
    card = Path(mlflow.artifacts.download_artifacts(run_id=version.run_id, artifact_path="model_card.html"))
    assert card.read_text().count("<img") == len(pictures)
    lock = mlflow.artifacts.load_text(f"runs:/{version.run_id}/environment.txt")
    assert lineage.environment_digest() == hashlib.sha256(lock.encode()).hexdigest()
    assert run.data.tags["environment_digest"]
    assert run.data.tags["applicants_held_out"] == built(name).manifest.lineage.parts["held_out"]
    opened = mlflow.lightgbm.load_model(f"models:/{name}/{version.version}")
    assert opened.num_trees() == built(name).metrics["trees"]
    logged = mlflow.models.get_model_info(f"models:/{name}/{version.version}")
    assert [column.name for column in logged.signature.inputs] == list(built(name).manifest.feature_names)
    assert logged.saved_input_example_info is not None
    assert client.get_model_version(name, version.version).tags["stage"] == "Staging"


def test_every_trial_is_a_run_nested_in_the_trainings(mlflow_server: MlflowServer) -> None:
    name = f"credit-risk-{uuid4().hex[:8]}"
    registry = MlflowRegistry(mlflow_server.tracking_uri)
    client = mlflow_at(mlflow_server.tracking_uri).MlflowClient()
    trials = [
        TrialFinished(0, {"num_leaves": 9}, {"auc": 0.7, "objective": 0.699}, False, 1_000, 2_000),
        TrialFinished(1, {"num_leaves": 30}, {"auc": 0.6}, True, 2_000, 3_000),
    ]
    run_id = interrupted_run(registry, name, trials)
    parent = client.get_run(run_id)
    nested = client.search_runs(
        [parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'", order_by=["start_time"]
    )
    assert parent.info.status == "KILLED"
    assert parent.data.metrics["best_objective"] == 0.699
    assert [run.data.params["num_leaves"] for run in nested] == ["9", "30"]
    assert [run.info.status for run in nested] == ["FINISHED", "FINISHED"]
    # A server that went away in the middle is told again.
    registry.log_trial(run_id, trials[1])
    assert len(client.search_runs([parent.info.experiment_id])) == 3


def interrupted_run(registry: MlflowRegistry, name: str, trials: list[TrialFinished]) -> str:
    """The id of a run that Ctrl-C ended after these trials."""
    with contextlib.suppress(TuningInterrupted), registry.run(name) as run_id:
        for trial in trials:
            registry.log_trial(run_id, trial)
        raise TuningInterrupted
    return run_id


def test_the_facts_of_a_promotion_are_with_the_version(mlflow_server: MlflowServer) -> None:
    name = f"credit-risk-{uuid4().hex[:8]}"
    registry = MlflowRegistry(mlflow_server.tracking_uri)
    version = registry.register(built(name))
    promote(registry, name=name, version=None, occasion=OCCASION)
    tags = mlflow_at(mlflow_server.tracking_uri).MlflowClient().get_model_version(name, version.version).tags
    assert (tags["stage"], tags["promoted_by"], tags["promoted_at"]) == (
        "Production",
        "somebody",
        OCCASION.at,
    )
    gates = json.loads(tags["gates"])
    assert {gate["name"] for gate in gates} >= {"calibrated", "inside the latency budget"}
    assert all(gate["detail"] for gate in gates)
    numbers = {gate["name"]: gate["numbers"] for gate in gates}
    assert numbers["calibrated"].keys() == {"calibration_p", "ece", "least_p", "bound"}
    (page,) = mlflow_client(mlflow_server).list_artifacts(version.run_id, "promotions")
    mlflow: Any = mlflow_at(mlflow_server.tracking_uri)
    assert "Every gate holds" in mlflow.artifacts.load_text(f"runs:/{version.run_id}/{page.path}")


@pytest.mark.usefixtures("pictures_drawn_once")
def test_one_version_at_most_has_a_stage(mlflow_server: MlflowServer) -> None:
    name = f"credit-risk-{uuid4().hex[:8]}"
    registry = MlflowRegistry(mlflow_server.tracking_uri)
    client = mlflow_at(mlflow_server.tracking_uri).MlflowClient()

    def stages() -> list[str]:
        versions = client.search_model_versions(f"name = '{name}'", order_by=["version_number ASC"])
        return [version.tags["stage"] for version in versions]

    for seed in (5, 6):
        registry.register(built(name, seed=seed))
    assert stages() == ["Archived", "Staging"]
    promote(registry, name=name, version=None, occasion=OCCASION, force=True)
    assert stages() == ["Archived", "Production"]
    registry.register(built(name, seed=7))
    assert stages() == ["Archived", "Production", "Staging"]
    registry.stage(registry.version(name, "1"))
    assert stages() == ["Staging", "Production", "Archived"]
    registry.stage(registry.version(name, "2"))
    assert stages() == ["Archived", "Production", "Archived"]


@pytest.mark.usefixtures("pictures_drawn_once")
def test_every_promotion_and_rollback_of_a_version_is_kept(mlflow_server: MlflowServer) -> None:
    name = f"credit-risk-{uuid4().hex[:8]}"
    registry = MlflowRegistry(mlflow_server.tracking_uri)
    first = registry.register(built(name))
    promote(registry, name=name, version=None, occasion=OCCASION)
    registry.register(built(name, seed=6))
    promote(registry, name=name, version=None, occasion=OCCASION, force=True)
    roll_back(registry, name=name, version=None, occasion=replace(OCCASION, by="night shift"))
    client = mlflow_at(mlflow_server.tracking_uri).MlflowClient()
    told = json.loads(client.get_model_version(name, first.version).tags["promotions"])
    assert [entry["by"] for entry in told] == ["somebody", "night shift"]
    assert [gate["name"] for gate in told[1]["gates"]] == ["bundle proves its golden scores", "rolled back"]
    assert client.get_model_version(name, "2").tags["stage"] == "Archived"


def test_the_lock_of_a_promoter_who_was_killed_is_broken_after_a_while(mlflow_server: MlflowServer) -> None:
    client, name = mlflow_client(mlflow_server), f"credit-risk-{uuid4().hex[:8]}"
    killed = promotion_lock(client, name)
    killed.__enter__()
    with pytest.raises(PromotionUnderWay), promotion_lock(client, name):
        pass
    with promotion_lock(client, name, now_s=time.time() + 3_600):
        with pytest.raises(PromotionUnderWay), promotion_lock(client, name):
            pass
        killed.__exit__(None, None, None)  # no longer its own: it must not take it away
        with pytest.raises(PromotionUnderWay), promotion_lock(client, name):
            pass
    with promotion_lock(client, name):
        pass


def mlflow_client(server: MlflowServer) -> Any:
    return mlflow_at(server.tracking_uri).MlflowClient(tracking_uri=server.tracking_uri)


def test_a_server_that_is_down_is_said_at_once() -> None:
    registry = MlflowRegistry(f"http://{LOOPBACK}:{free_ports(1)[0]}")
    started = time.monotonic()
    with pytest.raises(RegistryUnavailable):
        registry.with_alias("credit-risk", STAGING)
    # Not a matter of speed: MLflow's own defaults go on for four minutes.
    assert time.monotonic() - started < 60


@pytest.mark.usefixtures("pictures_drawn_once")
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
    # So few applicants at random may fail a gate by chance; gates have tests of their own.
    promoted = CliRunner().invoke(promote_command, [*place, "--force", "--bootstrap-servers", nowhere])

    assert trained.exit_code == 0, trained.output
    assert "version 1 is staged" in trained.output
    assert "was trained on just this already" in again.output
    assert promoted.exit_code == 1
    assert "Kafka did not take the news" in promoted.output
    assert "scorestream promote 1" in promoted.output


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
