"""An embedder that is known before it is loaded: from the index that was built with it.

Looking for files needs no model, and reading them needs only what the index remembers of it. So a run over unchanged
files never loads one, and another run reads while it does. Knows nothing of how a model is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mmsearch.models.batch_budget import step_of, tokens
from mmsearch.system.background import BackgroundTask
from mmsearch.types import Embedder, ModelSpec, Query, Segment, Vectors

LOADING = "mmsearch: loading a model"
"""Name of the thread that does."""


class LazyEmbedder:
    """Does what the embedder that `load` gives does, once there is need of it."""

    def __init__(self, spec: ModelSpec, load: Callable[[], Embedder]) -> None:
        """`load` is called at most once, in a thread of its own; `spec` is what its embedder will have."""
        self._spec = spec
        self._load = load
        self._loading: BackgroundTask[Embedder] | None = None
        self._embedder: Embedder | None = None

    @property
    def spec(self) -> ModelSpec:
        return self._spec

    def prepare(self) -> None:
        """Begins to load, unless that has begun; does not wait."""
        self._begun()

    def wait(self) -> Embedder:
        """The loaded embedder. Raises what loading raised."""
        return self._begun().result()

    def tokens(self, segment: Segment) -> int:
        """About how many tokens a segment takes in a pass: the model's own word once there is a model."""
        own: Callable[[Segment], int] | None = getattr(self._embedder, "tokens", None)
        if own is not None:
            return own(segment)
        fit = self._spec.loader.image_fit
        return tokens(segment.content, fit, step_of(None, fit))

    def embed(self, segments: Sequence[Segment]) -> Vectors:
        """As the loaded embedder."""
        return self.wait().embed(segments)

    def embed_query(self, query: Query) -> Vectors:
        """As the loaded embedder."""
        return self.wait().embed_query(query)

    def _begun(self) -> BackgroundTask[Embedder]:
        if self._loading is None:
            self._loading = BackgroundTask(self._loaded, LOADING)
        return self._loading

    def _loaded(self) -> Embedder:
        self._embedder = self._load()
        return self._embedder
