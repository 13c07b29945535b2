"""Settings: each default, each variable, each mistake told in one line, and .env.example in step with them."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from service.calls.record import Side
from service.settings import FailureStatus, LogFormat, ParkLegs, Settings, SettingsError, default_app, load
from tests.instruments.service import PROJECT

DEFAULTS: Mapping[str, object] = {
    "host": "127.0.0.1",
    "port": 8080,
    "ari_url": "http://127.0.0.1:8088/ari",
    "ari_user": "patchbay",
    "ari_password": "",
    "app": default_app(),
    "tenants": Path("tenants.toml"),
    "audit_log": Path("audit.jsonl"),
    "timezone": "",
    "park_seconds": 10,
    "park_legs": ParkLegs.CUT,
    "transfer_legs": None,
    "failure_status": FailureStatus.HTTP,
    "cors_origins": ("*",),
    "proxies": (),
    "connections": 800,
    "request_seconds": 20,
    "instance_id": "patchbay",
    "log_level": "info",
    "log_format": LogFormat.TEXT,
    "metrics_tenants": False,
}


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of whoever runs the tests is in force, and there is no .env."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PATCHBAY_{name.upper()}", raising=False)


def values(settings: Settings) -> dict[str, object]:
    return settings.model_dump() | {"ari_password": settings.ari_password.get_secret_value()}


def test_defaults() -> None:
    """What the README and .env.example say."""
    assert values(load()) == DEFAULTS


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("host", "0.0.0.0", "0.0.0.0"),
        ("port", "9000", 9000),
        ("port", "0", 0),
        ("connections", "5000", 5000),
        ("request_seconds", "60", 60),
        ("ari_url", "https://pbx.example:8089/prefix/ari/", "https://pbx.example:8089/prefix/ari/"),
        ("ari_user", "watcher", "watcher"),
        ("ari_password", "s3cret,with=signs", "s3cret,with=signs"),
        ("app", "patchbay-2", "patchbay-2"),
        ("tenants", "/etc/patchbay.toml", Path("/etc/patchbay.toml")),
        ("audit_log", "/var/log/audit.jsonl", Path("/var/log/audit.jsonl")),
        ("timezone", "Asia/Ho_Chi_Minh", "Asia/Ho_Chi_Minh"),
        ("park_seconds", "25", 25),
        ("park_legs", "keep", ParkLegs.KEEP),
        ("transfer_legs", "bleg", Side.BLEG),
        ("failure_status", "200", FailureStatus.OK),
        ("cors_origins", "https://a.example, https://b.example", ("https://a.example", "https://b.example")),
        ("proxies", "10.0.0.1,10.0.0.2", ("10.0.0.1", "10.0.0.2")),
        ("proxies", "", ()),
        ("instance_id", "hanoi-1", "hanoi-1"),
        ("log_level", "WARNING", "warning"),
        ("log_format", "json", LogFormat.JSON),
        ("metrics_tenants", "true", True),
        ("park_legs", "", ParkLegs.CUT),
        ("transfer_legs", "", None),
    ],
)
def test_variable(monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object) -> None:
    """PATCHBAY_<NAME> sets it, and it alone; an empty one is as good as none."""
    monkeypatch.setenv(f"PATCHBAY_{name.upper()}", text)
    assert values(load()) == {**DEFAULTS, name: value}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("port", "http"),
        ("port", "65536"),
        ("port", "-1"),
        ("connections", "0"),
        ("request_seconds", "0"),
        ("request_seconds", "0.5"),
        ("ari_url", "127.0.0.1:8088"),
        ("ari_url", "http://127.0.0.1:8088"),
        ("ari_url", "ftp://127.0.0.1/ari"),
        ("ari_url", "http://user:password@127.0.0.1:8088/ari"),
        ("ari_url", "http://127.0.0.1:8088/ari\n"),
        ("app", "two words"),
        ("app", "a&subscribeAll=true"),
        ("app", "a" * 81),
        ("timezone", "Asia/Hanoi"),
        ("timezone", "../../etc/passwd"),
        ("park_seconds", "0"),
        ("park_seconds", "3601"),
        ("park_seconds", "ten"),
        ("park_legs", "aleg"),
        ("transfer_legs", "cut"),
        ("failure_status", "201"),
        ("log_level", "loud"),
        ("log_level", "NOTSET"),
        ("log_format", "xml"),
        ("metrics_tenants", "some"),
    ],
)
def test_mistake(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    """One line that names the variable and the remedy, and repeats no value: it could be a secret."""
    monkeypatch.setenv(f"PATCHBAY_{name.upper()}", text)
    with pytest.raises(SettingsError) as caught:
        load()
    said = str(caught.value)
    assert re.fullmatch(rf"PATCHBAY_{name.upper()}: .+; mend it in the environment or in \.env", said)
    assert "password@" not in said


def test_dot_env(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """.env is read too; the environment outweighs it; keys that are not ours are none of our business."""
    (tmp_path / ".env").write_text("PATCHBAY_PORT=9000\nPATCHBAY_PARK_SECONDS=20\nPATCHBAY_SIP_PORT=5070\nOTHER=1\n")
    monkeypatch.setenv("PATCHBAY_PORT", "9001")
    assert values(load()) == {**DEFAULTS, "port": 9001, "park_seconds": 20}


def test_mistake_in_dot_env(tmp_path: Path) -> None:
    """The same line as for a variable."""
    (tmp_path / ".env").write_text("PATCHBAY_PARK_LEGS=both\n")
    with pytest.raises(SettingsError, match=r"^PATCHBAY_PARK_LEGS: .*'cut' or 'keep'.*$"):
        load()


def test_dot_env_that_is_no_text(tmp_path: Path) -> None:
    """One line, not a traceback."""
    (tmp_path / ".env").write_bytes(b"PATCHBAY_PORT=\xff\n")
    with pytest.raises(SettingsError, match=r"^\.env: cannot be read .*UTF-8$"):
        load()


def test_the_password_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever logs the settings as a whole tells no secret."""
    monkeypatch.setenv("PATCHBAY_ARI_PASSWORD", "s3cret")
    assert "s3cret" not in f"{load()} {load()!r}"


