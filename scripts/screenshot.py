"""Makes the picture of the page that the README and the docs show: hits in the sample corpus, in a real browser.

python -m scripts.screenshot [--output docs/gallery.webp] [--query "red car"] [--colours light]
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote_plus

from PIL import Image

from tests.browser.driving import ROOT, SAMPLES, absent, browsing, index, serving

WIDTH, HEIGHT, SCALE = 1280, 800, 1.5
LOADED = "() => [...document.querySelectorAll('#hits img')].slice(0, 15).every((one) => one.naturalWidth > 0)"
PATIENCE = 60
"""Times that half a second is given to the thumbnails."""


def taken(query: str, colours: str) -> bytes:
    """The page with the hits of a query, as a PNG."""
    with tempfile.TemporaryDirectory() as folder:
        index(SAMPLES, Path(folder, "index"))
        with serving(Path(folder, "index")) as url, browsing() as browser:
            page = browser.new_page(
                viewport={"width": WIDTH, "height": HEIGHT},
                device_scale_factor=SCALE,
                color_scheme="dark" if colours == "dark" else "light",
            )
            page.goto(f"{url}/?q={quote_plus(query)}")
            page.wait_for_selector("#hits a.tile")
            for _ in range(PATIENCE):
                page.wait_for_timeout(500)  # one more than the last picture needs, since it is faded in
                if page.evaluate(LOADED):
                    break
            page.wait_for_timeout(500)
            return page.screenshot()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "gallery.webp")
    parser.add_argument("--query", default="red car")
    parser.add_argument("--colours", choices=("light", "dark"), default="light")
    given = parser.parse_args()
    if reason := absent():
        print(reason, file=sys.stderr)
        return 4
    Image.open(io.BytesIO(taken(given.query, given.colours))).save(given.output, quality=82, method=6)
    print(f"{given.output}: {given.output.stat().st_size / 1024:.0f} KiB", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
