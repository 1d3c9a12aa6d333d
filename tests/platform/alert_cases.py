"""For every alert: what Prometheus has seen when it must fire, and a near miss when it must not.

Series are in promtool's notation, see `alert_series`.
"""

from __future__ import annotations

from typing import Final

from tests.platform.alert_series import (
    DECIDED,
    PROMOTED,
    REFUSED,
    SYNC,
    Case,
    answers,
    auc,
    decided,
    lane_gauge,
    model,
    snapshot,
    written,
)

_NEWEST_GAP: Final = "scorestream_archive_newest_gap_timestamp_seconds"
_PROMOTED_AT: Final = "scorestream_gateway_model_promoted_timestamp_seconds"

CASES: Final = (
    Case(
        "ApiDown",
        {"scorestream_lag_broker_reached": "1x60", 'up{job="gateway", namespace="strangers"}': "1x60"},
        {"scorestream_gateway_broker_reached": "0x60", 'up{job="gateway", instance="b"}': "0x60"},
    ),
    Case(
        "BrokerUnreachable",
        {
            'scorestream_gateway_broker_reached{instance="a"}': "0x60",
            'scorestream_gateway_broker_reached{instance="b"}': "0x60",
        },
        {
            'scorestream_gateway_broker_reached{instance="a"}': "0x60",
            'scorestream_gateway_broker_reached{instance="b"}': "1x60",
            "scorestream_lag_broker_reached": "0x60",
        },
    ),
    Case(
        "ProcessDown",
        {'up{job="ledger"}': "0x60"},
        {'up{job="ledger"}': "1x17 0x1 1x40", 'up{job="somebody-elses"}': "0x60"},
    ),
    Case("ErrorsHigh", answers(within=98, failed=2), answers(within=1000, failed=9)),
    Case("LatencyP99High", answers(within=97, late=3), answers(within=1000, late=9)),
    Case(
        "GatewayNearlyFull",
        {
            "scorestream_gateway_in_flight_requests": "410x60",
            "scorestream_gateway_in_flight_limit_requests": "512x60",
        },
        {
            "scorestream_gateway_in_flight_requests": "400x60",
            "scorestream_gateway_in_flight_limit_requests": "512x60",
        },
    ),
    Case("ErrorBudgetBurnsFast", answers(within=980, late=20), answers(within=996, late=4), at_minutes=90),
    Case(
        "ErrorBudgetBurnsSlowly",
        answers(within=998, failed=2, steps=160),
        answers(within=9991, failed=9, steps=160),
        at_minutes=150,
    ),
    Case(
        "ScorersDown",
        lane_gauge("scorestream_scorer_assigned_partitions", "0x60"),
        lane_gauge("scorestream_scorer_assigned_partitions", "4x60"),
    ),
    Case(
        "UndecidedTooOld",
        lane_gauge("scorestream_lag_oldest_undecided_seconds", "11x60"),
        {
            **lane_gauge("scorestream_lag_oldest_undecided_seconds", "9x60"),
            **lane_gauge("scorestream_lag_oldest_undecided_seconds", "900x60", "batch"),
        },
    ),
    Case(
        "BatchLaneBehind",
        {
            **lane_gauge("scorestream_lag_oldest_undecided_seconds", "3700+60x60", "batch"),
            f'{DECIDED}{{lane="batch", decision="approve"}}': "5x60",
        },
        {
            **lane_gauge("scorestream_lag_oldest_undecided_seconds", "3700+60x60", "batch"),
            f'{DECIDED}{{lane="batch", decision="approve"}}': "0+6000x60",
        },
        at_minutes=30,
    ),
    Case(
        "BatchLaneBehind",
        lane_gauge("scorestream_lag_oldest_undecided_seconds", "3700+60x60", "batch"),
        {
            **lane_gauge("scorestream_lag_oldest_undecided_seconds", "3500x60", "batch"),
            **lane_gauge("scorestream_lag_oldest_undecided_seconds", "3700+60x60"),
        },
        at_minutes=30,
        why="no batch worker runs",
    ),
    Case(
        "LagUnknown",
        lane_gauge("scorestream_lag_oldest_undecided_seconds", "0x60", "batch"),
        lane_gauge("scorestream_lag_oldest_undecided_seconds", "0x60"),
    ),
    Case(
        "UndecidedRemoved",
        {
            'scorestream_lag_overtaken_records{group="scorer-sync", topic="applications", partition="0"}': (
                "0x5 3 0x60"
            )
        },
        {'scorestream_lag_overtaken_records{group="reader", topic="applications", partition="0"}': "3x60"},
    ),
    Case(
        "WorkersUnstable",
        {f"scorestream_scorer_rebalances_total{SYNC}": "0+1x60"},
        {f"scorestream_scorer_rebalances_total{SYNC}": "0x10 1 2 3 4x60"},
    ),
    Case(
        "TwoOwners",
        {f"scorestream_scorer_overtaken_batches_total{SYNC}": "0x10 1x60"},
        {f"scorestream_scorer_overtaken_batches_total{SYNC}": "7x60"},
    ),
    Case(
        "RepliesUndeliverable",
        {f"scorestream_scorer_replies_undeliverable_total{SYNC}": "0x10 1x60"},
        {f"scorestream_scorer_replies_undeliverable_total{SYNC}": "7x60"},
    ),
    Case("DeadLetters", written("applications-dlq", "4x10 5x60"), written("applications-dlq", "4x60")),
    Case(
        "DeadLettersMany",
        {**written("applications-dlq", "0+10x60"), **written("applications", "0+100x60")},
        {**written("applications-dlq", "0+10x60"), **written("applications", "0+300x60")},
    ),
    Case(
        "ConservationBroken",
        lane_gauge("scorestream_conservation_difference_applications", "-1x60"),
        lane_gauge("scorestream_conservation_difference_applications", "0x19 1x0 0x60"),
    ),
    Case(
        "DecisionWithoutApplication",
        lane_gauge("scorestream_conservation_orphaned_records", "1x60"),
        lane_gauge("scorestream_conservation_orphaned_records", "0x60"),
    ),
    Case(
        "PendingOver60Seconds",
        lane_gauge("scorestream_ledger_pending_over_60_seconds_applications", "1x60"),
        {
            **lane_gauge("scorestream_ledger_pending_over_60_seconds_applications", "0x60"),
            **lane_gauge("scorestream_ledger_pending_over_60_seconds_applications", "90000x60", "batch"),
        },
    ),
    Case(
        "LedgerMissesApplications",
        lane_gauge("scorestream_ledger_audit_missing_applications_total", "0x10 1x60"),
        lane_gauge("scorestream_ledger_audit_missing_applications_total", "0x60"),
    ),
    Case(
        "LedgerMissedRecords",
        lane_gauge("scorestream_ledger_missed_records_total", "0x70 50x60"),
        lane_gauge("scorestream_ledger_missed_records_total", "50x90"),
        at_minutes=75,
    ),
    Case(
        "LedgerMissedRecords",
        lane_gauge("scorestream_ledger_missed_records_total", "_x70 50x60"),
        lane_gauge("scorestream_ledger_missed_records_total", "_x10 50x90"),
        at_minutes=75,
        why="found by a ledger that comes back, before its first scrape",
    ),
    Case(
        "LedgerBehind",
        lane_gauge("scorestream_ledger_writing", "0x60"),
        {
            **lane_gauge("scorestream_ledger_lag_seconds", "29x60"),
            **lane_gauge("scorestream_ledger_writing", "1x60"),
            **lane_gauge("scorestream_ledger_lag_seconds", "400x60", "batch"),
        },
    ),
    Case(
        "LedgerBehind",
        lane_gauge("scorestream_ledger_writing", "1x60", "batch"),
        lane_gauge("scorestream_ledger_writing", "1x60"),
        why="no ledger runs",
    ),
    Case("ModelMismatch", {**model("7"), **model("8", "b")}, {**model("7"), **model("7", "b")}),
    Case(
        "PromotionNotTaken",
        {**model("7"), f'{PROMOTED}{{name="m", version="8"}}': "1x60"},
        {**model("8"), f'{PROMOTED}{{name="m", version="8"}}': "1x60"},
    ),
    Case(
        "BundleRefused",
        {f'{REFUSED}{{name="m", version="8", reason="golden-mismatch"}}': "1x60"},
        {f'{REFUSED}{{name="m", version="8", reason="unavailable"}}': "1x60"},
    ),
    Case(
        "BundleUnavailable",
        {f'{REFUSED}{{name="m", version="8", reason="unavailable"}}': "1x60"},
        {f'{REFUSED}{{name="m", version="8", reason="unavailable"}}': "_x18 1x60"},
    ),
    Case(
        "ApprovalRateJump",
        decided("0+80x100 8060+60x80", "0+20x100 2040+40x80"),
        decided("0+80x100 8075+75x80", "0+20x100 2025+25x80"),
        at_minutes=170,
    ),
    Case(
        "UnseenCategories",
        {
            'scorestream_scorer_unseen_categories_total{field="NAME_TYPE_SUITE"}': "0+5x60",
            **decided("0+100x60", "0+1x60"),
        },
        {
            'scorestream_scorer_unseen_categories_total{field="NAME_TYPE_SUITE"}': "0+1x60",
            **decided("0+100x60", "0+1x60"),
        },
        at_minutes=40,
    ),
    Case(
        "SnapshotStale",
        lane_gauge("scorestream_scorer_snapshot_as_of_timestamp_seconds", "-260000x60"),
        {
            **lane_gauge("scorestream_scorer_snapshot_as_of_timestamp_seconds", "-240000x60"),
            **lane_gauge("scorestream_scorer_snapshot_as_of_timestamp_seconds", "0x60", "batch"),
        },
    ),
    Case(
        "SnapshotRefused",
        {'scorestream_scorer_snapshots_refused_total{lane="sync", reason="refused"}': "0x10 1x60"},
        {'scorestream_scorer_snapshots_refused_total{lane="sync", reason="unavailable"}': "0+1x60"},
    ),
    Case(
        "SnapshotRefused",
        {'scorestream_scorer_snapshots_refused_total{lane="sync", reason="does-not-fit"}': "_x10 1x60"},
        {'scorestream_scorer_snapshots_refused_total{lane="sync", reason="does-not-fit"}': "1x60"},
        why="by workers that were just started, before their first scrape",
    ),
    Case(
        "SnapshotMismatch",
        {**snapshot("one", "a"), **snapshot("two", "b")},
        {**snapshot("one", "a"), **snapshot("one", "b")},
    ),
    Case(
        "SnapshotNotServed",
        {"scorestream_features_snapshots_not_served_total": "0+1x60"},
        {"scorestream_features_snapshots_not_served_total": "0x10 1x60"},
    ),
    Case(
        "NotificationsFail",
        {'alertmanager_notifications_failed_total{integration="slack"}': "0+1x60"},
        {'alertmanager_notifications_failed_total{integration="slack"}': "9x60"},
    ),
    Case(
        "ArchiveGap",
        {
            f'{_NEWEST_GAP}{{topic="predictions"}}': "-85000x60",
            f'{_NEWEST_GAP}{{topic="outcomes"}}': "-90000x60",
        },
        {f'{_NEWEST_GAP}{{topic="predictions"}}': "-90000x60"},
    ),
    Case(
        "ArchiveGap",
        {f'{_NEWEST_GAP}{{topic="predictions"}}': "_x10 30x60"},
        {f'{_NEWEST_GAP}{{topic="predictions"}}': "_x10 -90000x60"},
        why="an archive that comes back shows it from its first scrape on, and old ones as old",
    ),
    Case(
        "ArchiveBehind",
        {"scorestream_archive_oldest_waiting_seconds": "1900x60", "scorestream_archive_following": "1x60"},
        {
            "scorestream_archive_oldest_waiting_seconds": "1700x60",
            "scorestream_archive_following": "1x60",
        },
    ),
    Case(
        "ArchiveBehind",
        {'up{job="archive"}': "0x60"},
        {"scorestream_archive_following": "1x5 0x4 1x60"},
        why="no archive runs",
    ),
    Case(
        "DriftFound",
        {'scorestream_drift_verdict{model="m", verdict="drift"}': "1x60"},
        {
            'scorestream_drift_verdict{model="m", verdict="not enough"}': "1x60",
            'scorestream_drift_verdict{model="m", verdict="drift"}': "0x60",
        },
    ),
    Case("PerformanceDrift", auc(0.76, 0.72, z=5), {**auc(0.76, 0.72, z=3), **auc(0.76, 0.74, z=9, of="n")}),
    Case(
        "DriftNotMeasured",
        {'scorestream_drift_reported_timestamp_seconds{model="m"}': "-173000x60"},
        {
            'scorestream_drift_reported_timestamp_seconds{model="m"}': "-170000x60",
            _PROMOTED_AT: "-999999x60",
        },
        at_minutes=40,
    ),
    Case(
        "DriftNotMeasured",
        {_PROMOTED_AT: "-173000x60", f'{_PROMOTED_AT}{{instance="not told yet"}}': "0x60"},
        {_PROMOTED_AT: "-160000x60"},
        at_minutes=40,
        why="no report ever came",
    ),
)
