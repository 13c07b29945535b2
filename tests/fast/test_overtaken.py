"""Another replica changes a supervision in the middle of what this one does with it."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service import ids
from tests.fast.conftest import ONLINE
from tests.fast.fake_ari import Asked, FakeAri, Json, channel
from tests.fast.fake_calls import Exchange, FakeCall
from tests.fast.serving import Serving
from tests.fast.test_call_answers import body_of, failed
from tests.instruments.polling import eventually


@pytest.fixture
def ari() -> Iterator[FakeAri]:
    """One of its own for each test: the other replica is the test itself, and there is no third."""
    with FakeAri() as fake:
        fake.endpoints = dict.fromkeys(ONLINE, "online")
        yield fake


@pytest.fixture
def service(ari: FakeAri, tmp_path: Path) -> Iterator[Serving]:
    with Serving(tmp_path, ari.url) as serving:
        serving.wait_ready()
        yield serving


class Scene:
    """103 listens to 101, who talks to 102."""

    def __init__(self, ari: FakeAri, service: Serving) -> None:
        self.ari, self.service = ari, service
        self.call: FakeCall = Exchange(ari, service).local()
        assert self.ask("listen") == 200
        (self.key,) = {key for bridge in ari.bridges if (key := ids.supervision_key(bridge))}
        ari.answer(ids.phone_id(self.key))
        eventually(lambda: ids.phone_id(self.key) in self.members, message="not let in")
        (self.listens,) = [member for member in self.members if ids.snoop_mode(member)]
        self._serial = 1

    @property
    def room(self) -> str:
        return ids.bridge_id(self.key)

    @property
    def members(self) -> list[str]:
        members: list[str] = self.ari.bridges[self.room]["channels"]
        return members

    def ask(self, mode: str) -> int:
        return self.service.post(f"/v1/call/{self.call.call_id}/{mode}", json.dumps({"ext": "103"})).status

    def other_replica(self, mode: str) -> str:
        """It has put a newer Snoop in the bridge; that one's id."""
        self._serial += 1
        made: Json = channel(ids.snoop_id(self.key, mode), f"Snoop/{self.call.aleg}-{self._serial:08x}", app="Stasis")
        self.ari.enter(self.room, made)
        return str(made["id"])

    def other_tells(self, mode: str) -> None:
        """It has written in the same audit log what it is about to do."""
        told = self._lines()[-1] | {"event": "mode", "mode": mode, "app": "other"}
        with self.service.settings.audit_log.open("a") as file:
            file.write(json.dumps(told) + "\n")

    def audit(self, *events: str) -> list[str]:
        """The events of the audit log; of some events the modes."""
        wanted = [line for line in self._lines() if not events or line["event"] in events]
        return [line["mode" if events else "event"] for line in wanted]

    def _lines(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.service.settings.audit_log.read_text().splitlines()]

    def asked(self, begins: str) -> Callable[[], bool]:
        return lambda: any(str(one).startswith(begins) for one in self.ari.asked)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("overtaken", [True, False])
def test_a_change_of_mode_that_is_overtaken(ari: FakeAri, service: Serving, overtaken: bool) -> None:
    """Both have succeeded, and the newer mode stays; while one that is in nobody's place is refused."""
    scene = Scene(ari, service)
    entering = f"POST /bridges/{scene.room}/addChannel"
    ari.asked.clear()
    with ThreadPoolExecutor() as pool:
        with ari.trouble(entering):
            whisper = pool.submit(scene.ask, "whisper")
            eventually(scene.asked(entering), message="it does not get that far")
            newest = scene.other_replica("barge") if overtaken else ""
        assert whisper.result() == (200 if overtaken else 503)
    if overtaken:
        eventually(lambda: [one for one in scene.members if ids.snoop_mode(one)][-1:] == [newest])
        eventually(lambda: {one for one in ari.channels if ids.snoop_mode(one)} == {newest}, message="others are left")


def test_the_newest_mode_is_the_one_that_follows(ari: FakeAri, service: Serving) -> None:
    """Though it came and went, with the leg it was on, while this replica was busy with the one before."""
    scene = Scene(ari, service)
    busy = f"DELETE /channels/{scene.listens}"
    with ari.trouble(busy):
        whispers = scene.other_replica("whisper")
        eventually(scene.asked(busy), message="the older Snoop is left alone")
        barges = scene.other_replica("barge")
        for channel_id in (barges, whispers, scene.listens, scene.call.aleg):
            ari.end(channel_id)
    follows = f"POST /channels/{scene.call.bleg}/snoop/patchbay-{scene.key}-"
    eventually(scene.asked(follows), message="the supervisor does not follow the call")
    assert scene.asked(f"{follows}barge-")()


@pytest.mark.parametrize("told", ["elsewhere", "here, before", "here, after"])
def test_the_audit_log_tells_which_mode_holds(ari: FakeAri, service: Serving, told: str) -> None:
    """A line of the other replica's stands in the same file after ours, before ours, or in another file."""
    scene = Scene(ari, service)
    if told == "here, before":
        scene.other_tells("barge")
    assert scene.ask("whisper") == 200
    if told == "here, after":
        scene.other_tells("barge")
    (whispers,) = [one for one in ari.channels if ids.snoop_mode(one)]
    scene.other_replica("barge")
    eventually(lambda: whispers not in ari.channels, message="the older Snoop is left alone")
    if told != "here, after":
        eventually(lambda: "holds" in scene.audit(), message="that is not told")
    ari.end(ids.phone_id(scene.key))
    eventually(lambda: scene.audit()[-1] == "ended", message="no end")
    assert scene.audit("mode", "holds")[-1] == "barge"
    assert scene.audit().count("holds") == (0 if told == "here, after" else 1)


@pytest.mark.parametrize("verb", ["park", "transfer"])
def test_a_move_while_the_other_one_moves(ari: FakeAri, service: Serving, verb: str) -> None:
    """Asterisk has that one's channel still: it is waited for."""
    call = Exchange(ari, service).local()

    def tries() -> list[Asked]:
        return [one for one in ari.asked if str(one).endswith("-redirect")]

    with ThreadPoolExecutor() as pool:
        with ari.trouble("POST /channels/patchbay-", status=409):
            move = pool.submit(service.post, f"/v1/call/{call.call_id}/{verb}", body_of(verb))
            eventually(lambda: len(tries()) > 2, message="it does not try again")
            refused = tries()[-1].path.rpartition("/")[2]
            ari.send("ChannelDestroyed", channel=channel(refused, "Local/redirect@patchbay-redirect-00000001;1"))
        assert move.result().status == 200
    assert {one.query["otherChannelId"] for one in tries()} == {ids.turn_id(call.aleg)}


@pytest.mark.usefixtures("impatient")
def test_a_move_that_never_has_its_turn(ari: FakeAri, service: Serving) -> None:
    """It is refused, and not for ever waited for."""
    call = Exchange(ari, service).local()
    with ari.trouble("POST /channels/patchbay-", status=409):
        assert service.post(f"/v1/call/{call.call_id}/park", body_of("park")).seen == failed("park", "pbx")
