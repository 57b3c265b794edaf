"""Intervals, differences and ranks, and what they say of a claim."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from vsrnn.errors import needs

with needs("experiments"):
    from pandas import DataFrame, Series
    from scipy import stats

Interval = tuple[float, float, float]  # a value, and the ends of its interval


def intervals(table: DataFrame, by: Sequence[str], value: str) -> DataFrame:
    r"""Mean and 95 % interval of a value over the runs of each group.

    .. math:: \bar x \pm t_{n-1,\,.975}\; s / \sqrt{n}

    One row a run gives one row a group: the columns of `by`, then mean, low, high and
    seeds (n). Rows without a value are left out; one run alone has no interval.

    >>> runs = DataFrame({"design": ["a", "a", "b"], "score": [0.4, 0.6, 0.1]})
    >>> intervals(runs, ["design"], "score").round(2).values.tolist()
    [['a', 0.5, -0.77, 1.77, 2], ['b', 0.1, nan, nan, 1]]
    """
    groups = table.dropna(subset=[value]).groupby(list(by), sort=False)[value]
    found = groups.agg(["mean", "std", "count"]).reset_index()
    n = found["count"]
    half = stats.t.ppf(0.975, n - 1) * found["std"] / np.sqrt(n)
    found = found.assign(low=found["mean"] - half, high=found["mean"] + half, seeds=n)
    return found[[*by, "mean", "low", "high", "seeds"]]


def welch(first: ArrayLike, second: ArrayLike, shared: ArrayLike = 0.0) -> Interval:
    """Mean of the first less mean of the second, with Welch's 95 % interval.

    `shared` is the squared error of each mean that all its values have in common. One
    value alone has no interval: both ends are nan.

    >>> [round(number, 2) for number in welch([2.0, 4.0], [1.0, 2.0, 3.0])]
    [1.0, -4.98, 6.98]
    """
    values = [np.asarray(each, float) for each in (first, second)]
    own = [each.var(ddof=1) / len(each) if len(each) > 1 else np.nan for each in values]
    means, numbers = [each.mean() for each in values], [len(each) for each in values]
    return welch_of_means(means, np.add(own, shared), numbers)


def welch_of_means(
    means: ArrayLike, squares: ArrayLike, numbers: ArrayLike
) -> Interval:
    """As `welch`, of two means with their squared errors and numbers of values."""
    gap, total = -float(np.diff(means)[0]), float(np.sum(squares))
    if not total > 0:  # nothing varies, or it is not known whether
        return gap, gap + total, gap + total
    shares = np.square(squares) / np.subtract(numbers, 1)
    half = float(stats.t.ppf(0.975, total**2 / shares.sum()) * np.sqrt(total))
    return gap, gap - half, gap + half


def share_below(values: Series, limit: float) -> list[float]:
    """Share of values below a limit with its 95 % interval by Wilson [%], and how many.

    >>> share_below(Series([1.0, 2.0, None]), 3.0)[::3]
    [100.0, 2]
    """
    known = values.dropna()
    if known.empty:
        return [float("nan")] * 3 + [0]
    test = stats.binomtest(int((known < limit).sum()), len(known))
    shares = 100 * np.array([test.statistic, *test.proportion_ci(method="wilson")])
    return [*shares.tolist(), len(known)]


def difference_of_shares(first: Sequence[float], second: Sequence[float]) -> Interval:
    """First share less second, by Newcombe's hybrid of the shares' Wilson intervals.

    >>> shares = [(0.8, 0.6918, 0.8770), (0.6, 0.4905, 0.7004)]
    >>> [round(number, 3) for number in difference_of_shares(*shares)]
    [0.2, 0.052, 0.334]

    Source: Newcombe 1998, Statistics in Medicine 17, 873-890, method 10, whose example
    this is: 56 of 70 and 48 of 80.
    """
    (one, one_low, one_high), (other, other_low, other_high) = first, second
    down = float(np.hypot(one - one_low, other_high - other))
    up = float(np.hypot(one_high - one, other - other_low))
    return one - other, one - other - down, one - other + up


def one_against_others(
    means: np.ndarray, squares: np.ndarray, numbers: np.ndarray, one: int
) -> Interval:
    """One mean less the mean of the others, with Welch's 95 % interval.

    Means come with their squared standard errors and how many values each is of, two or
    more. That of the others has the degrees of freedom of Satterthwaite's formula.
    """
    rest = np.arange(len(means)) != one
    total = squares[rest].sum()
    shares = squares[rest] ** 2 / (numbers[rest] - 1)
    free = total**2 / shares.sum() if total > 0 else 1.0
    return welch_of_means(
        [means[one], means[rest].mean()],
        [squares[one], total / rest.sum() ** 2],
        [numbers[one], free + 1],
    )


def means_differ(means: np.ndarray, squares: np.ndarray, numbers: np.ndarray) -> float:
    """Chance of means so far apart if all were equal (analysis of variance).

    They come as for `one_against_others`. It is nan where the numbers differ, or
    nothing varies.
    """
    if len(means) < 2 or np.ptp(numbers) or not squares.any():
        return np.nan
    free = (len(means) - 1, (numbers - 1).sum())
    return float(stats.f.sf(means.var(ddof=1) / squares.mean(), *free))


def outlying(values: ArrayLike) -> np.ndarray:
    """Which values are beyond Tukey's fences, 1.5 quartile ranges off the quartiles."""
    numbers = np.asarray(values, float)
    low, high = np.quantile(numbers, [0.25, 0.75])
    reach = 1.5 * (high - low)
    return (numbers < low - reach) | (numbers > high + reach)


