"""Phase of the moon for a date, good to about half a day."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from math import cos, pi

SYNODIC_MONTH = 29.530588853
KNOWN_NEW_MOON = datetime(2000, 1, 6, 18, 14, tzinfo=timezone.utc)
NAMES = (
    "new moon",
    "waxing crescent",
    "first quarter",
    "waxing gibbous",
    "full moon",
    "waning gibbous",
    "last quarter",
    "waning crescent",
)


def age(when: datetime) -> float:
    """Days since the last new moon."""
    days = (when - KNOWN_NEW_MOON).total_seconds() / 86400
    return days % SYNODIC_MONTH


def illuminated(when: datetime) -> float:
    """Share of the disc that is lit, 0 (new) to 1 (full)."""
    return (1 - cos(2 * pi * age(when) / SYNODIC_MONTH)) / 2


def name(when: datetime) -> str:
    """The phase in words."""
    return NAMES[round(age(when) / SYNODIC_MONTH * 8) % 8]


if __name__ == "__main__":
    now = datetime.now(timezone.utc)
    sys.stdout.write(f"{name(now)}, {illuminated(now):.0%} lit\n")
