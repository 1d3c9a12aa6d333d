"""Runbooks: one for each alert, whose links lead somewhere and whose commands exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from contracts.errors import DeadLetterReason
from grafana.__main__ import DASHBOARDS
from scorer.errors import Refusal
from scorestream.cli import main
from tests.platform.test_alert_rules import ALERTS

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "runbooks"
PAGES = sorted(FOLDER.glob("*.md"))
#: Airflow tells Alertmanager of these by itself.
TOLD_BY_AIRFLOW = set(re.findall(r'"(Airflow\w+)"', (ROOT / "dags/scorestream_dags/alerts.py").read_text()))
PANELS = {panel.title for dashboard in DASHBOARDS for panel in dashboard.panels}
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


@each_page
def test_a_panel_that_it_names_is_in_a_dashboard(page: Path) -> None:
    text = page.read_text()
    named = re.findall(r"\bpanel ([A-Z][^.;)\n]*)", text) + re.findall(
        r"\bdashboard \w+, ([A-Z][^.;)\n]*)", text
    )
    for name in named:
        assert any(name.startswith(panel) for panel in PANELS), name


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
    assert mistake(words) is None, where


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("scorestream", "main: no subcommand"),
        ("scorestream topics", "topics: no subcommand"),
        ("scorestream topics create", "topics: no subcommand create"),
        ("scorestream topics --help", None),
        ("scorestream topics list --colour", "list: no option --colour"),
        ("scorestream archive", None),
        ("scorestream archive --store .run/archive compact", None),
        ("scorestream archive --store .run/archive compress", "archive: no subcommand compress"),
    ],
)
def test_a_command_that_is_none_is_found(line: str, found: str | None) -> None:
    assert mistake(line.split()[1:]) == found


def mistake(words: list[str]) -> str | None:
    """What is wrong with `scorestream …`, None if nothing is. What comes after a whole command is prose."""
    command: click.Command = main
    rest, known = words, {"--help"}
    while True:
        known |= {option for parameter in command.params for option in parameter.opts}
        if not isinstance(command, click.Group):
            break
        context = command.make_context(command.name, [*rest], resilient_parsing=True)
        rest = [*context._protected_args, *context.args]  # click has no public name for the first
        if not rest:
            if command.invoke_without_command or "--help" in words:
                break
            return f"{command.name}: no subcommand"
        found = command.get_command(context, rest[0])
        if found is None:
            return f"{command.name}: no subcommand {rest[0]}"
        command, rest = found, rest[1:]
    unknown = [word for word in words if word.startswith("--") and word not in known]
    return f"{command.name}: no option {unknown[0]}" if unknown else None


def test_every_reason_to_refuse_a_bundle_and_to_put_an_application_aside_is_explained() -> None:
    refused = (FOLDER / "BundleRefused.md").read_text()
    assert [reason for reason in Refusal if f"`{reason.value}`" not in refused] == []
    letters = (FOLDER / "DeadLetters.md").read_text()
    assert [reason for reason in DeadLetterReason if reason.value not in letters] == []
