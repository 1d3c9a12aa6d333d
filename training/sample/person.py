"""The columns that describe the person: age, family, education, work, home and region."""

import numpy as np

from training.sample.draws import Floats, Ints, Quantiles, below, codes, flags, mixed
from training.sample.facts import APPLICATION_TEST, APPLICATION_TRAIN, column
from training.sample.frame import Frame, numeric, words
from training.sample.risk import Applicants
from training.sample.split import chosen, flagged, missing, numbers, share

#: Stands for "no such date" in every DAYS_* column.
NO_DAY = 365243
_WORKING_AGE_DAYS = 16 * 365
#: Applicants without employment, from the published sentinel counts.
_NOT_EMPLOYED = {APPLICATION_TRAIN: 55_374 / 307_511, APPLICATION_TEST: 9_274 / 48_744}

# Each list runs from the lowest bad rate to the highest.
EDUCATION = (
    "Academic degree",
    "Higher education",
    "Incomplete higher",
    "Secondary / secondary special",
    "Lower secondary",
)
INCOME_TYPES = (
    "Pensioner",
    "Businessman",
    "State servant",
    "Student",
    "Commercial associate",
    "Working",
    "Maternity leave",
    "Unemployed",
)
FAMILY = ("Widow", "Married", "Separated", "Single / not married", "Civil marriage", "Unknown")
HOUSING = (
    "Office apartment",
    "House / apartment",
    "Co-op apartment",
    "Municipal apartment",
    "With parents",
    "Rented apartment",
)
OCCUPATIONS = (
    "Accountants",
    "High skill tech staff",
    "Managers",
    "Core staff",
    "HR staff",
    "IT staff",
    "Private service staff",
    "Medicine staff",
    "Secretaries",
    "Realty agents",
    "Cleaning staff",
    "Sales staff",
    "Cooking staff",
    "Laborers",
    "Security staff",
    "Waiters/barmen staff",
    "Drivers",
    "Low-skill Laborers",
)
#: Organisations with a bad rate clearly below or above the middle; the rest lie between.
_SAFE_ORGANIZATIONS = (
    *("Police", "University", "Bank", "Military", "Security Ministries", "Culture", "Insurance"),
    *("School", "Medicine", "Government", "Kindergarten", "Hotel", "Electricity", "Services"),
)
_RISKY_ORGANIZATIONS = (
    *("Business Entity Type 3", "Security", "Self-employed", "Agriculture", "Construction"),
    *("Trade: type 3", "Industry: type 1", "Restaurant", "Cleaning", "Transport: type 3"),
)


def organizations() -> tuple[str, ...]:
    """Employers from the lowest bad rate to the highest, without XNA (no employer)."""
    published = [name for name in column(APPLICATION_TRAIN, "ORGANIZATION_TYPE").counts if name != "XNA"]
    middle = [n for n in published if n not in _SAFE_ORGANIZATIONS and n not in _RISKY_ORGANIZATIONS]
    return (*_SAFE_ORGANIZATIONS, *middle, *_RISKY_ORGANIZATIONS)


def person(people: Applicants) -> Frame:
    """Columns about the person, with the rules between them."""
    frame = _family(people)
    frame["DAYS_BIRTH"] = np.rint(numbers(people, "DAYS_BIRTH", -people["age"])).astype(np.int64)
    frame |= _work(people, numeric(frame, "DAYS_BIRTH"))
    frame |= _region(people)
    for name, latent in (("DAYS_REGISTRATION", "registration"), ("DAYS_ID_PUBLISH", "id_publish")):
        days = np.rint(numbers(people, name, people[latent]))
        frame[name] = np.maximum(days, numeric(frame, "DAYS_BIRTH"))
    frame["DAYS_ID_PUBLISH"] = numeric(frame, "DAYS_ID_PUBLISH").astype(np.int64)
    return frame


def _family(people: Applicants) -> Frame:
    rng = people.stream("family")
    n = len(people)
    status = chosen(people, "NAME_FAMILY_STATUS", people["family_status"], FAMILY)
    children = codes(people["children"], _child_weights())
    levels = np.array(sorted(int(k) for k in column(APPLICATION_TRAIN, "CNT_CHILDREN").counts))
    children = levels[children]
    members = children + 1.0 + status.having("Married", "Civil marriage")
    owns_car = flags(people["own_car"], column_share("FLAG_OWN_CAR", "Y"))
    car_age = np.floor(numbers(people, "OWN_CAR_AGE", people["car_age"]))
    realty = flags(people["own_realty"], column_share("FLAG_OWN_REALTY", "Y"))
    suite = tuple(column(APPLICATION_TRAIN, "NAME_TYPE_SUITE").counts)
    companion = chosen(people, "NAME_TYPE_SUITE", rng.standard_normal(n), suite)
    return {
        "CODE_GENDER": chosen(people, "CODE_GENDER", people["gender"], ("F", "M", "XNA")),
        "FLAG_OWN_CAR": words(owns_car, ("N", "Y")),
        "FLAG_OWN_REALTY": words(realty, ("N", "Y")),
        "CNT_CHILDREN": children.astype(np.int64),
        "NAME_FAMILY_STATUS": status,
        "CNT_FAM_MEMBERS": np.where(status.having("Unknown"), np.nan, members),
        "NAME_EDUCATION_TYPE": chosen(people, "NAME_EDUCATION_TYPE", people["education"], EDUCATION),
        "NAME_HOUSING_TYPE": chosen(people, "NAME_HOUSING_TYPE", people["housing_type"], HOUSING),
        "OWN_CAR_AGE": np.where(owns_car == 1, car_age, np.nan),
        "NAME_TYPE_SUITE": companion.missing_where(
            missing(people, "NAME_TYPE_SUITE", rng.standard_normal(n))
        ),
    }


