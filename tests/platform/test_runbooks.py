"""Runbooks: one for each alert, whose links lead somewhere and whose commands exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from contracts.errors import DeadLetterReason
from scorer.errors import Refusal
from scorestream.cli import main
from tests.platform.test_alert_rules import ALERTS

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "runbooks"
PAGES = sorted(FOLDER.glob("*.md"))
#: Airflow tells Alertmanager of these by itself.
TOLD_BY_AIRFLOW = set(re.findall(r'"(Airflow\w+)"', (ROOT / "dags/scorestream_dags/alerts.py").read_text()))
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def commands(text: str) -> list[list[str]]:
    """Every `scorestream …` of a text, in words."""
    found = re.findall(r"(?:^\s*|`)(scorestream [^`\n;,()]+)", text, flags=re.MULTILINE)
    return [shlex.split(command)[1:] for command in found]


def test_there_is_one_for_each_alert_and_none_for_what_is_none() -> None:
    assert {page.stem for page in PAGES} == set(ALERTS) | TOLD_BY_AIRFLOW


@each_page
def test_it_says_what_is_meant_what_it_means_what_to_do_and_when_to_call(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n")
    for part in ("**Meaning.**", "**Impact**", "## First steps", "## Escalate"):
        assert part in text.replace("**Impact.**", "**Impact**")
    assert re.search(r"^1\. ", text, flags=re.MULTILINE)


@each_page
def test_its_links_and_the_files_it_names_are_there(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (FOLDER / target).exists(), target
    for named in re.findall(r"\b((?:docs|infra|contracts|bench)/[\w/.]+\w)", text):
        assert (FOLDER.parents[1] / named).exists(), named


@pytest.mark.parametrize(
    ("where", "words"),
    [(page.stem, words) for page in PAGES for words in commands(page.read_text())]
    + [
        (name, words)
        for name, rule in ALERTS.items()
        for words in commands(f"`{rule['annotations']['action']}")
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else part,
)
def test_a_command_that_it_names_exists_with_its_options(where: str, words: list[str]) -> None:
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            break
        command, words = found, words[1:]
    assert command is not main
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert {word for word in words if word.startswith("--")} <= known


def test_every_reason_to_refuse_a_bundle_and_to_put_an_application_aside_is_explained() -> None:
    refused = (FOLDER / "BundleRefused.md").read_text()
    assert [reason for reason in Refusal if f"`{reason.value}`" not in refused] == []
    letters = (FOLDER / "DeadLetters.md").read_text()
    assert [reason for reason in DeadLetterReason if reason.value not in letters] == []
