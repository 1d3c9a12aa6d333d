"""What is up, what is behind and what is down: the facts of `scorestream status`, without a screen."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from contracts.lanes import Lane
from contracts.topics import TOPICS
from infra.kafka.cluster import TopicState
from infra.kafka.errors import KafkaSetupError
from infra.kafka.topics import topic_states
from infra.runtime.kafka import KafkaConnection
from infra.runtime.presence import present

_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Service:
    """A process and what its /readyz (or health address) said; `report` is None when it did not answer."""

    name: str
    url: str
    report: dict[str, Any] | None

    @property
    def is_up(self) -> bool:
        """Whether it answered and found nothing wrong."""
        return self.report is not None and not self.report.get("wrong")


@dataclass(slots=True)
class PlatformStatus:
    """The facts. `lag` is records by lane, None where nothing was ever committed."""

    broker: str
    broker_error: str | None = None
    topics: dict[str, TopicState] = field(default_factory=dict)
    lag: dict[Lane, int | None] = field(default_factory=dict)
    services: list[Service] = field(default_factory=list)
    model: dict[str, Any] | None = None

    @property
    def missing_topics(self) -> list[str]:
        """Declared topics that the cluster has not."""
        return [topic.name for topic in TOPICS if topic.name not in self.topics]

    @property
    def down(self) -> list[str]:
        """What needs a person: by name, with the reason."""
        wrong = [] if self.broker_error is None else [f"broker: {self.broker_error}"]
        if self.broker_error is None and self.missing_topics:
            wrong.append(f"topics missing: {', '.join(self.missing_topics)}")
        for service in self.services:
            if service.report is None:
                wrong.append(f"{service.name}: does not answer at {service.url}")
            elif service.report.get("wrong"):
                wrong.append(f"{service.name}: {service.report['wrong']}")
        return wrong


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where to look."""

    kafka: KafkaConnection
    gateway_url: str
    mlflow_url: str
    ledger_url: str
    scorer_urls: dict[str, str]
    run_dir: Path


async def platform_status(addresses: Addresses) -> PlatformStatus:
    """The platform's state now; whatever is away is a fact, not an error."""
    status = PlatformStatus(broker=addresses.kafka.bootstrap_servers)
    async with httpx.AsyncClient(timeout=_TIMEOUT_S) as client:
        services, model, _ = await asyncio.gather(
            _services(client, addresses),
            _json(client, f"{addresses.gateway_url}/v1/model"),
            _ask_broker(addresses.kafka, status),
        )
    status.services = services
    status.model = model if model is not None and "version" in model else None
    return status


async def _ask_broker(kafka: KafkaConnection, status: PlatformStatus) -> None:
    options = kafka.client_options()
    servers = options.pop("bootstrap_servers")
    try:
        status.topics = await topic_states(servers, timeout_s=_TIMEOUT_S, **options)
        status.lag = await asyncio.wait_for(_lag(kafka), _TIMEOUT_S)
    except (KafkaSetupError, KafkaError, TimeoutError) as error:
        status.broker_error = str(error) or type(error).__name__


async def _lag(kafka: KafkaConnection) -> dict[Lane, int | None]:
    admin = AIOKafkaAdminClient(**kafka.client_options())
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **kafka.client_options())
    await asyncio.gather(admin.start(), consumer.start())
    try:
        lags: dict[Lane, int | None] = {}
        for lane in Lane:
            committed = await admin.list_consumer_group_offsets(lane.consumer_group)
            ends = await consumer.end_offsets([TopicPartition(tp.topic, tp.partition) for tp in committed])
            behind = [max(0, ends[tp] - committed[tp].offset) for tp in ends]
            lags[lane] = sum(behind) if behind else None
        return lags
    finally:
        await asyncio.gather(admin.close(), consumer.stop())


async def _services(client: httpx.AsyncClient, addresses: Addresses) -> list[Service]:
    asked: dict[str, tuple[str, str]] = {
        addresses.gateway_url: ("gateway", "/readyz"),
        **{url: (name, "/readyz") for name, url in addresses.scorer_urls.items()},
        addresses.ledger_url: ("ledger", "/readyz"),
        addresses.mlflow_url: ("MLflow", "/health"),
    }
    for process in present(addresses.run_dir):
        asked.setdefault(process.url, (process.name, "/readyz"))
    reports: list[Coroutine[Any, Any, dict[str, Any] | None]] = [
        _json(client, f"{url}{path}") for url, (_, path) in asked.items()
    ]
    answers = await asyncio.gather(*reports)
    return [
        Service(name, url, answer) for (url, (name, _)), answer in zip(asked.items(), answers, strict=True)
    ]


async def _json(client: httpx.AsyncClient, url: str) -> dict[str, Any] | None:
    """The JSON object at `url`, {} for another answer that is no error, None for no answer."""
    try:
        answer = await client.get(url)
        found = answer.json() if "json" in answer.headers.get("content-type", "") else {}
    except (httpx.HTTPError, ValueError):
        return None
    return found if isinstance(found, dict) else {}
