"""The features of the view `INSTALMENTS` as a notebook would compute them: plain pandas.

What the feature build is measured against, and a second opinion on its values (tests/parity).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

_OWNER = "SK_ID_CURR"
_WINDOWS = (30, 90, 180, 365, 730)


def instalment_features(parquet: Path) -> pd.DataFrame:
    """All 65 features by applicant, float32."""
    rows = _instalments(parquet)
    everything = _of_all(rows)
    parts = [everything]
    for days in _WINDOWS:
        parts.append(_of_window(rows[rows.ago <= days], days))
    for newest in (5, 10, 20):
        parts.append(_of_newest(rows[rows.place <= newest], newest))
    features = pd.concat(parts, axis=1)
    _add_rest(features, rows)
    _add_zeros(features)
    return features.astype(np.float32)


def _instalments(parquet: Path) -> pd.DataFrame:
    """One row per instalment: payments in parts are brought together."""
    rows = pd.read_parquet(parquet)
    rows = rows[rows.DAYS_INSTALMENT <= 0]
    is_paid = (rows.DAYS_ENTRY_PAYMENT <= 0) & rows.AMT_PAYMENT.notna()
    rows["AMT_PAYMENT"] = rows.AMT_PAYMENT.where(is_paid, 0.0)
    rows["DAYS_ENTRY_PAYMENT"] = rows.DAYS_ENTRY_PAYMENT.where(is_paid)
    keys = [_OWNER, "SK_ID_PREV", "NUM_INSTALMENT_NUMBER", "DAYS_INSTALMENT"]
    one = rows.groupby(keys, sort=False).agg(
        due=("AMT_INSTALMENT", "max"),
        paid=("AMT_PAYMENT", "sum"),
        paid_day=("DAYS_ENTRY_PAYMENT", "max"),
        payments=("AMT_PAYMENT", "size"),
        version=("NUM_INSTALMENT_VERSION", "max"),
    )
    one = one.reset_index().sort_values(
        [_OWNER, "DAYS_INSTALMENT", "SK_ID_PREV", "NUM_INSTALMENT_NUMBER"],
        ascending=[True, False, False, False],
    )
    one["place"] = one.groupby(_OWNER).cumcount() + 1
    one["ago"] = -one.DAYS_INSTALMENT
    one["shift"] = one.paid_day - one.DAYS_INSTALMENT
    one["late_days"] = one["shift"].clip(lower=0)
    one["late"], one["late_7"], one["late_30"] = (one["shift"] > days for days in (0, 7, 30))
    one["early_7"] = one["shift"] < -7
    one["short"] = (one.due - one.paid).clip(lower=0)
    one["is_short"] = one.paid * 100 < one.due * 99
    one["is_overpaid"] = one.paid * 100 > one.due * 101
    one["paid_share"] = one.paid / one.due.replace(0, np.nan)
    one["unpaid"] = one.paid_day.isna() & (one.due > 0)
    one["in_parts"] = one.payments > 1
    one["on_card"] = one.version == 0
    one["due_known"] = one.due.where(one.paid.notna())
    return one


def _of_all(rows: pd.DataFrame) -> pd.DataFrame:
    found = rows.groupby(_OWNER).agg(
        INST_LATE_COUNT=("late", "sum"),
        INST_LATE_7_SHARE=("late_7", "mean"),
        INST_LATE_30_COUNT=("late_30", "sum"),
        INST_LATE_DAYS_MEAN=("late_days", "mean"),
        INST_LATE_DAYS_MAX=("late_days", "max"),
        INST_SHIFT_MEAN=("shift", "mean"),
        INST_SHIFT_MIN=("shift", "min"),
        INST_EARLY_7_SHARE=("early_7", "mean"),
        INST_SHORT_COUNT=("is_short", "sum"),
        INST_SHORT_SHARE=("is_short", "mean"),
        INST_SHORT_TOTAL=("short", "sum"),
        INST_SHORT_MAX=("short", "max"),
        INST_PAID_SHARE_MIN=("paid_share", "min"),
        INST_OVERPAID_SHARE=("is_overpaid", "mean"),
        INST_UNPAID_COUNT=("unpaid", "sum"),
        INST_IN_PARTS_SHARE=("in_parts", "mean"),
        INST_COUNT=("late", "size"),
        INST_NEWEST_DAYS=("ago", "min"),
        INST_OLDEST_DAYS=("ago", "max"),
        INST_DUE_MEAN=("due", "mean"),
        INST_DUE_MAX=("due", "max"),
        INST_PAID_TOTAL=("paid", "sum"),
        INST_PAID_MAX=("paid", "max"),
        INST_CARD_SHARE=("on_card", "mean"),
        INST_LATE_SHARE=("late", "mean"),
        due=("due", "sum"),
    )
    found["INST_SHIFT_SPREAD"] = rows.groupby(_OWNER)["shift"].std(ddof=0)
    found["INST_SHORT_TO_DUE"] = found.INST_SHORT_TOTAL / found.due.replace(0, np.nan)
    found["INST_PAID_TO_DUE"] = found.INST_PAID_TOTAL / found.pop("due").replace(0, np.nan)
    return found


def _of_window(rows: pd.DataFrame, days: int) -> pd.DataFrame:
    """What the last `days` days say; each feature for the windows that have it."""
    wanted: dict[str, tuple[tuple[int, ...], str, str]] = {
        "LATE_{}_COUNT": ((90, 365), "late", "sum"),
        "LATE_{}_SHARE": ((90, 180, 365, 730), "late", "mean"),
        "LATE_7_{}_SHARE": ((365,), "late_7", "mean"),
        "LATE_30_{}_COUNT": ((730,), "late_30", "sum"),
        "LATE_DAYS_{}_MEAN": ((90, 365), "late_days", "mean"),
        "LATE_DAYS_{}_MAX": ((365,), "late_days", "max"),
        "SHIFT_{}_MEAN": ((365,), "shift", "mean"),
        "EARLY_7_{}_SHARE": ((365,), "early_7", "mean"),
        "SHORT_{}_COUNT": ((90, 365), "is_short", "sum"),
        "SHORT_{}_SHARE": ((365,), "is_short", "mean"),
        "SHORT_{}_TOTAL": ((365,), "short", "sum"),
        "UNPAID_{}_COUNT": ((365,), "unpaid", "sum"),
        "{}_COUNT": ((365,), "late", "size"),
        "DUE_{}_TOTAL": ((30, 90, 365), "due", "sum"),
        "PAID_{}_TOTAL": ((90, 365), "paid", "sum"),
    }
    named = {
        "INST_" + name.format(days): (column, how)
        for name, (windows, column, how) in wanted.items()
        if days in windows
    }
    found: pd.DataFrame = rows.groupby(_OWNER).agg(**named)
    if days in (90, 365):
        due = found[f"INST_DUE_{days}_TOTAL"].replace(0, np.nan)
        found[f"INST_PAID_TO_DUE_{days}"] = found[f"INST_PAID_{days}_TOTAL"] / due
    if days == 90:
        found = found.drop(columns=["INST_DUE_90_TOTAL", "INST_PAID_90_TOTAL"])
    if days == 365:
        found["INST_LATE_DAYS_SLOPE_365"] = _slope(rows)
    return found


def _of_newest(rows: pd.DataFrame, newest: int) -> pd.DataFrame:
    named: dict[str, tuple[str, str]] = {f"INST_LATE_LAST_{newest}_SHARE": ("late", "mean")}
    if newest == 5:
        named["INST_LATE_DAYS_LAST_5_MEAN"] = ("late_days", "mean")
    if newest == 10:
        named["INST_SHIFT_LAST_10_MEAN"] = ("shift", "mean")
        named["INST_SHORT_LAST_10_SHARE"] = ("is_short", "mean")
    found: pd.DataFrame = rows.groupby(_OWNER).agg(**named)
    if newest == 20:
        found["INST_LATE_DAYS_LAST_20_SLOPE"] = _slope(rows)
    return found


def _slope(rows: pd.DataFrame) -> pd.Series[float]:
    known = rows.loc[rows.late_days.notna(), [_OWNER, "ago", "late_days"]]
    known["xy"], known["xx"] = known.ago * known.late_days, known.ago**2
    sums: Any = known.groupby(_OWNER).agg(
        n=("ago", "size"), x=("ago", "sum"), y=("late_days", "sum"), xy=("xy", "sum"), xx=("xx", "sum")
    )
    slope: pd.Series[float] = (sums.n * sums.xy - sums.x * sums.y) / (
        (sums.n * sums.xx - sums.x**2).replace(0, np.nan)
    )
    return slope


def _add_rest(features: pd.DataFrame, rows: pd.DataFrame) -> None:
    features["INST_LATE_TREND"] = features.INST_LATE_365_SHARE / features.INST_LATE_SHARE.replace(0, np.nan)
    features["INST_SINCE_LATE_DAYS"] = rows[rows.late].groupby(_OWNER).ago.min()
    features["INST_SINCE_LATE_30_DAYS"] = rows[rows.late_30].groupby(_OWNER).ago.min()
    features["INST_CARD_LATE_SHARE"] = rows[rows.on_card].groupby(_OWNER).late.mean()
    features["HAS_INSTALLMENTS"] = 1.0


def _add_zeros(features: pd.DataFrame) -> None:
    """Counts and totals of who has no row in a window are 0."""
    for name in features.columns:
        if str(name).endswith(("_COUNT", "_TOTAL")):
            features[name] = features[name].fillna(0)
