"""Filters that much of an index passes: more of the nearest are taken than are wanted, and those that pass are kept.

What it costs depends on how many are wanted and not on how large the index is. Where too few of the nearest pass, it
gives up, and what passes has to be listed before anything is compared; so too where a filter has been asked for often
enough for that to pay. Knows no tables and no vector files.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from mmsearch.store.records import EVERYTHING, Filter

if TYPE_CHECKING:
    from mmsearch.core import Modality, Vectors
    from mmsearch.store.accelerated import Hits
    from mmsearch.store.nearest import Nearest
    from mmsearch.store.rows import RowTable

FEWEST_ROWS = 20_000
"""In fewer, listing what passes is quicker."""
_MOST = 8192
"""So many candidates are looked at, of all queries together."""
_FIRST, _SLACK = 4, 1.5
_PAYS = 30
"""Listing what passes takes as long as looking at one candidate for each so many rows."""


def search(
    nearest: Nearest, rows: RowTable, queries: Vectors, partition: Modality, k: int, where: Filter
) -> list[Hits] | None:
    """For each of several vectors what `Nearest.search` finds, or None where that has to be asked."""
    total = sum(segment.count for segment in rows.segments(partition))
    depth = _FIRST * k
    if where == EVERYTHING or total < FEWEST_ROWS or rows.sieved.get(where, 0) * _PAYS > total:
        return None
    while depth * len(queries) <= _MOST:
        found = nearest.search(queries, partition, depth, EVERYTHING)
        passing = rows.passing({item for item, _ in chain.from_iterable(found)}, where)
        kept = [[hit for hit in hits if hit[0] in passing] for hits in found]
        if all(len(some) >= k or len(hits) < depth for some, hits in zip(kept, found, strict=True)):
            return [hits[:k] for hits in kept]
        rows.sieved[where] = rows.sieved.get(where, 0) + depth * len(queries)
        fewest = min(map(len, kept))
        # A few more than the share that has passed so far lets one expect.
        depth = max(2 * depth, int(_SLACK * k * depth / fewest)) if fewest else _MOST + 1
    return None
