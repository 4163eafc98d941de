"""`mmsearch index --shared` and `--no-shared` without anything to index."""

from __future__ import annotations

from mmsearch.cli.common import complain
from mmsearch.errors import IndexMissing, UsageError


def require_writing(shared: bool | None, dry_run: bool) -> None:
    """Raises UsageError where the index is to be shared or not, and nothing is to be written."""
    if shared is not None and dry_run:
        raise UsageError(f"--dry-run tells what would be indexed: leave out --{'' if shared else 'no-'}shared")


def share_alone(directory: str, shared: bool) -> None:
    """Let others use an index whom the umask lets in, or its user alone; nothing is scanned, no model is loaded."""
    from mmsearch.store import read_identity
    from mmsearch.store.writer import Writer

    identity = read_identity(directory)
    if identity is None:
        raise IndexMissing(f"no index in {directory}: give the folders to index, too")
    with Writer.open(directory, identity, on_wait=complain) as writer:
        writer.share(shared)
    complain(f"the index at {directory} is {'shared, as far as the umask lets others in' if shared else 'private'}")
