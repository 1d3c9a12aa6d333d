from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feature_service.errors import QualityRejected
from feature_service.manifest import MATRIX
from feature_service.snapshot import SnapshotReader
from feature_service.store import SnapshotStore
from feature_service.vector import ALL_FEATURE_NAMES, ALL_FEATURES, HISTORY
from feature_service.views import VIEWS, bureau_balance
from tests.feature_builds import FixedGate, Said, build, reader_of, value
from tests.history_rows import BYSTANDER, Rows, write_tables


def built_from(root: Path, rows: Rows) -> SnapshotReader:
    return reader_of(build(write_tables(root / "csv", rows), root))


def bureau_rows() -> Rows:
    return {
        "application_train": [{"SK_ID_CURR": 1}, {"SK_ID_CURR": 2}],
        "bureau": [
            {"SK_ID_CURR": 1, "SK_ID_BUREAU": 1, "AMT_CREDIT_SUM": 1000.0, "AMT_CREDIT_SUM_DEBT": 250.0},
            {"SK_ID_CURR": 1, "SK_ID_BUREAU": 2, "AMT_CREDIT_SUM": 3000.1, "CREDIT_ACTIVE": "Closed"},
            {"SK_ID_CURR": 77, "SK_ID_BUREAU": 3, "AMT_CREDIT_SUM": 5.0},
        ],
        "bureau_balance": [
            {"SK_ID_BUREAU": 2, "MONTHS_BALANCE": -3, "STATUS": "2"},
            {"SK_ID_BUREAU": 2, "MONTHS_BALANCE": -2, "STATUS": "0"},
            {"SK_ID_BUREAU": 555, "MONTHS_BALANCE": -2, "STATUS": "5"},
        ],
    }


def test_credits_are_counted_and_added_per_applicant(tmp_path: Path) -> None:
    reader = built_from(tmp_path, bureau_rows())
    assert value(reader, 1, "BUREAU_COUNT") == 2
    assert value(reader, 1, "BUREAU_ACTIVE_COUNT") == 1
    assert value(reader, 1, "BUREAU_DEBT_TOTAL") == 250
    assert value(reader, 1, "BUREAU_CREDIT_TOTAL") == np.float32(4000.1)
    assert value(reader, 1, "BUREAU_ACTIVE_DEBT_TO_CREDIT") == 0.25
    assert value(reader, 1, "BUREAU_MONTHS_LATE") == 1
    assert value(reader, 1, "BUREAU_MONTHS_WORST") == 2
    assert value(reader, 1, "BUREAU_DEBT_TO_INCOME") == np.float32(250 / 100_000)


def test_without_rows_counts_are_0_means_missing_and_the_flag_says_so(tmp_path: Path) -> None:
    reader = built_from(tmp_path, bureau_rows())
    assert value(reader, 2, "HAS_BUREAU") == 0
    assert value(reader, 1, "HAS_BUREAU") == 1
    assert value(reader, 2, "BUREAU_COUNT") == 0
    assert value(reader, 2, "BUREAU_DEBT_TOTAL") == 0
    assert math.isnan(value(reader, 2, "BUREAU_CREDIT_MEAN"))
    assert math.isnan(value(reader, 2, "BUREAU_DEBT_TO_CREDIT"))


def test_only_applicants_with_an_application_are_in_the_snapshot(tmp_path: Path) -> None:
    reader = built_from(tmp_path, bureau_rows())
    assert reader.applicant_ids.tolist() == [1, 2, BYSTANDER, BYSTANDER + 1]


def test_a_credit_reported_after_the_application_is_not_known(tmp_path: Path) -> None:
    late = {"SK_ID_CURR": 2, "SK_ID_BUREAU": 9, "DAYS_CREDIT_UPDATE": 3}
    rows = bureau_rows()
    reader = built_from(tmp_path, {**rows, "bureau": [*rows["bureau"], late]})
    assert value(reader, 2, "BUREAU_COUNT") == 0


