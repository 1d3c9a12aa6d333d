"""Service: what callers feel, where the time goes, and what the processes take."""

from __future__ import annotations

from grafana.panels import Dashboard, Panel, Query, Row
from grafana.queries import mean, per_second, quantile, quantiles

_ANSWERING = "scorestream_gateway_answering_seconds"
_SYNC = 'lane="sync"'
#: The hops of an application, in order: histogram, what it selects, what it is called.
_HOPS = (
    ("scorestream_gateway_acknowledged_seconds", "", "1 into the log"),
    ("scorestream_scorer_in_log_seconds", _SYNC, "2 in the log"),
    ("scorestream_scorer_deciding_seconds", _SYNC, "3 deciding"),
    ("scorestream_scorer_publishing_seconds", _SYNC, "4 publishing"),
    ("scorestream_gateway_reply_in_log_seconds", "", "5 the reply's way back"),
)

SERVICE = Dashboard(
    "scorestream-service",
    "scorestream: Service",
    "What callers of the REST interface get, how fast, and what the processes take for it.",
    (
        Row(
            "Answers",
            (
                Panel(
                    title="Answers by status",
                    description=(
                        "200 is a decision in time; 202 was accepted and is decided later; 4xx are the "
                        "callers' own, but for 429; 5xx are ours."
                    ),
                    unit="reqps",
                    is_stacked=True,
                    queries=(Query(per_second(f"{_ANSWERING}_count", "status"), "{{status}}"),),
                ),
                Panel(
                    title="Errors",
                    description="Share of our answers that are 5xx. Above 1 % somebody is paged.",
                    unit="percentunit",
                    worry_from=0.01,
                    queries=(Query("scorestream:gateway_errors:ratio_rate5m", "5xx"),),
                ),
                Panel(
                    title="Latency of decisions",
                    description="From a request's arrival to its 200. The promise is 200 ms.",
                    unit="s",
                    worry_from=0.2,
                    queries=quantiles(_ANSWERING, where='status="200"'),
                ),
            ),
        ),
        Row(
            "Where the time goes",
            (
                Panel(
                    title="Where the time goes, mean",
                    description=(
                        "The hops of an application one on another. A micro-batch is decided and published "
                        "as one, so hops 3 and 4 are a batch's."
                    ),
                    unit="s",
                    is_stacked=True,
                    queries=tuple(Query(mean(hop, where=where), name) for hop, where, name in _HOPS),
                ),
                Panel(
                    title="Where the time goes, p99",
                    description=(
                        "One in a hundred takes longer than this in the hop. Hops 2 and 5 compare the "
                        "clocks of two machines."
                    ),
                    unit="s",
                    worry_from=0.2,
                    queries=tuple(
                        Query(quantile(0.99, hop, where=where), name) for hop, where, name in _HOPS
                    ),
                ),
                Panel(
                    title="Deciding by worker, p99",
                    description=(
                        "Hop 3 of each worker of the interactive lane. One line above the others is a slow "
                        "worker or a busy machine."
                    ),
                    unit="s",
                    queries=(
                        Query(
                            quantile(0.99, "scorestream_scorer_deciding_seconds", "instance", where=_SYNC),
                            "{{instance}}",
                        ),
                    ),
                ),
                Panel(
                    title="Requests that wait",
                    description="Against the limit, beyond which requests are refused with 429.",
                    unit="short",
                    queries=(
                        Query("sum by (instance) (scorestream_gateway_in_flight_requests)", "{{instance}}"),
                        Query("min(scorestream_gateway_in_flight_limit_requests)", "limit of one gateway"),
                    ),
                ),
            ),
        ),
        Row(
            "Processes",
            (
                Panel(
                    title="Up",
                    description="1 while the process answers Prometheus.",
                    unit="bool_on_off",
                    queries=(Query("min by (job, instance) (up)", "{{job}} {{instance}}"),),
                ),
                Panel(
                    title="Processor",
                    description=(
                        "Cores in use, by process. A scorer uses one; at 0.9 it is time for another worker."
                    ),
                    unit="short",
                    worry_from=0.9,
                    queries=(
                        Query(
                            per_second("process_cpu_seconds_total", "job", "instance"), "{{job}} {{instance}}"
                        ),
                    ),
                ),
                Panel(
                    title="Memory",
                    description="Resident memory, by process. A line that only rises is a leak.",
                    unit="bytes",
                    queries=(
                        Query(
                            "sum by (job, instance) (process_resident_memory_bytes)", "{{job}} {{instance}}"
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Behind the gateway",
            (
                Panel(
                    title="Kafka reached",
                    description="1 while the gateways, and the lag exporter, get answers from Kafka.",
                    unit="bool_on_off",
                    queries=(
                        Query("min(scorestream_gateway_broker_reached)", "gateways"),
                        Query("min(scorestream_lag_broker_reached)", "lag exporter"),
                    ),
                ),
                Panel(
                    title="Ledger look-ups, p99",
                    description=(
                        "One read of the ledger's database: what a GET by id or a request with a key pays."
                    ),
                    unit="s",
                    worry_from=0.1,
                    queries=(Query(quantile(0.99, "scorestream_ledger_looking_up_seconds"), "p99"),),
                ),
                Panel(
                    title="Feature service",
                    description=(
                        "Its answers by status. Nobody waits for it: scorers map the snapshot themselves."
                    ),
                    unit="reqps",
                    queries=(
                        Query(per_second("scorestream_features_answers_total", "status"), "{{status}}"),
                    ),
                ),
                Panel(
                    title="Open files",
                    description="Share of the files that a process may have open, connections among them.",
                    unit="percentunit",
                    worry_from=0.8,
                    queries=(
                        Query(
                            "max by (job, instance) (process_open_fds / process_max_fds)",
                            "{{job}} {{instance}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
