"""Many samples as few numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Figure:
    """What was measured, in the unit of its row; `p99` is None where it is one value and not a distribution."""

    p50: float
    p99: float | None = None
    count: int = 1

    @classmethod
    def of(cls, samples: Sequence[float]) -> Self:
        """Of at least one sample; with fewer than a hundred the p99 is the largest."""
        return cls(percentile(samples, 50), percentile(samples, 99), len(samples))


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least so many percent of all are no larger than (nearest rank)."""
    if not samples:
        raise ValueError("no samples")
    rank = max(1, math.ceil(percent / 100 * len(samples)))
    return sorted(samples)[rank - 1]


def milliseconds(seconds: Sequence[float]) -> list[float]:
    """The same durations in ms."""
    return [1000 * each for each in seconds]
