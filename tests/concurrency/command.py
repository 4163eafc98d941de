"""The command `mmsearch`, but that an index run commits once, at its end, so that its states can be told beforehand."""

from __future__ import annotations

import math

from mmsearch.cli import main
from mmsearch.indexing import results

if __name__ == "__main__":
    results.COMMIT_SECONDS = math.inf
    main()