def spearman(first: np.ndarray, second: np.ndarray, axis: int = -1) -> np.ndarray:
    """Rank correlation along an axis; 0 where one of the two does not vary."""
    one, other = (
        ranks - ranks.mean(axis=axis, keepdims=True)
        for ranks in (stats.rankdata(values, axis=axis) for values in (first, second))
    )
    both = np.sqrt(np.sum(one**2, axis=axis) * np.sum(other**2, axis=axis))
    product = np.sum(one * other, axis=axis)
    return np.divide(product, both, out=np.zeros_like(both), where=both > 0)


def rank_interval(
    first: ArrayLike, second: ArrayLike, resamples: int = 1000, seed: int = 0
) -> Interval:
    """Rank correlation with its 95 % interval by bias-corrected bootstrap of the pairs.

    The order of the pairs does not matter. All three are nan where there are fewer
    than five pairs or one of the two does not vary.

    >>> [round(r, 2) for r in rank_interval([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5])]
    [0.83, 0.61, 1.0]
    """
    one, other = np.round([first, second], 9)  # ties of means are ties
    if len(one) < 5 or min(np.ptp(one), np.ptp(other)) == 0:
        return (np.nan,) * 3
    rho = float(spearman(one, other))
    if abs(rho) > 1 - 1e-9:  # so is every resample's, which leaves nothing to correct
        return rho, rho, rho
    order = np.lexsort((other, one))
    how = {"paired": True, "vectorized": True, "n_resamples": resamples}
    pairs, rng = (one[order], other[order]), np.random.default_rng(seed)
    found = stats.bootstrap(pairs, spearman, **how, random_state=rng)
    low, high = map(float, found.confidence_interval)
    return rho, low, high


def extent(values: ArrayLike, how: str = ".0f") -> str:
    """The least and the greatest of several values, in words; one if they are equal.

    >>> extent([2.0, 1.0]), extent([-0.25], ".2f")
    ('1 to 2', '−0.25')
    """
    ends = (f"{end:{how}}" for end in (np.min(values), np.max(values)))
    return minus_signs(" to ".join(dict.fromkeys(ends)))


def minus_signs(text: str) -> str:
    """Text with true minus signs instead of hyphens."""
    return text.replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True)
class Claim:
    """A claim of a page, that a value is above 0, with its 95 % interval (or nan).

    >>> Claim("b beats a", 3.0, 1.0, 5.0, "points").verdict
    'holds'
    """

    claim: str
    value: float
    low: float
    high: float
    unit: str = ""

    @classmethod
    def of(
        cls, claim: str, found: Iterable[float], unit: str = "", sign: int = 1
    ) -> Self:
        """A claim on a value and the ends of its interval, or on the opposite."""
        value, *ends = (sign * float(each) for each in found)
        return cls(claim, value, min(ends), max(ends), unit)

    @property
    def verdict(self) -> str:
        """What the interval says; without one it is undecided."""
        return "holds" if self.low > 0 else "reversed" if self.high < 0 else "undecided"

    def span(self, how: str = ".1f") -> str:
        """Value and interval in words.

        >>> Claim("b beats a", 3.0, 1.0, 5.0).span("+.1f")
        '+3.0 (+1.0 to +5.0)'
        """
        value, low, high = (format(x, how) for x in (self.value, self.low, self.high))
        return minus_signs(f"{value} ({low} to {high})")


def tried(claims: Iterable[Claim]) -> list[Claim]:
    """The claims that have a value: there are no runs yet for others."""
    return [claim for claim in claims if not np.isnan(claim.value)]


def claims_table(claims: Iterable[Claim]) -> DataFrame:
    """Claims as a table: claim, value, low, high, unit and verdict."""
    rows = [(*astuple(claim), claim.verdict) for claim in claims]
    return DataFrame(rows, columns=[each.name for each in fields(Claim)] + ["verdict"])
