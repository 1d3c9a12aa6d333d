"""The model card: one page that says what a version is, how good, for whom, and made of what.

Markdown for reviews, HTML with its pictures inside for everybody else. After Mitchell et al. 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from training.build import BuiltModel
from training.fairness import MIN_APPLICANTS, GroupFigures
from training.gates import APPROVAL_RATIO, UNMEASURED, fairness_gates
from training.lineage import code_commit
from training.page import Section, Table, html_page, markdown_page
from training.select_features import Selected
from training.tune import Tuned

#: Figures of the table, with how they are called and an interval's ends where there is one.
_FIGURES: Final = (
    ("auc", "AUC", ("auc_low", "auc_high")),
    ("newest_auc", "AUC on the newest outcomes", ("newest_auc_low", "newest_auc_high")),
    ("fold_auc_mean", "AUC, mean of folds (a little too high)", None),
    ("fold_auc_spread", "AUC, standard deviation of folds", None),
    ("gini", "Gini", None),
    ("ks", "KS", None),
    ("average_precision", "Average precision", None),
    ("brier", "Brier score", None),
    ("log_loss", "Log loss", None),
    ("ece", "Expected calibration error", None),
    ("calibration_p", "Calibration test, p", None),
    ("cost_per_applicant", "Cost per applicant (10 FN + FP)", ("cost_low", "cost_high")),
    ("newest_ece", "Expected calibration error on the newest outcomes", None),
    ("newest_cost_per_applicant", "Cost per applicant on the newest outcomes", None),
    ("approval_rate", "Approved", None),
    ("refer_rate", "Referred", None),
    ("decline_rate", "Declined", None),
    ("bad_rate_approved", "Bad rate of the approved", None),
    ("score_psi", "PSI of the PD against the test file", None),
)
_BASELINES: Final = (
    ("This model", "auc", "cost_per_applicant", "ece"),
    ("Logistic regression", "baseline_logistic_auc", "baseline_logistic_cost", "baseline_logistic_ece"),
    ("Mean external score", "baseline_external_mean_auc", "baseline_external_mean_cost",
     "baseline_external_mean_ece"),
    ("Model in Production", "production_auc", "production_cost", "production_ece"),
    ("Approve everybody", "", "baseline_approve_all_cost", ""),
)  # fmt: skip

#: Why the folds' AUC is no promise.
_FOLDS_ARE_HIGH: Final = (
    " A fold's AUC is measured on the rows that also stopped its trees, so it is a little too high: it shows"
    " how far folds spread, not how good the model is."
)


def write_card(
    folder: Path,
    built: BuiltModel,
    *,
    tuned: Tuned | None,
    compared: Mapping[str, float],
    pictures: Sequence[Path],
) -> tuple[Path, Path]:
    """model_card.md and model_card.html in `folder`; the page carries the pictures inside itself."""
    sections = _sections(built, tuned, {**built.metrics, **compared})
    title = f"Model card: {built.manifest.model_name}"
    markdown, page = folder / "model_card.md", folder / "model_card.html"
    markdown.write_text(markdown_page(title, sections), encoding="utf-8")
    page.write_text(html_page(title, sections, pictures), encoding="utf-8")
    return markdown, page


def _sections(built: BuiltModel, tuned: Tuned | None, metrics: Mapping[str, float]) -> list[Section]:
    """Heading, text and table of each section."""
    manifest, findings = built.manifest, built.findings
    cut_offs = manifest.cut_offs
    gates = "; ".join(f"{gate.name}: {gate.detail}" for gate in fairness_gates(metrics))
    return [
        (
            "What it is for",
            "Probability that a loan applicant has payment difficulties, and with it a decision: approve"
            f" below a PD of {cut_offs.approve_below:.4f}, decline from {cut_offs.decline_from:.4f}, a person"
            " decides between. Not for other products, other countries, or setting prices.",
            [],
        ),
        ("How good it is", _ground(built), [("figure", "value", "95 % interval"), *_figures(metrics)]),
        (
            "What it beats",
            "Same held-out applicants, same run; Production's on those that it has not learnt from,"
            f" {UNMEASURED} if these are too few or nothing is in Production yet.",
            _baselines(metrics),
        ),
        (
            "Calibration by decile",
            f"Calibrated by {type(manifest.calibrator).__name__}, chosen on data.",
            [
                ("decile", "applicants", "PD promised", "bad rate seen"),
                *(
                    (
                        str(row.decile),
                        str(row.applicants),
                        f"{row.mean_probability:.4f}",
                        f"{row.bad_rate:.4f}",
                    )
                    for row in findings.deciles
                ),
            ],
        ),
        (
            "Groups of people",
            "Gender, family status and household size are never inputs. Ratios are over the most approved"
            f" group; brackets are 95 % intervals; groups below {MIN_APPLICANTS} applicants are left out. The"
            f" gates: {gates}.",
            _groups(findings.groups),
        ),
        ("Limits", _limits(built), _watch(findings.groups)),
        (
            "What moves it",
            "Mean absolute contribution to the log-odds, by the reason an applicant would be given.",
            [("reason", "contribution"), *((code, f"{by:.4f}") for code, by in findings.importance.items())],
        ),
        (
            "Leakage check",
            f"{metrics.get('leak_suspects', 0.0):.0f} features tell the outcome by themselves. Strongest:",
            [
                ("feature", "AUC alone"),
                *((n, f"{a:.4f}") for n, a in list(findings.single_aucs.items())[:10]),
            ],
        ),
        *([] if built.selected is None else [_selection(built.selected)]),
        ("What it is made of", _made_of(built, tuned), _lineage(built)),
    ]


def _selection(selected: Selected) -> Section:
    return (
        "Feature selection",
        f"{len(selected.dropped)} of {len(selected.gains)} features were dropped, since shuffled copies do as"
        f" well. Quick models reach an AUC of {selected.auc_with_all:.4f} with all and of"
        f" {selected.auc_with_selected:.4f} with those that stay.",
        [
            ("dropped", "mean gain of its splits"),
            *((name, f"{selected.gains[name]:.4g}") for name in selected.dropped),
        ],
    )


def _ground(built: BuiltModel) -> str:
    return (
        f"{built.metrics['applicants']:.0f} held-out applicants, bad rate {built.metrics['bad_rate']:.4f};"
        " nothing was fitted, chosen or tuned on them."
        + _of_newest(built.metrics)
        + (_FOLDS_ARE_HIGH if "fold_auc_mean" in built.metrics else "")
    )


def _of_newest(metrics: Mapping[str, float]) -> str:
    if "newest_applicants" not in metrics:
        return ""
    how = "; alone they have figures of their own" if "newest_auc" in metrics else f", alone {UNMEASURED}"
    return f" {metrics['newest_applicants']:.0f} of them have the newest outcomes{how}."


def _figures(metrics: Mapping[str, float]) -> Table:
    return [
        (
            name,
            f"{metrics[key]:.4f}",
            "" if ends is None else f"{metrics[ends[0]]:.4f} to {metrics[ends[1]]:.4f}",
        )
        for key, name, ends in _FIGURES
        if key in metrics
    ]


def _baselines(metrics: Mapping[str, float]) -> Table:
    rows = [
        (name, *(f"{metrics[key]:.4f}" if key in metrics else UNMEASURED if key else "" for key in keys))
        for name, *keys in _BASELINES
    ]
    return [("", "AUC", "cost per applicant", "calibration error"), *rows]


def _groups(groups: Sequence[GroupFigures]) -> Table:
    header = (
        "group", "applicants", "bad rate", "PD", "approved", "approval ratio", "defaults not approved",
        "good approved", "bad rate / PD",
    )  # fmt: skip
    return [
        header,
        *(
            (
                f"{row.attribute}: {row.value}",
                str(row.applicants),
                f"{row.bad_rate:.3f}",
                f"{row.mean_probability:.3f}",
                f"{row.approval_rate:.3f}",
                f"{row.approval_ratio:.2f} [{row.approval_ratio_interval.low:.2f},"
                f" {row.approval_ratio_interval.high:.2f}]",
                f"{row.true_positive_rate:.3f} [{row.true_positive_interval.low:.2f},"
                f" {row.true_positive_interval.high:.2f}]",
                f"{row.good_approved_rate:.3f}",
                f"{row.observed_to_expected:.2f} [{row.observed_to_expected_interval.low:.2f},"
                f" {row.observed_to_expected_interval.high:.2f}]",
            )
            for row in groups
        ),
    ]


def _limits(built: BuiltModel) -> str:
    cut_short = "The wall clock cut this run short: it is not the best that the data allows. "
    return (
        (cut_short if built.metrics.get("is_cut_short") else "")
        + "Who was refused has no outcome, so a PD says least about applicants unlike those who were granted"
        " a loan. A default is what the label says: payment difficulties on early instalments. The history is"
        " as old as its snapshot, and people and prices change: watch drift, calibration and approvals, and"
        " train again. A person must be able to look at every decline; its reasons are on the decision."
        " Groups of people below are approved less than four fifths as often as the most approved of their"
        " attribute, by more than chance; only gender is bounded by a gate."
    )


def _watch(groups: Sequence[GroupFigures]) -> Table:
    return [
        ("group to watch", "applicants", "approval ratio", "bad rate"),
        *(
            (
                f"{row.attribute}: {row.value}",
                str(row.applicants),
                f"{row.approval_ratio:.2f}",
                f"{row.bad_rate:.3f}",
            )
            for row in groups
            if row.approval_ratio_interval.high < APPROVAL_RATIO
        ),
    ]


def _made_of(built: BuiltModel, tuned: Tuned | None) -> str:
    metrics = built.metrics
    searched = (
        "settings as given, not tuned"
        if tuned is None or tuned.best_trial is None
        else f"settings from trial {tuned.best_trial} of {tuned.finished} ({tuned.pruned} stopped early)"
    )
    return (
        f"{metrics['trees']:.0f} trees with {metrics['leaves']:.0f} leaves over {metrics['features']:.0f}"
        f" features; {searched}." + "".join(f" Note: {note}." for note in built.notes)
    )


def _lineage(built: BuiltModel) -> Table:
    lineage = built.manifest.lineage
    return [
        ("", ""),
        *((name, digest) for name, digest in lineage.sha256.items()),
        ("feature snapshot", lineage.snapshot_id or "none: the application alone"),
        ("code", f"{lineage.code_digest}, commit {code_commit() or 'unknown'}"),
        ("environment lock", lineage.environment_digest),
        *((f"applicants, {part}", digest) for part, digest in lineage.parts.items()),
        ("seed", str(lineage.seed)),
        *((name, str(value)) for name, value in lineage.parameters.items()),
    ]
