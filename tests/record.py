"""Makes tests/recordings anew: `python -m tests.record [name …]` plays scenes with real phones and writes them down."""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.instruments.phone import Phone
from tests.instruments.polling import eventually
from tests.instruments.recorder import Recorder
from tests.instruments.stage import MOBILE, Stage, live_stage
from tests.instruments.tones import MUSIC

RECORDINGS = Path(__file__).parent / "recordings"

Scene = Callable[[Stage, Recorder], None]


def click_to_call(stage: Stage, recorder: Recorder) -> None:
    """The extension rings, the mobile rings, they talk, the mobile hangs up."""
    agent, mobile = stage.phone("101", 1), stage.mobile(2)
    stage.start(agent=agent, mobile=mobile)
    stage.acme.click("101", MOBILE)
    agent.wait_ringing()
    recorder.quiet("extension rings")
    agent.answer()
    mobile.wait_ringing()
    recorder.quiet("mobile rings")
    mobile.answer()
    recorder.quiet("talking")
    mobile.hangup()
    _over(agent, mobile)


def click_to_call_local(stage: Stage, recorder: Recorder) -> None:
    """The number is a colleague's."""
    agent, colleague = stage.phone("101", 1, answer=0.0), stage.phone("102", 2)
    stage.start(agent=agent, colleague=colleague)
    stage.acme.click("101", "102")
    colleague.wait_ringing()
    recorder.quiet("colleague rings")
    colleague.answer()
    recorder.quiet("talking")
    agent.hangup()
    _over(agent, colleague)


def click_to_call_refused(stage: Stage, recorder: Recorder) -> None:
    """The extension refuses; nothing is left."""
    agent = stage.phone("101", 1)
    stage.start(agent=agent)
    stage.acme.click("101", MOBILE)
    agent.wait_ringing()
    recorder.quiet("extension rings")
    agent.reject()
    _over(agent)


def inbound(stage: Stage, recorder: Recorder) -> None:
    """A mobile calls the hotline of 101, who answers and hangs up."""
    agent, mobile = stage.phone("101", 1), stage.mobile(2)
    stage.start(agent=agent, mobile=mobile)
    mobile.dial("02873001234")
    agent.wait_ringing()
    recorder.quiet("rings")
    agent.answer()
    recorder.quiet("talking")
    agent.hangup()
    _over(agent, mobile)


def inbound_given_up(stage: Stage, recorder: Recorder) -> None:
    """The caller hangs up before anybody answers."""
    agent, mobile = stage.phone("101", 1), stage.mobile(2)
    stage.start(agent=agent, mobile=mobile)
    mobile.dial("02873001234")
    agent.wait_ringing()
    mobile.hangup()
    _over(agent, mobile)


def local(stage: Stage, recorder: Recorder) -> None:
    """101 calls 102."""
    agent, colleague = stage.phone("101", 1), stage.phone("102", 2)
    stage.start(agent=agent, colleague=colleague)
    agent.dial("102")
    colleague.wait_ringing()
    recorder.quiet("rings")
    colleague.answer()
    recorder.quiet("talking")
    agent.hangup()
    _over(agent, colleague)


def outbound(stage: Stage, recorder: Recorder) -> None:
    """101 dials a mobile; holds and resumes."""
    agent, mobile = stage.phone("101", 1), stage.mobile(2)
    stage.start(agent=agent, mobile=mobile)
    agent.dial(MOBILE)
    mobile.wait_ringing()
    recorder.quiet("rings")
    mobile.answer()
    recorder.quiet("talking")
    agent.hold()
    recorder.quiet("held")
    agent.resume()
    recorder.quiet("talking again")
    mobile.hangup()
    _over(agent, mobile)


