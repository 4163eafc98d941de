"""The command `mmsearch`, but that an index run commits once, at its end, so that its states can be told beforehand."""

from __future__ import annotations

import math

from mmsearch import build
from mmsearch.cli import main

if __name__ == "__main__":
    build.COMMIT_SECONDS = math.inf
    main()
