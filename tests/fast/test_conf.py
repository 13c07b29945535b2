"""asterisk/conf/ agrees with itself, with the launcher and with the service's needs."""

import re
import wave
from pathlib import Path

import pytest

from asterisk.pbx.conf import PbxSettings, configured_phones, local_files
from asterisk.pbx.places import MUSIC
from asterisk.pbx.ports import slot_ports
from asterisk.pbx.run import DEMO_HOTLINES
from tests.fast.conf_files import Section, dialplan, files, names, parse, section, sections

TENANTS = ("acme.test", "globex.test")
CORE = ""  # in Asterisk itself
PROVIDERS = {
    "Answer": CORE,
    "BridgeWait": "app_bridgewait",
    "CALLERID": "func_callerid",
    "CDR_PROP": "func_cdr",
    "CHANNEL": "func_channel",
    "CHANNEL_EXISTS": "func_channel",
    "CONNECTEDLINE": "func_callerid",
    "CUT": "func_cut",
    "ChannelRedirect": "app_channelredirect",
    "ConfBridge": "app_confbridge",
    "DB": "func_db",
    "DB_DELETE": "func_db",
    "DEVICE_STATE": "func_devstate",
    "DIALPLAN_EXISTS": "func_dialplan",
    "Dial": "app_dial",
    "Echo": "app_echo",
    "ExecIf": "app_exec",
    "FILTER": "func_strings",
    "GLOBAL": "func_global",
    "GROUP": "func_groupcount",
    "GROUP_COUNT": "func_groupcount",
    "Gosub": "app_stack",
    "Goto": CORE,
    "GotoIf": CORE,
    "Hangup": CORE,
    "IF": "func_logic",
    "LEN": "func_strings",
    "LOCAL": "app_stack",
    "LOCK": "func_lock",
    "Log": "app_verbose",
    "MusicOnHold": "res_musiconhold",
    "MSet": CORE,
    "NoOp": CORE,
    "PJSIP_DIAL_CONTACTS": "chan_pjsip",
    "Playback": "app_playback",
    "Progress": CORE,
    "Queue": "app_queue",
    "REDIRECTING": "func_callerid",
    "REGEX": "func_strings",
    "Return": "app_stack",
    "SHARED": "func_global",
    "Set": CORE,
    "SYSINFO": "func_sysinfo",
    "SoftHangup": "app_softhangup",
    "UNLOCK": "func_lock",
    "UserEvent": "app_userevent",
    "Wait": CORE,
}
ARI_MODULES = ("applications", "asterisk", "bridges", "channels", "endpoints", "events", "playbacks")


def local() -> dict[str, str]:
    return local_files(Path("/srv"), PbxSettings("t", slot_ports(0)))


def loaded() -> set[str]:
    return {module.removesuffix(".so") for module in section("modules.conf", "modules").get("load")}


def real_extensions() -> list[Section]:
    """Sections of pjsip_wizard.conf that are phones, not templates."""
    return [one for one in sections("pjsip_wizard.conf") if "!" not in one.flags]


@pytest.mark.parametrize("file", files(), ids=lambda file: file.name)
def test_head(file: Path) -> None:
    """A file opens with what it is for and what must agree with it."""
    purpose, agrees, *_ = file.read_text().splitlines()
    assert purpose.startswith("; ")
    assert agrees.startswith("; Agrees with ")


@pytest.mark.parametrize("file", files(), ids=lambda file: file.name)
def test_templates_exist_before_use(file: Path) -> None:
    """A section's templates stand above it."""
    seen: set[str] = set()
    for one in sections(file.name):
        assert set(one.flags) - {"!", "+"} <= seen
        seen.add(one.name)


def test_includes() -> None:
    """Each file of local/ is made by the launcher and included by exactly one shipped file."""
    included = [name for file in files() for name in re.findall(r'^#include "(.+)"', file.read_text(), re.M)]
    assert sorted(included) == sorted([f"local/{name}" for name in local()] + ["patchbay.conf"])


def test_no_secret_in_git() -> None:
    """Passwords come from local/ alone."""
    for file in files():
        assert not re.search(r"^[^;]*password\s*=", file.read_text(), re.M)