def ring_group(stage: Stage, recorder: Recorder) -> None:
    """A mobile calls the ring group; both ring, the second answers."""
    mobile, first, second = stage.mobile(1), stage.phone("102", 2), stage.phone("103", 3)
    stage.start(mobile=mobile, first=first, second=second)
    mobile.dial("02873001235")
    first.wait_ringing()
    second.wait_ringing()
    recorder.quiet("both ring")
    second.answer()
    first.wait_idle()
    recorder.quiet("talking")
    mobile.hangup()
    _over(mobile, second)


def queue(stage: Stage, recorder: Recorder) -> None:
    """A mobile waits in the queue until a member comes and answers."""
    mobile, member = stage.mobile(1), stage.phone("102", 2)
    stage.start(mobile=mobile)
    mobile.dial("02873001236")
    mobile.wait_established()
    recorder.quiet("waiting")
    stage.start(member=member)
    member.wait_ringing(deadline=20)
    recorder.quiet("member rings")
    member.answer()
    recorder.quiet("talking")
    member.hangup()
    _over(mobile, member)


def two_registrations(stage: Stage, recorder: Recorder) -> None:
    """A click-to-call rings both phones of 101; the second answers."""
    desk, soft, mobile = stage.phone("101", 1), stage.phone("101", 2), stage.mobile(3, answer=0.0)
    stage.start(desk=desk, soft=soft, mobile=mobile)
    stage.acme.click("101", MOBILE)
    desk.wait_ringing()
    soft.wait_ringing()
    recorder.quiet("both ring")
    soft.answer()
    mobile.wait_established()
    desk.wait_idle()
    recorder.quiet("talking")
    soft.hangup()
    _over(soft, mobile)


def inbound_two_registrations(stage: Stage, recorder: Recorder) -> None:
    """A mobile rings both phones of 101; the first answers."""
    desk, soft, mobile = stage.phone("101", 1), stage.phone("101", 2), stage.mobile(3)
    stage.start(desk=desk, soft=soft, mobile=mobile)
    mobile.dial("02873001234")
    desk.wait_ringing()
    soft.wait_ringing()
    recorder.quiet("both ring")
    desk.answer()
    soft.wait_idle()
    recorder.quiet("talking")
    desk.hangup()
    _over(desk, mobile)


def transfer_twice(stage: Stage, recorder: Recorder) -> None:
    """The customer of a click-to-call is moved to 102 and then to 103, by the same `legs`."""
    agent, mobile = stage.phone("101", 1, answer=0.0), stage.mobile(2, answer=0.0)
    second, third = stage.phone("102", 3), stage.phone("103", 4)
    stage.start(agent=agent, mobile=mobile, second=second, third=third)
    call_id = stage.acme.click("101", MOBILE)
    mobile.wait_established()
    recorder.quiet("talking")
    stage.acme.do("transfer", call_id, ext="102", legs="bleg")
    second.wait_ringing()
    recorder.quiet("second rings")
    second.answer()
    recorder.quiet("talking to the second")
    stage.acme.do("transfer", call_id, ext="103", legs="bleg")
    third.wait_ringing()
    third.answer()
    recorder.quiet("talking to the third")
    mobile.hangup()
    _over(mobile, third)


def transfer_of_extension(stage: Stage, recorder: Recorder) -> None:
    """101 of an inbound call is moved to 102: from then on two extensions talk, and the names stay."""
    agent, mobile, second = stage.phone("101", 1, answer=0.0), stage.mobile(2), stage.phone("102", 3)
    stage.start(agent=agent, mobile=mobile, second=second)
    mobile.dial("02873001234")
    agent.wait_established()
    recorder.quiet("talking")
    stage.acme.do("transfer", stage.acme.only_call()["call_id"], ext="102", legs="bleg")
    second.wait_ringing()
    recorder.quiet("second rings")
    second.answer()
    recorder.quiet("talking to the second")
    agent.hangup()
    _over(agent, second)


