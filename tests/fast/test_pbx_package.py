"""The package that finds, prepares and starts an Asterisk, without starting one."""

import hashlib
import stat
import tomllib
from pathlib import Path

import pytest

from asterisk.pbx.bring import recipe
from asterisk.pbx.conf import PbxSettings, configured_phones, render
from asterisk.pbx.installation import Installation, Version, new_enough, parse_version
from asterisk.pbx.ports import SLOTS, reserve_ports, slot_ports
from asterisk.pbx.run import demo_tenants
from asterisk.pbx.secrets import load_secrets, make_secrets

PHONES = ("101@acme.test", "101@globex.test")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("version", "good"),
    [
        ((20, 19, 4), False),
        ((20, 20, 0), True),
        ((21, 12, 0), False),
        ((22, 9, 1), False),
        ((22, 10), True),
        ((22, 11, 2), True),
        ((23, 3), False),
        ((23, 4, 0), True),
        ((24, 0, 0), True),
        ((18, 30), False),
        ((), False),
    ],
)
def test_floor(version: Version, good: bool) -> None:
    """Only series with the fixes, from the release that has them."""
    assert new_enough(version) is good


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6.17.60671434-1\n", (22, 10, 1)),
        ("Asterisk 20.20.0", (20, 20, 0)),
        ("Asterisk certified-20.7-cert3", (20, 7)),
        ("Asterisk GIT-master-abc", ()),
        ("", ()),
    ],
)
def test_parse_version(text: str, version: Version) -> None:
    """What `asterisk -V` prints, in the shapes it comes in."""
    assert parse_version(text) == version


def test_command_in_a_private_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs of a private root run by chroot, as whoever we are."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setattr("os.getgid", lambda: 0)
    installation = Installation(Path("/root"), (22, 10))
    assert installation.command("asterisk", "-V") == ["chroot", "--userspec=0:0", "/root", "asterisk", "-V"]
    assert Installation(None, (22, 10)).command("asterisk", "-V") == ["asterisk", "-V"]


def test_paths_of_a_private_root() -> None:
    """A folder has one name inside and one outside; what lies outside the root has none inside."""
    installation = Installation(Path("/root"), (22, 10))
    folder = installation.folder("demo")
    assert installation.path_inside(folder) == Path("/srv/patchbay/demo")
    assert installation.path_outside(Path("/srv/patchbay/demo")) == folder
    with pytest.raises(ValueError, match="/elsewhere"):
        installation.path_inside(Path("/elsewhere"))


def test_recipe() -> None:
    """Debian forky with Asterisk and the test phones; an expired mirror is refused at first."""
    command = recipe(Path("/target"))
    assert command[-2:] == ["forky", "/target"]
    assert any("baresip-core" in word and "asterisk" in word for word in command)
    assert not any("Check-Valid-Until" in word for word in command)


def test_secrets_are_private(tmp_path: Path) -> None:
    """0600 in 0700, whatever the folder was before."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o755)
    load_secrets(folder, PHONES)
    assert mode(folder) == 0o700
    assert [mode(file) for file in folder.iterdir()] == [0o600]


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """A second run reads them; a new extension gets one, the others keep theirs."""
    first = load_secrets(tmp_path, PHONES)
    assert load_secrets(tmp_path, PHONES) == first
    more = load_secrets(tmp_path, [*PHONES, "106@acme.test"])
    assert more.phones.items() > first.phones.items()
    assert more.tokens == first.tokens
    assert more.ari_password == first.ari_password


def test_secrets_differ() -> None:
    """No two are alike."""
    made = make_secrets(PHONES)
    every = [made.ari_password, made.carrier_password, made.demo_carrier_password]
    every += [*made.phones.values(), *made.tokens.values()]
    assert len(set(every)) == len(every)
    assert min(map(len, every)) >= 32


def test_demo_tenants() -> None:
    """The tenants file holds hashes, not tokens."""
    made = make_secrets(PHONES)
    text = demo_tenants(made)
    acme, globex = tomllib.loads(text)["tenant"]
    token = made.tokens["acme.test"]
    assert acme["domain"] == "acme.test"
    assert acme["enabled"] is True
    assert acme["tokens"] == [f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"]
    assert acme["hotlines"] == {number: {"trunk": "carrier"} for number in ("02873001234", "02873001235")}
    assert globex["domain"] == "globex.test"
    assert token not in text


def test_render(tmp_path: Path) -> None:
    """A private copy: own directories and name, own values in local/, extra text and files, closed to others."""
    extra = {"extensions.conf": "\n[more]\n", "tls/transport.conf": "[tls]\n"}
    settings = PbxSettings("one", slot_ports(0), extra=extra)
    render(tmp_path / "one", Path("/srv/patchbay/one"), settings)
    etc = tmp_path / "one" / "etc"
    main = (etc / "asterisk.conf").read_text()
    assert "astetcdir => /srv/patchbay/one/etc\n" in main
    assert "systemname = one\n" in main
    assert (etc / "extensions.conf").read_text().endswith("[more]\n")
    assert (etc / "tls" / "transport.conf").read_text() == "[tls]\n"
    assert (etc / "local" / "http.conf").read_text() == "bindaddr = 127.0.0.1\nbindport = 10005\n"
    assert settings.secrets.phones["105@globex.test"] in (etc / "local" / "pjsip_wizard.conf").read_text()
    assert (tmp_path / "one" / "moh" / "arpeggio.wav").exists()
    assert {mode(file) for file in etc.rglob("*.conf")} == {0o600}


def test_slots_do_not_overlap() -> None:
    """Every slot's ports lie apart from the others', below the kernel's own, RTP even."""
    taken: set[int] = set()
    for slot in range(SLOTS):
        ports = slot_ports(slot)
        sip = range(ports.sip, ports.phone(48) + 2)
        rtp = range(ports.rtp_start, ports.rtp_end + 1)
        assert ports.http in sip
        assert ports.rtp_start % 2 == 0
        assert taken.isdisjoint(sip)
        assert taken.isdisjoint(rtp)
        taken.update(sip, rtp)
    assert max(taken) < 32768


def test_reserved_ports_are_ours() -> None:
    """Two reservations at once never share a slot."""
    with reserve_ports() as one, reserve_ports() as other:
        assert one != other


def test_configured_phones_of_an_operators_file(tmp_path: Path) -> None:
    """Templates are no phones."""
    (tmp_path / "pjsip_wizard.conf").write_text("[phone](!)\n[a.test](!,phone)\n[2001@a.test](a.test)\n")
    assert configured_phones(tmp_path) == ["2001@a.test"]
