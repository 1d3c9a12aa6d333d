"""The parts of a decision, each alone on one core: kernel, reasons, decoding, features, look-up.

    .venv/bin/python -m bench.parts

Every answer is compared with LightGBM's before anything is timed.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

from bench.lightgbm_fast import fast_single_row
from bench.measure import Figure, interleaved, microseconds, plain
from bench.model import N_FEATURES, BenchModel, bench_model
from contracts.application import as_row, decode_submitted, example
from feature_service.application import encode
from feature_service.vector import N_HISTORY, feature_vectors
from scorer.kernel.compiled import CompiledTrees
from scorer.structure import check_structure

BATCH: Final = 64
MODELS: Final = Path(".run/bench/models")


class WrongAnswer(Exception):
    """What was to be timed does not say what LightGBM says."""


def parts(*, repeats: int) -> dict[str, Figure]:
    """Microseconds by part; those of a batch are per row."""
    model = bench_model(MODELS)
    compiled = CompiledTrees(check_structure(model.text).trees, n_features=N_FEATURES)
    _check(model, compiled)
    return {**_margins(model, compiled, repeats), **_reasons(model, compiled, repeats), **_features(repeats)}


def _check(model: BenchModel, compiled: CompiledTrees) -> None:
    rows, booster = model.rows, model.booster
    if not np.array_equal(compiled.margins(rows), booster.predict(rows, raw_score=True, num_threads=1)):
        raise WrongAnswer("the kernel's margins are not LightGBM's")
    few = rows[:BATCH]
    apart = compiled.contributions(few) - booster.predict(few, pred_contrib=True, num_threads=1)
    if not np.abs(apart).max() <= 1e-9:
        raise WrongAnswer("the kernel's contributions are not LightGBM's")


def _margins(model: BenchModel, compiled: CompiledTrees, repeats: int) -> dict[str, Figure]:
    booster, batch = model.booster, model.rows[:BATCH]
    rows = itertools.cycle(np.split(model.rows, len(model.rows)))
    fast = fast_single_row(booster, N_FEATURES)
    one = interleaved(
        {
            "kernel, one row": lambda: compiled.margins(next(rows)),
            "LightGBM, one row, fast call": lambda: fast(next(rows)),
            "LightGBM, one row, predict": lambda: booster.predict(next(rows), raw_score=True, num_threads=1),
        },
        repeats=repeats,
    )
    many = interleaved(
        {
            f"kernel, {BATCH} rows": lambda: compiled.margins(batch),
            f"LightGBM, {BATCH} rows": lambda: booster.predict(batch, raw_score=True, num_threads=1),
        },
        repeats=repeats,
        per=BATCH,
    )
    return one | many


def _reasons(model: BenchModel, compiled: CompiledTrees, repeats: int) -> dict[str, Figure]:
    batch = model.rows[:8]
    return interleaved(
        {
            "kernel, contributions": lambda: compiled.contributions(batch),
            "LightGBM, contributions": lambda: model.booster.predict(batch, pred_contrib=True, num_threads=1),
        },
        repeats=repeats,
        per=len(batch),
    )


def _features(repeats: int) -> dict[str, Figure]:
    body = example("full")
    application = decode_submitted(body)
    row = as_row(application)
    batch = [row] * BATCH
    one_past = np.full((1, N_HISTORY), np.nan, dtype=np.float32)
    past = np.full((BATCH, N_HISTORY), np.nan, dtype=np.float32)
    return {
        "decode and validate": microseconds(lambda: decode_submitted(body), repeats=repeats),
        "features, one row": microseconds(lambda: feature_vectors(encode([row]), one_past), repeats=repeats),
        f"features, {BATCH} rows": microseconds(
            lambda: feature_vectors(encode(batch), past), repeats=repeats, per=BATCH
        ),
    }


@click.command()
@click.option("--repeats", default=5, show_default=True, type=click.IntRange(1, 50))
def main(repeats: int) -> None:
    """Time the parts of a decision and print them as JSON, in microseconds."""
    found: Any = plain(parts(repeats=repeats))
    click.echo(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
