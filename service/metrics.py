"""What is counted and timed, for Prometheus. Labels are bounded: no ids, no numbers, nothing a client chooses.

prometheus-client is the reference library for Python, and keeps the exposition format out of our code.
"""

import asyncio

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from service import __version__

# Seconds. An operation takes some 10 ms and a phone's answer is not waited for, so most of the buckets are small.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

# What the gate says when it refuses. busy: the counts of a tenant could not be had within Asterisk's 3 s.
REFUSALS = ("stopped", "number", "at_once", "per_minute", "per_day", "busy")

_ARI_WORDS = frozenset(
    "channels bridges playbacks endpoints applications events user asterisk info modules variable snoop play "
    "addChannel removeChannel subscription eventFilter".split()
)


class Metrics:
    """The meters of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        Info("patchbay_build", "The running version.", registry=self.registry).info({"version": __version__})
        tasks = Gauge("patchbay_tasks", "Work in progress: asyncio's tasks.", registry=self.registry)
        tasks.set_function(lambda: len(asyncio.all_tasks()))
        self.ready = Gauge("patchbay_ready", "1 while the picture of calls is complete.", registry=self.registry)
        self.connections = Counter(
            "patchbay_connections", "Event streams that were opened and proved.", registry=self.registry
        )
        self.hidden = Gauge(
            "patchbay_hidden_channels",
            "Channels that Asterisk cannot tell of, for they hold no text.",
            registry=self.registry,
        )
        self.auth_failures = Counter(
            "patchbay_auth_failures", "Requests whose token does not do.", ("reason",), registry=self.registry
        )
        self.audit_failures = Counter(
            "patchbay_audit_failures", "Lines the audit log could not take.", registry=self.registry
        )
        self.snapshot = self._histogram("patchbay_snapshot_seconds", "From connecting to a complete picture.")
        self.event_lag = self._histogram(
            "patchbay_event_lag_seconds", "Age of the oldest event read in one go, when applied."
        )
        self.outbound_refused = Counter(
            "patchbay_outbound_refused", "Calls outside that a limit refused.", ["reason"], registry=self.registry
        )
        for reason in REFUSALS:
            self.outbound_refused.labels(reason)
        self._requests = self._histogram("patchbay_request_seconds", "API requests.", "route", "outcome")
        self._ari = self._histogram("patchbay_ari_request_seconds", "Requests to Asterisk.", "request", "status")

    def request(self, route: str, outcome: str, seconds: float) -> None:
        """One API request: the route's path as in the table, the contract's word for what came of it."""
        self._requests.labels(route, outcome).observe(seconds)

    def ari_request(self, method: str, path: tuple[str, ...], status: int, seconds: float) -> None:
        """One request to Asterisk; status 0 means no answer."""
        words = (part if part in _ARI_WORDS else "{}" for part in path)
        self._ari.labels(f"{method} /{'/'.join(words)}", str(status)).observe(seconds)

    def _histogram(self, name: str, about: str, *labels: str) -> Histogram:
        return Histogram(name, about, labels, buckets=BUCKETS, registry=self.registry)
