"""Near-duplicate files, within a modality and across, from stored vectors alone. Deletes nothing.

Knows a reader's interface; no model, no decoder, nothing of argv or output.
"""

from mmsearch.extras.duplicates.groups import Group, Member, find
from mmsearch.extras.duplicates.links import THRESHOLD, Scope

__all__ = ["THRESHOLD", "Group", "Member", "Scope", "find"]
