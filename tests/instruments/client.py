"""A REST client as the vendors' customers have: a base URL and a token."""

import re
from collections.abc import Callable, Mapping

import httpx

from tests.instruments.no_tls import NO_TLS
from tests.instruments.polling import eventually

Row = Mapping[str, str]


class Client:
    """Speaks for one tenant."""

    def __init__(self, url: str, token: str) -> None:
        self.http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, verify=NO_TLS, timeout=10)

    def close(self) -> None:
        self.http.close()

    def click(self, extension: str, number: str, hotline: str = "02873001234") -> str:
        """Makes a click-to-call; its id."""
        body = {"extension": extension, "hotline": hotline, "phone_number": number}
        answer = self.http.post("/api/click2call", json=body)
        assert answer.json()["status_code"] == 9999, answer.text
        call_id: str = answer.json()["payload"]["call_uuid"]
        return call_id

    def calls(self) -> list[Row]:
        """The rows of the list."""
        answer = self.http.get("/v1/call")
        assert answer.status_code == 200, answer.text
        rows: list[Row] = answer.json()["data"]
        assert answer.json()["total"] == len(rows)
        return rows

    def row(self, call_id: str) -> Row | None:
        return next((row for row in self.calls() if row["call_id"] == call_id), None)

    def only_call(self, deadline: float = 5.0) -> Row:
        """The tenant's one call, awaited."""
        return eventually(lambda: self.calls(), deadline=deadline, message="no call is listed")[0]

    def wait_row(self, call_id: str, check: Callable[[Row], bool], deadline: float = 5.0) -> Row:
        """The call's row once it is as wanted."""
        found: list[Row | None] = []

        def matches() -> Row | None:
            found[:] = [self.row(call_id)]
            return found[0] if found[0] and check(found[0]) else None

        try:
            return eventually(matches, deadline=deadline) or {}
        except AssertionError as error:
            raise AssertionError(f"row of {call_id} is {found}") from error

    def wait_gone(self, call_id: str, deadline: float = 5.0) -> None:
        eventually(lambda: self.row(call_id) is None, deadline=deadline, message=f"{call_id} is still listed")

    def metrics(self) -> dict[str, float]:
        """Every sample of /metrics, by its name and labels."""
        found = re.findall(r"^(patchbay\S+(?:{[^}]*})?) (\S+)$", self.http.get("/metrics").text, re.MULTILINE)
        return {name: float(value) for name, value in found}

    def ask(self, verb: str, call_id: str, **body: str) -> httpx.Response:
        """POST /v1/call/{call_id}/{verb}."""
        return self.http.post(f"/v1/call/{call_id}/{verb}", json=body)

    def do(self, verb: str, call_id: str, **body: str) -> None:
        """The same, which must succeed with exactly the contract's answer."""
        answer = self.ask(verb, call_id, **body)
        wanted = {"status": "success", "call_id": call_id} | ({} if verb == "park" else {"ext": body["ext"]})
        assert (answer.status_code, answer.json()) == (200, wanted), answer.text