def transfer_of_ringing(stage: Stage, recorder: Recorder) -> None:
    """An inbound caller who still hears ringing is moved to 102."""
    agent, mobile, second = stage.phone("101", 1), stage.mobile(2), stage.phone("102", 3)
    stage.start(agent=agent, mobile=mobile, second=second)
    mobile.dial("02873001234")
    agent.wait_ringing()
    stage.acme.do("transfer", stage.acme.only_call()["call_id"], ext="102", legs="aleg")
    second.wait_ringing()
    recorder.quiet("second rings")
    second.answer()
    recorder.quiet("talking to the second")
    mobile.hangup()
    _over(mobile, second)


def park(stage: Stage, recorder: Recorder) -> None:
    """The extension of a click-to-call is cut, the mobile waits, and 102 takes it."""
    agent, mobile, second = stage.phone("101", 1, answer=0.0), stage.mobile(2, answer=0.0), stage.phone("102", 3)
    stage.start(agent=agent, mobile=mobile, second=second)
    call_id = stage.acme.click("101", MOBILE)
    mobile.wait_established()
    stage.acme.wait_row(call_id, lambda row: row["state"] == "CS_EXECUTE")
    recorder.quiet("talking")
    stage.acme.do("park", call_id, legs="aleg")
    stage.acme.wait_row(call_id, lambda row: row["state"] == "CS_PARK")
    recorder.quiet("parked")
    stage.acme.do("transfer", call_id, ext="102", legs="aleg")
    second.wait_ringing()
    recorder.quiet("second rings")
    second.answer()
    recorder.quiet("talking to the second")
    second.hangup()
    _over(mobile, second)


def park_extension(stage: Stage, recorder: Recorder) -> None:
    """The mobile of an inbound call is cut, 101 waits, and hangs up."""
    agent, mobile = stage.phone("101", 1, answer=0.0), stage.mobile(2)
    stage.start(agent=agent, mobile=mobile)
    mobile.dial("02873001234")
    agent.wait_established()
    call_id = stage.acme.only_call()["call_id"]
    stage.acme.do("park", call_id, legs="aleg")
    stage.acme.wait_row(call_id, lambda row: row["state"] == "CS_PARK")
    recorder.quiet("parked")
    agent.hangup()
    _over(agent, mobile)


def refer(stage: Stage, recorder: Recorder) -> None:
    """101 transfers an inbound call to 102 by the phone's own button."""
    agent, mobile, second = stage.phone("101", 1, answer=0.0), stage.mobile(2), stage.phone("102", 3)
    stage.start(agent=agent, mobile=mobile, second=second)
    mobile.dial("02873001234")
    agent.wait_established()
    recorder.quiet("talking")
    agent.transfer("102")
    second.wait_ringing()
    recorder.quiet("second rings")
    second.answer()
    recorder.quiet("talking to the second")
    second.hangup()
    _over(mobile, second)


def attended_transfer(stage: Stage, recorder: Recorder) -> None:
    """101 asks 102 by `*2` first and then hangs up: the mobile talks to 102."""
    agent, mobile, second = stage.phone("101", 1, answer=0.0), stage.mobile(2), stage.phone("102", 3, answer=0.0)
    stage.start(agent=agent, mobile=mobile, second=second)
    mobile.dial("02873001234")
    agent.wait_established()
    recorder.quiet("talking")
    agent.press("*2")
    eventually(lambda: mobile.heard(0.5) & set(MUSIC), message="the mobile is not put on hold")
    agent.press("102")
    second.wait_established(deadline=15)
    recorder.quiet("asking the second")
    agent.hangup()
    agent.wait_idle()
    recorder.quiet("talking to the second")
    second.hangup()
    _over(mobile, second)


def pickup(stage: Stage, recorder: Recorder) -> None:
    """101 rings, 102 takes the call by `*8`."""
    agent, mobile, second = stage.phone("101", 1), stage.mobile(2), stage.phone("102", 3)
    stage.start(agent=agent, mobile=mobile, second=second)
    mobile.dial("02873001234")
    agent.wait_ringing()
    second.dial("*8")
    second.wait_established()
    agent.wait_idle()
    recorder.quiet("talking")
    mobile.hangup()
    _over(mobile, second)


