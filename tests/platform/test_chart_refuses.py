"""Values that can't work are refused before anything is installed, with what to do instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.platform.chart import ALL_VALUES, Chart, RefusedValues
from tests.platform.test_chart_renders import EVERYTHING

LEAST = next(path for path in ALL_VALUES if path.stem == "least")
ELSEWHERE = next(path for path in ALL_VALUES if path.stem == "elsewhere")

#: What is changed in a chart that works, and words of the answer: what is wrong, what mends it.
ON_EVERYTHING = [
    ("kafka.bootstrapServers=", "name your brokers"),
    ("kafka.bootstrapServers=kafka", "bootstrapServers"),
    ("kafka.users.ledger.secret=", "kafka.users.ledger"),
    ("keda.kafkaSecret.name=", "keda.kafkaSecret.name"),
    ("networkPolicy.peers.kafka.who=null", "networkPolicy"),
    ("gateway.keys.secret=", "scorestream keys new"),
    ("gateway.keys.disabled=true", "drop one"),
    ("gateway.autoscaling.minReplicas=11", "over maxReplicas 10"),
    ("gateway.resources.requests=null", "requests"),
    ("scorer.lanes.sync.autoscaling.maxReplicas=13", "12 partitions"),
    ("scorer.lanes.batch.autoscaling.minReplicas=9", "over maxReplicas 8"),
    ("scorer.lanes.sync.autoscaling.minReplicas=0", "at least 1"),
    ("ledger.database.secret=", "ledger.database.secret"),
    ("mlflow.enabled=false", "mlflow.externalUrl"),
    ("features.store=/somewhere", "sharedVolume"),
    ("archive.store=/tmp", "sharedVolume"),
    ("ingress.host=", "ingress.host"),
    ("ingress.tls.enabled=false", "ingress.plainHttp=true"),
    ("ingress.consoleAnnotations=null", "no log-in of its own"),
    ("ledger.env.LEDGER_DATABASE_URL=postgresql://u:p@h/d", "secret in plain"),
    ("features.store=", "features.enabled=false"),
    ("archive.store=", "archive.enabled=false"),
    ("mlflow.artifacts=/srv/artifacts", "leave it empty"),
    ("gateway.env.GATEWAY_PORT=9000", "go by it: drop it"),
    ("gateway.env.GATEWAY_DRAIN_GRACE_S=90", "set gateway.drainGraceSeconds instead"),
    ("gateway.env.GATEWAY_KEYS_OFF=true", "set gateway.keys.disabled instead"),
    ("scorer.env.SCORER_INSTANCE=me", "go by it: drop it"),
    ("ledger.env.KAFKA_SSL_CAFILE=/etc/ssl/certs/own.pem", "set kafka.ca instead"),
    ("scorer.env.AWS_SECRET_ACCESS_KEY=abc", "secret in plain"),
    ("scorer.env.AWS_ACCESS_KEY_ID=abc", "secret in plain"),
    ("mlflow.env.MLFLOW_FLASK_SERVER_SECRET_KEY=abc", "secret in plain"),
    ("scorer.env.HTTPS_PROXY=http://me:abc@proxy:3128", "secret in plain"),
    ("scorer.env.AWS_ENDPOINT_URL=http://minio:9000", "drop one"),
    (r"kafka.bootstrapServers=kafka-0:9093\,kafka-1:9096", "add {protocol: TCP, port: 9096}"),
    ("serviceAccountAnnotations.scorer.some=thing", "scorer-sync, scorer-batch"),
    ("gateway.env.lower=1", "lower"),
    ("gateway.replica=3", "replica"),
    ("image.pullPolicy=Sometimes", "pullPolicy"),
    ("scorer.lanes.sync.resources.limits.memory=much", "memory"),
    ("model.version=latest", "version"),
    ("ledger.replicas=3", "ledger"),
    ("ingress.api.paths[0]=/metrics", "api/paths"),
]
ON_LEAST = [
    ("scorer.lanes.sync.replicas=13", "12 partitions"),
    ("ledger.replicas=2", "one owner"),
    ("kafka.securityProtocol=SASL", "securityProtocol"),
    ("mlflow.externalUrl=mlflow:5000", "externalUrl"),
]
ON_ELSEWHERE = [
    ("mlflow.externalUrl=https://mlflow.example.org:8443/mlflow", "add {protocol: TCP, port: 8443}"),
    ("mlflow.externalUrl=http://mlflow.example.org", "add {protocol: TCP, port: 80}"),
]


@pytest.mark.parametrize(("change", "words"), ON_EVERYTHING, ids=[change for change, _ in ON_EVERYTHING])
def test_a_wrong_value_is_refused_with_its_mend(chart: Chart, change: str, words: str) -> None:
    with pytest.raises(RefusedValues, match=re.escape(words)):
        chart.objects(EVERYTHING, changes=(change,))


@pytest.mark.parametrize(("change", "words"), ON_LEAST, ids=[change for change, _ in ON_LEAST])
def test_a_wrong_value_is_refused_in_a_small_installation_too(chart: Chart, change: str, words: str) -> None:
    with pytest.raises(RefusedValues, match=re.escape(words)):
        chart.objects(LEAST, changes=(change,))


@pytest.mark.parametrize(("change", "words"), ON_ELSEWHERE, ids=[change for change, _ in ON_ELSEWHERE])
def test_a_wrong_value_is_refused_where_neighbours_are_elsewhere_too(
    chart: Chart, change: str, words: str
) -> None:
    with pytest.raises(RefusedValues, match=re.escape(words)):
        chart.objects(ELSEWHERE, changes=(change,))


@pytest.mark.parametrize(
    ("values", "peer"),
    [
        (EVERYTHING, "kafka"),
        (EVERYTHING, "postgresql"),
        (EVERYTHING, "objectStore"),
        (EVERYTHING, "cloudIdentity"),
        (EVERYTHING, "prometheus"),
        (EVERYTHING, "ingress"),
        (ELSEWHERE, "mlflow"),
    ],
    ids=lambda part: getattr(part, "stem", part),
)
def test_what_is_called_is_somewhere_or_there_are_no_policies(
    chart: Chart, tmp_path: Path, values: Path, peer: str
) -> None:
    nobody = tmp_path / "nobody.yaml"
    nobody.write_text(f"networkPolicy: {{peers: {{{peer}: {{who: []}}}}}}\n")
    with pytest.raises(RefusedValues, match=rf"networkPolicy\.peers\.{peer}\.who is empty: say where"):
        chart.objects(values, nobody)
    assert chart.objects(values, nobody, changes=("networkPolicy.enabled=false",))


def test_a_port_within_a_range_is_let_through(chart: Chart) -> None:
    ports = "networkPolicy.peers.kafka.ports[0]"
    changes = (f"{ports}.port=9090", f"{ports}.endPort=9099", f"{ports}.protocol=TCP")
    assert chart.objects(ELSEWHERE, changes=changes)


def test_without_values_the_first_thing_missing_is_said(chart: Chart) -> None:
    with pytest.raises(RefusedValues, match="name your brokers"):
        chart.objects()
