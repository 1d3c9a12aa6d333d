"""How the DAGs of this installation run: one object, from `DAGS_…` variables, read at each parsing."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class DagSettings(BaseSettings):
    """Where commands run, on which data, and who is asked. Frozen."""

    model_config = SettingsConfigDict(env_prefix="DAGS_", frozen=True)

    runs_on: Literal["subprocess", "kubernetes"] = Field(
        "subprocess", description="Commands run beside Airflow's worker, or each in a pod of its own."
    )
    executable: str = Field("scorestream", description="The command line, of the training environment.")
    image: str = Field("scorestream-training:latest", description="Image of the pods.")
    namespace: str = Field("scorestream", description="Namespace of the pods.")
    service_account: str = Field("scorestream-training", description="Service account of the pods.")
    config_map: str = Field("scorestream-training", description="ConfigMap with the pods' variables.")
    secret: str = Field("scorestream-training", description="Secret with the pods' variables.")
    release: str = Field(
        "scorestream", description="The chart's release, by which the network knows the pods."
    )
    kafka_ca: str = Field(
        "", description="Secret with the brokers' authority, key ca.crt; empty: the system's."
    )
    kafka_user: str = Field("", description="Secret with the Kafka user's password, key password; or none.")
    data_claim: str = Field("", description="Volume claim with the tables; pods see it at /data, read-only.")
    memory: str = Field("8Gi", description="Memory of a pod.")
    cpu: str = Field("2", description="Processors of a pod.")

    model_name: str = Field("credit-risk", description="Registered model that is trained and watched.")
    data: str = Field("data", description="Folder with the Home Credit tables; a param of each run too.")
    feature_store: str = Field(".run/features/store", description="Store of feature snapshots.")
    quality_docs: str = Field(
        ".run/quality", description="Folder for the quality gate's pages; in a pod it goes with the pod."
    )
    archive: str = Field(".run/archive", description="The archive of predictions and outcomes.")
    has_history: bool = Field(True, description="Whether features of the seven history tables are built.")
    allow_missing: tuple[str, ...] = Field(
        (), description="Tables that snapshots are built without, as a JSON list, where the data lacks them."
    )
    performance_days: float = Field(
        365.0, ge=0, description="An outcome counts so long after its decision; a param of each run too."
    )
    is_smoke: bool = Field(False, description="Small trees in seconds, to see it work. Not to lend on.")
    needs_approval: bool = Field(False, description="Whether a person is asked before a model decides.")
    approval_days: int = Field(3, ge=1, description="How long that person has; then the run fails.")

    retries: int = Field(2, ge=0, description="How often a failed command is tried again.")
    retry_delay_s: float = Field(60, ge=0, description="Pause before the first retry; it doubles.")
    alertmanager_url: str | None = Field(
        None, description="Where missed deadlines and failed runs are told; else only Airflow's log has them."
    )