def column_share(name: str, word: str) -> float:
    """Published share of one word in a column of the training applications."""
    published = column(APPLICATION_TRAIN, name).counts
    return published[word] / sum(published.values())


def _child_weights() -> list[int]:
    published = column(APPLICATION_TRAIN, "CNT_CHILDREN").counts
    return [published[k] for k in sorted(published, key=int)]


def _work(people: Applicants, birth: Floats) -> Frame:
    rng = people.stream("work")
    n = len(people)
    income_type = chosen(people, "NAME_INCOME_TYPE", _aligned(people), INCOME_TYPES)
    is_idle = income_type.having("Pensioner", "Unemployed")
    days = np.maximum(np.rint(_employed_days(people)), birth + _WORKING_AGE_DAYS)
    names = organizations()
    published = column(APPLICATION_TRAIN, "ORGANIZATION_TYPE").counts
    employer = codes(people["organization"], [published[name] for name in names])
    occupation = chosen(people, "OCCUPATION_TYPE", people["occupation"], OCCUPATIONS)
    # Whoever has no employer has no occupation; the rest of the published missing share is at random.
    idle = np.where(people.is_train, _NOT_EMPLOYED[APPLICATION_TRAIN], _NOT_EMPLOYED[APPLICATION_TEST])
    absent = np.where(people.is_train, *(column(t, "OCCUPATION_TYPE").missing_share for t in _NOT_EMPLOYED))
    is_silent = below(rng.standard_normal(n), (absent - idle) / (1 - idle))
    frame: Frame = {
        "NAME_INCOME_TYPE": income_type,
        "DAYS_EMPLOYED": np.where(is_idle, NO_DAY, days).astype(np.int64),
        "FLAG_EMP_PHONE": (~is_idle).astype(np.int64),
        "ORGANIZATION_TYPE": words(np.where(is_idle, len(names), employer), (*names, "XNA")),
        "OCCUPATION_TYPE": occupation.missing_where(is_idle | is_silent),
    }
    commuting = mixed(rng, [], n)
    for name in (*_WORK_PLACE, "FLAG_WORK_PHONE"):
        latent = mixed(rng, [(0.8, commuting)], n)
        working = flags(latent, np.clip(share(people, name) / (1 - idle), 0, 1))
        frame[name] = np.where(is_idle, 0, working)
    return frame


_WORK_PLACE = (
    "REG_REGION_NOT_WORK_REGION",
    "LIVE_REGION_NOT_WORK_REGION",
    "REG_CITY_NOT_WORK_CITY",
    "LIVE_CITY_NOT_WORK_CITY",
)


def _aligned(people: Applicants) -> Floats:
    """Income-type scores, moved so that the test file has its larger share of pensioners."""
    return np.where(people.is_train, people["income_type"], people["income_type"] - 0.037)


def _employed_days(people: Applicants) -> Floats:
    """Days since the job began; the published quartiles include the unemployed at the upper end."""
    values = []
    for table, idle in _NOT_EMPLOYED.items():
        published = column(table, "DAYS_EMPLOYED")
        low, q25, q50, q75, _ = published.quantiles
        published_mean, _ = published.moments
        mean = (published_mean - idle * NO_DAY) / (1 - idle)
        knots = (0.0, 0.25 / (1 - idle), 0.5 / (1 - idle), 0.75 / (1 - idle), 1.0)
        fitted = Quantiles.through(knots, (low, q25, q50, q75, 0.0), mean=mean, std=2338.0)
        values.append(fitted.at(people["employed"]))
    return np.where(people.is_train, *values)


def _region(people: Applicants) -> Frame:
    rng = people.stream("region")
    n = len(people)
    ratings = {}
    for name, latent in (
        ("REGION_RATING_CLIENT", "region_rating"),
        ("REGION_RATING_CLIENT_W_CITY", "region_rating_city"),
    ):
        rated = [_ratings(people[latent], *column(table, name).moments) for table in _NOT_EMPLOYED]
        ratings[name] = np.where(people.is_train, *rated)
    # One published test applicant in 48,744 has the rating -1.
    unrated = ~people.is_train & (rng.random(n) < 1 / 48_744)
    levels = np.unique(np.round(population_levels(), 6))
    population = numbers(people, "REGION_POPULATION_RELATIVE", people["population"])
    nearest = np.clip(np.searchsorted(levels, population), 0, len(levels) - 1)
    moved = mixed(rng, [], n)
    return {
        "REGION_POPULATION_RELATIVE": levels[nearest],
        "REGION_RATING_CLIENT": ratings["REGION_RATING_CLIENT"],
        "REGION_RATING_CLIENT_W_CITY": np.where(unrated, -1, ratings["REGION_RATING_CLIENT_W_CITY"]),
        "REG_REGION_NOT_LIVE_REGION": flagged(
            people, "REG_REGION_NOT_LIVE_REGION", mixed(rng, [(0.7, moved)], n)
        ),
        "REG_CITY_NOT_LIVE_CITY": flagged(people, "REG_CITY_NOT_LIVE_CITY", mixed(rng, [(0.7, moved)], n)),
    }


def population_levels() -> Floats:
    """The 81 regions' relative populations: evenly spread over the published distribution."""
    centres = (np.arange(81) + 0.5) / 81
    published = column(APPLICATION_TRAIN, "REGION_POPULATION_RELATIVE").quantiles
    return np.interp(centres, (0, 0.25, 0.5, 0.75, 1), published)


def _ratings(latent: Floats, mean: float, std: float) -> Ints:
    """Ratings 1, 2, 3 whose shares follow from the published mean and spread."""
    shift, square = mean - 2, std**2 + (mean - 2) ** 2
    return 1 + codes(latent, [(square - shift) / 2, 1 - square, (square + shift) / 2])
