"""Two tenants with the same extension numbers: neither sees, hears or moves anything of the other's."""

import signal
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.instruments.ari_proxy import AriProxy
from tests.instruments.audibility import Table
from tests.instruments.client import Client
from tests.instruments.failures import UNKNOWN_CALL, VERBS, failure, good
from tests.instruments.faulty import Exchange
from tests.instruments.http_wire import Wire, request
from tests.instruments.phone import Phone
from tests.instruments.polling import eventually
from tests.instruments.scene import CLICK, INBOUND, LOCAL, Scene, call_up
from tests.instruments.stage import ACME, GLOBEX, HOTLINES, Stage, live_stage
from tests.instruments.witness import Witness

THEIR_NUMBER = "02873005678"
"""Leads to 101@globex.test."""

HELPERS = ("-tone-", "-listen-", "-phone", "-bridge")
"""Parts of the ids of what carries a supervision."""

Answer = tuple[int, dict[str, str], bytes]


def whole(answer: httpx.Response) -> Answer:
    """All of an answer but its date."""
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    return answer.status_code, headers, answer.content


def post(client: Client, path: str, body: bytes) -> Answer:
    """Asks under a request id of our own, which the answer repeats."""
    return whole(client.http.post(path, content=body, headers={"X-Request-ID": "same"}))


@dataclass
class Neighbours:
    """Acme's call between 101 and its far side, supervised by 103; globex's between its own 101 and 102, 103 idle."""

    scene: Scene
    globex_call: str
    acme_ids: list[str]
    globex_ids: list[str]
    names: list[str]
    """Of all channels and bridges, whosever they are."""

    @property
    def stage(self) -> Stage:
        return self.scene.stage

    def undisturbed(self) -> None:
        """Everybody hears whom they heard, and each list shows its own call only."""
        self.scene.hears({"agent": "far", "far": "agent", "sup": "agent far", "agent2": "far2", "far2": "agent2"})
        assert [row["call_id"] for row in self.stage.acme.calls()] == [self.scene.call_id]
        assert [row["call_id"] for row in self.stage.globex.calls()] == [self.globex_call]


def neighbours(stage: Stage, kind: str) -> Neighbours:
    """Both calls up, acme's supervised."""
    witness = Witness(stage)
    globex = {
        "agent2": stage.phone("101", 4, GLOBEX, answer=0.0),
        "far2": stage.phone("102", 5, GLOBEX, answer=0.0),
        "free2": stage.phone("103", 6, GLOBEX, answer=0.0),
    }
    scene = call_up(stage, kind, sup=stage.phone("103", 3, answer=0.0), **globex)
    scene.acme.do("listen", scene.call_id, ext="103")
    eventually(lambda: Exchange(stage).supervisors() == 1, message="the supervisor is not let in")
    acme_ids = everything(witness, "id")
    globex["agent2"].dial("102")
    globex["far2"].wait_established()
    theirs = [one for one in everything(witness, "id") if one not in acme_ids]
    return Neighbours(scene, stage.globex.only_call()["call_id"], acme_ids, theirs, everything(witness, "name"))


def everything(witness: Witness, field: str) -> list[str]:
    """The ids or the names of all channels and bridges."""
    return [one[field] for one in (*witness.channels(), *witness.bridges()) if one[field]]


BEFORE = ("%20", "%2F", "%2e%2e%2F", "PJSIP%2F", "Local%2F", "Snoop%2F", "channel:")
BEHIND = ("0", "%20", "%00", "%0a", "%2F", "%2Fx", ";1", ";2", "*", "@acme.test", ".json")


def forms(reference: str) -> Iterator[str]:
    """How somebody might hope to get by with an id or a name: its case, its encoding, what stands before or behind."""
    plain = quote(reference, safe="")
    yield from encoded(reference)
    yield from (quote(changed, safe="") for changed in (reference.upper(), reference.title(), reference.swapcase()))
    yield from (f"{plain}{more}" for more in BEHIND)
    yield from (f"{before}{plain}" for before in BEFORE)
    yield from (plain[:-1], plain[1:], f"{plain},{plain}", f"{plain}&{plain}", f"/{plain}/")


def encoded(reference: str) -> Iterator[str]:
    """In every way that is the same or might be read as the same."""
    plain = quote(reference, safe="")
    once = "".join(f"%{byte:02x}" for byte in reference.encode())
    yield from (plain, once, once.upper(), quote(once), quote(quote(once)), plain.replace("-", "%2D"))