def conference(stage: Stage, recorder: Recorder) -> None:
    """101 and 102 meet in the conference room: two calls."""
    first, second = stage.phone("101", 1), stage.phone("102", 2)
    stage.start(first=first, second=second)
    first.dial("800")
    first.wait_established()
    second.dial("800")
    second.wait_established()
    recorder.quiet("both in the room")
    first.hangup()
    first.wait_idle()
    recorder.quiet("one left")
    second.hangup()
    _over(second)


def supervision(stage: Stage, recorder: Recorder) -> None:
    """103 listens to an inbound call, whispers, barges in, listens again and leaves."""
    agent, mobile, boss = stage.phone("101", 1, answer=0.0), stage.mobile(2), stage.phone("103", 3)
    stage.start(agent=agent, mobile=mobile, boss=boss)
    mobile.dial("02873001234")
    agent.wait_established()
    call_id = stage.acme.only_call()["call_id"]
    stage.acme.do("listen", call_id, ext="103")
    boss.wait_ringing()
    recorder.quiet("supervisor rings")
    boss.answer()
    recorder.quiet("listening")
    for mode in ("whisper", "barge", "listen"):
        stage.acme.do(mode, call_id, ext="103")
        recorder.quiet(mode)
    boss.hangup()
    boss.wait_idle()
    recorder.quiet("supervisor gone")
    mobile.hangup()
    _over(agent, mobile)


def supervised_to_the_end(stage: Stage, recorder: Recorder) -> None:
    """103 listens to a local call and is let go with it."""
    agent, colleague = stage.phone("101", 1), stage.phone("102", 2, answer=0.0)
    boss = stage.phone("103", 3, answer=0.0)
    stage.start(agent=agent, colleague=colleague, boss=boss)
    agent.dial("102")
    agent.wait_established()
    stage.acme.do("barge", stage.acme.only_call()["call_id"], ext="103")
    boss.wait_established()
    recorder.quiet("barge")
    agent.hangup()
    _over(agent, colleague, boss)


def two_tenants(stage: Stage, recorder: Recorder) -> None:
    """101 of each tenant calls its colleague 102 at the same time."""
    phones = {
        domain: (stage.phone("101", 2 * n, domain=domain), stage.phone("102", 2 * n + 1, domain=domain, answer=0.0))
        for n, domain in enumerate(stage.clients)
    }
    parties = [phone for pair in phones.values() for phone in pair]
    stage.start(**{str(n): phone for n, phone in enumerate(parties)})
    for agent, _ in phones.values():
        agent.dial("102")
    for agent, _ in phones.values():
        agent.wait_established()
    recorder.quiet("both talking")
    for agent, _ in phones.values():
        agent.hangup()
    _over(*parties)


SCENES: tuple[Scene, ...] = (
    click_to_call,
    click_to_call_local,
    click_to_call_refused,
    inbound,
    inbound_given_up,
    local,
    outbound,
    ring_group,
    queue,
    two_registrations,
    inbound_two_registrations,
    transfer_twice,
    transfer_of_extension,
    transfer_of_ringing,
    park,
    park_extension,
    refer,
    attended_transfer,
    pickup,
    conference,
    supervision,
    supervised_to_the_end,
    two_tenants,
)


def _over(*phones: Phone) -> None:
    for phone in phones:
        phone.wait_idle()


def main(names: list[str]) -> None:
    """Records the named scenes, all when none is named."""
    RECORDINGS.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, live_stage(Path(folder), "record") as stage:
        for scene in SCENES:
            if names and scene.__name__ not in names:
                continue
            file = RECORDINGS / f"{scene.__name__}.jsonl"
            with Recorder(stage.pbx.ari_url, "patchbay", stage.pbx.secrets.ari_password, file) as recorder:
                scene(stage, recorder)
                eventually(lambda: not stage.channels() + stage.bridges(), deadline=15, message="not at an end")
            stage.strike()
            print(f"{file.name}: {len(file.read_text().splitlines())} lines", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
