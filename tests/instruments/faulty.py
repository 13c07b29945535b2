"""The service behind a proxy that can do to its requests, and to its event stream, what a bad day does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.instruments.ari_proxy import AriProxy
from tests.instruments.polling import eventually
from tests.instruments.stage import PROCESS_PAUSE, Stage
from tests.instruments.witness import Witness

FAULTS = ("Traceback", " ERROR ")
"""What stands in the service's log when something went wrong that nobody had thought of."""


@contextmanager
def behind_proxy(stage: Stage) -> Iterator[AriProxy]:
    """Inside, the service of the stage reaches Asterisk through the proxy."""
    with AriProxy(stage.pbx.http_port) as proxy:
        restart(stage, proxy.url)
        try:
            yield proxy
        finally:
            restart(stage, stage.pbx.ari_url)


def restart(stage: Stage, ari_url: str = "") -> None:
    """kill -9, and a new process, ready."""
    stage.service.kill()
    if ari_url:
        stage.service.settings["ari_url"] = ari_url
    stage.serve()


@contextmanager
def no_faults_logged(stage: Stage) -> Iterator[None]:
    """Fails when the service wrote an error or a traceback inside."""
    before = len(stage.service.log)
    yield
    written = stage.service.log[before:]
    assert not any(fault in written for fault in FAULTS), written


class Exchange:
    """Who talks to whom, who is parked and who supervises, as Asterisk itself says."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._witness = Witness(stage)

    def groups(self) -> list[tuple[str, list[str]]]:
        """Each bridge that has members: its name, and the endpoint or technology of each, all of them up."""
        channels = {channel["id"]: channel for channel in self._witness.channels()}
        return [
            (bridge["name"], sorted(_short(channels[one]["name"]) for one in bridge["channels"]))
            for bridge in self._witness.bridges()
            if bridge["channels"] and all(channels.get(one, {}).get("state") == "Up" for one in bridge["channels"])
        ]

    def pairs(self) -> list[list[str]]:
        """Who talks to whom; a supervisor's phone, which talks to a Local channel of ours, is nobody here."""
        pairs = [members for name, members in self.groups() if not name.startswith(("patchbay/", "park-"))]
        return [members for members in pairs if "Local" not in members]

    def parked(self) -> list[str]:
        return [member for name, members in self.groups() if name.startswith("park-") for member in members]

    def supervisors(self) -> int:
        """How many supervisors are on: they hear one Snoop each."""
        return [members for name, members in self.groups() if name.startswith("patchbay/")].count(["Local", "Snoop"])

    def modes(self) -> list[str]:
        """The mode of each Snoop of ours, in a bridge or not."""
        snoops = [channel["id"] for channel in self._witness.channels() if channel["name"].startswith("Snoop/")]
        return sorted(snoop.split("-")[2] for snoop in snoops)

    def only(self, *members: str, deadline: float = 10.0) -> None:
        """Waits until these talk to each other and there is no other channel on Asterisk."""
        wanted = sorted(members)

        def so() -> bool:
            return self.pairs() == [wanted] and len(self.stage.channels()) == len(wanted)

        self.wait(so, deadline, f"not just {wanted}")

    def nothing(self, deadline: float = 10.0) -> None:
        self.wait(lambda: not self.stage.channels() + self.stage.bridges(), deadline, "Asterisk holds something")

    def wait(self, check: Callable[[], bool], deadline: float, message: str) -> None:
        """Waits until it is so, or says what there is instead."""
        try:
            eventually(check, deadline=deadline, pause=PROCESS_PAUSE, message=message)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.groups()} {self.modes()} {self.stage.channels()}") from error


def _short(name: str) -> str:
    """`101` of PJSIP/101@acme.test-00000001, `carrier` of PJSIP/carrier-00000002, `Snoop` of a Snoop channel."""
    technology, _, rest = name.partition("/")
    return technology if technology != "PJSIP" else rest.partition("@")[0].rpartition("-")[0] or rest.partition("@")[0]
