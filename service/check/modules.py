"""The modules that the service and patchbay.conf use, and those that are better not there."""

from service.check.finding import Finding, fail, ok, some, warn
from service.check.look import Look

SUBJECT = "modules"
UNWANTED_SUBJECT = "device states"

NEEDED = (
    # SIP, bridges, music
    "chan_pjsip",
    "res_pjsip",
    "bridge_simple",
    "bridge_softmix",
    "bridge_holding",
    "res_musiconhold",
    # what patchbay.conf calls
    "pbx_config",
    "app_bridgewait",
    "app_channelredirect",
    "app_dial",
    "app_exec",
    "app_softhangup",
    "app_stack",
    "app_userevent",
    "app_verbose",
    "func_callerid",
    "func_cdr",
    "func_channel",
    "func_cut",
    "func_db",
    "func_dialplan",
    "func_global",
    "func_groupcount",
    "func_lock",
    "func_logic",
    "func_strings",
    "func_sysinfo",
    # what the service asks of ARI
    "res_http_websocket",
    "res_stasis",
    "res_stasis_playback",
    "res_stasis_snoop",
    "app_stasis",
    "res_ari",
    "res_ari_applications",
    "res_ari_asterisk",
    "res_ari_bridges",
    "res_ari_channels",
    "res_ari_endpoints",
    "res_ari_events",
    "res_ari_playbacks",
)
UNWANTED = ("res_stasis_device_state", "res_ari_device_states")
RUNNING = "Running"


async def check(look: Look) -> list[Finding]:
    """Every needed module runs, and none that endangers the PBX."""
    listed = await look.ari.asterisk_list_modules()
    running = {module.name.removesuffix(".so") for module in listed if module.status == RUNNING}
    return [*_needed(look, running), _unwanted(look, running)]


def _needed(look: Look, running: set[str]) -> list[Finding]:
    missing = [name for name in NEEDED if name not in running]
    if not missing:
        return [ok(SUBJECT, f"all {len(NEEDED)} that are needed run")]
    return [fail(SUBJECT, f"{name}.so does not run", _load(look, name)) for name in missing]


def _load(look: Look, name: str) -> str:
    return look.put("modules.conf", "modules", f"load = {name}.so", f"module load {name}.so")


def _unwanted(look: Look, running: set[str]) -> Finding:
    loaded = [f"{name}.so" for name in UNWANTED if name in running]
    if not loaded:
        return ok(UNWANTED_SUBJECT, f"{UNWANTED[0]}.so is not loaded (asterisk/asterisk#2170)")
    lines = " and ".join(f"noload = {name}" for name in loaded)
    return warn(
        UNWANTED_SUBJECT,
        f"{some(loaded)} loaded: when a client that subscribed to everything disconnects, they can deadlock ARI "
        "and then SIP (asterisk/asterisk#2170)",
        look.put("modules.conf", "modules", lines, "core restart when convenient"),
    )
