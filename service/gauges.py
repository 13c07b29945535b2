"""The live picture in numbers, read from it when it is asked for."""

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service.calls.model import Call
from service.live import Live


class LiveNumbers(Collector):
    """Calls by state and direction, with `by_tenant` by tenant too; supervisors by mode."""

    def __init__(self, live: Live, *, by_tenant: bool) -> None:
        self.live = live
        self.by_tenant = by_tenant

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Nothing while the picture may be out of date: no number is better than a wrong one."""
        if not self.live.ready:
            return
        picture = self.live.picture
        names = ["state", "direction", *(["tenant"] if self.by_tenant else [])]
        calls = GaugeMetricFamily("patchbay_calls", "Live calls.", labels=names)
        for labels, number in Counter(self._labels(call) for call in picture.all_calls()).items():
            calls.add_metric(list(labels), number)
        yield calls
        supervisors = GaugeMetricFamily("patchbay_supervisors", "Supervisors on live calls.", labels=["mode"])
        for mode, number in Counter(each.mode for each in picture.supervisions() if each.phone).items():
            supervisors.add_metric([mode or "none"], number)
        yield supervisors

    def _labels(self, call: Call) -> tuple[str, ...]:
        return (call.state, call.direction, *((call.domain,) if self.by_tenant else ()))
