"""Findings as text, as JSON, and as an exit status."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from service.check.finding import Finding, Level

WIDTH = max(len(level) for level in Level)


def line(finding: Finding) -> str:
    """One line: level, subject, text, and after an arrow what to do."""
    remedy = f" -> {finding.remedy}" if finding.remedy else ""
    text = f"{finding.level:<{WIDTH}} {finding.subject}: {finding.text}{remedy}"
    return " ".join(text.splitlines())


def as_json(findings: Sequence[Finding]) -> str:
    """The same as a JSON list."""
    return json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=1)


def exit_status(findings: Sequence[Finding]) -> int:
    """1 when something failed, else 0."""
    return int(any(finding.level is Level.FAIL for finding in findings))
