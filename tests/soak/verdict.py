"""A soak in figures, and all that is wrong with it."""

from collections.abc import Iterator

from tests.soak.footprint import growth
from tests.soak.run import Report


def figures(report: Report) -> str:
    """What was done and held, a line each."""
    plan, ledger, story = report.plan, report.ledger, report.story
    lines = [
        f"{report.accounts.made} calls by phones and {len(ledger.clicked)} by clicks in {report.seconds:.0f} s,"
        f" at most {ledger.most_calls} at once; seed {plan.seed}",
        f"{len(story.began)} calls began and {len(story.ended)} ended in the service's log",
        *(f"caller    {tally}" for tally in report.accounts.callers),
        *(f"answerer  {tally}" for tally in report.accounts.answerers),
        f"{ledger.outcomes.total()} requests:",
        *(f"  {verb:9} {outcome:20} {number}" for (verb, outcome), number in sorted(ledger.outcomes.items())),
        f"half-way  {report.before}",
        f"after     {report.after}",
    ]
    return "\n".join(lines)


def complaints(report: Report) -> list[str]:
    """Each thing that is wrong, in words."""
    return [*_left(report), *_unaccounted(report), *_faults(report)]


def _left(report: Report) -> Iterator[str]:
    for what, number in growth(report.before, report.after, report.plan.calls // 2).items():
        yield f"left over: {number} more of {what}"


def _unaccounted(report: Report) -> Iterator[str]:
    ledger, story = report.ledger, report.story
    if missing := ledger.clicked - story.began.keys():
        yield f"clicked and never begun: {missing}"
    if story.began != story.ended:
        yield f"begun and not ended just as often: {(story.began - story.ended) | (story.ended - story.began)}"
    least = report.accounts.made + len(ledger.clicked)
    if not least <= len(story.began) <= least + ledger.clicks_given_up:
        yield f"{least} calls were made, {ledger.clicks_given_up} more perhaps, and {len(story.began)} began"


def _faults(report: Report) -> Iterator[str]:
    if report.accounts.failed:
        yield f"{report.accounts.failed} calls ended as no phone expects:\n{report.accounts.errors[-4000:]}"
    for (verb, outcome), number in report.ledger.strange().items():
        yield f"{number} times {verb}: {outcome}"
    yield from (f"in the log: {line}" for line in report.story.faults)
