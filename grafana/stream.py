"""Stream: what waits in Kafka, who works on it, what was put aside, and whether all is accounted for."""

from __future__ import annotations

from grafana.panels import Dashboard, Panel, Query, Row
from grafana.queries import mean, per_second, quantile

_DLQ = 'topic="applications-dlq"'

STREAM = Dashboard(
    "scorestream-stream",
    "scorestream: Stream",
    "What waits in Kafka, who works on it, what was put aside, and whether all is accounted for.",
    (
        Row(
            "Waiting",
            (
                Panel(
                    title="Oldest undecided application",
                    description=(
                        "As Kafka has it, told by the lag exporter, also when every scorer is dead. Up to "
                        "half a second is the time between two commits."
                    ),
                    unit="s",
                    worry_from=10,
                    queries=(Query("max by (lane) (scorestream_lag_oldest_undecided_seconds)", "{{lane}}"),),
                ),
                Panel(
                    title="Lag by group",
                    description=(
                        "Records behind. The batch lane's may be millions; the interactive lane's should be "
                        "few."
                    ),
                    unit="short",
                    queries=(Query("scorestream:lag_records:sum", "{{group}}"),),
                ),
                Panel(
                    title="Lag by partition, interactive lane",
                    description=(
                        "One partition alone that lags points to one worker, or to one applicant sent in a "
                        "loop."
                    ),
                    unit="short",
                    queries=(
                        Query(
                            'max by (partition) (scorestream_lag_records{group="scorer-sync"})',
                            "{{partition}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Coming in and going out",
            (
                Panel(
                    title="Accepted",
                    description="Applications that Kafka has, per second, by topic.",
                    unit="cps",
                    queries=(
                        Query(
                            per_second(
                                "scorestream_log_records_total",
                                "topic",
                                where='topic=~"applications|applications-batch"',
                            ),
                            "{{topic}}",
                        ),
                    ),
                ),
                Panel(
                    title="Decided",
                    description="Decisions per second, by lane. Below what comes in, the lag grows.",
                    unit="cps",
                    queries=(
                        Query(
                            per_second("scorestream_scorer_applications_decided_total", "lane"), "{{lane}}"
                        ),
                    ),
                ),
                Panel(
                    title="Micro-batch",
                    description=(
                        "Applications that are decided together, mean. It grows with the load; that is how "
                        "a worker gets faster."
                    ),
                    unit="short",
                    queries=(Query(mean("scorestream_scorer_batch_rows", "lane"), "{{lane}}"),),
                ),
                Panel(
                    title="At work",
                    description="Applications in the micro-batch at work, by worker.",
                    unit="short",
                    queries=(
                        Query(
                            "max by (lane, instance) (scorestream_scorer_in_flight_applications)",
                            "{{lane}} {{instance}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Workers",
            (
                Panel(
                    title="Partitions by worker",
                    description="Who owns how many. A lane without any decides nothing.",
                    unit="short",
                    is_stacked=True,
                    queries=(
                        Query(
                            "max by (lane, instance) (scorestream_scorer_assigned_partitions)",
                            "{{lane}} {{instance}}",
                        ),
                    ),
                ),
                Panel(
                    title="Rebalances",
                    description=(
                        "Times in five minutes that partitions were dealt anew. Some at a roll-out; none "
                        "else."
                    ),
                    unit="short",
                    worry_from=3,
                    queries=(
                        Query(
                            "max by (lane) (increase(scorestream_scorer_rebalances_total[5m]))", "{{lane}}"
                        ),
                    ),
                ),
                Panel(
                    title="Taking over, p99",
                    description=(
                        "Reading what was decided of newly assigned partitions before the first is worked "
                        "on: the pause at a roll-out."
                    ),
                    unit="s",
                    worry_from=5,
                    queries=(
                        Query(
                            "histogram_quantile(0.99, sum by (lane, le) "
                            "(scorestream_scorer_taking_over_seconds_bucket))",
                            "{{lane}}",
                        ),
                    ),
                ),
                Panel(
                    title="Seconds since the last decision",
                    description="By worker. With applications coming in it stays small.",
                    unit="s",
                    queries=(
                        Query(
                            "time() - max by (lane, instance) "
                            "(scorestream_scorer_last_decision_timestamp_seconds > 0)",
                            "{{lane}} {{instance}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Put aside and repeated",
            (
                Panel(
                    title="Dead letters by reason",
                    description=(
                        "Per minute, as the workers count them. SCORING_FAILED and SCORING_KILLED are ours, "
                        "the others are a producer's."
                    ),
                    unit="cpm",
                    is_stacked=True,
                    queries=(
                        Query(
                            "60 * "
                            + per_second("scorestream_scorer_applications_dead_lettered_total", "reason"),
                            "{{reason}}",
                        ),
                    ),
                ),
                Panel(
                    title="Dead letters in the log",
                    description="All that are still there, as Kafka has them: scorestream dlq list.",
                    unit="short",
                    worry_from=1,
                    queries=(Query(f"sum(scorestream_log_kept_records{{{_DLQ}}})", "kept"),),
                ),
                Panel(
                    title="Sent again",
                    description=(
                        "Applications with an id that was decided before: repeated, or in conflict with "
                        "other bytes."
                    ),
                    unit="cps",
                    queries=(
                        Query(
                            per_second("scorestream_scorer_applications_repeated_total", "kind"), "{{kind}}"
                        ),
                    ),
                ),
                Panel(
                    title="Odd events",
                    description=(
                        "Micro-batches that found another owner's records among theirs, and replies whose "
                        "topic or partition is not there. None in order."
                    ),
                    unit="short",
                    worry_from=1,
                    queries=(
                        Query("sum(increase(scorestream_scorer_overtaken_batches_total[15m]))", "two owners"),
                        Query(
                            "sum(increase(scorestream_scorer_replies_undeliverable_total[15m]))", "no address"
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Accounted for",
            (
                Panel(
                    title="Applications by status",
                    description="As the ledger has them: accepted = decided + pending + dead.",
                    unit="short",
                    is_stacked=True,
                    queries=(Query("sum by (status) (scorestream_ledger_rows)", "{{status}}"),),
                ),
                Panel(
                    title="Conservation",
                    description=(
                        "Logged less recorded applications, decisions without an application, and "
                        "applications of the log without a row: anything but 0 is a fault."
                    ),
                    unit="short",
                    worry_from=1,
                    queries=(
                        Query("sum(abs(scorestream_conservation_difference_applications))", "difference"),
                        Query("sum(scorestream_conservation_orphaned_records)", "without application"),
                        Query("sum(scorestream_ledger_audit_missing_applications_total)", "without row"),
                    ),
                ),
                Panel(
                    title="Oldest pending",
                    description="As the ledger has it: accepted and neither decided nor put aside.",
                    unit="s",
                    worry_from=60,
                    queries=(Query("max by (lane) (scorestream_ledger_oldest_pending_seconds)", "{{lane}}"),),
                ),
                Panel(
                    title="Ledger behind the log",
                    description="Beyond 30 s requests with an Idempotency-Key are refused.",
                    unit="s",
                    worry_from=30,
                    queries=(Query("max by (lane) (scorestream_ledger_lag_seconds)", "{{lane}}"),),
                ),
            ),
        ),
        Row(
            "The log",
            (
                Panel(
                    title="Records written",
                    description="Per second, by topic.",
                    unit="cps",
                    queries=(Query(per_second("scorestream_log_records_total", "topic"), "{{topic}}"),),
                ),
                Panel(
                    title="Records kept",
                    description="What retention has left, by topic.",
                    unit="short",
                    queries=(Query("sum by (topic) (scorestream_log_kept_records)", "{{topic}}"),),
                ),
                Panel(
                    title="Publishing, p99",
                    description="From decided to acknowledged by all replicas: Kafka's own speed.",
                    unit="s",
                    worry_from=0.1,
                    queries=(
                        Query(quantile(0.99, "scorestream_scorer_publishing_seconds", "lane"), "{{lane}}"),
                    ),
                ),
            ),
        ),
    ),
)
