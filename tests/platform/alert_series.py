"""What Prometheus has seen, in words: the series that the cases of alerts are made of.

Series are in promtool's notation: `0+10x60` starts at 0 and grows by 10, sixty times; `1x60` stays 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Series = Mapping[str, str]

ANSWERS: Final = "scorestream_gateway_answering_seconds"
LOG: Final = "scorestream_log_records_total"
DECIDED: Final = "scorestream_scorer_applications_decided_total"
MODEL: Final = "scorestream_scorer_model_info"
PROMOTED: Final = "scorestream_gateway_model_info"
REFUSED: Final = "scorestream_scorer_bundle_refused_info"
SYNC: Final = '{lane="sync"}'


@dataclass(frozen=True, slots=True)
class Case:
    """One alert: series that make it fire, series that do not, and when it is looked at.

    `why` tells several cases of one alert apart.

    A step is a minute. Less than three hours in all: beyond, promtool's storage begins to compact in the
    background and results vary. A ratio of two rates over days is the same over what there is of them.
    """

    alert: str
    fires: Series
    silent: Series
    at_minutes: int = 20
    why: str = ""


def answers(*, within: int, late: int = 0, failed: int = 0, steps: int = 100) -> Series:
    """Answers a step: decisions within 200 ms, later ones, and errors of ours."""
    return {
        f'{ANSWERS}_bucket{{status="200", le="0.2"}}': f"0+{within}x{steps}",
        f'{ANSWERS}_bucket{{status="200", le="0.5"}}': f"0+{within + late}x{steps}",
        f'{ANSWERS}_bucket{{status="200", le="+Inf"}}': f"0+{within + late}x{steps}",
        f'{ANSWERS}_count{{status="200"}}': f"0+{within + late}x{steps}",
        f'{ANSWERS}_count{{status="503"}}': f"0+{failed}x{steps}",
        f'{ANSWERS}_count{{status="422"}}': f"0+1000x{steps}",
    }


def written(topic: str, values: str) -> Series:
    return {f'{LOG}{{topic="{topic}", partition="0"}}': values}


def decided(approve: str, decline: str) -> Series:
    return {
        f'{DECIDED}{{lane="sync", decision="approve"}}': approve,
        f'{DECIDED}{{lane="sync", decision="decline"}}': decline,
    }


def lane_gauge(name: str, value: str, lane: str = "sync") -> Series:
    return {f'{name}{{lane="{lane}"}}': value}


def model(version: str, instance: str = "a") -> Series:
    return {f'{MODEL}{{lane="sync", name="m", version="{version}", instance="{instance}"}}': "1x60"}


def snapshot(name: str, instance: str) -> Series:
    return {f'scorestream_scorer_snapshot_info{{lane="sync", id="{name}", instance="{instance}"}}': "1x60"}


def auc(before: float, now: float, *, z: float, of: str = "m") -> Series:
    figures = {"auc_before": before, "auc": now, "auc_drop_z": z}
    return {
        f'scorestream_drift_figure{{model="{of}", figure="{name}"}}': f"{value}x60"
        for name, value in figures.items()
    }
