"""Rename photographs to the date on which they were taken: 2024-05-08_174512.jpg."""

import argparse
from datetime import datetime
from pathlib import Path

from PIL import Image

TAKEN = 0x9003  # the EXIF tag for the moment of exposure


def moment(path: Path) -> datetime | None:
    """When the picture was taken, or None when the camera did not say."""
    with Image.open(path) as image:
        text = image.getexif().get_ifd(0x8769).get(TAKEN)
    return datetime.strptime(text, "%Y:%m:%d %H:%M:%S") if text else None


def target(path: Path, taken: datetime) -> Path:
    """A free name beside `path`; a counter separates pictures of the same second."""
    stem, count = taken.strftime("%Y-%m-%d_%H%M%S"), 0
    while True:
        name = path.with_name(f"{stem}{f'_{count}' if count else ''}{path.suffix.lower()}")
        if not name.exists():
            return name
        count += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for path in sorted(parser.parse_args().folder.glob("*.[jJ][pP]*[gG]")):
        if taken := moment(path):
            path.rename(target(path, taken))


if __name__ == "__main__":
    main()
