"""The one table: its rows, how they look, and two runs side by side."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.budgets import Budget, kept, ratio
from tests.bench.figures import Figure

COLUMNS = ("what", "ours", "reference", "ratio", "budget", "within")
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Row:
    """One line. `against` says what the reference is."""

    what: str
    unit: str
    ours: Figure
    reference: Figure | None = None
    against: str = ""
    budget: Budget | None = None

    @property
    def ratio(self) -> float | None:
        return ratio(self.ours, self.reference)

    @property
    def within(self) -> bool | None:
        """Whether the budget is kept; None without one."""
        return kept(self.budget, self.ours, self.reference) if self.budget else None


def cells(row: Row) -> tuple[str, ...]:
    """A row as text, in the order of COLUMNS."""
    return (
        row.what,
        figure(row.ours, row.unit),
        f"{figure(row.reference, row.unit)} ({row.against})" if row.reference else row.against,
        number(row.ratio) if row.ratio is not None else "",
        row.budget.value.says if row.budget else "",
        {True: "yes", False: "NO", None: ""}[row.within],
    )


def missing(rows: Iterable[Row]) -> list[Budget]:
    """The budgets no row was measured for."""
    measured = {row.budget for row in rows}
    return [budget for budget in Budget if budget not in measured]


def lines(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """All rows as text, and one for each budget that was not measured."""
    absent = [(budget.value.what, NOT_MEASURED, "", "", budget.value.says, "?") for budget in missing(rows)]
    return [*map(cells, rows), *absent]


def plain(rows: Sequence[Row]) -> str:
    """The table for a terminal."""
    return _aligned([COLUMNS, *lines(rows)])


def markdown(rows: Sequence[Row]) -> str:
    """The table for a page."""
    whole = [COLUMNS, ("---",) * len(COLUMNS), *lines(rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in whole)


def figure(found: Figure, unit: str) -> str:
    """`4.1 ms`, or with its p99 `4.1 / 9.8 ms`."""
    numbers = [found.p50] if found.p99 is None else [found.p50, found.p99]
    return f"{' / '.join(map(number, numbers))} {unit}".rstrip()


def number(value: float) -> str:
    """Three digits that count, or all of them."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 if abs(value) < 1 else 1}f}" if abs(value) >= 0.1 else f"{value:.3f}"


def as_json(rows: Sequence[Row]) -> str:
    """The rows for programs: figures in the row's unit, p50 and p99 apart."""
    return json.dumps([_plain(row) for row in rows], indent=2, ensure_ascii=False) + "\n"


def _plain(row: Row) -> dict[str, Any]:
    budget = row.budget.name.lower() if row.budget else None
    return asdict(row) | {"budget": budget, "ratio": row.ratio, "within": row.within}


def compare(rows: Sequence[Row], earlier: Sequence[Mapping[str, Any]]) -> str:
    """What changed since the run `as_json` wrote down as `earlier`: ours then and now, ratio then and now."""
    known = {line["what"]: line for line in earlier}
    found = [_change(row, known[row.what]) for row in rows if row.what in known]
    return _aligned([("what", "before", "now", "change", "ratio before", "ratio now"), *found])


def _change(row: Row, before: Mapping[str, Any]) -> tuple[str, ...]:
    was = float(before["ours"]["p50"])
    change = f"{(row.ours.p50 / was - 1) * 100:+.0f} %" if was else ""
    ratios = [number(value) if value is not None else "" for value in (before["ratio"], row.ratio)]
    return (row.what, f"{number(was)} {row.unit}", f"{number(row.ours.p50)} {row.unit}", change, *ratios)


def _aligned(whole: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in whole
    )
