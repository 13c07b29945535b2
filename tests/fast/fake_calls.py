"""Calls on the fake ARI, in telephone words; each returns when the service lists it."""

from dataclasses import dataclass

from service import ids
from tests.fast.fake_ari import CREATED_SECOND, FakeAri, Json, bridge, channel
from tests.fast.serving import ACME, Serving
from tests.instruments.polling import eventually

MOBILE = "0909123456"


@dataclass(frozen=True)
class FakeCall:
    """A call and the unique ids of its legs."""

    call_id: str
    aleg: str
    bleg: str


class Exchange:
    """Puts calls on a fake ARI and waits until the service sees them."""

    def __init__(self, ari: FakeAri, service: Serving) -> None:
        self.ari = ari
        self.service = service
        self._serial = 0

    def talking(self, domain: str = ACME) -> FakeCall:
        """101 has called the mobile, which has answered."""
        return self._pair(domain, self._agent(domain), self._mobile(), joined=True)

    def ringing(self, domain: str = ACME) -> FakeCall:
        """101 calls the mobile, which rings."""
        return self._pair(domain, self._agent(domain, state="Ring"), self._mobile(state="Ringing"))

    def local(self, domain: str = ACME) -> FakeCall:
        """101 has called 102, who has answered."""
        called = channel("", f"PJSIP/102@{domain}", app="AppDial", number="102")
        return self._pair(domain, self._agent(domain, dnid="102"), called, joined=True)

    def mobiles(self, domain: str = ACME) -> FakeCall:
        """A mobile that called in talks to another mobile."""
        caller = channel("", "PJSIP/carrier", dnid="02873001234", number=MOBILE, tenantid=domain)
        called = channel("", "PJSIP/carrier", app="AppDial", number="0909000000", tenantid=domain)
        return self._pair(domain, caller, called, joined=True)

    def parked(self, domain: str = ACME) -> FakeCall:
        """The mobile waits in the park; the agent is gone."""
        linkedid = self._id()
        call_id = ids.call_id(linkedid, domain)
        record = f"{call_id}/{domain}/outbound/{CREATED_SECOND}/101/{MOBILE}"
        waiting = self._mobile(app="BridgeWait", call=record, leg="bleg/101")
        waiting["name"] = f"PJSIP/carrier-{self._serial:08x}"
        waiting["id"] = self._id()
        waiting["channelvars"]["CHANNEL(linkedid)"] = linkedid
        self.ari.put(waiting)
        self.ari.join(bridge(f"holding-{self._serial}", waiting["id"], holding=True, name=f"park-{domain}"))
        return self._listed(domain, FakeCall(call_id, "", waiting["id"]), state="CS_PARK")

    def _pair(self, domain: str, aleg: Json, bleg: Json, *, joined: bool = False) -> FakeCall:
        linkedid = self._id()
        for leg, leg_id in ((aleg, linkedid), (bleg, self._id())):
            leg["id"], leg["name"] = leg_id, f"{leg['name']}-{self._serial:08x}"
            leg["channelvars"]["CHANNEL(linkedid)"] = linkedid
            self.ari.put(leg)
        if joined:
            self.ari.join(bridge(f"bridge-{self._serial}", aleg["id"], bleg["id"]))
        return self._listed(domain, FakeCall(ids.call_id(linkedid, domain), aleg["id"], bleg["id"]), state="CS_EXECUTE")

    def _listed(self, domain: str, call: FakeCall, state: str) -> FakeCall:
        def row() -> bool:
            text = self.service.get(domain=domain).body.decode()
            return call.call_id in text and state in text.partition(call.call_id)[2]

        eventually(row, message=f"{call} is not listed")
        return call

    def _agent(self, domain: str, **how: str) -> Json:
        return channel("", f"PJSIP/101@{domain}", **({"dnid": MOBILE, "number": "101"} | how))

    def _mobile(self, **how: str) -> Json:
        return channel("", "PJSIP/carrier", **({"app": "AppDial", "number": MOBILE} | how))

    def _id(self) -> str:
        self._serial += 1
        return f"pbx-{CREATED_SECOND}.{self._serial}"
