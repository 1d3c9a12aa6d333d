"""A Java client with Spring's ReplyingKafkaTemplate against a real scorer: headers right to the byte."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from contracts.application import example
from contracts.events import decode_decision
from contracts.headers import APPLICATION_ID, CORRELATION_ID, STATUS
from contracts.lanes import Lane
from tests.e2e import conftest as e2e

pytestmark = pytest.mark.slow

promoted, scoring_path = e2e.promoted, e2e.scoring_path

PROJECT = Path(__file__).parents[1] / "interop" / "spring"
APPLICATIONS = 50
_MAVEN_TIMEOUT_S = 570
_CLIENT_TIMEOUT_S = 120


@pytest.fixture(scope="module")
def classpath() -> str:
    """The compiled client and its libraries."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            pytest.skip(
                f"{program} is not installed; the client is built with Maven and a JDK of 17 or later"
            )
    goals = ["mvn", "-q", "-B", "compile", "dependency:build-classpath"]
    built = subprocess.run(
        goals, cwd=PROJECT, capture_output=True, text=True, timeout=_MAVEN_TIMEOUT_S, check=False
    )
    if built.returncode != 0 and "Could not transfer" in built.stdout:
        pytest.skip("Maven can't reach a repository to fetch Spring from")
    assert built.returncode == 0, built.stdout
    return f"{PROJECT / 'target' / 'classes'}:{(PROJECT / 'target' / 'classpath').read_text().strip()}"


@pytest.fixture(scope="module", params=list(Lane))
def lane(request: pytest.FixtureRequest, scoring_path: e2e.ScoringPath) -> Lane:
    """Each lane in turn, with a scorer."""
    scoring_path.scorer(request.param.value)
    assert isinstance(request.param, Lane)
    return request.param


def exchange(
    classpath: str, bootstrap_servers: str, *, lane: Lane, reply_partition: str, requests: Path
) -> list[dict[str, Any]]:
    """What the client prints: a reply a line, in the order of the requests."""
    client = subprocess.run(
        [
            *("java", "-cp", classpath, "scorestream.interop.SpringClient"),
            *(bootstrap_servers, lane.applications.name, reply_partition, str(requests)),
        ],
        capture_output=True,
        text=True,
        timeout=_CLIENT_TIMEOUT_S,
        check=False,
    )
    assert client.returncode == 0, client.stdout[-3000:] + client.stderr[-3000:]
    return [json.loads(line) for line in client.stdout.splitlines()]


@pytest.mark.parametrize("reply_partition", ["2", "any"])
def test_each_request_of_a_spring_client_gets_its_own_reply(
    classpath: str, scoring_path: e2e.ScoringPath, lane: Lane, reply_partition: str, tmp_path: Path
) -> None:
    full = json.loads(example("full"))
    applicants = range(700_000, 700_000 + APPLICATIONS)
    requests = tmp_path / "requests"
    requests.write_text(
        "".join(f"{each}\t{json.dumps({**full, 'SK_ID_CURR': each})}\n" for each in applicants)
        + "1\tbroken\n"
        + '2\t{"SK_ID_CURR": 2}\n'
    )
    replies = exchange(
        classpath,
        scoring_path.bootstrap_servers,
        lane=lane,
        reply_partition=reply_partition,
        requests=requests,
    )
    *decided, broken, incomplete = replies
    assert len(decided) == APPLICATIONS
    for applicant, reply in zip(applicants, decided, strict=True):
        decision = decode_decision(reply["body"].encode())
        assert (reply["status"], decision.applicant_id) == ("200", applicant)
        headers = {name: bytes.fromhex(value) for name, value in reply["headers"].items()}
        assert headers[CORRELATION_ID] == bytes.fromhex(reply["correlation"])
        assert len(headers[CORRELATION_ID]) == 16
        assert headers[APPLICATION_ID].decode() == decision.application_id
        assert headers[STATUS] == b"200"
    for reply in (broken, incomplete):
        assert (reply["status"], json.loads(reply["body"])["status"]) == ("422", 422)
    partitions = {reply["partition"] for reply in replies}
    assert partitions == {2} if reply_partition == "2" else len(partitions) == e2e.PARTITIONS
