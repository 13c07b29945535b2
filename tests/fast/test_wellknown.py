"""Passwords and tokens everybody tries first: the service does not start with them, and `check` tells of them."""

import asyncio
from pathlib import Path

import pytest

from service.__main__ import main
from service.ari.errors import AriNotFound
from service.check import passwords
from service.check.finding import Level
from service.check.look import Look
from service.settings import Settings
from service.tenants import TenantsError, load
from service.tokens import hash_token
from service.wellknown import is_well_known
from tests.instruments.service import PROJECT

WEAK = [
    "",
    "asterisk",
    "Patchbay",
    "password",
    "SECRET",
    "changeme",
    "1234",
    "12345678",
    "000000",
    "qwerty",
    "admin123",
    "abab",
    "secretsecret",
]
STRONG = ["s3cret-ari", "wrong-horse", "47c12a75023fffea68c46ce73958d74e", "1234-horse", "asterisk-of-hanoi"]


@pytest.mark.parametrize("password", WEAK)
def test_weak(password: str) -> None:
    assert is_well_known(password)


@pytest.mark.parametrize("password", STRONG)
def test_strong(password: str) -> None:
    assert not is_well_known(password, "patchbay")


def test_a_name_is_no_password() -> None:
    """Its own user's, in any case."""
    assert is_well_known("Watcher", "watcher")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with a tenants file, and no setting."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PATCHBAY_{name.upper()}", raising=False)
    (tmp_path / "tenants.toml").write_text("")
    return tmp_path


@pytest.mark.parametrize("password", [*WEAK, "watcher"])
def test_no_start_with_a_weak_password(
    password: str, alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line with the remedy, and status 1."""
    monkeypatch.setenv("PATCHBAY_ARI_USER", "watcher")
    monkeypatch.setenv("PATCHBAY_ARI_PASSWORD", password)
    assert main([]) == 1
    said = capsys.readouterr().err
    assert said.startswith("PATCHBAY_ARI_PASSWORD: ")
    assert said.count("\n") == 1
    assert "ari.conf" in said


@pytest.mark.parametrize("token", ["secret", "1234", "a-token-for-tests", "0000", "PASSWORD", "test"])
def test_no_weak_token_in_the_tenants_file(token: str, tmp_path: Path) -> None:
    """Told by its hash, which is all there is."""
    file = tmp_path / "tenants.toml"
    file.write_text(f'[[tenant]]\ndomain = "acme.test"\ntokens = [{{ hash = "{hash_token(token)}", name = "x9" }}]\n')
    with pytest.raises(TenantsError, match=r"everybody knows.*service token"):
        load(file)


def test_the_pages_teach_no_token_that_would_do() -> None:
    """What the README's example exports is made at random."""
    assert "export PATCHBAY_TOKEN_ACME=$(" in (PROJECT / "README.md").read_text()


class Ari:
    """What ARI shows of two phones."""

    def __init__(self, password: str) -> None:
        self.password = password

    async def endpoints_list(self, technology: str) -> list[object]:
        return [type("Endpoint", (), {"resource": name}) for name in ("101@acme.test", "carrier")]

    async def asterisk_get_object(self, config_class: str, kind: str, name: str) -> dict[str, str]:
        if kind == "endpoint":
            return {"auth": f"{name}-auth"}
        if name != "101@acme.test-auth":
            raise AriNotFound(404, name, "")
        return {"username": "101", "password": self.password}


@pytest.mark.parametrize(("ari", "phone", "level"), [
    ("s3cret-ari", "47c12a75023fffea", Level.OK),
    ("s3cret-ari", "1234", Level.FAIL),
    ("s3cret-ari", "101", Level.FAIL),
    ("secret", "47c12a75023fffea", Level.FAIL),
])  # fmt: skip
def test_check_tells(ari: str, phone: str, level: Level, alone: Path) -> None:
    """Whose password it is, and never the password."""
    settings = Settings.model_validate({"ari_password": ari})
    look = Look(Ari(phone), settings, load(alone / "tenants.toml"))  # type: ignore[arg-type]
    found = asyncio.run(passwords.check(look))
    assert max(found, key=lambda one: one.level is Level.FAIL).level is level
    told = " ".join(one.text + one.remedy for one in found)
    if level is Level.FAIL:
        assert ("101@acme.test" in told) != (ari == "secret")
    assert "47c12a" not in told
