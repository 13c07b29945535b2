"""The performance budget, and whether a row keeps it."""

from dataclasses import dataclass
from enum import Enum

from tests.bench.figures import Figure


class Measure(Enum):
    """Which number of a row a budget limits."""

    RATIO = "ratio"
    P50 = "p50"
    P99 = "p99"


@dataclass(frozen=True)
class Limit:
    """Of `what`, at most so much of this measure; `says` is the budget in words."""

    what: str
    says: str
    measure: Measure
    at_most: float


class Budget(Enum):
    """Every line of the performance budget."""

    OPERATION = Limit(
        "an operation through the API over the same ARI requests sent bare", "ratio ≤ 1.25", Measure.RATIO, 1.25
    )
    LIST = Limit("GET /v1/call over ARI's GET /channels, 1,000 live calls", "ratio ≤ 1/20", Measure.RATIO, 1 / 20)
    LIST_GROWTH = Limit(
        "GET /v1/call, 5,000 live calls over 1,000: linear, and a tenth for noise", "≤ 5.5", Measure.P50, 5.5
    )
    LIST_AGE = Limit("a call's answer visible in the list after Asterisk's own event", "p99 ≤ 10 ms", Measure.P99, 10.0)
    WATCHED_CALL = Limit("Asterisk's CPU a call, watched over not watched", "ratio ≤ 1.25", Measure.RATIO, 1.25)
    SERVICE_CPU = Limit("the service's own CPU a call", "≤ 1 ms", Measure.P50, 1.0)
    CALL_MEMORY = Limit("the service's memory a live call", "≤ 8 KB", Measure.P50, 8.0)
    MEMORY_BACK = Limit(
        "memory after 10,000 calls over the start: the same, and a twentieth for the allocator",
        "ratio ≤ 1.05",
        Measure.RATIO,
        1.05,
    )
    MODE_SWITCH = Limit("silence for the supervisor at a change of mode", "0 ms", Measure.P50, 0.0)


def kept(budget: Budget, ours: Figure, reference: Figure | None) -> bool:
    """Whether a row with these figures is within the budget; ValueError when it lacks the number that is limited."""
    measure = budget.value.measure
    found = {
        Measure.RATIO: ratio(ours, reference),
        Measure.P50: ours.p50,
        Measure.P99: ours.p99,
    }[measure]
    if found is None:
        raise ValueError(f"{budget.name} limits the {measure.value}, and there is none")
    return found <= budget.value.at_most


def ratio(ours: Figure, reference: Figure | None) -> float | None:
    """Ours over the reference's at p50; None without a reference to divide by."""
    return ours.p50 / reference.p50 if reference and reference.p50 else None
