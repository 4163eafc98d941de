"""The notes: texts kept in `texts/`, written out in the encodings and line endings that real folders have.

Knows nothing of what the texts say.
"""

from __future__ import annotations

from pathlib import Path

TEXTS = Path(__file__).with_name("texts")
ENCODINGS = {"reiseplan.txt": "latin-1", "song_ideas.txt": "utf-16"}


def make(folder: Path) -> None:
    """Write every note into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(TEXTS.iterdir()):
        if source.is_file():
            words = source.read_text(encoding="utf-8")
            (folder / source.name).write_bytes(words.encode(ENCODINGS.get(source.name, "utf-8")))
