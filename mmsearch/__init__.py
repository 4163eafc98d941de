"""mmsearch finds anything in your folders by meaning: photos, screenshots, PDFs, notes, sound and video.

From Python: `Index.open(path).search("red car")`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmsearch.api import Index as Index

__version__ = "0.1.0.dev0"
__all__ = ["Index", "__version__"]


def __getattr__(name: str) -> Any:
    """Imports what is asked for when it is, so that the command starts quickly."""
    if name == "Index":
        from mmsearch.api import Index

        return Index
    raise AttributeError(f"module {__name__} has no {name}")
