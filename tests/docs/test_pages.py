"""The documentation as a whole: it builds without a warning, and what is generated is current."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from scripts import manpage, record_session
from tests.test_architecture import LAYERS

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("material", reason="the documentation needs mkdocs-material")
    argv = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(argv, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    pages = sorted(tmp_path.glob("*.html"))
    assert {"index.html", "quickstart.html", "mcp.html"} <= {page.name for page in pages}
    for page in pages:
        external = re.findall(
            r'<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="(https?:[^"]*)"', page.read_text("utf-8")
        )
        assert not external, page.name


def test_the_manual_page_is_current() -> None:
    current = (REPOSITORY / "man" / "mmsearch.1").read_text(encoding="utf-8")
    assert current == manpage.page(), "run `make man`"


def test_the_recorded_session_shows_the_commands_and_loads_nothing_from_elsewhere() -> None:
    picture = (REPOSITORY / "docs" / "session.svg").read_text(encoding="utf-8")
    shown = "".join(ElementTree.fromstring(picture).itertext()).replace("\xa0", " ")
    assert all(command in shown for command in record_session.COMMANDS)
    assert not re.findall(r"(?:src|href|url)\W+https?:", picture)


def test_the_map_of_the_house_is_true() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+?) \|", (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.M)
    assert [set(re.findall(r"`(\w+)`", names)) for _, names in rows] == LAYERS
    assert [number for number, _ in rows] == [str(number) for number in range(1, len(LAYERS) + 1)]


def test_links_of_the_readme_have_targets() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md"):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (REPOSITORY / page).read_text(encoding="utf-8")):
            assert "://" in target or (REPOSITORY / target).exists(), f"{page}: {target}"


@pytest.mark.parametrize(
    "form", sorted((REPOSITORY / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda p: p.name
)
def test_issue_templates_are_forms(form: Path) -> None:
    content = yaml.safe_load(form.read_text(encoding="utf-8"))
    if form.name != "config.yml":
        assert content["name"]
        assert content["description"]
        assert all(part["type"] == "markdown" or part["attributes"]["label"] for part in content["body"])
