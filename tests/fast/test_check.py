"""`python -m service check` without an Asterisk: what it prints, its exit status, the rules it shares with others."""

import asyncio
import itertools
import json
import re
import time
from pathlib import Path

import pytest

from asterisk.pbx import installation
from service.__main__ import main
from service.ari.errors import AriNotFound, AriUnreachable
from service.calls.reduce import CHANNELVARS
from service.check import clock, configuration, dialplan, modules, render, run, version
from service.check.finding import Finding, Level, fail, ok, put, some, unseen, warn
from service.check.look import Look
from service.outbound import Switch
from service.settings import Settings
from service.tenants import Tenants
from tests.fast.conf_files import names, section
from tests.fast.test_conf import CORE, PROVIDERS, loaded

GOOD = ok("clock", "Asterisk's and ours are 0.0 s apart")
RISKY = warn("overload trigger", "global", put("pjsip.conf", "global", "a = b", "module reload res_pjsip.so"))
BAD = fail("channelvars", "PATCHBAY_LEG missing", put("ari.conf", "general", "channelvars = x"))


def test_a_finding_is_one_line() -> None:
    """Level, subject, text; then the remedy, with file, section and line."""
    assert render.line(GOOD) == "OK   clock: Asterisk's and ours are 0.0 s apart"
    assert render.line(RISKY) == (
        "WARN overload trigger: global -> in pjsip.conf, [global]: a = b; "
        "then, on Asterisk's console: module reload res_pjsip.so"
    )
    assert render.line(BAD) == "FAIL channelvars: PATCHBAY_LEG missing -> in ari.conf, [general]: channelvars = x"


def test_a_strange_answer_does_not_break_the_line() -> None:
    """What Asterisk said may hold line ends."""
    assert "\n" not in render.line(unseen("clock", AriUnreachable("GET /x: HTTP 500 one\ntwo")))


@pytest.mark.parametrize(
    ("findings", "status"), [([], 0), ([GOOD], 0), ([GOOD, RISKY], 0), ([GOOD, BAD], 1), ([BAD, BAD], 1)]
)
def test_exit_status(findings: list[Finding], status: int) -> None:
    """1 when anything failed; a warning is no failure."""
    assert render.exit_status(findings) == status


def test_json_says_the_same() -> None:
    """A list of objects, one a finding, in the same order."""
    assert json.loads(render.as_json([GOOD, BAD])) == [
        {"level": "OK", "subject": GOOD.subject, "text": GOOD.text, "remedy": ""},
        {"level": "FAIL", "subject": BAD.subject, "text": BAD.text, "remedy": BAD.remedy},
    ]


def test_many_names_are_cut_short() -> None:
    """A tenant may have hundreds of extensions."""
    assert some(["1", "2", "3"], 2) == "1, 2 and 1 more"
    assert some(["1", "2"], 2) == "1, 2"


# the version


def test_the_version_rule_is_the_launchers() -> None:
    """Both floors are one, and both rules say the same of every version."""
    assert version.FLOORS == installation.FLOORS
    for numbers in itertools.product(range(18, 27), range(25), (0, 3)):
        assert version.new_enough(numbers) == installation.new_enough(numbers)
    assert version.new_enough(()) is installation.new_enough(()) is False


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("22.10.1+dfsg+~cs6.17.60671434-1", Level.OK),
        ("20.20.0", Level.OK),
        ("24.0.0", Level.OK),
        ("22.9.0", Level.FAIL),
        ("21.12.2", Level.FAIL),
        ("certified-20.7-cert3", Level.FAIL),
        ("certified/22.8-cert1", Level.FAIL),
        ("GIT-master-abc", Level.WARN),
    ],
)
def test_versions(text: str, level: Level) -> None:
    """What ARI tells, in the shapes it comes in; the reason is given with each."""
    finding = version.judge(text)
    assert finding.level is level
    assert text in finding.text
    assert "22.9 deadlocks" in finding.text
    assert bool(finding.remedy) == (level is not Level.OK)


# what it expects is what is shipped


def test_needed_modules_are_those_that_are_shipped() -> None:
    """modules.conf loads each, and each that patchbay.conf uses is needed."""
    assert set(modules.NEEDED) <= loaded()
    assert [f"{name}.so" for name in modules.UNWANTED] == section("modules.conf", "modules").get("noload")
    calls = "\n".join(value for one in names("patchbay.conf") for value in section("patchbay.conf", one).get("exten"))
    calls += "\n".join(value for one in names("patchbay.conf") for value in section("patchbay.conf", one).get("same"))
    used = {PROVIDERS[name] for name in re.findall(r"(?<![\w^])([A-Z][A-Za-z_]+)\(", calls)} - {CORE}
    assert used
    assert used <= set(modules.NEEDED)


