"""Plain names for what real screenshots and diagrams show, read from their alt texts.

Alt texts tell a story ("Screenshot of the output window displaying a runtime error"); people ask for an "error
message". Knows nothing of pixels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

KINDS: dict[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "error message": r"\berrors?\b(?! function)|\bexception\b|\bwarnings?\b|\bfailed\b",
        "settings page": r"\bsettings?\b|\boptions\b|\bpreferences\b|\bpropert(?:y|ies) (?:page|window|sheet)",
        "source code": r"\bsource code\b|\bcode (?:editor|snippet|example|window)|\bsnippet\b|\beditor\b",
        "terminal window": r"\bterminal\b|\bcommand (?:line|prompt|window)|\bconsole\b|\bpowershell\b|\bshell\b",
        "dialog box": r"\bdialog\b|\bdialogue\b|\bmessage box\b|\bwizard\b",
        "menu": r"\bmenu\b|\bcontext menu\b|\bdrop-?down\b",
        "chart": r"\bcharts?\b|\bgraph\b|\bplots?\b|scatterchart|timechart|piechart|barchart",
        "table": r"\btables?\b|\bgrid\b|\brows\b",
        "diagram": r"\bdiagram\b|\bflow ?chart\b|\barchitecture\b|\bhierarchy\b",
        "debugger": r"\bdebugg(?:er|ing)\b|\bbreakpoint\b|\bcall stack\b",
        "login page": r"\bsign[- ]?in\b|\blog[- ]?in\b|\bpassword\b",
        "dashboard": r"\bdashboard\b",
        "search results": r"\bsearch (?:results?|box|bar)\b",
        "map": r"\bmap\b(?!s|p)",
    }.items()
}


def kinds(texts: Sequence[str]) -> list[str]:
    """The kinds of screen that the alt texts of one picture speak of."""
    told = " ".join(texts)
    return [name for name, pattern in KINDS.items() if pattern.search(told)]


def plain(texts: Sequence[str]) -> tuple[str, ...]:
    """What people would ask for to find a picture with these alt texts."""
    found = kinds(texts)
    return tuple(text for name in found for text in (name, f"screenshot of {_article(name)}"))


def _article(name: str) -> str:
    if name in ("source code", "search results"):
        return name
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
