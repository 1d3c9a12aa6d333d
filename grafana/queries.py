"""PromQL that several dashboards ask in the same way."""

from __future__ import annotations

from grafana.panels import Query

_WINDOW = "$__rate_interval"


def per_second(metric: str, *by: str, where: str = "") -> str:
    """Increases of a counter per second, summed by labels."""
    return f"sum by ({', '.join(by)}) (rate({metric}{_braced(where)}[{_WINDOW}]))"


def mean(histogram: str, *by: str, where: str = "") -> str:
    """The mean of what a histogram observed."""
    labels, chosen = f"sum by ({', '.join(by)})", _braced(where)
    observed, times = f"{histogram}_sum{chosen}[{_WINDOW}]", f"{histogram}_count{chosen}[{_WINDOW}]"
    return f"{labels} (rate({observed})) / {labels} (rate({times}))"


def quantile(share: float, histogram: str, *by: str, where: str = "") -> str:
    """The value that `share` of a histogram's observations stay below."""
    return f"histogram_quantile({share}, {per_second(f'{histogram}_bucket', *by, 'le', where=where)})"


def quantiles(histogram: str, *, where: str = "") -> tuple[Query, ...]:
    """Median, 95 and 99 % of a histogram, as three lines."""
    return tuple(
        Query(quantile(share, histogram, where=where), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)
    )


def _braced(where: str) -> str:
    return f"{{{where}}}" if where else ""