def names(domain: str) -> list[str]:
    """What a call of this tenant could be named by, beside ids and names of Asterisk's."""
    of_endpoints = [f"{technology}101@{domain}" for technology in ("", "PJSIP/", "Local/")]
    return [domain, "101", f"park-{domain}", HOTLINES[domain][0], *of_endpoints]


def asked_of(watched: AriProxy | None) -> AbstractContextManager[list[str]]:
    """What Asterisk is asked inside; nothing where nobody sees it."""
    return watched.watch() if watched else nullcontext([])


def spoken(client: Client) -> Wire:
    """A connection that sends a path as it is spelt, which httpx does not."""
    url = client.http.base_url
    return Wire(url.port or 80, host=url.host)


def unknown_to(client: Client, watched: AriProxy | None, ids: Iterable[str], names: Iterable[str]) -> None:
    """Every verb with each id in every form, and each name: an unknown id's answer, to the last header.

    Asterisk is not asked.
    """
    spelt = sorted({form for one in ids for form in forms(one)} | {form for one in names for form in encoded(one)})
    token = client.http.headers["Authorization"].removeprefix("Bearer ")
    with asked_of(watched) as asked, spoken(client) as line:

        def answer(reference: str, verb: str) -> Answer:
            line.say(request("POST", f"/v1/call/{reference}/{verb}", token, good(verb), "X-Request-ID: same"))
            heard = line.hear()
            return heard.status, {name: value for name, value in heard.headers.items() if name != "date"}, heard.body

        for verb in VERBS:
            unknown = answer(UNKNOWN_CALL, verb)
            assert (unknown[0], unknown[2]) == failure(verb, "CALL_NOT_FOUND")
            for form in spelt:
                assert answer(form, verb) == unknown, (verb, form)
    assert asked == []


@pytest.mark.parametrize("kind", [CLICK, LOCAL])
def test_another_tenants_call_is_an_unknown_one(stage: Stage, watched: AriProxy | None, kind: str) -> None:
    """By every id and name of the other's, in every form; and nothing moves. Globex's call is the same both times."""
    both = neighbours(stage, kind)
    before = Witness(stage).still()
    assert len(both.acme_ids) >= 6, "two legs, a Snoop, the supervisor's phone, two bridges"
    unknown_to(stage.globex, watched, [both.scene.call_id, *both.acme_ids], [*both.names, *names(ACME)])
    if kind == CLICK:
        unknown_to(stage.acme, watched, [both.globex_call, *both.globex_ids], [*both.names, *names(GLOBEX)])
    assert Witness(stage).still() == before
    both.undisturbed()
    assert not both.scene.parties["free2"].rings


def test_so_is_one_that_is_parked(stage: Stage, watched: AriProxy | None) -> None:
    """While it is: by the waiting leg's id, the park's, and their names."""
    scene = call_up(stage, INBOUND)
    scene.acme.do("park", scene.call_id, legs="bleg")
    scene.acme.wait_row(scene.call_id, lambda row: row["state"] == "CS_PARK")
    stage.nothing_of_ours()
    witness = Witness(stage)
    before = witness.still()
    ids = everything(witness, "id")
    assert len(ids) >= 2, "a leg, a bridge"
    unknown_to(stage.globex, watched, [scene.call_id, *ids], everything(witness, "name"))
    assert witness.still() == before


@pytest.fixture
def tone(stage: Stage) -> Iterator[None]:
    """Acme wants a tone each second."""
    file = Path(stage.service.settings["tenants"])
    before = file.read_text()
    file.write_text(before.replace(f'domain = "{ACME}"\n', f'domain = "{ACME}"\nsupervised_tone_seconds = 1\n'))
    stage.service.signal(signal.SIGHUP)
    yield
    file.write_text(before)
    stage.service.signal(signal.SIGHUP)