def test_tenants_have_the_same_extensions() -> None:
    """Both demo tenants have 101 to 105, each in three lines and in its domain's context."""
    assert configured_phones() == [f"{100 + n}@{domain}" for domain in TENANTS for n in range(1, 6)]
    for one in real_extensions():
        number, _, domain = one.name.partition("@")
        assert one.flags == [domain]
        assert one.lines == [
            ("inbound_auth/username", number),
            ("endpoint/callerid", f"{number} <{number}>"),
        ]
        assert section("pjsip_wizard.conf", domain).get("endpoint/context") == [domain]


def test_every_phone_has_a_password() -> None:
    """The launcher's local file continues each extension, and no other."""
    made = {one.name for one in parse(local()["pjsip_wizard.conf"])}
    assert made == {one.name for one in real_extensions()}


def test_contexts_exist() -> None:
    """Every context an endpoint, an include, a Goto, a Gosub or a Dial names is there."""
    text = dialplan()
    wanted = set(re.findall(r"Goto\(([a-z][\w.-]*),", text))
    wanted |= set(re.findall(r"[?:]([a-z][\w.-]*),[^,()]+,1\)", text))
    wanted |= set(re.findall(r"(?:Gosub\(|b\()([a-z][\w-]*)[,^]", text))
    wanted |= set(re.findall(r"^include => (\S+)", text, re.M))
    wanted |= {context for one in sections("pjsip.conf") for context in one.get("context")}
    assert {"unknown", "offline", "tenant", "patchbay-tenant", "from-carrier", "demo-carrier"} <= wanted
    assert wanted | set(TENANTS) <= names("extensions.conf") | names("patchbay.conf")


def test_trunk_objects_exist() -> None:
    """The trunks' AORs and auths are there, and each side sends what the other one asks for."""
    objects = names("pjsip.conf") | {one.name for one in parse(local()["pjsip.conf"])}
    carrier, demo = section("pjsip.conf", "carrier"), section("pjsip.conf", "demo-carrier")
    for one in (carrier, demo):
        assert {*one.get("aors"), *one.get("auth"), *one.get("outbound_auth")} <= objects
    assert carrier.get("auth") == demo.get("outbound_auth")
    assert demo.get("auth") == carrier.get("outbound_auth")
    assert section("pjsip.conf", "trunk").get("identify_by") == ["auth_username"]


def test_auth_user_is_the_endpoint() -> None:
    """identify_by auth_username looks the user of the digest up as the endpoint's name."""
    for name in ("carrier", "demo-carrier"):
        assert section("pjsip.conf", f"{name}-digest").get("username") == [name]


def test_carrier_contact_is_the_callers_choice() -> None:
    """The tests point the trunk at a phone."""
    settings = PbxSettings("t", slot_ports(0), carrier_contact="sip:127.0.0.1:9")
    aors = {one.name: one.get("contact") for one in parse(local_files(Path("/srv"), settings)["pjsip.conf"])}
    assert aors["carrier"] == ["sip:127.0.0.1:9"]
    assert aors["demo-carrier"] == ["sip:127.0.0.1:10000"]


def test_queues() -> None:
    """Each tenant has a queue of its own name, with its own extensions."""
    for domain in TENANTS:
        members = section("queues.conf", domain).get("member")
        assert members == [f"PJSIP/{number}@{domain}" for number in (102, 103)]
        assert {member.removeprefix("PJSIP/") for member in members} <= set(configured_phones())


def test_music() -> None:
    """The class queues name is there and so is its music: 8 kHz, mono, 16 bit, small."""
    assert set(section("queues.conf", "queue").get("musicclass")) <= names("musiconhold.conf")
    (file,) = MUSIC.glob("*.wav")
    with wave.open(str(file)) as music:
        assert (music.getframerate(), music.getnchannels(), music.getsampwidth()) == (8000, 1, 2)
    assert file.stat().st_size <= 350_000