def test_a_payment_after_the_application_is_not_known(tmp_path: Path) -> None:
    rows: Rows = {
        "application_train": [{"SK_ID_CURR": 1}],
        "installments_payments": [
            {"SK_ID_CURR": 1, "DAYS_INSTALMENT": -5.0, "DAYS_ENTRY_PAYMENT": 4.0},
            {"SK_ID_CURR": 1, "NUM_INSTALMENT_NUMBER": 2, "DAYS_INSTALMENT": 3.0},
        ],
    }
    reader = built_from(tmp_path, rows)
    assert value(reader, 1, "INST_COUNT") == 1
    assert value(reader, 1, "INST_UNPAID_COUNT") == 1
    assert value(reader, 1, "INST_PAID_TOTAL") == 0


def test_clean_months_at_the_bureau_change_no_feature(tmp_path: Path) -> None:
    """bureau_balance covers 30 % of train and 87 % of test: its presence must not show."""
    rows = bureau_rows()
    clean = [
        {"SK_ID_BUREAU": 1, "MONTHS_BALANCE": -month, "STATUS": status}
        for month, status in enumerate("0CX0C", 1)
    ]
    without = {**rows, "bureau_balance": []}
    before = built_from(tmp_path / "a", without)
    after = built_from(tmp_path / "b", {**without, "bureau_balance": clean})
    assert before.matrix.tobytes() == after.matrix.tobytes()


def test_no_feature_of_the_months_at_the_bureau_tells_a_clean_history_from_none() -> None:
    for one in bureau_balance.VIEW.features:
        is_recency = one.name.startswith("BUREAU_MONTHS_SINCE")
        assert math.isnan(bureau_balance.VIEW.absent(one)) == is_recency, one.name


def test_instalments_paid_in_parts_are_one_instalment(tmp_path: Path) -> None:
    part = {"SK_ID_CURR": 1, "AMT_INSTALMENT": 100.0, "AMT_PAYMENT": 50.0}
    reader = built_from(
        tmp_path, {"application_train": [{"SK_ID_CURR": 1}], "installments_payments": [part, part]}
    )
    assert value(reader, 1, "INST_COUNT") == 1
    assert value(reader, 1, "INST_SHORT_COUNT") == 0
    assert value(reader, 1, "INST_IN_PARTS_SHARE") == 1


def test_absurd_amounts_end_no_build(tmp_path: Path) -> None:
    cards = [
        {"SK_ID_CURR": 1, "SK_ID_PREV": 5, "MONTHS_BALANCE": -month, "AMT_CREDIT_LIMIT_ACTUAL": 1e12}
        for month in range(1, 40)
    ]
    credit = {"SK_ID_CURR": 1, "SK_ID_BUREAU": 4, "AMT_CREDIT_SUM": 1e-9, "AMT_CREDIT_SUM_DEBT": 1e12}
    rows: Rows = {
        "application_train": [{"SK_ID_CURR": 1}],
        "credit_card_balance": cards,
        "bureau": [credit],
    }
    reader = built_from(tmp_path, rows)
    assert value(reader, 1, "CARD_LIMIT_MAX") == np.float32(1e12)
    assert math.isnan(value(reader, 1, "BUREAU_DRAWN_MAX"))


def test_the_sentinel_day_is_missing_and_counts_as_open(tmp_path: Path) -> None:
    earlier = [
        {"SK_ID_CURR": 1, "SK_ID_PREV": 1, "DAYS_TERMINATION": 365243.0},
        {"SK_ID_CURR": 1, "SK_ID_PREV": 2, "DAYS_TERMINATION": -40.0},
    ]
    reader = built_from(tmp_path, {"application_train": [{"SK_ID_CURR": 1}], "previous_application": earlier})
    assert value(reader, 1, "PREV_OPEN_COUNT") == 1
    assert value(reader, 1, "PREV_ENDED_NEWEST_DAYS") == 40


def test_a_missing_table_leaves_its_features_missing_and_the_manifest_says_so(tmp_path: Path) -> None:
    folder = write_tables(tmp_path / "csv", bureau_rows())
    (folder / "bureau.csv").unlink()
    built = build(folder, tmp_path, allow_missing=("bureau",))
    assert built.manifest.missing_tables == ("bureau",)
    reader = reader_of(built)
    for view in VIEWS:
        for name in view.feature_names:
            assert math.isnan(value(reader, 2, name)) or "bureau" not in view.tables, name
    assert value(reader, 2, "PREV_COUNT") == 0


def test_what_the_gate_calls_critical_publishes_nothing(tmp_path: Path) -> None:
    folder = write_tables(tmp_path / "csv", bureau_rows())
    with pytest.raises(QualityRejected, match="no good"):
        build(folder, tmp_path, FixedGate(critical=(Said("no good"),)))
    assert SnapshotStore(str(tmp_path / "store")).ids() == ()


