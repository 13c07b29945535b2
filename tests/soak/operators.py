"""Those who work at the API: random requests about random calls, some of which they give up before the answer."""

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field

import aiohttp

from service.api.answers import ApiError, V1Error
from tests.instruments.stage import HOTLINES, MOBILE
from tests.soak.calls import ANSWERING, LEAVING

VERBS = {"click": 3, "list": 6, "transfer": 4, "park": 3, "listen": 2, "whisper": 2, "barge": 2}
"""How often each is asked for, relative to the others."""

STRANGERS = ("101", "199")
"""An extension without a phone, and one that nobody has."""

GAVE_UP = "gave up"
ABORTED = 0.1
"""The share of requests whose client goes away before the answer."""

ABORT_SECONDS = 0.03
"""The longest such a client waits: two or three times what an operation takes."""

ANSWER_SECONDS = 15.0

REFUSED = {
    V1Error.CALL_NOT_FOUND,
    V1Error.CALL_NOT_ANSWERED,
    V1Error.USER_NOT_REGISTERED,
    ApiError.EXTENSION_INVALID,
    ApiError.USER_NOT_REGISTERED,
}
EXPECTED = {"200", "200 success", "400 fail", "404 fail", GAVE_UP, *REFUSED}
"""Outcomes of requests that are well-formed, allowed and asked of a PBX in good health."""


@dataclass
class Ledger:
    """What was asked and how it was answered: counts by verb and outcome, and the ids of the calls made by clicks."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    clicked: set[str] = field(default_factory=set)
    most_calls: int = 0

    @property
    def asked(self) -> int:
        return self.outcomes.total()

    @property
    def clicks_given_up(self) -> int:
        """Clicks whose answer nobody saw: each may have made a call."""
        return self.outcomes["click", GAVE_UP]

    def strange(self) -> dict[tuple[str, str], int]:
        """Answers that no client should have to expect, and requests without one."""
        return {what: number for what, number in self.outcomes.items() if what[1] not in EXPECTED}


class Operator:
    """One of them: a request, a moment's rest, the next."""

    def __init__(self, session: aiohttp.ClientSession, ledger: Ledger, domain: str, seed: int) -> None:
        self._session = session
        self._ledger = ledger
        self._domain = domain
        self._random = random.Random(seed)
        self._known: list[str] = ["unknown"]

    async def work(self, rest: float, until: asyncio.Event) -> None:
        """Works until told to stop, resting some `rest` seconds each time."""
        while not until.is_set():
            (verb,) = self._random.choices(list(VERBS), list(VERBS.values()))
            await self._one(verb)
            await asyncio.sleep(self._random.uniform(0, 2 * rest))

    async def _one(self, verb: str) -> None:
        patience = self._random.uniform(0, ABORT_SECONDS) if self._random.random() < ABORTED else ANSWER_SECONDS
        try:
            async with asyncio.timeout(patience):
                outcome = await self._request(verb)
        except TimeoutError:
            outcome = GAVE_UP if patience < ANSWER_SECONDS else "no answer"
        except aiohttp.ClientError as error:
            outcome = f"no answer: {type(error).__name__}"
        self._ledger.outcomes[verb, outcome] += 1

    async def _request(self, verb: str) -> str:
        if verb == "list":
            return await self._list()
        if verb == "click":
            return await self._click()
        body = {"ext": self._random.choice((*ANSWERING, *LEAVING, *STRANGERS))}
        if verb in ("transfer", "park"):
            body["legs"] = self._random.choice(("aleg", "bleg"))
        call_id = self._random.choice(self._known)
        async with self._session.post(f"/v1/call/{call_id}/{verb}", json=body) as answer:
            said = await answer.json()
        return str(said.get("error", f"{answer.status} {said['status']}"))

    async def _list(self) -> str:
        async with self._session.get("/v1/call") as answer:
            if answer.status == 200:
                rows = (await answer.json())["data"]
                self._ledger.most_calls = max(self._ledger.most_calls, len(rows))
                self._known = [row["call_id"] for row in rows] or self._known
            return str(answer.status)

    async def _click(self) -> str:
        body = {
            "extension": self._random.choice((*LEAVING, *STRANGERS)),
            "hotline": HOTLINES[self._domain][0],
            "phone_number": self._random.choice((MOBILE, *ANSWERING)),
        }
        async with self._session.post("/api/click2call", json=body) as answer:
            said = json.loads(await answer.read())
        if call_id := said["payload"].get("call_uuid"):
            self._ledger.clicked.add(call_id)
            self._known.append(call_id)
        return str(said["payload"].get("error", answer.status))
