"""`python -m service check` on a real Asterisk: sound, then broken in each way; doing what the remedy says mends it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from asterisk.pbx import Pbx, PbxSettings, find, reserve_ports
from service.ari.client import AriClient
from service.ari.stream import open_stream
from service.check import clock, probe
from service.check.events import hearing
from service.check.finding import Finding, Level
from tests.instruments.checking import Checked, lines
from tests.instruments.polling import eventually
from tests.instruments.service import PROJECT
from tests.instruments.stage import ACME, Stage, service_settings, tenants_file
from tests.instruments.tamper import mute_websockets, replacing, tampered

pytestmark = pytest.mark.owns

RELOAD_ARI = "module reload res_ari.so"
RELOAD_SIP = "module reload res_pjsip.so"
DEAF = "patchbay.conf, tenants, declined messages, music on hold"  # what cannot be seen without events


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checked]:
    """One Asterisk for all tests of a worker."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "solo")
    file = tmp_path_factory.mktemp("check") / "tenants.toml"
    with reserve_ports() as ports, Pbx(find(), PbxSettings(f"check-{os.getpid()}-{worker}", ports)) as pbx:
        file.write_text(tenants_file(pbx.secrets.tokens))
        yield Checked(pbx, file)


@pytest.fixture
def checked(running: Checked) -> Iterator[Checked]:
    """The PBX, whose files are as they were afterwards; each test has Asterisk read them again."""
    with running.kept():
        yield running


def failed(finding: Finding, subject: str, *words: str) -> str:
    """Asserts that it is a FAIL of this subject that says these words; its remedy."""
    return judged(finding, Level.FAIL, subject, *words)


def warned(finding: Finding, subject: str, *words: str) -> str:
    """The same of a WARN."""
    return judged(finding, Level.WARN, subject, *words)


def judged(finding: Finding, level: Level, subject: str, *words: str) -> str:
    assert (finding.level, finding.subject) == (level, subject), lines([finding])
    for word in words:
        assert word in finding.text
    assert finding.remedy
    return finding.remedy


def unreachable(troubles: list[Finding], *words: str) -> str:
    """Asserts that ARI's is the trouble, and that all else is said not to have been looked at; the remedy."""
    first, rest = troubles
    assert rest.text == "not looked at: ARI has to answer first"
    return failed(first, "ARI", *words)


# sound


def test_a_sound_pbx(checked: Checked) -> None:
    """Only OK, on everything that is looked at, and nothing is left on Asterisk."""
    found = checked.findings()
    assert {one.level for one in found} == {Level.OK}, lines(found)
    assert not [one for one in found if one.remedy]
    subjects = {one.subject for one in found}
    assert {"ARI", "version", "modules", "device states", "channelvars", "overload trigger", "clock"} <= subjects
    assert {"application", "event path", "declined messages", "music on hold", "patchbay.conf", "time zone"} <= subjects
    for domain in checked.pbx.secrets.tokens:
        assert {f"context {domain}", f"extensions of {domain}", f"trunk carrier of {domain}"} <= subjects
    assert "0 active channels" in checked.pbx.cli("core show channels")
    assert "patchbay" not in checked.pbx.cli("ari show apps")
    assert " ERROR[" not in checked.pbx.log.read_text()


