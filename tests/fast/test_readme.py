"""What the README promises is what the code has."""

import re
import subprocess
from pathlib import Path

import pytest

from service.api.routes import table
from service.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text()


def _section(title: str) -> str:
    return README.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_every_setting_is_in_the_table_and_no_other() -> None:
    """The configuration table's first column names exactly the settings."""
    cells = re.findall(r"^\| (`[^|]+) \|", _section("Configuration"), re.MULTILINE)
    named = {name.lower() for cell in cells for name in re.findall(r"`([A-Z_]+)`", cell)}
    assert named == set(Settings.model_fields)


def test_every_route_is_in_the_table_and_no_other() -> None:
    """The route table's first column names exactly the routes."""
    named = set(re.findall(r"`((?:GET|POST) /[^`]*)`", _section("The routes")))
    assert named == {f"{entry.method} {entry.path}" for entry in table(Settings())}


@pytest.mark.parametrize("target", re.findall(r"`make (\w+)`|^make (\w+)", README, re.MULTILINE))
def test_every_make_target_exists(target: tuple[str, str]) -> None:
    """`make x` in the README is a target that `make` lists."""
    listed = subprocess.run(["make", "help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert f"make {''.join(target)} " in listed


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)#]+)\)", README))
def test_every_link_leads_somewhere(path: str) -> None:
    """Links are to files of the repository."""
    assert (PROJECT / path).exists()
