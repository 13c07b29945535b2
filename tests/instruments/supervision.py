"""Given-steps of supervision: supervisors on a call, who hears whom then, and what Asterisk holds for them."""

import re

from tests.instruments.phone import Phone
from tests.instruments.polling import eventually
from tests.instruments.recording import Mark
from tests.instruments.scene import Scene, call_up
from tests.instruments.stage import Stage

LISTEN, WHISPER, BARGE = MODES = ("listen", "whisper", "barge")
BOSS, CHIEF = "103", "104"


class Gaps:
    """What listeners have missed of speakers, both named as in the scene, since this was made."""

    def __init__(self, scene: Scene, *pairs: tuple[str, str]) -> None:
        self._pairs: list[tuple[Phone, Phone, Mark]] = [
            (scene.parties[listener], scene.parties[speaker], scene.parties[listener].mark())
            for listener, speaker in pairs
        ]

    def longest(self) -> int:
        """Milliseconds of the longest silence of a voice."""
        return max(ms for ear, speaker, mark in self._pairs for ms in (0, *ear.gaps_since(mark, speaker.voice)))

    def missing(self) -> int:
        """Milliseconds for which one of them got no packets at all, to some 40 ms."""
        return max(ear.missing_since(mark) for ear, _, mark in self._pairs)


def call_and_boss(stage: Stage, kind: str, answer: float | None = 0.0, /, **more: Phone) -> Scene:
    """A call of this kind, and the phone of extension 103, `boss`, which picks up after `answer` seconds or never."""
    return call_up(stage, kind, boss=stage.phone(BOSS, 3, answer=answer), **more)


def supervised(stage: Stage, kind: str, mode: str = LISTEN, **more: Phone) -> Scene:
    """The same with `boss` on the call."""
    scene = call_and_boss(stage, kind, **more)
    scene.acme.do(mode, scene.call_id, ext=BOSS)
    scene.parties["boss"].wait_established()
    scene.hears(table(boss=mode))
    return scene


def ringing(stage: Stage, kind: str, mode: str = LISTEN) -> Scene:
    """The same with `boss` still ringing."""
    scene = call_and_boss(stage, kind, None)
    scene.acme.do(mode, scene.call_id, ext=BOSS)
    scene.parties["boss"].wait_ringing()
    return scene


def table(agent: str = "agent", far: str = "far", **modes: str) -> dict[str, str]:
    """Who hears whom while these supervisors are on, each in its mode, and `agent`'s is the leg that is spied on."""
    whispering = [name for name, mode in modes.items() if mode != LISTEN]
    barging = [name for name, mode in modes.items() if mode == BARGE]
    pair = {agent: " ".join([far, *whispering]), far: " ".join([agent, *barging])}
    return pair | dict.fromkeys(modes, f"{agent} {far}")


def only_the_call(scene: Scene) -> None:
    """Agent and far side talk as before, and nothing of ours is left beside them."""
    scene.stage.nothing_of_ours()
    scene.talking()
    assert scene.row() is not None


def snoops(stage: Stage) -> list[str]:
    """Names of the Snoop channels; no two that ever were have the same."""
    return sorted(name for name in stage.channels() if name.startswith("Snoop/"))


def wait_snoops(stage: Stage, count: int) -> list[str]:
    """Waits until there are just so many."""
    eventually(lambda: len(snoops(stage)) == count, message=f"there are not {count} Snoops")
    return snoops(stage)


def unique_id(stage: Stage, endpoint: str) -> str:
    """Asterisk's unique id of the one channel of a PJSIP endpoint."""
    lines = stage.pbx.cli("core show channels concise").splitlines()
    (found,) = [line.rpartition("!")[2] for line in lines if line.startswith(f"PJSIP/{endpoint}-")]
    return found


def told(phone: Phone) -> int:
    """How many requests that can change its display or its media the phone has got since its start."""
    return len(re.findall(r"^(?:INVITE|UPDATE) sip:.*\n(?:.+\n)*?User-Agent: PBX", phone.log().replace("\r", ""), re.M))