@pytest.mark.parametrize("broken", [False, True])
def test_the_command(checked: Checked, broken: bool) -> None:
    """Lines and JSON say the same; the exit status tells whether something failed."""
    settings = checked.settings()
    own = {
        "PATCHBAY_ARI_URL": settings.ari_url,
        "PATCHBAY_ARI_PASSWORD": "wrong" if broken else settings.ari_password.get_secret_value(),
        "PATCHBAY_TENANTS": str(settings.tenants),
        "PATCHBAY_TIMEZONE": settings.timezone,
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PATCHBAY_")}
    printed = [
        subprocess.run(
            [sys.executable, "-m", "service", "check", *more],
            env=clean | own,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        for more in ([], ["--json"])
    ]
    assert [one.returncode for one in printed] == [int(broken)] * 2
    assert [one.stderr for one in printed] == ["", ""]
    text, objects = printed[0].stdout.splitlines(), json.loads(printed[1].stdout)
    assert [line.split()[0] for line in text] == [one["level"] for one in objects]
    assert ("FAIL" in printed[0].stdout) is broken
    assert settings.ari_password.get_secret_value() not in printed[0].stdout + printed[1].stdout


def test_beside_the_service(theatre: Stage) -> None:
    """While the service of these settings runs, all is well, and its own application is no stranger's."""
    settings = service_settings(theatre.pbx, theatre.service.folder / "tenants.toml")
    checked = Checked(theatre.pbx, theatre.service.folder / "tenants.toml")
    found = checked.findings(app=settings["app"], port=theatre.service.port)
    assert {one.level for one in found} == {Level.OK}, lines(found)
    theatre.nothing_of_ours()


def test_a_check_that_is_killed(checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    """The channel it may have left ends by itself; its application is gone after anybody's next connection."""
    monkeypatch.setattr(probe, "SECONDS", 1)
    settings = checked.settings()

    async def cut_short() -> None:
        password = settings.ari_password.get_secret_value()
        async with AriClient(settings.ari_url, settings.ari_user, password) as ari, hearing(ari) as ear:
            await probe.Probe(ari, ear).make()

    asyncio.run(cut_short())
    assert "2 active channels" in checked.pbx.cli("core show channels")
    eventually(lambda: "0 active channels" in checked.pbx.cli("core show channels"), pause=0.1)
    checked.sound()
    assert "patchbay" not in checked.pbx.cli("ari show apps")


# ARI out of reach


def test_wrong_password(checked: Checked) -> None:
    """The remedy names the user's section."""
    assert unreachable(checked.troubles(ari_password="wrong"), "refused").startswith("in ari.conf, [patchbay]: ")


def test_no_password(checked: Checked) -> None:
    """The setting that is missing is named."""
    assert "in .env: PATCHBAY_ARI_PASSWORD=" in unreachable(checked.troubles(ari_password=""), "no password")


def test_no_such_user(checked: Checked) -> None:
    """Writing the user into ari.conf mends it."""
    checked.rewrite("ari.conf", "[patchbay]", "[somebody]", RELOAD_ARI)
    remedy = unreachable(checked.troubles(), "user patchbay or its password is refused")
    checked.apply(remedy, PATCHBAY_ARI_PASSWORD=checked.pbx.secrets.ari_password)
    checked.sound()


def test_wrong_port(checked: Checked) -> None:
    """The remedy names both ends: bindport, and the setting."""
    remedy = unreachable(checked.troubles(ari_url="http://127.0.0.1:9/ari"), "no answer at http://127.0.0.1:9")
    assert "in http.conf, [general]: enabled = yes and bindport = 9;" in remedy
    assert "PATCHBAY_ARI_URL=" in remedy


def test_http_disabled(checked: Checked) -> None:
    """Switching Asterisk's web server on mends it."""
    checked.rewrite("http.conf", "enabled = yes", "enabled = no", "module reload http")
    checked.apply(unreachable(checked.troubles(), "no answer at"))
    checked.sound()


def test_ari_disabled(checked: Checked) -> None:
    """Switching ARI on mends it."""
    checked.rewrite("ari.conf", "enabled = yes", "enabled = no", RELOAD_ARI)
    checked.apply(unreachable(checked.troubles(), "ARI does not"))
    checked.sound()


def test_ari_without_its_asterisk_resource(checked: Checked) -> None:
    """Loading the module mends it."""
    checked.console("module unload res_ari_asterisk.so")
    checked.apply(unreachable(checked.troubles(), "res_ari_asterisk.so is not loaded"))
    checked.sound()


def test_read_only_user(checked: Checked) -> None:
    """Letting the user write mends it."""
    checked.rewrite("ari.conf", "read_only = no", "read_only = yes", RELOAD_ARI)
    checked.apply(unreachable(checked.troubles(), "may only read"))
    checked.sound()


def test_user_from_elsewhere_only(checked: Checked) -> None:
    """Permitting our address mends it."""
    checked.rewrite("ari.conf", "read_only = no", "read_only = no\ndeny = 0.0.0.0/0.0.0.0", RELOAD_ARI)
    checked.apply(unreachable(checked.troubles(), "may not come from 127.0.0.1"))
    checked.sound()


# Asterisk itself


def test_version_below_the_floor(checked: Checked) -> None:
    """An Asterisk that says it is 22.08."""
    with tampered(checked.pbx.http_port, replacing(b'"version":"22.10.1', b'"version":"22.08.1')) as port:
        trouble = checked.only_trouble(ari_url=f"http://127.0.0.1:{port}/ari")
    assert "install Asterisk 20.20, 22.10, 23.4 or newer" in failed(trouble, "version", "22.08.1", "22.9 deadlocks")


def test_missing_modules(checked: Checked) -> None:
    """One line each; loading them mends it."""
    missing = ("app_channelredirect", "app_softhangup", "func_cut")
    for name in missing:
        checked.console(f"module unload {name}.so")
    troubles = checked.troubles()
    for name, trouble in zip(missing, troubles, strict=True):
        checked.apply(failed(trouble, "modules", f"{name}.so does not run"))
    checked.sound()


def test_device_states_loaded(checked: Checked) -> None:
    """A risk, with the issue's number and both lines; a restart without them mends it."""
    modules = ("res_stasis_device_state.so", "res_ari_device_states.so")
    for name in modules:
        checked.rewrite("modules.conf", f"noload = {name}", "", f"module load {name}")
    remedy = warned(checked.only_trouble(), "device states", *modules, "asterisk/asterisk#2170")
    checked.apply(remedy)
    checked.sound()


def test_channelvars_missing(checked: Checked) -> None:
    """The whole line is given, and mends it."""
    checked.rewrite("ari.conf", ",PATCHBAY_CALL,PATCHBAY_LEG", "", RELOAD_ARI)
    remedy = failed(checked.only_trouble(), "channelvars", "PATCHBAY_CALL, PATCHBAY_LEG missing")
    assert "channelvars = CHANNEL(linkedid),CALLERID(dnid),PATCHBAY_CALL,PATCHBAY_LEG" in remedy
    checked.apply(remedy)
    checked.sound()


def test_the_readmes_excerpt(checked: Checked) -> None:
    """Every line of it is what is printed, but for the folder."""
    checked.rewrite("ari.conf", ",PATCHBAY_CALL,PATCHBAY_LEG", "", RELOAD_ARI)
    printed = lines(checked.findings()).splitlines()
    _, _, section = (PROJECT / "README.md").read_text().partition("## Does everything fit together?")
    shown = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith(tuple(Level))]
    assert len(shown) > 5
    folder = checked.pbx.installation.path_inside(checked.pbx.folder / "etc")
    assert [line.replace("/etc/asterisk", str(folder)) for line in shown] == [
        line for line in printed if line.replace(str(folder), "/etc/asterisk") in shown
    ]


@pytest.mark.parametrize("value", ["taskprocessor_overload_trigger = global", ""])
def test_overload_trigger(checked: Checked, value: str) -> None:
    """A risk, written or by default; the line mends it."""
    checked.rewrite("pjsip.conf", "taskprocessor_overload_trigger = pjsip_only", value, RELOAD_SIP)
    checked.apply(warned(checked.only_trouble(), "overload trigger", "taskprocessor_overload_trigger = global"))
    checked.sound()


def test_no_global_section(checked: Checked) -> None:
    """Asterisk's own default is the risky one; the lines mend it."""
    checked.rewrite("pjsip.conf", "[global]\ntype = global", "[else]\ntype = global", RELOAD_SIP)
    checked.apply(warned(checked.only_trouble(), "overload trigger", "no section [global]"))
    checked.rewrite("pjsip.conf", "[else]\ntype = global", "[else]\ntype = system", RELOAD_SIP)
    checked.sound()


def test_clocks_apart(checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which way and how far."""
    own = clock.now
    monkeypatch.setattr(clock, "now", lambda: own() - timedelta(seconds=90))
    assert "set-ntp" in warned(checked.only_trouble(), "clock", "90 s ahead of ours")


# events


def test_application_in_use(checked: Checked) -> None:
    """Another process has it, and no service of these settings is up."""
    settings = checked.settings()

    async def together() -> Finding:
        async with (
            AriClient(settings.ari_url, settings.ari_user, settings.ari_password.get_secret_value()) as ari,
            open_stream(ari, settings.app),
        ):
            return await asyncio.to_thread(checked.only_trouble)

    remedy = warned(asyncio.run(together()), "application", "another process uses patchbay-of-the-test")
    assert "PATCHBAY_APP=patchbay-of-the-test-2" in remedy
    checked.sound()


def test_events_swallowed_on_the_way(checked: Checked) -> None:
    """The stream opens, and nothing comes through."""
    with tampered(checked.pbx.http_port, mute_websockets) as port:
        path, rest = checked.troubles(ari_url=f"http://127.0.0.1:{port}/ari")
    assert "PATCHBAY_ARI_URL=" in failed(path, "event path", "did not come back")
    warned(rest, DEAF, "not looked at")


def test_no_event_stream(checked: Checked) -> None:
    """Without its module the stream cannot be opened; what hangs on it is said not to have been looked at."""
    checked.console("module unload res_ari_events.so")
    module, path, rest = checked.troubles()
    remedy = failed(module, "modules", "res_ari_events.so does not run")
    failed(path, "event path", "event stream")
    warned(rest, DEAF, "not looked at")
    checked.apply(remedy)
    checked.sound()


def test_too_few_sessions(checked: Checked) -> None:
    """A web server that gives no second connection; the line mends it."""
    checked.rewrite("http.conf", "sessionlimit = 200", "sessionlimit = 1", "module reload http")
    # Until the sessions of before are closed, the idle ones by Asterisk after 15 s, not even the first is given.
    path = eventually(lambda: [one for one in checked.troubles() if one.subject == "event path"], deadline=20)[0]
    checked.apply(failed(path, "event path", "event stream"))
    checked.sound()


def test_variables_raise_events(checked: Checked) -> None:
    """A cost, not a failure; after the line and a restart it is gone."""
    checked.rewrite("stasis.conf", "decline = ast_channel_varset_type", "", "core restart now")
    checked.apply(warned(checked.only_trouble(), "declined messages", "AMI clients read VarSet"))
    checked.sound()


# the dialplan


def test_patchbay_conf_not_included(checked: Checked) -> None:
    """The line it gives mends it; music cannot be heard without it."""
    include = '#include "patchbay.conf"\n'
    checked.rewrite("extensions.conf", include, "", "dialplan reload")
    contexts, music = checked.troubles()
    warned(music, "music on hold", "only patchbay-check in patchbay.conf can tell")
    remedy = failed(contexts, "patchbay.conf", "patchbay-ring", "patchbay-park", "patchbay-check")
    assert include.strip() in remedy
    extensions = checked.pbx.folder / "etc" / "extensions.conf"
    extensions.write_text(include + extensions.read_text())
    checked.console("dialplan reload")
    checked.sound()


def test_no_music(checked: Checked) -> None:
    """A folder without files; naming one with files mends it."""
    directory = (checked.pbx.folder / "etc" / "local" / "musiconhold.conf").read_text().partition("=")[2].strip()
    checked.rewrite("local/musiconhold.conf", directory, f"{directory}/nowhere", "moh reload")
    checked.apply(failed(checked.only_trouble(), "music on hold", "nothing to play"), folder=directory)
    checked.sound()


def test_no_context(checked: Checked) -> None:
    """The tenant's calls have nowhere to go; its context mends it."""
    checked.rewrite("extensions.conf", f"[{ACME}]", "[renamed]", "dialplan reload")
    context, extensions = checked.troubles()
    failed(extensions, f"extensions of {ACME}", "101, 102, 103, 104, 105 cannot be dialled")
    remedy = failed(context, f"context {ACME}", "is not in the dialplan")
    checked.apply(remedy.replace(", or whatever places its calls", ""))
    checked.sound()


def test_extensions_that_cannot_be_dialled(checked: Checked) -> None:
    """Only those; the line given mends the first of them."""
    only = f"[{ACME}]\nexten => _10[1-3],1,NoOp()"
    checked.rewrite("extensions.conf", f"[{ACME}]\ninclude => tenant", only, "dialplan reload")
    checked.apply(failed(checked.only_trouble(), f"extensions of {ACME}", "104, 105 cannot be dialled"))
    failed(checked.only_trouble(), f"extensions of {ACME}", "105 cannot be dialled")
    checked.rewrite("extensions.conf", only, f"[{ACME}]\ninclude => tenant", "dialplan reload")
    checked.sound()


def test_extension_of_another_context(checked: Checked) -> None:
    """Its calls begin where the tenant's dialplan is not."""
    head = f"[103@{ACME}]({ACME})\n"
    checked.rewrite("pjsip_wizard.conf", head, f"{head}endpoint/context = globex.test\n", RELOAD_SIP)
    remedy = warned(checked.only_trouble(), f"extensions of {ACME}", f"103@{ACME} begin in another context")
    assert f"[103@{ACME}]: context = {ACME}" in remedy
    checked.rewrite("pjsip_wizard.conf", f"{head}endpoint/context = globex.test\n", head, RELOAD_SIP)
    checked.sound()


# the tenants file


def tenant(checked: Checked, file: Path, old: str, new: str) -> Path:
    """The tenants file with one thing changed."""
    text = checked.tenants.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return file


def test_no_such_trunk(checked: Checked, tmp_path: Path) -> None:
    """The remedy names an endpoint there is."""
    wrong = tenant(
        checked, tmp_path / "t.toml", '"02873001235" = { trunk = "carrier" }', '"02873001235" = { trunk = "carier" }'
    )
    remedy = failed(checked.only_trouble(tenants=wrong), f"trunk carier of {ACME}", "02873001235 cannot call out")
    assert f'in {wrong}, [tenant.hotlines] of {ACME}: "02873001235" = {{ trunk = "carrier" }}' in remedy


def test_trunk_without_a_contact(checked: Checked) -> None:
    """A trunk nobody is behind; a contact mends it."""
    checked.rewrite("pjsip.conf", "aors = carrier\n", "aors = nowhere\n", RELOAD_SIP)
    for trouble in (troubles := checked.troubles()):
        warned(trouble, trouble.subject, "no contact of it can be reached")
    assert {one.subject for one in troubles} == {f"trunk carrier of {domain}" for domain in checked.pbx.secrets.tokens}
    checked.apply(troubles[0].remedy, aor="carrier")
    checked.sound()


def test_tenant_nobody_configured(checked: Checked, tmp_path: Path) -> None:
    """Neither a context nor an extension nor a token."""
    file = tmp_path / "t.toml"
    file.write_text('[[tenant]]\ndomain = "new.test"\n')
    tokens, context, extensions = checked.troubles(tenants=file)
    assert "tokens = [" in warned(tokens, "tenant new.test", "no token")
    assert "[new.test]: exten => " in failed(context, "context new.test", "is not in the dialplan")
    remedy = failed(extensions, "extensions of new.test", "no PJSIP endpoint is named <extension>@new.test")
    assert "[101@new.test]: type = endpoint and context = new.test" in remedy


def test_disabled_tenant(checked: Checked, tmp_path: Path) -> None:
    """It is said that it was not looked at."""
    file = tmp_path / "t.toml"
    file.write_text('[[tenant]]\ndomain = "old.test"\nenabled = false\n')
    found = checked.findings(tenants=file)
    assert "OK   tenant old.test: disabled, so not looked at" in lines(found).splitlines()
    assert {one.level for one in found} == {Level.OK}


def test_no_tenant(checked: Checked, tmp_path: Path) -> None:
    """Nobody could use the API."""
    file = tmp_path / "t.toml"
    file.write_text("")
    assert "[[tenant]]" in warned(checked.only_trouble(tenants=file), "tenants", "has none")
