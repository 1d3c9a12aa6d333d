"""From standard normals to values: the inverse distribution functions of the generator.

Every value starts as a normal score (a *latent*), so that columns which belong together share
latents and still keep their own published distribution (a Gaussian copula). Nothing here knows
the tables; a latent array goes in, an array of values of the same length comes out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from training.sample.facts import ColumnFacts, column

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Heavier generalised-Pareto tails than this have no usable variance on a sample.
_HEAVIEST_TAIL = 0.45
_NORMAL_GRID = np.linspace(-6.0, 6.0, 24_001)


@cache
def _normal_table() -> Floats:
    density = np.exp(-0.5 * _NORMAL_GRID**2)
    steps = np.concatenate([[0.0], (density[1:] + density[:-1]) / 2])
    total = np.cumsum(steps)
    return np.asarray(total / total[-1], dtype=np.float64)


def normal_cdf(z: Floats) -> Floats:
    """Probability below each normal score; good to 1e-7, in (0, 1) open."""
    return np.clip(np.interp(z, _NORMAL_GRID, _normal_table()), 1e-9, 1 - 1e-9)


def normal_quantile(p: float) -> float:
    """Normal score with probability ``p`` below it."""
    return float(np.interp(p, _normal_table(), _NORMAL_GRID))


def generator(seed: int, stream: str, chunk: int) -> np.random.Generator:
    """Random numbers that depend on seed, stream and chunk alone, never on what was drawn before."""
    words = tuple(stream.encode())
    return np.random.default_rng(np.random.SeedSequence([seed, chunk, *words]))


def mixed(rng: np.random.Generator, parts: Sequence[tuple[float, Floats]], n: int) -> Floats:
    """A standard normal that has the given correlations with independent standard normals.

    Parameters
    ----------
    parts
        Pairs of correlation and score; the squares of the correlations sum to at most 1.
    """
    own = max(0.0, 1.0 - sum(weight**2 for weight, _ in parts))
    score: Floats = rng.standard_normal(n) * np.sqrt(own)
    for weight, part in parts:
        score = score + weight * part
    return score


@dataclass(frozen=True)
class Quantiles:
    """Distribution through published quantiles, with a tail that meets the published mean and spread.

    Between the quantiles it is linear. Beyond the last quantile on the longer side it is a
    generalised Pareto tail whose scale meets the mean and whose shape meets the standard deviation,
    cut at the published extreme.
    """

    probabilities: tuple[float, ...]
    values: tuple[float, ...]
    tail_scale: float
    tail_shape: float
    is_upper: bool

    @classmethod
    def of(cls, published: ColumnFacts) -> "Quantiles":
        """The distribution of a published numeric column."""
        mean, std = published.moments
        return cls.through((0.0, 0.25, 0.5, 0.75, 1.0), published.quantiles, mean=mean, std=std)

    @classmethod
    def through(
        cls, probabilities: Sequence[float], values: Sequence[float], *, mean: float, std: float
    ) -> "Quantiles":
        """The distribution through any quantiles; the first and last probabilities are 0 and 1."""
        p, x = np.asarray(probabilities, dtype=float), np.asarray(values, dtype=float)
        is_upper = bool(x[-1] - x[-2] >= x[1] - x[0])
        if not is_upper:
            p, x, mean = 1 - p[::-1], -x[::-1], -mean
        body = np.diff(p)[:-1]
        first = float(np.sum(body * (x[:-2] + x[1:-1]) / 2))
        second = float(np.sum(body * (x[:-2] ** 2 + x[:-2] * x[1:-1] + x[1:-1] ** 2) / 3))
        weight, start = 1 - p[-2], x[-2]
        excess = max((mean - first) / weight - start, 0.0)
        # Second moment of the tail above its start, from E[(start + y)^2].
        square = ((std**2 + mean**2) - second) / weight - start**2 - 2 * start * excess
        shape = _tail_shape(excess, square)
        scale = _tail_scale(excess, shape, float(x[-1] - start))
        return cls(tuple(probabilities), tuple(values), scale, shape, is_upper)

    def at(self, latent: Floats) -> Floats:
        """Values at the given normal scores."""
        u = normal_cdf(latent)
        values = np.interp(u, self.probabilities, self.values)
        low, high = self.probabilities[1], self.probabilities[-2]
        if self.is_upper:
            tail = u > high
            beyond = self._beyond((1 - u[tail]) / (1 - high))
            values[tail] = np.minimum(self.values[-2] + beyond, self.values[-1])
        else:
            tail = u < low
            beyond = self._beyond(u[tail] / low)
            values[tail] = np.maximum(self.values[1] - beyond, self.values[0])
        return np.asarray(values, dtype=np.float64)

    def _beyond(self, survival: Floats) -> Floats:
        if abs(self.tail_shape) < 1e-9:
            return np.asarray(-self.tail_scale * np.log(survival), dtype=np.float64)
        return np.asarray(
            self.tail_scale * (survival**-self.tail_shape - 1) / self.tail_shape, dtype=np.float64
        )


def _tail_shape(excess: float, square: float) -> float:
    """Generalised Pareto shape with E[y] = excess and E[y^2] = square: ratio = 2(1-s)/(1-2s)."""
    if excess <= 0 or square <= excess**2:
        return -1.0
    ratio = square / excess**2
    return float(np.clip((ratio - 2) / (2 * ratio - 2), -1.0, _HEAVIEST_TAIL))


def _tail_scale(excess: float, shape: float, room: float) -> float:
    """Scale whose tail, cut at ``room``, has the mean ``excess`` (bisection; monotone in the scale)."""
    survival = (np.arange(4000) + 0.5) / 4000
    unit = -np.log(survival) if abs(shape) < 1e-9 else (survival**-shape - 1) / shape
    low, high = 0.0, 50 * max(excess, 1e-12)
    for _ in range(60):
        middle = (low + high) / 2
        if float(np.minimum(middle * unit, room).mean()) < excess:
            low = middle
        else:
            high = middle
    return (low + high) / 2


@cache
def quantiles(table: str, name: str) -> Quantiles:
    """The distribution of a published column, fitted once per process."""
    return Quantiles.of(column(table, name))


def flags(latent: Floats, share: float | Floats) -> Ints:
    """1 for the given share of the scores, the highest ones; 0 for the rest."""
    return (normal_cdf(latent) > 1 - np.asarray(share)).astype(np.int64)


def below(latent: Floats, share: float | Floats) -> Bools:
    """True for the given share of the scores, the lowest ones: the draw of what is missing."""
    return np.asarray(normal_cdf(latent) < share, dtype=np.bool_)


def codes(latent: Floats, weights: Sequence[float] | Floats) -> Ints:
    """Index of a category per score; the categories lie in the order given, from the lowest scores up."""
    edges = np.cumsum(np.asarray(weights, dtype=float))
    return np.searchsorted(edges[:-1] / edges[-1], normal_cdf(latent), side="right").astype(np.int64)


def counts(rng: np.random.Generator, mean: Floats, spread: float | None) -> Ints:
    """Counts with the given means: negative binomial of size ``spread``, Poisson where it is None."""
    rate = mean if spread is None else mean * rng.gamma(spread, 1 / spread, len(mean))
    return rng.poisson(rate).astype(np.int64)


def multiples(values: Floats, step: float) -> Floats:
    """Values moved to the nearest multiple of ``step``, never to zero."""
    return np.asarray(np.maximum(np.rint(values / step), 1) * step, dtype=np.float64)
