"""The fixtures of the end-to-end tests, for a world that does not hold still."""

from tests.e2e.conftest import mixed, mmsearch

__all__ = ["mixed", "mmsearch"]