@pytest.mark.owns
@pytest.mark.usefixtures("tone")
def test_so_is_all_that_carries_a_supervision(stage: Stage, watched: AriProxy | None) -> None:
    """The tone's Snoop, the phone that rings, and the halves of the channel that rings it."""
    more = {"boss": stage.phone("103", 3, answer=0.0), "chief": stage.phone("104", 4)}
    scene = call_up(stage, CLICK, **more)
    for extension, phone in (("103", more["boss"]), ("104", more["chief"])):
        scene.acme.do("listen", scene.call_id, ext=extension)
        phone.wait_ringing() if phone is more["chief"] else phone.wait_established()
    witness = Witness(stage)
    eventually(lambda: Exchange(stage).supervisors() == 1, message="the first is not let in")
    eventually(lambda: [one for one in everything(witness, "id") if "-tone-" in one], message="no tone")
    before, ids = witness.still(), everything(witness, "id")
    assert [what for what in HELPERS if what not in " ".join(ids)] == []
    unknown_to(stage.globex, watched, ids, everything(witness, "name"))
    assert witness.still() == before


def test_supervisors_snoops_and_bridges_are_no_calls_for_their_own_tenant_either(stage: Stage) -> None:
    """Only the ids of legs name a call."""
    both = neighbours(stage, CLICK)
    witness = Witness(stage)
    legs = {
        channel["id"]
        for channel in witness.channels()
        if channel["channelvars"]["CHANNEL(linkedid)"] == both.scene.call_id
    }
    helpers = [one for one in both.acme_ids if one not in legs]
    assert len(helpers) >= 4, "a Snoop, the supervisor's phone, two bridges"
    before = witness.still()
    for helper in helpers:
        for verb in VERBS:
            answer = stage.acme.http.post(f"/v1/call/{helper}/{verb}", content=good(verb, "102"))
            assert (answer.status_code, answer.content) == failure(verb, "CALL_NOT_FOUND"), (verb, helper)
    assert witness.still() == before
    both.undisturbed()


def test_another_tenants_extensions_and_hotlines_are_unknown_ones(stage: Stage) -> None:
    """On one's own call, in every field: the same answer as for what nobody has."""
    both = neighbours(stage, LOCAL)
    before = Witness(stage).still()
    for verb in VERBS:
        if verb == "park":
            continue
        path = f"/v1/call/{both.scene.call_id}/{verb}"
        unknown = post(stage.acme, path, good(verb, "199"))
        for name in ("101@globex.test", "103@globex.test", "PJSIP/103@globex.test", "globex.test", THEIR_NUMBER):
            assert post(stage.acme, path, good(verb, name)) == unknown
    click = '{"extension":"%s","hotline":"%s","phone_number":"0909123456"}'
    nobody = post(stage.acme, "/api/click2call", (click % ("199", "02873001234")).encode())
    nobodys = post(stage.acme, "/api/click2call", (click % ("103", "02873009999")).encode())
    for name in ("101@globex.test", "103@globex.test"):
        assert post(stage.acme, "/api/click2call", (click % (name, "02873001234")).encode()) == nobody
    for hotline in HOTLINES[GLOBEX]:
        assert post(stage.acme, "/api/click2call", (click % ("103", hotline)).encode()) == nobodys
    assert Witness(stage).still() == before
    both.undisturbed()


def test_the_same_number_is_another_phone(stage: Stage) -> None:
    """Each tenant's 103 is its own: supervision, click-to-call and transfer ring that one alone."""
    both = neighbours(stage, CLICK)
    parties = both.scene.parties
    acme103, globex103 = parties["sup"], parties["free2"]
    assert (len(acme103.rings), len(globex103.rings)) == (1, 0)
    stage.globex.do("listen", both.globex_call, ext="103")
    globex103.wait_established()
    assert (len(acme103.rings), len(globex103.rings)) == (1, 1)
    both.scene.hears(
        {"agent": "far", "far": "agent", "sup": "agent far", "agent2": "far2", "far2": "agent2", "free2": "agent2 far2"}
    )
    stage.globex.do("transfer", both.globex_call, ext="103", legs="aleg")
    globex103.wait_rings(2)
    assert len(acme103.rings) == 1
    parties["agent2"].hangup()


# -- a call from one tenant to the other ------------------------------------------------


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A PBX whose trunk leads to the demo carrier, which gives the tenants' numbers back."""
    folder = tmp_path_factory.mktemp("town")
    with live_stage(folder, f"{folder.parent.name}-town", demo_carrier=True) as stage:
        yield stage
        stage.strike()


@dataclass
class Across:
    """101 of acme has called globex's number, and its 101 has answered."""

    parties: dict[str, Phone]
    acme_call: str
    globex_call: str


