"""The dashboard and the alert rules in deploy/ ask for what the service really tells after some work."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from service.api.answers import PHRASES, ApiError, V1Error
from tests.instruments.given import is_given
from tests.instruments.no_tls import NO_TLS
from tests.instruments.polling import eventually
from tests.instruments.promql import PROMETHEUS_S, Series, grouped_by, samples, selectors
from tests.instruments.scene import CLICK, call_up
from tests.instruments.service import PROJECT
from tests.instruments.stage import Stage

if is_given():
    pytest.skip("deploy/ is not in the image that tests a given service", allow_module_level=True)

DASHBOARD = PROJECT / "deploy" / "grafana-dashboard.json"
ALERTS = PROJECT / "deploy" / "alerts.yml"

EXPR = re.compile(r"^ +expr: (?:\|\n((?: {10,}.+\n)+)|(.+))", re.MULTILINE)
Scrape = dict[str, list[Series]]

UP: Scrape = {"up": [{"job": "patchbay"}]}
"""Prometheus's own metric: whether a scrape succeeded."""

OUTCOMES = {*ApiError, *V1Error, *map(str, PHRASES), "0"}
"""Outcomes and statuses that no test here brings about."""


@dataclass(frozen=True)
class Query:
    """One query, and the label names its legend or its texts use."""

    title: str
    expr: str
    told: frozenset[str]

    def __str__(self) -> str:
        return self.title


def panels() -> Iterator[Query]:
    """Every query of the dashboard."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            told = frozenset(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            yield Query(panel["title"], target["expr"], told)


def alerts() -> Iterator[Query]:
    """Every rule of the alerts."""
    for rule in ALERTS.read_text().split("- alert: ")[1:]:
        block, line = EXPR.findall(rule)[0]
        told = frozenset(re.findall(r"\$labels\.(\w+)", rule))
        yield Query(rule.partition("\n")[0], block or line, told)


@pytest.fixture(scope="module")
def scrape(theatre: Stage) -> Scrape:
    """What the service tells of a supervised call, after requests that failed, one of them at Asterisk."""
    scene = call_up(theatre, CLICK, boss=theatre.phone("103", 3, answer=0.0))
    scene.acme.do("listen", scene.call_id, ext="103")
    scene.parties["boss"].wait_established()
    scene.acme.ask("listen", scene.call_id, ext="199")
    scene.acme.http.post("/api/click2call", json={})
    httpx.get(f"{theatre.service.url}/v1/call", verify=NO_TLS)
    for path in ("/live", "/ready", "/docs", "/openapi.json", "/metrics"):
        scene.acme.http.get(path)

    def told() -> Scrape:
        found = samples(scene.acme.http.get("/metrics").text)
        return found if found.get("patchbay_supervisors") else {}

    seen = eventually(told, message="no supervisor is counted")
    theatre.strike()
    return seen


@pytest.mark.parametrize("query", [*panels(), *alerts()], ids=str)
def test_it_names_what_is_there(scrape: Scrape, query: Query) -> None:
    """Each metric, each label, each value that is compared with."""
    named = list(selectors(query.expr))
    assert named, "names no metric"
    for selector in named:
        for matcher in selector.matchers:
            known = _values((scrape | UP)[selector.metric], matcher.label)
            unknown = [word for word in matcher.words() if not _means_one(word, known)]
            assert not unknown, matcher
    labels = {label for selector in named for label in (scrape | UP)[selector.metric][0]} | PROMETHEUS_S
    assert grouped_by(query.expr) | query.told <= labels
    assert query.told <= (grouped_by(query.expr) or labels)


@pytest.mark.parametrize("query", list(panels()), ids=str)
def test_its_panel_shows_something(scrape: Scrape, query: Query) -> None:
    """At least one series passes each selector."""
    for selector in selectors(query.expr):
        taken = [one for one in scrape[selector.metric] if all(each.takes(one) for each in selector.matchers)]
        assert taken, selector


def test_every_metric_is_shown(scrape: Scrape) -> None:
    """Nothing is measured that nobody sees."""
    shown = {_family(selector.metric) for query in panels() for selector in selectors(query.expr)}
    assert {_family(metric) for metric in scrape} == shown


def _values(series: list[Series], label: str) -> set[str]:
    """What a label can be: a job's and an instance's names are the operator's, others were seen or may come."""
    return {"patchbay.*", "$job"} if label in PROMETHEUS_S else {one[label] for one in series} | OUTCOMES


def _means_one(word: str, known: set[str]) -> bool:
    return word in known or any(re.fullmatch(word, value) for value in known)


def _family(metric: str) -> str:
    return re.sub("_(bucket|sum|count|created|total)$", "", metric)
