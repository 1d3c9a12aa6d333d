"""Who is a risk: the hidden scores behind an applicant and how they make TARGET.

An applicant has a few independent factors (age, affluence, payment discipline ...). A *latent* is a
standard normal made of factors and noise of its own; a column is a function of its latent, and the
log-odds of default are a weighted sum of latents. Since every part is normal, the sum is normal too
and the intercept that gives the published default rate is exact, not tuned.

TARGET never shapes a column: columns and TARGET share causes, as they do in life, so a sample
cannot leak its label.
"""

from dataclasses import dataclass

import numpy as np

from training.sample.draws import Bools, Floats, Ints, generator, mixed
from training.sample.facts import facts

#: Applicants in a full chunk: small enough for 300 MB of child rows, large enough for fast numpy.
CHUNK_APPLICANTS = 8192

FACTORS: tuple[str, ...] = (
    "AGE",
    "CREDITWORTHY",
    "AFFLUENT",
    "AMOUNT",
    "REVOLVING",
    "MALE",
    "CITY",
    "COMMUTER",
    "THIN_FILE",
    "BUREAU_STRAIN",
    "PAYMENT_INDISCIPLINE",
)

#: Latent -> its correlation with each factor. High scores are the risky side where there is one:
#: categories are listed from safe to risky, DAYS_* rise towards today.
LOADINGS: dict[str, dict[str, float]] = {
    "age": {"AGE": 1.0},
    "ext_source_1": {"AGE": 0.58, "CREDITWORTHY": 0.30, "AFFLUENT": 0.10, "PAYMENT_INDISCIPLINE": -0.10},
    "ext_source_2": {
        "AGE": 0.09,
        "CREDITWORTHY": 0.36,
        "CITY": 0.20,
        "AFFLUENT": 0.12,
        "BUREAU_STRAIN": -0.12,
    },
    "ext_source_3": {
        "AGE": 0.19,
        "CREDITWORTHY": 0.12,
        "BUREAU_STRAIN": -0.36,
        "PAYMENT_INDISCIPLINE": -0.05,
    },
    "gender": {"MALE": 1.0},
    "education": {"AFFLUENT": -0.35, "CREDITWORTHY": -0.12, "AGE": 0.12, "CITY": -0.10},
    "income_type": {"AGE": -0.84},
    "organization": {"MALE": 0.30, "CREDITWORTHY": -0.10},
    "occupation": {"MALE": 0.40, "AFFLUENT": -0.30},
    "family_status": {"AGE": -0.35},
    "housing_type": {"AGE": -0.28},
    "children": {"AGE": -0.38},
    "employed": {"AGE": -0.32, "CREDITWORTHY": -0.08},
    "registration": {"AGE": -0.33},
    "id_publish": {"AGE": -0.27},
    "phone_change": {"CREDITWORTHY": -0.15, "AGE": -0.08},
    "own_car": {"MALE": 0.35, "AFFLUENT": 0.20, "AGE": -0.13},
    "car_age": {"AFFLUENT": -0.30},
    "own_realty": {"AGE": 0.12},
    "region_rating": {"CITY": -0.85},
    "region_rating_city": {"CITY": -0.83},
    "population": {"CITY": 0.60},
    "revolving": {"REVOLVING": 1.0},
    "income": {"AFFLUENT": 0.70, "MALE": 0.15, "CITY": 0.25, "AGE": -0.10},
    "goods": {"AMOUNT": 0.76, "AFFLUENT": 0.40, "REVOLVING": -0.45},
    "term": {"AMOUNT": 0.88},
    "insurance": {"CREDITWORTHY": -0.15},
    "document_3": {"REVOLVING": -0.55, "AGE": -0.20},
    "social_circle": {"CREDITWORTHY": -0.10, "CITY": -0.08},
    "creditworthy": {"CREDITWORTHY": 1.0},
    "thin_file": {"THIN_FILE": 1.0},
    "bureau_strain": {"BUREAU_STRAIN": 1.0},
    "payment_indiscipline": {"PAYMENT_INDISCIPLINE": 1.0},
}

