"""Near-duplicate files, within a modality and across, from stored vectors alone. Deletes nothing.

Knows a reader's interface; no model, no decoder, nothing of argv or output.
"""

from mmsearch.dupes.groups import Group, Member, find
from mmsearch.dupes.links import THRESHOLD, Scope

__all__ = ["THRESHOLD", "Group", "Member", "Scope", "find"]
