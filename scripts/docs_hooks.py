"""A hook of MkDocs: links to files outside docs/ become plain text on the site."""

from __future__ import annotations

import re
from typing import Any

_OUTWARDS = re.compile(r"\[(?P<text>[^\]]+)\]\(\.\./[^)]*\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page, with links to files of the repository as plain text."""
    return _OUTWARDS.sub(lambda link: link["text"], markdown)