#: Change in the log-odds of default per unit of a latent, chosen so that the correlations with
#: TARGET, the bad rates over the deciles of the external scores and the AUC are the published ones.
WEIGHTS: dict[str, float] = {
    "age": 0.06,
    "ext_source_1": -0.42,
    "ext_source_2": -0.505,
    "ext_source_3": -0.53,
    "gender": 0.16,
    "education": 0.18,
    "income_type": 0.03,
    "organization": 0.08,
    "occupation": 0.13,
    "family_status": 0.06,
    "housing_type": 0.05,
    "employed": 0.18,
    "registration": 0.03,
    "id_publish": 0.06,
    "phone_change": 0.05,
    "own_car": -0.08,
    "car_age": 0.08,
    "region_rating": 0.08,
    "region_rating_city": 0.05,
    "term": -0.14,
    "insurance": 0.16,
    "goods": -0.06,
    "revolving": -0.05,
    "document_3": 0.06,
    "social_circle": 0.06,
    "thin_file": -0.06,
    "bureau_strain": 0.35,
    "payment_indiscipline": 0.50,
}


@dataclass(frozen=True)
class Applicants:
    """A chunk of the population before any column is drawn: who they are and whether they default."""

    seed: int
    chunk: int
    ids: Ints
    is_train: Bools
    target: Ints
    latents: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.ids)

    def stream(self, name: str) -> np.random.Generator:
        """Random numbers of this chunk for one purpose; the same whenever they are asked for."""
        return generator(self.seed, name, self.chunk)

    def __getitem__(self, latent: str) -> Floats:
        return self.latents[latent]


def log_odds_spread() -> float:
    """Standard deviation of the log-odds of default that the weights imply."""
    factor_sums = dict.fromkeys(FACTORS, 0.0)
    variance = 0.0
    for name, weight in WEIGHTS.items():
        for factor, loading in LOADINGS[name].items():
            factor_sums[factor] += weight * loading
        variance += weight**2 * max(0.0, 1 - sum(loading**2 for loading in LOADINGS[name].values()))
    return float(np.sqrt(variance + sum(total**2 for total in factor_sums.values())))


def intercept(rate: float) -> float:
    """Log-odds at which the mean probability over the applicants equals ``rate``."""
    z = np.linspace(-8, 8, 4001)
    density = np.exp(-0.5 * z**2)
    density /= density.sum()
    spread = log_odds_spread()
    low, high = -15.0, 5.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = float((density / (1 + np.exp(-(middle + spread * z)))).sum())
        low, high = (middle, high) if mean < rate else (low, middle)
    return (low + high) / 2


def applicants(seed: int, chunk: int, first_id: int, is_train: Bools) -> Applicants:
    """The applicants of one chunk, with ids counting up from ``first_id``."""
    n = len(is_train)
    rng = generator(seed, "applicants", chunk)
    factors = {name: rng.standard_normal(n) for name in FACTORS}
    latents = {
        name: mixed(rng, [(weight, factors[factor]) for factor, weight in loadings.items()], n)
        for name, loadings in LOADINGS.items()
    }
    log_odds = intercept(facts().signal["target_rate"]) + sum(
        (weight * latents[name] for name, weight in WEIGHTS.items()), np.zeros(n)
    )
    target = _outcomes(1 / (1 + np.exp(-log_odds)), rng)
    ids = first_id + np.arange(n, dtype=np.int64)
    return Applicants(seed, chunk, ids, is_train, target, latents)


def _outcomes(probability: Floats, rng: np.random.Generator) -> Ints:
    """Defaults by systematic sampling over ascending risk.

    Each applicant defaults with their own probability, and every stretch of similar risk has its due
    number of defaults, so that a small sample has the published default rate and signal too.
    """
    order = np.argsort(probability, kind="stable")
    due = np.cumsum(probability[order]) + rng.random()
    outcomes = np.zeros(len(probability), dtype=np.int64)
    outcomes[order] = np.diff(np.floor(due), prepend=np.floor(due[0] - probability[order[0]])).astype(
        np.int64
    )
    return outcomes