@pytest.fixture
def across(town: Stage) -> Iterator[Across]:
    parties = {
        "caller": town.phone("101", 1),
        "called": town.phone("101", 2, GLOBEX, answer=0.0),
        "sup": town.phone("103", 3, answer=0.0),
        "sup2": town.phone("103", 4, GLOBEX, answer=0.0),
    }
    table = town.start(**parties)
    parties["caller"].dial(THEIR_NUMBER)
    parties["called"].wait_established()
    parties["caller"].wait_established()
    table.expect({"caller": ["called"], "called": ["caller"]})
    yield Across(parties, town.acme.only_call()["call_id"], town.globex.only_call()["call_id"])
    town.strike()


@pytest.mark.owns
def test_a_call_between_tenants_is_each_ones_own(town: Stage, across: Across) -> None:
    """Two calls, two ids, a row each, with the other as the outside party."""
    (mine,), (theirs,) = town.acme.calls(), town.globex.calls()
    assert across.acme_call != across.globex_call
    assert {name: mine[name] for name in ("context", "source", "destination", "direction", "state")} == {
        "context": ACME,
        "source": "101",
        "destination": THEIR_NUMBER,
        "direction": "outbound",
        "state": "CS_EXECUTE",
    }
    assert {name: theirs[name] for name in ("context", "source", "destination", "direction", "state")} == {
        "context": GLOBEX,
        "source": HOTLINES[ACME][0],
        "destination": "101",
        "direction": "inbound",
        "state": "CS_EXECUTE",
    }


@pytest.mark.owns
def test_neither_can_name_the_others_half(town: Stage, across: Across) -> None:
    """Nor what lies between: only the legs of one's own half."""
    witness = Witness(town)
    linkedids = {channel["id"]: channel["channelvars"]["CHANNEL(linkedid)"] for channel in witness.channels()}
    names = {channel["name"]: channel["id"] for channel in witness.channels()}
    halves = {
        domain: linkedids[next(one for name, one in names.items() if name.startswith(f"PJSIP/101@{domain}"))]
        for domain in (ACME, GLOBEX)
    }
    before = witness.still()
    for client, domain, foreign in ((town.acme, ACME, across.globex_call), (town.globex, GLOBEX, across.acme_call)):
        not_mine = [one for one, linkedid in linkedids.items() if linkedid != halves[domain]]
        assert len(not_mine) >= 2
        for reference in (foreign, *not_mine):
            for verb in VERBS:
                answer = client.http.post(f"/v1/call/{reference}/{verb}", content=good(verb))
                assert (answer.status_code, answer.content) == failure(verb, "CALL_NOT_FOUND")
    assert witness.still() == before


@pytest.mark.owns
@pytest.mark.parametrize("side", ["acme", "globex"])
def test_supervision_spies_on_ones_own_extension_only(town: Stage, across: Across, side: str) -> None:
    """The Snoop sits on the own tenant's phone; a whisper is heard there and nowhere else."""
    client, call, sup, own, other = (
        (town.acme, across.acme_call, "sup", "caller", "called")
        if side == "acme"
        else (town.globex, across.globex_call, "sup2", "called", "caller")
    )
    client.do("whisper", call, ext="103")
    across.parties[sup].wait_established()
    witness = Witness(town)
    domain = ACME if side == "acme" else GLOBEX
    (leg,) = witness.ids(f"PJSIP/101@{domain}")
    (snoop,) = eventually(
        lambda: [channel["name"] for channel in witness.channels() if channel["name"].startswith("Snoop/")]
    )
    assert snoop.startswith(f"Snoop/{leg}-")
    Table(across.parties).expect({own: [other, sup], other: [own], sup: [own, other]})
    assert [row["call_id"] for row in town.acme.calls()] == [across.acme_call]
    assert [row["call_id"] for row in town.globex.calls()] == [across.globex_call]


@pytest.mark.owns
def test_moving_ones_own_half_leaves_the_others_call_alone(town: Stage, across: Across) -> None:
    """Globex transfers its caller to 103: acme's call goes on, with the same id, to whoever answers there."""
    town.globex.do("transfer", across.globex_call, ext="103", legs="aleg")
    across.parties["sup2"].wait_established()
    Table(across.parties).expect({"caller": ["sup2"], "sup2": ["caller"]})
    town.acme.wait_row(across.acme_call, lambda row: row["destination"] == THEIR_NUMBER)
    town.globex.wait_row(across.globex_call, lambda row: row["destination"] == "103")
    assert not across.parties["sup"].rings
