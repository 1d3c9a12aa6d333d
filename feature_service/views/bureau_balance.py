"""bureau_balance: the months of credits at other lenders.

The table covers 30 % of the training applicants and 87 % of the test applicants: whether somebody
has months here says when they were sampled, not how they pay. So nothing in this view may tell an
applicant without months from one whose months were all paid in time:

- only late months count; no number of months, credits or rows, no has_ flag, no share of closed or
  unknown months (all of these grow with the coverage);
- every feature of a clean history equals that of no history: 0, or missing where it asks "how long
  ago was the last late month".

A test adds clean months to applicants and requires equal bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from feature_service.views.view import (
    Column,
    Tables,
    View,
    count,
    feature,
    flag,
    in_group,
    largest,
    only,
    part,
    share,
    smallest,
    times,
    total,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Statuses of a month: 1 is up to 30 days late, 2 to 60, 3 to 90, 4 to 120, 5 more or written off.
_LATE: Final = ("1", "2", "3", "4", "5")
_SEVERE: Final = ("3", "4", "5")
#: Lateness a year ago weighs half as much as today's.
_HALF_WEIGHT_MONTHS: Final = 12
_STEPS: Final = 1_000_000


def _rows(tables: Tables) -> ir.Table:
    """One row per credit that has months and an applicant."""
    months: Any = tables["bureau_balance"]
    months = months.filter(months.MONTHS_BALANCE <= 0)
    late = months.STATUS.isin(_LATE)
    months = months.mutate(
        ago=-months.MONTHS_BALANCE,
        grade=late.ifelse(months.STATUS, "0").cast("int64"),
        is_late=late,
        is_severe=months.STATUS.isin(_SEVERE),
    )
    weight = (months.grade * (_STEPS * _HALF_WEIGHT_MONTHS)) // (months.ago + _HALF_WEIGHT_MONTHS)
    months = months.mutate(weighted=weight.cast("int64"))
    credits = months.group_by("SK_ID_BUREAU").aggregate(
        months=months.count(),
        months_12=times(months.ago < 12),
        late=times(months.is_late),
        late_6=times(months.is_late & (months.ago < 6)),
        late_12=times(months.is_late & (months.ago < 12)),
        late_24=times(months.is_late & (months.ago < 24)),
        severe=times(months.is_severe),
        severe_24=times(months.is_severe & (months.ago < 24)),
        hopeless=times(months.STATUS == "5"),
        grades=months.grade.sum(),
        weighted=months.weighted.sum(),
        worst=months.grade.max(),
        worst_12=only(months.grade, months.ago < 12).max(),
        worst_24=only(months.grade, months.ago < 24).max(),
        late_ago=only(months.ago, months.is_late).min(),
        severe_ago=only(months.ago, months.is_severe).min(),
    )
    owners: Any = tables["bureau"]
    owners = owners.filter(owners.DAYS_CREDIT_UPDATE <= 0).select(
        "SK_ID_BUREAU", "SK_ID_CURR", "CREDIT_ACTIVE"
    )
    joined: ir.Table = credits.join(owners, "SK_ID_BUREAU")
    return joined


def _counted(name: str) -> Column:
    return Column(name, lambda rows: rows[name], ("STATUS", "MONTHS_BALANCE"))


VIEW: Final = View(
    tables=("bureau_balance", "bureau"),
    rows=_rows,
    is_silent_on_absence=True,
    columns=(
        *(
            _counted(name)
            for name in (
                "months",
                "months_12",
                "late",
                "late_6",
                "late_12",
                "late_24",
                "severe",
                "severe_24",
                "hopeless",
                "grades",
                "worst",
                "worst_12",
                "worst_24",
                "late_ago",
                "severe_ago",
            )
        ),
        Column("weighted", lambda rows: rows.weighted, ("STATUS", "MONTHS_BALANCE"), _STEPS, is_scaled=True),
        flag("was_late", lambda rows: rows.late > 0, "STATUS"),
        flag("was_late_12", lambda rows: rows.late_12 > 0, "STATUS", "MONTHS_BALANCE"),
        flag("was_severe", lambda rows: rows.severe > 0, "STATUS"),
        flag("was_hopeless", lambda rows: rows.hopeless > 0, "STATUS"),
        flag("is_active", lambda rows: rows.CREDIT_ACTIVE == "Active", "CREDIT_ACTIVE"),
    ),
    features=in_group(
        "BUREAU_DELINQUENCY",
        feature("BUREAU_MONTHS_LATE", "month", "months with a late payment, over all credits", total("late")),
        feature("BUREAU_MONTHS_LATE_6", "month", "late months in the last six", total("late_6")),
        feature("BUREAU_MONTHS_LATE_12", "month", "late months in the last year", total("late_12")),
        feature("BUREAU_MONTHS_LATE_24", "month", "late months in the last two years", total("late_24")),
        feature(
            "BUREAU_MONTHS_LATE_SHARE",
            "share",
            "part of the reported months that was late",
            part("late", "months"),
        ),
        feature(
            "BUREAU_MONTHS_LATE_12_SHARE",
            "share",
            "part of the last year's reported months that was late",
            part("late_12", "months_12"),
        ),
        feature("BUREAU_MONTHS_SEVERE", "month", "months over 60 days late", total("severe")),
        feature(
            "BUREAU_MONTHS_SEVERE_24",
            "month",
            "months over 60 days late in the last two years",
            total("severe_24"),
        ),
        feature(
            "BUREAU_MONTHS_HOPELESS", "month", "months over 120 days late or written off", total("hopeless")
        ),
        feature(
            "BUREAU_MONTHS_WORST",
            "grade",
            "worst month ever, 0 (in time) to 5 (over 120 days or written off)",
            largest("worst"),
        ),
        feature("BUREAU_MONTHS_WORST_12", "grade", "worst month of the last year", largest("worst_12")),
        feature("BUREAU_MONTHS_WORST_24", "grade", "worst month of the last two years", largest("worst_24")),
        feature(
            "BUREAU_MONTHS_GRADE_MEAN", "grade", "mean grade of the reported months", part("grades", "months")
        ),
        feature(
            "BUREAU_MONTHS_GRADE_WEIGHTED",
            "grade",
            "sum of the grades, recent months weighing more",
            total("weighted"),
        ),
        feature("BUREAU_MONTHS_SINCE_LATE", "month", "time since the last late month", smallest("late_ago")),
        feature(
            "BUREAU_MONTHS_SINCE_SEVERE",
            "month",
            "time since the last month over 60 days late",
            smallest("severe_ago"),
        ),
        feature("BUREAU_MONTHS_LATE_CREDITS", "credit", "credits with a late month", count("was_late")),
        feature(
            "BUREAU_MONTHS_LATE_12_CREDITS",
            "credit",
            "credits with a late month in the last year",
            count("was_late_12"),
        ),
        feature(
            "BUREAU_MONTHS_LATE_CREDIT_SHARE",
            "share",
            "part of the reported credits with a late month",
            share("was_late"),
        ),
        feature(
            "BUREAU_MONTHS_SEVERE_CREDITS",
            "credit",
            "credits with a month over 60 days late",
            count("was_severe"),
        ),
        feature(
            "BUREAU_MONTHS_HOPELESS_CREDITS",
            "credit",
            "credits with a month over 120 days late or written off",
            count("was_hopeless"),
        ),
        feature(
            "BUREAU_MONTHS_ACTIVE_LATE",
            "month",
            "late months of the credits that still run",
            total("late", "is_active"),
        ),
    ),
)
