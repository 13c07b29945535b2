"""One soak: half of the calls, a look at what is held then, the other half, and another look.

By the first look every module is imported, every pool filled, and Asterisk's memory has spread over its threads.
"""

import asyncio
import re
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace

import aiohttp

from tests.instruments.polling import eventually
from tests.instruments.stage import ACME, Stage
from tests.soak.calls import Accounts, calls_up
from tests.soak.footprint import Footprint, growth, measure
from tests.soak.operators import Ledger, Operator

QUIET_SECONDS = 30.0
"""The pool of ARI connections lets an idle one go after 3 s; everything else is quicker."""

SETTLE_SECONDS = 120.0
"""Asterisk lets go of the taskprocessors of calls that are over one by one."""

LOOK_SECONDS = 0.2

SLACK_SECONDS = 60.0
"""Over the time the calls take at their rate: the last ones' length, and a busy machine."""

FAULT = re.compile(r" (ERROR|CRITICAL) |Traceback|never retrieved|never awaited| POST \S+ 50\d ")


@dataclass(frozen=True)
class Plan:
    """How many calls, how many a second; how many operators, and their average rest in seconds."""

    calls: int
    seed: int
    rate: float = 12.0
    operators: int = 6
    rest: float = 0.3


@dataclass(frozen=True)
class Story:
    """The service's log of the soak: the ids of calls that began and that ended, and what was wrong."""

    began: Counter[str]
    ended: Counter[str]
    faults: list[str]


@dataclass(frozen=True)
class Report:
    """What was done in how many seconds, what became of it, and what was held half-way and after."""

    plan: Plan
    seconds: float
    accounts: Accounts
    ledger: Ledger
    story: Story
    before: Footprint
    after: Footprint


def soak(stage: Stage, plan: Plan) -> Report:
    """Plays the plan on an empty stage."""
    told, started, ledger = len(stage.service.log), time.monotonic(), Ledger()
    half = replace(plan, calls=plan.calls // 2)
    first = asyncio.run(_play(stage, half, ledger))
    before = _settled(stage)
    second = asyncio.run(_play(stage, replace(half, seed=plan.seed + plan.operators), ledger))
    after = _back_to(stage, before, half.calls)
    story = _story(stage.service.log[told:])
    return Report(plan, time.monotonic() - started, first + second, ledger, story, before, after)


async def _play(stage: Stage, plan: Plan, ledger: Ledger) -> Accounts:
    """The calls, and the work at them, until Asterisk holds nothing; the accounts of those who called and answered."""
    over = asyncio.Event()
    headers = {"Authorization": f"Bearer {stage.pbx.secrets.tokens[ACME]}"}
    with calls_up(stage, plan.calls, plan.rate) as calls:
        async with aiohttp.ClientSession(stage.service.url, headers=headers) as session, asyncio.TaskGroup() as group:
            for number in range(plan.operators):
                operator = Operator(session, ledger, ACME, plan.seed + number)
                group.create_task(operator.work(plan.rest, over))
            await asyncio.to_thread(calls.wait, plan.calls / plan.rate + SLACK_SECONDS)
            over.set()
        _empty(stage)
        eventually(calls.idle, deadline=QUIET_SECONDS, pause=LOOK_SECONDS, message="somebody is still in a call")
        return calls.accounts()


def _empty(stage: Stage) -> None:
    """Waits until Asterisk holds nothing, or says what it holds."""
    with suppress(AssertionError):
        eventually(lambda: not (stage.channels() + stage.bridges()), deadline=QUIET_SECONDS, pause=LOOK_SECONDS)
    left = stage.channels() + stage.bridges()
    assert not left, f"left on Asterisk: {left}"


def _settled(stage: Stage) -> Footprint:
    """What is held as soon as it is the same twice running."""
    found = [measure(stage)]

    def same() -> bool:
        found.append(measure(stage))
        return found[-1].steady == found[-2].steady

    with suppress(AssertionError):
        eventually(same, deadline=SETTLE_SECONDS, pause=1)
    assert found[-1].steady == found[-2].steady, f"what is held does not settle: {found[-4:]}"
    return found[-1]


def _back_to(stage: Stage, before: Footprint, calls: int) -> Footprint:
    """What is held as soon as it is no more than before, or in the end."""
    with suppress(AssertionError):
        eventually(lambda: not growth(before, measure(stage), calls), deadline=QUIET_SECONDS, pause=1)
    return measure(stage)


def _story(log: str) -> Story:
    def ids(what: str) -> Counter[str]:
        return Counter(re.findall(rf"INFO +call {what}.* call=(\S+)", log))

    faults = [line for line in log.splitlines() if FAULT.search(line)]
    return Story(ids("began"), ids("ended"), faults)
