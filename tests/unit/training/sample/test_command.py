"""``scorestream sample-data``: what a newcomer types first."""

from pathlib import Path

from click.testing import CliRunner

from scorestream.commands.sample_data import sample_data


def test_the_command_writes_the_tables_asked_for_and_a_report(tmp_path: Path) -> None:
    options = ["--applicants", "200", "--out", str(tmp_path), "--workers", "1", "--report"]
    result = CliRunner().invoke(
        sample_data, [*options, "--tables", "application_train", "--tables", "bureau"], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"application_train.csv", "bureau.csv", "report.md"}
    assert "bureau.csv" in result.output
    assert "agree with the published figures" in (tmp_path / "report.md").read_text()


def test_an_unknown_table_is_named_in_the_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(sample_data, ["--out", str(tmp_path), "--tables", "loans"])
    assert result.exit_code == 2
    assert "loans" in result.output


def test_the_help_teaches_the_next_step() -> None:
    assert "scorestream features build" in CliRunner().invoke(sample_data, ["--help"]).output
