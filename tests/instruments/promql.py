"""Reads PromQL as far as to say which metrics and labels a query names."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Series = Mapping[str, str]
"""The labels of one series."""

FUNCTIONS = frozenset("count histogram_quantile increase max rate sum".split())
KEYWORDS = frozenset("and by offset or unless".split())
PROMETHEUS_S = frozenset(("job", "instance"))
"""Labels that Prometheus itself gives to all it scrapes."""

MATCHERS = re.compile(r'\{((?:[^{}"]|"[^"]*")*)\}')
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
GROUPING = re.compile(r"\bby\s*\(([\w\s,]*)\)")
NAME = re.compile(r"(?<![\w$.])[a-z_]\w*")
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? \S+$", re.MULTILINE)


@dataclass(frozen=True)
class Matcher:
    """`label` `operator` "value" between braces."""

    label: str
    operator: str
    value: str

    def takes(self, series: Series) -> bool:
        """Whether a series passes; labels of Prometheus's own always do."""
        if self.label in PROMETHEUS_S:
            return True
        equal = re.fullmatch(self.value if "~" in self.operator else re.escape(self.value), series[self.label])
        return bool(equal) is not self.operator.startswith("!")

    def words(self) -> list[str]:
        """The values it names, patterns among them."""
        return self.value.split("|") if "~" in self.operator else [self.value]


@dataclass(frozen=True)
class Selector:
    """A metric and what its series have to match."""

    metric: str
    matchers: tuple[Matcher, ...]


def selectors(query: str) -> Iterator[Selector]:
    """All selectors of a query: whatever name is no function, keyword, label or string."""
    bare = GROUPING.sub(lambda found: " " * len(found[0]), query)
    for braces in MATCHERS.finditer(query):
        bare = bare[: braces.start()] + "{" + " " * (len(braces[0]) - 2) + "}" + bare[braces.end() :]
    bare = re.sub(r"\[.*?\]|(?<=offset )\w+", lambda found: " " * len(found[0]), bare)
    for name in NAME.finditer(bare):
        if name[0] in FUNCTIONS | KEYWORDS:
            continue
        braces_here = MATCHERS.match(query, name.end())
        found = MATCHER.findall(braces_here[1]) if braces_here else []
        yield Selector(name[0], tuple(Matcher(*each) for each in found))


def grouped_by(query: str) -> set[str]:
    """The labels a query keeps."""
    return {label for group in GROUPING.findall(query) for label in re.findall(r"\w+", group)}


def samples(scrape: str) -> dict[str, list[Series]]:
    """Metric -> its series, of a scrape in the text format."""
    found: dict[str, list[Series]] = {}
    for name, labels in SAMPLE.findall(scrape):
        found.setdefault(name, []).append(dict(re.findall(r'(\w+)="([^"]*)"', labels)))
    return found
