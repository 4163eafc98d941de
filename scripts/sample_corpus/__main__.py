"""Make the sample corpus: `python -m scripts.sample_corpus OUT [--only PART ...] [--jobs N]`.

Needs, besides Python: numpy, pillow, skia-python, reportlab, av, the DejaVu fonts and the program espeak-ng. The
corpus itself is committed, so only someone who changes it needs them. Everything is drawn from fixed seeds;
encoders may differ between versions.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def _parts(out: Path, jobs: int) -> dict[str, Callable[[], object]]:
    from . import charts, documents, notes, pictures, queries, screens, slides, sounds, videos

    return {
        "pictures": lambda: pictures.make(out / "pictures", jobs),
        "charts": lambda: charts.make(out / "charts"),
        "screenshots": lambda: screens.make(out / "screenshots"),
        "slides": lambda: slides.make(out / "slides", out / "pictures"),
        "notes": lambda: notes.make(out / "notes"),
        "documents": lambda: documents.make(out / "documents", out / "charts"),
        "sounds": lambda: sounds.make(out / "sounds"),
        "videos": lambda: videos.make(out / "videos", out),
        "queries": lambda: queries.make(out),
    }


def main() -> None:
    """Parse the command line and make the parts in an order in which later ones find what they show."""
    parser = argparse.ArgumentParser(prog="python -m scripts.sample_corpus", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="+", metavar="PART")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    parts = _parts(args.out, args.jobs)
    for name in args.only or parts:
        parts[name]()
        print(f"made {name}")


if __name__ == "__main__":
    main()