def test_settings_cannot_be_changed() -> None:
    """They are what they were at the start."""
    with pytest.raises(ValueError, match="frozen"):
        load().port = 1


def test_the_app_is_named_after_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replicas on two hosts have two applications, whatever signs are in the hosts' names."""
    monkeypatch.setattr("socket.gethostname", lambda: "pbx.example_1")
    assert load().app == "patchbay-pbx-example-1"


def test_a_long_host_name_is_no_mistake_of_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux allows 64 signs; what they make is itself a name that can be set."""
    monkeypatch.setattr("socket.gethostname", lambda: "h" * 64)
    app = load().app
    monkeypatch.setenv("PATCHBAY_APP", app)
    assert load().app == app


def test_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's is nobody's in particular."""
    assert load().zone is None
    monkeypatch.setenv("PATCHBAY_TIMEZONE", "Asia/Ho_Chi_Minh")
    assert str(load().zone) == "Asia/Ho_Chi_Minh"


EXAMPLE = (PROJECT / ".env.example").read_text()
SHOWN = dict(re.findall(r"^# (PATCHBAY_[A-Z_]+)=(.*)$", EXAMPLE, re.M))


def test_example_lists_every_setting_and_no_other() -> None:
    """Those of the service in its order, then those of `make run` and of docker compose."""
    launchers = re.findall(r'"(PATCHBAY_[A-Z_]+)"', (PROJECT / "asterisk/pbx/run.py").read_text())
    launchers += re.findall(r"\$\{(PATCHBAY_[A-Z_]+)", (PROJECT / "docker-compose.yml").read_text())
    own = [f"PATCHBAY_{name.upper()}" for name in Settings.model_fields]
    assert list(SHOWN)[: len(own)] == own
    assert set(SHOWN) == {*own, *launchers}


def test_example_shows_the_defaults() -> None:
    """Uncommenting a line changes nothing."""
    told = {name: ",".join(value) if isinstance(value, tuple) else str(value or "") for name, value in DEFAULTS.items()}
    told |= {"app": "patchbay-<host name>", "metrics_tenants": "false"}
    assert {name: SHOWN[f"PATCHBAY_{name.upper()}"] for name in told} == told


def test_example_gives_a_reason_for_each() -> None:
    """Words stand above it, or above the few that belong together; nothing is set."""
    for block in EXAMPLE.strip().split("\n\n"):
        lines = block.splitlines()
        assert all(line.startswith("# ") for line in lines)
        assert not re.match(r"# PATCHBAY_\w+=", lines[0])
