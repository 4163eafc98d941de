"""What MkDocs is told beyond its configuration.

Links that leave docs/ are words on the site, since what they lead to is not on it, and pages that are there are in the
menu.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

OPTIONAL = {
    "Use": {"Gallery and server": "serve.md", "Moving indexes": "exchange.md", "Clusters": "cluster.md"},
    "Background": {"Scale": "scale.md", "Alternatives": "alternatives.md"},
}
"""By section, the titles and names of pages that are listed once they exist."""

_OUTWARDS = re.compile(r"\[(?P<text>[^\]]+)\]\(\.\./[^)]*\)")


def on_config(config: Any) -> Any:
    """Adds the optional pages to their sections of the menu."""
    for section in config["nav"]:
        for title, pages in section.items():
            for name, page in OPTIONAL.get(title, {}).items():
                if (Path(config["docs_dir"]) / page).is_file():
                    pages.append({name: page})
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with links to files of the repository as plain words."""
    return _OUTWARDS.sub(lambda link: link["text"], markdown)