def test_hotlines() -> None:
    """Tenants' numbers lead in through the carrier, the demo carrier knows them, one is shown outside."""
    inbound = section("extensions.conf", "from-carrier")
    routed = {value.partition(",")[0]: value for value in inbound.get("exten")}
    back = [
        re.compile(value.partition(",")[0].removeprefix("_"))
        for value in section("extensions.conf", "demo-carrier").get("exten")
        if "@demo-carrier" in value
    ]
    for domain in TENANTS:
        shown = section("extensions.conf", "globals").get(f"HOTLINE_{domain}")
        assert shown == [DEMO_HOTLINES[domain][0]]
        assert set(DEMO_HOTLINES[domain]) <= {number for number, value in routed.items() if domain in value}
    for number in (number for number in routed if number.isdigit()):
        assert any(pattern.fullmatch(number) for pattern in back)


def test_applications_and_functions_are_loaded() -> None:
    """Whatever the dialplan calls comes with a module that modules.conf loads."""
    used = set(re.findall(r"(?<![\w^])([A-Z][A-Za-z_]+)\(", dialplan())) - {"Tib", "tib", "ib"}  # options of Dial()
    assert used <= set(PROVIDERS)
    assert {PROVIDERS[name] for name in used} - {CORE} <= loaded()


def test_ari_is_loaded() -> None:
    """What the service asks of ARI is there; the device states that deadlock are not."""
    assert {f"res_ari_{name}" for name in ARI_MODULES} | {"res_stasis_snoop", "chan_bridge_media"} <= loaded()
    assert set(section("modules.conf", "modules").get("noload")) == {
        "res_stasis_device_state.so",
        "res_ari_device_states.so",
    }


def test_what_channels_tell_the_service() -> None:
    """ari.conf's channelvars are the four the service reads."""
    assert section("ari.conf", "general").get("channelvars") == [
        "CHANNEL(linkedid),CALLERID(dnid),PATCHBAY_CALL,PATCHBAY_LEG"
    ]


def test_watching_never_stops_sip() -> None:
    """An overload elsewhere must not make PJSIP ignore phones; VarSet events are not even made."""
    assert section("pjsip.conf", "global").get("taskprocessor_overload_trigger") == ["pjsip_only"]
    assert section("stasis.conf", "declined_message_types").get("decline") == ["ast_channel_varset_type"]


def test_only_tenants_numbers_can_be_dialled() -> None:
    """A tenant's context holds numbers alone: no s, h, i, t; and no dial string takes EXTEN unfiltered."""
    for name in (*TENANTS, "tenant"):
        for value in section("extensions.conf", name).get("exten"):
            assert re.match(r"_?[\dX.!+*#\[\]-]", value)
    for value in re.findall(r"Dial\(PJSIP/\$\{EXTEN\}@carrier.*", dialplan()):
        assert re.search(rf"^exten => _11X,.*(\n same => .*)*{re.escape(value)}$", dialplan(), re.MULTILINE)


def test_no_phone_s_302_is_taken_at_its_word() -> None:
    """Every Dial() and Queue() has option i: what a 302 names may be any channel of Asterisk."""
    calls = re.findall(r"(Dial|Queue)\((.*)\)", dialplan())
    assert calls
    for application, arguments in calls:
        flat = re.sub(r"\$\{[^{}]*\{[^{}]*\}[^{}]*\}|\$\{[^{}]*\}|\(.*?\)", "", arguments)
        assert "i" in flat.split(",")[1 if application == "Queue" else 2], arguments


def test_nothing_goes_outside_but_through_the_gate() -> None:
    """Every extension that dials the trunk asks first, with the number just as it dials it."""
    steps = re.split(r"^exten => ", dialplan(), flags=re.MULTILINE)
    outside = [one for one in steps if "@carrier," in one]
    assert len(outside) == 3
    for one in outside:
        (number,) = re.findall(r"Dial\(PJSIP/(.*)@carrier,", one)
        asks = f"Gosub(patchbay-gate,s,1(${{CONTEXT}},{number}))"
        assert asks in one.splitlines()[0]


def test_our_own_calls_outside_go_through_the_gate() -> None:
    """Before the phone rings; and what was allowed then is looked at again before the trunk is dialled."""
    ring = "\n".join(value for _, value in section("patchbay.conf", "patchbay-ring").lines)
    assert ring.index("Gosub(patchbay-gate,") < ring.index("Dial(")
    dial = "\n".join(value for _, value in section("patchbay.conf", "patchbay-dial").lines)
    assert dial.index("Gosub(patchbay-gate,") < dial.index("Dial(PJSIP/")