def test_a_warning_of_the_gate_is_in_the_manifest(tmp_path: Path) -> None:
    built = build(write_tables(tmp_path / "csv", bureau_rows()), tmp_path, FixedGate(warnings=(Said("odd"),)))
    assert built.manifest.quality.warnings == ("odd",)


def test_a_second_build_of_the_same_files_computes_nothing(tmp_path: Path) -> None:
    folder = write_tables(tmp_path / "csv", bureau_rows())
    first = build(folder, tmp_path)
    second = build(folder, tmp_path, FixedGate(critical=(Said("not asked again"),)))
    assert first.is_new
    assert not second.is_new
    assert second.manifest == first.manifest


def test_training_and_serving_read_the_same_bits(tmp_path: Path) -> None:
    built = build(write_tables(tmp_path / "csv", bureau_rows()), tmp_path)
    reader = reader_of(built)
    table = pq.read_table(Path(built.uri) / "features.parquet")
    assert table.column_names == ["SK_ID_CURR", *ALL_FEATURE_NAMES]
    assert table["SK_ID_CURR"].to_numpy().tolist() == reader.applicant_ids.tolist()
    columns = np.column_stack([table[name].to_numpy() for name in ALL_FEATURE_NAMES])
    assert columns.tobytes() == reader.matrix.tobytes()


def test_missing_is_always_the_same_nan_and_zero_has_no_sign(tmp_path: Path) -> None:
    matrix = built_from(tmp_path, bureau_rows()).matrix
    assert np.unique(matrix[np.isnan(matrix)].view(np.uint32)).tolist() == [0x7FC00000]
    assert not np.signbit(matrix[matrix == 0]).any()
    assert not np.isinf(matrix).any()


def test_names_are_unique_and_history_features_say_their_reason() -> None:
    assert len(set(ALL_FEATURE_NAMES)) == len(ALL_FEATURES) >= 300
    for one in ALL_FEATURES[HISTORY]:
        assert one.group, one.name
        assert one.description, one.name
        assert one.unit, one.name
        assert one.null_rule, one.name


def random_rows(draw: random.Random) -> dict[str, list[dict[str, object]]]:
    """Some credits, months and instalments with amounts whose float sums depend on the order."""
    ids = [1, 2, 3]
    bureau = [
        {
            "SK_ID_CURR": draw.choice(ids),
            "SK_ID_BUREAU": key,
            "DAYS_CREDIT": -draw.randint(0, 5),
            "AMT_CREDIT_SUM": draw.choice([0.1, 0.2, 0.3, 1e9, 12345.678]),
            "AMT_CREDIT_SUM_DEBT": draw.choice(["", 0.7, -0.1, 3e8]),
        }
        for key in range(draw.randint(1, 12))
    ]
    instalments = [
        {
            "SK_ID_CURR": draw.choice(ids),
            "SK_ID_PREV": draw.randint(1, 3),
            "NUM_INSTALMENT_NUMBER": draw.randint(1, 4),
            "DAYS_INSTALMENT": float(-draw.randint(1, 400)),
            "DAYS_ENTRY_PAYMENT": draw.choice(["", float(-draw.randint(1, 400))]),
            "AMT_INSTALMENT": draw.choice([0.1, 0.3, 99999.99]),
            "AMT_PAYMENT": draw.choice([0.1, 0.7, 5e8]),
        }
        for _ in range(draw.randint(1, 25))
    ]
    return {
        "application_train": [{"SK_ID_CURR": one} for one in ids],
        "bureau": bureau,
        "installments_payments": instalments,
    }


@settings(deadline=None, max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_the_order_of_rows_changes_no_bit_whatever_their_amounts(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    rows = random_rows(draw)
    shuffled = {name: draw.sample(some, len(some)) for name, some in rows.items()}
    one = build(write_tables(tmp_path / f"{seed}a", rows), tmp_path / f"{seed}one")
    other = build(write_tables(tmp_path / f"{seed}b", shuffled), tmp_path / f"{seed}other")
    assert (Path(one.uri) / MATRIX).read_bytes() == (Path(other.uri) / MATRIX).read_bytes()
    assert one.manifest.id == other.manifest.id
