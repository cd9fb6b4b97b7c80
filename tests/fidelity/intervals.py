"""Statistics of shares: Wilson's interval, Newcombe's interval of a difference, and McNemar's exact test of pairs.

E. B. Wilson, Probable inference (1927); R. G. Newcombe, Interval estimation for the difference between independent
proportions, method 10 (1998); Q. McNemar, Note on the sampling error of the difference between correlated proportions
(1947).
"""

import math
from dataclasses import dataclass

Z_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many."""

    count: int
    total: int

    @property
    def value(self) -> float:
        """The share; 1 of nothing, because nothing was missed."""
        return self.count / self.total if self.total else 1.0

    def interval(self) -> tuple[float, float]:
        """Return Wilson's 95 % interval."""
        if not self.total:
            return 0.0, 1.0
        n, p, squared = self.total, self.value, Z_95**2
        middle = (p + squared / (2 * n)) / (1 + squared / n)
        half = Z_95 / (1 + squared / n) * math.sqrt(p * (1 - p) / n + squared / (4 * n * n))
        low = 0.0 if self.count == 0 else middle - half
        high = 1.0 if self.count == n else middle + half
        return low, high


def overlap(one: Share, other: Share) -> bool:
    """Return whether the 95 % intervals overlap.

    Two equal shares miss that in about one of 200 comparisons only, so that dozens of conditions can be compared.
    """
    (low, high), (other_low, other_high) = one.interval(), other.interval()
    return low <= other_high and other_low <= high


def difference(one: Share, other: Share) -> tuple[float, float]:
    """Return Newcombe's 95 % interval of `one` minus `other`."""
    (low, high), (other_low, other_high) = one.interval(), other.interval()
    middle = one.value - other.value
    below = math.hypot(one.value - low, other_high - other.value)
    above = math.hypot(high - one.value, other.value - other_low)
    return middle - below, middle + above


def pairs_differ_by_chance(only_one: int, only_other: int) -> float:
    """Return McNemar's exact probability of pairs that differ as unevenly as these, if neither side is favoured."""
    total, fewer = only_one + only_other, min(only_one, only_other)
    tail = sum(math.comb(total, count) for count in range(fewer + 1))
    return min(2 * tail / math.pow(2, total), 1.0)