def test_contexts_are_those_of_patchbay_conf() -> None:
    """Every context of the shipped file is looked for."""
    assert set(dialplan.CONTEXTS) == names("patchbay.conf")


def test_channelvars_are_those_that_are_shipped() -> None:
    """The remedy is the shipped line."""
    assert section("ari.conf", "general").get("channelvars") == [",".join(CHANNELVARS)]


class Silent:
    """An Asterisk that shows none of its configuration."""

    async def asterisk_get_object(self, *path: str) -> dict[str, str]:
        raise AriNotFound(404, "/".join(path), "")


def test_what_is_not_shown_is_not_guessed() -> None:
    """The line is given all the same."""
    look = Look(Silent(), Settings(_env_file=None), Tenants((), Switch()))  # type: ignore[arg-type, call-arg]
    (finding,) = asyncio.run(configuration.channelvars(look))
    assert finding.level is Level.WARN
    assert finding.text == "not looked at: this Asterisk does not show its ari.conf"
    assert finding.remedy.startswith("in ari.conf, [general]: channelvars = ")


# the zone


def test_the_zone_is_told() -> None:
    """A zone that was chosen is fine, whatever the system's is."""
    finding = clock.zone(Settings(_env_file=None, timezone="Asia/Ho_Chi_Minh"))  # type: ignore[call-arg]
    assert finding.level is Level.OK
    assert "Asia/Ho_Chi_Minh" in finding.text


@pytest.mark.parametrize(("system", "level"), [("UTC0", Level.WARN), ("ICT-7", Level.OK)])
def test_the_systems_zone(monkeypatch: pytest.MonkeyPatch, system: str, level: Level) -> None:
    """UTC that nobody chose is most often a container's."""
    monkeypatch.setenv("TZ", system)
    time.tzset()
    try:
        finding = clock.zone(Settings(_env_file=None))  # type: ignore[call-arg]
    finally:
        monkeypatch.undo()
        time.tzset()
    assert finding.level is level
    assert finding.remedy.startswith("in .env: PATCHBAY_TIMEZONE=") is (level is Level.WARN)


# the command


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a tenants file and no .env."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tenants.toml").write_text('[[tenant]]\ndomain = "acme.test"\n')
    return tmp_path


def answer(monkeypatch: pytest.MonkeyPatch, found: list[Finding]) -> None:
    async def findings(*_: object) -> list[Finding]:
        return found

    monkeypatch.setattr("service.check.command.findings", findings)


@pytest.mark.usefixtures("elsewhere")
def test_the_command_prints_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line each."""
    answer(monkeypatch, [GOOD, BAD])
    assert main(["check"]) == 1
    assert capsys.readouterr().out.splitlines() == [render.line(GOOD), render.line(BAD)]


@pytest.mark.usefixtures("elsewhere")
def test_the_command_prints_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The same as JSON."""
    answer(monkeypatch, [GOOD])
    assert main(["check", "--json"]) == 0
    assert [one["level"] for one in json.loads(capsys.readouterr().out)] == ["OK"]


def test_a_wrong_tenants_file(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same line as at the start."""
    (elsewhere / "tenants.toml").write_text("[[tenant]]\ndomian = 1\n")
    assert (main(["check"]), main([])) == (1, 1)
    first, second = capsys.readouterr().err.splitlines()
    assert first == second
    assert "tenants.toml" in first


@pytest.mark.usefixtures("elsewhere")
def test_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The same line as at the start."""
    monkeypatch.setenv("PATCHBAY_PARK_SECONDS", "0")
    assert (main(["check", "--json"]), main([])) == (1, 1)
    first, second = capsys.readouterr().err.splitlines()
    assert first == second
    assert first.startswith("PATCHBAY_PARK_SECONDS: ")


def test_other_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Usage and 2."""
    assert main(["check", "--yaml"]) == 2
    assert "check [--json]" in capsys.readouterr().err


def test_every_check_has_a_name_of_its_own() -> None:
    """By which it is listed when it could not be done."""
    subjects = [subject for subject, _ in (*run.PLAIN, *run.HEARING, *run.PROBING)]
    assert len(set(subjects)) == len(subjects)
