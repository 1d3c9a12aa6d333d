"""Compares a folder of the CSV files with the published figures, column by column.

``compare`` gives the findings as values, ``render`` as a Markdown table. It reads a sample or the
real files alike, one table at a time: a full-size folder takes about 2.5 GB of memory.

    python -m training.sample.report DIR > report.md
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from training.sample.facts import ALL_TABLES, ColumnFacts, TableFacts, facts

#: Allowed difference of a share (missing values, categories), beside three standard errors.
SHARE_TOLERANCE = 0.02
#: Allowed distance of a mean in published standard deviations; of a quartile in quartile ranks.
MEAN_TOLERANCE = 0.15
RANK_TOLERANCE = 0.08
#: Allowed relative difference of rows per applicant.
ROWS_TOLERANCE = 0.10
#: Rows of one applicant are alike, so child tables have fewer independent rows than rows.
_ROWS_PER_INDEPENDENT_ROW = 10


@dataclass(frozen=True)
class Finding:
    """One published figure beside the same figure of the folder."""

    table: str
    column: str
    figure: str
    published: float
    found: float
    is_close: bool


def compare(folder: Path, tables: Sequence[str] = ALL_TABLES) -> list[Finding]:
    """Every comparable figure of the tables that the folder holds.

    Identifiers are not compared: their values carry nothing.
    """
    findings: list[Finding] = []
    applicants = _applicants(folder)
    for name in tables:
        published = facts().tables[name]
        if (folder / published.file_name).exists():
            findings.extend(_table(folder, published, applicants))
    return findings


def render(findings: Sequence[Finding]) -> str:
    """The findings as Markdown: a summary, then one row a column with its verdict."""
    columns: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        columns.setdefault((finding.table, finding.column), []).append(finding)
    close = sum(all(f.is_close for f in group) for group in columns.values())
    text = [f"{close} of {len(columns)} columns agree with the published figures.", ""]
    text += ["| table | column | verdict | published / found |", "|---|---|---|---|"]
    for (table, name), group in columns.items():
        verdict = "agrees" if all(f.is_close for f in group) else "differs"
        shown = "; ".join(f"{f.figure} {f.published:.6g} / {f.found:.6g}" for f in group)
        text.append(f"| {table} | {name} | {verdict} | {shown} |")
    return "\n".join(text) + "\n"


def agreeing_share(findings: Sequence[Finding]) -> float:
    """Share of the findings that are close."""
    return sum(finding.is_close for finding in findings) / len(findings)


def _applicants(folder: Path) -> int:
    """Applicants in the folder's application files, train and test."""
    names = [facts().tables[name].file_name for name in ("application_train", "application_test")]
    return sum(_read(folder / name, ["SK_ID_CURR"]).num_rows for name in names if (folder / name).exists())


def _table(folder: Path, published: TableFacts, applicants: int) -> Iterator[Finding]:
    compared = [name for name in published.columns if not name.startswith("SK_ID_")]
    read = _read(folder / published.file_name, compared)
    rows = read.num_rows
    for name in compared if rows else ():
        figures = _column(published.columns[name], read.column(name), published)
        yield from (_named(published.name, name, figure) for figure in figures)
    expected = published.rows / facts().applicants
    found = rows / applicants if applicants else float("nan")
    is_close = abs(found / expected - 1) <= ROWS_TOLERANCE
    yield Finding(published.name, "(rows)", "rows per applicant", expected, found, is_close)


def _read(path: Path, columns: list[str]) -> pa.Table:
    convert = csv.ConvertOptions(include_columns=columns, strings_can_be_null=True, null_values=[""])
    return csv.read_csv(path, convert_options=convert)


@dataclass(frozen=True)
class _Figure:
    name: str
    published: float
    found: float
    is_close: bool


def _named(table: str, column: str, figure: _Figure) -> Finding:
    return Finding(table, column, figure.name, figure.published, figure.found, figure.is_close)


def _column(published: ColumnFacts, values: pa.ChunkedArray, table: TableFacts) -> Iterator[_Figure]:
    history = table.rows > facts().applicants
    independent = len(values) / (_ROWS_PER_INDEPENDENT_ROW if history else 1)
    yield _share("missing", published.missing_share, values.null_count / len(values), independent)
    present = values.drop_null()
    present_rows = independent * len(present) / len(values)
    if len(present) and published.counts:
        yield from _categories(published, present, present_rows)
    elif len(present) and published.mean is not None and not published.is_text:
        yield from _numbers(published, present.to_numpy().astype(np.float64), present_rows)


def _share(name: str, published: float, found: float, rows: float) -> _Figure:
    error = 3 * np.sqrt(max(published * (1 - published), 1e-9) / max(rows, 1.0))
    return _Figure(name, published, found, bool(abs(found - published) <= SHARE_TOLERANCE + error))


def _categories(published: ColumnFacts, present: pa.ChunkedArray, rows: float) -> Iterator[_Figure]:
    total = sum(published.counts.values())
    counted = {_word(row["values"]): row["counts"] for row in pc.value_counts(present).to_pylist()}
    for word, count in published.counts.items():
        yield _share(word, count / total, counted.pop(_word(word), 0) / len(present), rows)
    if counted:
        yield _Figure("unknown words", 0.0, sum(counted.values()) / len(present), False)


def _word(value: object) -> str:
    """A category as text; numbers spelled alike whether they were written 2, 2.0 or "2"."""
    try:
        return f"{float(str(value)):g}"
    except ValueError:
        return str(value)


def _numbers(
    published: ColumnFacts, present: np.ndarray[tuple[int], np.dtype[np.float64]], rows: float
) -> Iterator[_Figure]:
    published_mean, published_std = published.moments
    spread = max(published_std, 1e-12)
    mean = float(present.mean())
    allowed = (MEAN_TOLERANCE + 3 / np.sqrt(max(rows, 1.0))) * spread
    yield _Figure("mean", published_mean, mean, bool(abs(mean - published_mean) <= allowed))
    ordered = np.sort(present)
    for name, probability, value in zip(
        ("q25", "q50", "q75"), (0.25, 0.5, 0.75), published.quantiles[1:4], strict=True
    ):
        # A quartile agrees when its rank among the found values is right: that copes with ties and
        # with long tails, where a distance in units would not.
        low = np.searchsorted(ordered, value - 1e-9 * abs(value) - _step(published), "left") / len(ordered)
        high = np.searchsorted(ordered, value + 1e-9 * abs(value) + _step(published), "right") / len(ordered)
        slack = RANK_TOLERANCE + 1.5 / np.sqrt(max(rows, 1.0))
        found = float(ordered[min(int(probability * len(ordered)), len(ordered) - 1)])
        yield _Figure(name, value, found, bool(low - slack <= probability <= high + slack))


def _step(published: ColumnFacts) -> float:
    """Half of the rounding of amounts: values within it count as equal."""
    return 2.25 if published.name.startswith("AMT_") and published.quantiles[-1] > 1000 else 0.0


if __name__ == "__main__":
    import sys

    sys.stdout.write(render(compare(Path(sys.argv[1]))))
