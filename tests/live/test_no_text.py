"""A channel that Asterisk cannot tell of: a pattern of an operator takes any byte from a phone, ARI's JSON does not."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from service.check.finding import Level
from tests.instruments.checking import Checked
from tests.instruments.moves import extension, wait_fields
from tests.instruments.polling import eventually
from tests.instruments.scene import AGENT, LOCAL, OTHER, call_up
from tests.instruments.stage import ACME, Stage, live_stage
from tests.instruments.stranger import Login, Stranger
from tests.instruments.supervision import BOSS

pytestmark = pytest.mark.owns

DIALPLAN = """
[acme.test](+)
exten => _0901.,1,Answer()
 same => n,MusicOnHold(default,600)
exten => _0902.,1,Answer()
 same => n,Wait(1)
 same => n,Goto(103,1)
"""
NOTICED_SECONDS = 15.0
"""Two looks of the service, five seconds apart, and what a loaded machine adds."""


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A PBX with such patterns."""
    extra = {"extensions.conf": DIALPLAN}
    with live_stage(tmp_path_factory.mktemp("bytes"), f"bytes-{os.getpid()}", extra) as stage:
        yield stage


@contextmanager
def dialled(stage: Stage, number: str) -> Iterator[str]:
    """The name of the channel of a phone that has dialled it and is answered; hung up when left."""
    before = set(stage.channels())
    with Stranger(stage.pbx.sip_port, ACME) as phone:
        assert phone.invite(number, "105", Login("105", stage.pbx.secrets.phones[f"105@{ACME}"])).status == 200
        (name,) = set(stage.channels()) - before
        yield name
        stage.pbx.cli(f"channel request hangup {name}")
        eventually(lambda: name not in stage.channels(), message="not hung up")


def test_one_such_channel_hides_itself_alone(stage: Stage) -> None:
    """A service that starts then lists and works all other calls, and says which channel it is, until that is gone."""
    boss, plain = extension(stage, BOSS, 3, answer=0.0), extension(stage, "104", 4, answer=0.0)
    scene = call_up(stage, LOCAL, boss=boss, plain=plain)
    with dialled(stage, "0901%ff") as name:
        assert stage.ari.get("channels").status_code == 500
        stage.service.stop()
        begun = len(stage.service.log)
        stage.serve()
        assert [row["call_id"] for row in scene.acme.calls()] == [scene.call_id]
        assert stage.service.log[begun:].count(f"cannot tell of channel {stage.pbx.name}") == 1
        assert name in stage.service.log[begun:]
        assert scene.acme.metrics()["patchbay_hidden_channels"] == 1
        found = Checked(stage.pbx, stage.service.folder / "tenants.toml").findings()
        (told,) = [one for one in found if one.subject == "channels"]
        assert told.level is Level.FAIL
        assert name in told.text
        scene.acme.do("listen", scene.call_id, ext=BOSS)
        scene.talking(boss="agent far")
        scene.acme.do("transfer", scene.call_id, ext="104", legs="aleg")
        scene.hears({"agent": "plain", "plain": "agent", "boss": "agent plain"})
    eventually(lambda: "can tell of every channel again" in stage.service.log[begun:], deadline=NOTICED_SECONDS)
    assert scene.acme.metrics()["patchbay_hidden_channels"] == 0
    wait_fields(
        scene.acme,
        call_id=scene.call_id,
        context=ACME,
        source=AGENT,
        destination="104",
        direction="local",
        ip="127.0.0.1",
        state="CS_EXECUTE",
    )
    scene.hears({"agent": "plain", "plain": "agent", "boss": "agent plain"})


def test_what_comes_to_be_told_is_listed(stage: Stage) -> None:
    """The phone goes on to an extension with a name: its call is there then, though no event told of its beginning."""
    called = extension(stage, "103", 1)
    stage.start(called=called)
    with dialled(stage, "0902%ff"):
        called.wait_ringing()
        eventually(
            lambda: [row["destination"] for row in stage.acme.calls()] == ["103"],
            deadline=NOTICED_SECONDS,
            message="not listed",
        )


def test_what_ended_untold_is_listed_no_more(stage: Stage) -> None:
    """A phone sends the one it talks to there (REFER); no event tells of that one's end."""
    scene = call_up(stage, LOCAL)
    scene.agent.transfer("0901%ff")
    scene.agent.wait_idle()
    stage.pbx.cli("channel request hangup all")
    eventually(lambda: not stage.channels())
    eventually(lambda: not scene.acme.calls(), deadline=NOTICED_SECONDS, message="a call that is over is still listed")
    assert OTHER not in str(scene.acme.calls())
