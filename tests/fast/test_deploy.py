"""The systemd unit, its install steps and the pages' links agree with each other and with the service."""

import re
from pathlib import Path

import pytest

from service.settings import PREFIX, Settings

PROJECT = Path(__file__).resolve().parents[2]
DEPLOY = PROJECT / "deploy"
PAGES = (DEPLOY / "README.md", PROJECT / "docs" / "from-freeswitch.md")
UNIT = (DEPLOY / "patchbay.service").read_text()
STEPS, SETTINGS = re.findall(r"^```sh\n(.*?)^```$", PAGES[0].read_text(), re.MULTILINE | re.DOTALL)[:2]


def directive(name: str) -> str:
    """The value of a directive that stands once."""
    (value,) = re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)
    return str(value)


def test_the_steps_make_what_the_unit_starts() -> None:
    """Its user, its folder, its interpreter, the module it runs."""
    interpreter, *rest = directive("ExecStart").split()
    assert rest == ["-m", "service"]
    assert f"python3 -m venv {interpreter.removesuffix('/bin/python')}\n" in STEPS
    assert f"cp -r service requirements.lock {directive('WorkingDirectory')}/\n" in STEPS
    assert re.search(rf"^useradd .* {directive('User')}$", STEPS, re.MULTILINE)
    assert "--require-hashes" in STEPS


def test_the_secrets_are_root_s_alone() -> None:
    """The unit's file of settings is installed with mode 600, the tenants file for the service's group."""
    assert f"install -m 600 .env.example {directive('EnvironmentFile')}\n" in STEPS
    tenants = re.search(rf"{PREFIX}TENANTS=(\S+)", directive("Environment"))
    assert tenants
    assert f"install -m 640 -g {directive('Group')} /dev/null {tenants[1]}\n" in STEPS


def test_the_audit_log_has_a_place() -> None:
    """The unit makes the folder and may write there; what rotates the file asks for a reload and makes none itself."""
    audit = re.search(rf"{PREFIX}AUDIT_LOG=(\S+)", directive("Environment"))
    assert audit
    assert Path(audit[1]).parent == Path("/var/log") / directive("LogsDirectory")
    assert "cp deploy/logrotate /etc/logrotate.d/patchbay\n" in STEPS
    rotation = (DEPLOY / "logrotate").read_text()
    assert f"\n{audit[1]} {{\n" in rotation
    assert {"nocreate", "delaycompress", "systemctl reload patchbay"} <= set(re.split(r"\n\s+", rotation))


def test_reload_is_the_signal_the_service_knows() -> None:
    assert directive("ExecReload") == "/bin/kill -HUP $MAINPID"


def test_the_settings_exist() -> None:
    """Those of the unit and of the page's example."""
    named = re.findall(rf"\b{PREFIX}([A-Z_]+)=", SETTINGS + UNIT)
    assert named
    assert {name.lower() for name in named} <= Settings.model_fields.keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_links_lead_somewhere(page: Path) -> None:
    """Those within the repository."""
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`(?!\])", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose)
    assert targets
    assert not [target for target in targets if not (page.parent / target).exists()]
