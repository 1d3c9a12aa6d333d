"""A person is asked before a model decides: the whole DAG runs, its commands being a stub that notes them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pytest

from tests.platform.airflow_home import airflow_in_process, dags_with

#: Says what `scorestream train --json` says last, whatever it is asked.
STUB = """\
#!/bin/sh
echo "$@" >> "{noted}"
echo '{{"version": "7"}}'
"""


@pytest.fixture(scope="module")
def noted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("approval") / "noted"


@pytest.fixture(scope="module")
def training(airflow_home: Path, noted: Path) -> Iterator[Any]:
    stub = noted.with_name("scorestream")
    stub.write_text(STUB.format(noted=noted))
    stub.chmod(0o755)
    settings = {"DAGS_EXECUTABLE": str(stub), "DAGS_NEEDS_APPROVAL": "true", "DAGS_RETRIES": "0"}
    with airflow_in_process(airflow_home, settings):
        dag = dags_with({})["credit_training"]
        # apache/airflow issue 73428: dag.test() looks for deadlines that only a scheduler has stored.
        dag.deadline = None
        yield dag


class Person(threading.Thread):
    """Answers the first question, as Airflow's REST API does; `asked` is its subject."""

    def __init__(self, choice: str) -> None:
        super().__init__(daemon=True)
        self.asked = ""
        self._choice = choice
        self._is_over = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *failed: object) -> None:
        self._is_over.set()
        self.join()

    def run(self) -> None:
        try:
            while not (self._is_over.wait(0.2) or self._answers()):
                continue
        except BaseException:
            end_what_waits()
            raise

    def _answers(self) -> bool:
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser  # noqa: PLC0415
        from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload  # noqa: PLC0415
        from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail  # noqa: PLC0415
        from airflow.models.hitl import HITLDetail  # noqa: PLC0415
        from airflow.utils.session import create_session  # noqa: PLC0415

        with create_session() as session:
            question = session.query(HITLDetail).filter_by(responded_at=None).first()
            if question is None or question.task_instance.state != "awaiting_input":
                return False
            self.asked = question.subject
            update_hitl_detail(
                dag_id=question.task_instance.dag_id,
                dag_run_id=question.task_instance.run_id,
                task_id=question.task_instance.task_id,
                update_hitl_detail_payload=UpdateHITLDetailPayload(chosen_options=[self._choice]),
                user=SimpleAuthManagerUser(username="credit officer", role="admin"),
                session=session,
            )
            return True


def end_what_waits() -> None:
    """Without an answer dag.test() would wait for ever."""
    from airflow.models.taskinstance import TaskInstance  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    with create_session() as session:
        session.query(TaskInstance).filter_by(state="awaiting_input").update({"state": "failed"})


@pytest.mark.parametrize(
    ("choice", "promotion", "promoted"),
    [("Approve", "success", ["promote 7 --model-name credit-risk --once"]), ("Reject", "skipped", [])],
)
def test_a_version_is_promoted_if_the_person_approves_and_only_then(
    training: Any, noted: Path, choice: str, promotion: str, promoted: list[str]
) -> None:
    noted.write_text("")
    with Person(choice) as person:
        run = training.test(logical_date=datetime.now(UTC))
    assert {task.task_id: str(task.state) for task in run.get_task_instances()} == {
        **dict.fromkeys(("validate", "build_features", "train", "approve"), "success"),
        "promote": promotion,
    }
    assert person.asked == "Let version 7 of credit-risk decide?"
    assert [line for line in noted.read_text().splitlines() if line.startswith("promote")] == promoted
