"""Filters that much of an index passes: more of the nearest are taken than are wanted, and those that pass are kept.

What it costs depends on how many are wanted and not on how large the index is. Listing what passes costs a pass over
the table of files, and then searches with that filter are quick. So it gives up where it would cost as much, at once or
in several searches with a filter. Knows no tables and no vector files.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING

from mmsearch.store.records import EVERYTHING, Filter

if TYPE_CHECKING:
    from mmsearch.store.ann_search import Hits
    from mmsearch.store.row_table import RowTable
    from mmsearch.store.vector_search import VectorSearch
    from mmsearch.types import Modality, Vectors

LISTED = 100
"""So many rows are listed in the time that one candidate takes."""
_FIRST, _SLACK = 4, 1.5


def search(
    nearest: VectorSearch, rows: RowTable, queries: Vectors, partition: Modality, k: int, where: Filter
) -> list[Hits] | None:
    """For each of several vectors what `Nearest.search` finds, or None where that has to be asked."""
    if where == EVERYTHING:
        return None
    most = sum(segment.count for segment in rows.segments(partition)) / LISTED
    first = depth = _FIRST * k
    while rows.sieved.get(where, 0) + depth * len(queries) <= most:
        found = nearest.search(queries, partition, depth, EVERYTHING)
        passing = rows.passing({item for item, _ in chain.from_iterable(found)}, where)
        kept = [[hit for hit in hits if hit[0] in passing] for hits in found]
        done = all(len(some) >= k or len(hits) < depth for some, hits in zip(kept, found, strict=True))
        if not done or depth > first:
            rows.sieved[where] = rows.sieved.get(where, 0) + depth * len(queries)
        if done:
            return [hits[:k] for hits in kept]
        fewest = min(map(len, kept))
        if not fewest:
            break
        # A few more than the share that has passed so far lets one expect.
        depth = max(2 * depth, int(_SLACK * k * depth / fewest))
    rows.sieved[where] = math.inf  # once it is listed there is no more to gain
    return None
