"""Values that can't work are refused before anything is installed, with what to do instead."""

from __future__ import annotations

import re

import pytest

from tests.platform.chart import ALL_VALUES, Chart, RefusedValues
from tests.platform.test_chart_renders import EVERYTHING

LEAST = next(path for path in ALL_VALUES if path.stem == "least")

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
    ("gateway.env.GATEWAY_PORT=9000", "would move a port"),
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


@pytest.mark.parametrize(("change", "words"), ON_EVERYTHING, ids=[change for change, _ in ON_EVERYTHING])
def test_a_wrong_value_is_refused_with_its_mend(chart: Chart, change: str, words: str) -> None:
    with pytest.raises(RefusedValues, match=re.escape(words)):
        chart.objects(EVERYTHING, changes=(change,))


@pytest.mark.parametrize(("change", "words"), ON_LEAST, ids=[change for change, _ in ON_LEAST])
def test_a_wrong_value_is_refused_in_a_small_installation_too(chart: Chart, change: str, words: str) -> None:
    with pytest.raises(RefusedValues, match=re.escape(words)):
        chart.objects(LEAST, changes=(change,))


def test_without_values_the_first_thing_missing_is_said(chart: Chart) -> None:
    with pytest.raises(RefusedValues, match="name your brokers"):
        chart.objects()
