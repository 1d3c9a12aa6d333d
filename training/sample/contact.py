"""The rest of an application: external scores, contacts, documents, social circle, bureau enquiries."""

import numpy as np

from training.sample.draws import Bools, counts, mixed, normal_cdf
from training.sample.facts import APPLICATION_TEST, APPLICATION_TRAIN, column
from training.sample.frame import Frame, Words
from training.sample.risk import Applicants
from training.sample.split import chosen, flagged, missing, numbers, share

ENQUIRIES = ("HOUR", "DAY", "WEEK", "MON", "QRT", "YEAR")
PLAIN_FLAGS = ("FLAG_MOBIL", "FLAG_CONT_MOBILE", "FLAG_PHONE", "FLAG_EMAIL")
#: Papers of which an applicant hands in one; the others are rare extras.
MAIN_DOCUMENTS = (3, 6, 8, 5)
DOCUMENTS = tuple(range(2, 22))


def contact(people: Applicants, is_idle: Bools) -> Frame:
    """Columns about scores, contacts and papers; ``is_idle`` marks applicants without employment."""
    rng = people.stream("contact")
    n = len(people)
    weekday = tuple(column(APPLICATION_TRAIN, "WEEKDAY_APPR_PROCESS_START").counts)
    frame: Frame = {
        "WEEKDAY_APPR_PROCESS_START": _weekday(people, weekday, rng),
        "HOUR_APPR_PROCESS_START": np.rint(
            numbers(people, "HOUR_APPR_PROCESS_START", rng.standard_normal(n))
        ).astype(np.int64),
    }
    for name in PLAIN_FLAGS:
        frame[name] = flagged(people, name, rng.standard_normal(n))
    changed = np.rint(numbers(people, "DAYS_LAST_PHONE_CHANGE", people["phone_change"]))
    gap = missing(people, "DAYS_LAST_PHONE_CHANGE", rng.standard_normal(n))
    frame["DAYS_LAST_PHONE_CHANGE"] = np.where(gap, np.nan, changed)
    frame |= _scores(people, rng)
    frame |= _documents(people, is_idle, rng)
    frame |= _social_circle(people, rng)
    frame |= _enquiries(people, rng)
    return frame


def _weekday(people: Applicants, order: tuple[str, ...], rng: np.random.Generator) -> Words:
    return chosen(people, "WEEKDAY_APPR_PROCESS_START", rng.standard_normal(len(people)), order)


def _scores(people: Applicants, rng: np.random.Generator) -> Frame:
    """External scores; the third comes from the credit bureau and lacks where the file is thin."""
    n = len(people)
    coverage = {
        "EXT_SOURCE_1": rng.standard_normal(n),
        "EXT_SOURCE_2": rng.standard_normal(n),
        "EXT_SOURCE_3": mixed(rng, [(0.85, people["thin_file"])], n),
    }
    frame: Frame = {}
    for name, known in coverage.items():
        values = numbers(people, name, people[name.lower()])
        if name == "EXT_SOURCE_3":
            # The bureau gives about 800 distinct scores.
            values = np.round(np.rint(values * 813) / 813 * 0.9995 + 0.000527, 15)
        frame[name] = np.where(missing(people, name, known), np.nan, values)
    return frame


def _documents(people: Applicants, is_idle: Bools, rng: np.random.Generator) -> Frame:
    shares = {number: share(people, f"FLAG_DOCUMENT_{number}") for number in DOCUMENTS}
    # Document 6 stands in for an employer's paper: pensioners hand it in three times in seven.
    six = np.where(is_idle, shares[6] / 0.18 * 0.9, shares[6] * 0.1 / 0.82)
    three = np.where(is_idle, 1 - six - 0.05, (shares[3] - 0.18 * (1 - shares[6] / 0.18 * 0.9 - 0.05)) / 0.82)
    place = 1 - np.clip(normal_cdf(people["document_3"]), 0, 1)
    edges = np.cumsum(np.stack([three, six, shares[8], shares[5]]), axis=0)
    frame: Frame = {}
    for number in DOCUMENTS:
        if number in MAIN_DOCUMENTS:
            row = MAIN_DOCUMENTS.index(number)
            low = edges[row - 1] if row else np.zeros(len(people))
            held = (place >= low) & (place < edges[row])
        else:
            held = rng.random(len(people)) < shares[number]
        frame[f"FLAG_DOCUMENT_{number}"] = held.astype(np.int64)
    return frame


def _social_circle(people: Applicants, rng: np.random.Generator) -> Frame:
    """Acquaintances with observed and defaulted loans: 60 days late are among those 30 days late."""
    n = len(people)
    seen_30 = counts(rng, 1.38 * np.exp(0.15 * people["social_circle"]), 0.55)
    seen_30 = np.minimum(seen_30, 30)
    seen_60 = rng.binomial(seen_30, 0.99)
    lapse = np.clip(0.088 * np.exp(0.5 * people["social_circle"]), 0, 1)
    late_30 = np.minimum(rng.binomial(seen_30, lapse), 8)
    late_60 = np.minimum(rng.binomial(late_30, 0.70), seen_60)
    gap = missing(people, "OBS_30_CNT_SOCIAL_CIRCLE", rng.standard_normal(n))
    columns = {"OBS_30": seen_30, "DEF_30": late_30, "OBS_60": seen_60, "DEF_60": late_60}
    return {f"{name}_CNT_SOCIAL_CIRCLE": np.where(gap, np.nan, seen) for name, seen in columns.items()}


def _enquiries(people: Applicants, rng: np.random.Generator) -> Frame:
    """Bureau enquiries before the application: six columns, missing together where the file is thin."""
    n = len(people)
    gap = missing(people, "AMT_REQ_CREDIT_BUREAU_YEAR", mixed(rng, [(0.9, people["thin_file"])], n))
    frame: Frame = {}
    for period in ENQUIRIES:
        name = f"AMT_REQ_CREDIT_BUREAU_{period}"
        drawn = []
        for table in (APPLICATION_TRAIN, APPLICATION_TEST):
            mean, std = column(table, name).moments
            surplus = std**2 - mean
            size = mean**2 / surplus if surplus > 0 else None
            strain = np.exp(0.12 * people["bureau_strain"] - 0.0072) if period == "YEAR" else np.ones(n)
            drawn.append(counts(rng, mean * strain, size))
        frame[name] = np.where(gap, np.nan, np.where(people.is_train, *drawn))
    return frame
