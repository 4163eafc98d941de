"""An embedder that is known from the index that it built, before it is loaded.

Scanning for files needs no model, and reading them needs only the facts in the index. So a run over unchanged files
never loads one, and other runs read while it loads. Knows nothing of how a model is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mmsearch.models.passes import token_edge, tokens
from mmsearch.system.background import BackgroundTask
from mmsearch.types import Embedder, ModelSpec, Query, Segment, Vectors

LOADING = "mmsearch: loading a model"
"""Name of the loading thread."""


class LazyEmbedder:
    """An embedder that is loaded when first needed."""

    def __init__(self, spec: ModelSpec, load: Callable[[], Embedder]) -> None:
        """`load` is called at most once, in a thread of its own; its embedder will have this `spec`."""
        self._spec = spec
        self._load = load
        self._loading: BackgroundTask[Embedder] | None = None
        self._embedder: Embedder | None = None

    @property
    def spec(self) -> ModelSpec:
        return self._spec

    def prepare(self) -> None:
        """Starts to load, unless that has begun; does not wait."""
        self._start()

    def wait(self) -> Embedder:
        """The loaded embedder. Raises the error of loading."""
        return self._start().result()

    def tokens(self, segment: Segment) -> int:
        """About how many tokens a segment takes in a pass: the model's own estimate once it is loaded."""
        estimate: Callable[[Segment], int] | None = getattr(self._embedder, "tokens", None)
        if estimate is not None:
            return estimate(segment)
        rule = self._spec.loader.image_fit
        return tokens(segment.content, rule, token_edge(None, rule))

    def embed(self, segments: Sequence[Segment]) -> Vectors:
        """As the loaded embedder."""
        return self.wait().embed(segments)

    def embed_query(self, query: Query) -> Vectors:
        """As the loaded embedder."""
        return self.wait().embed_query(query)

    def _start(self) -> BackgroundTask[Embedder]:
        if self._loading is None:
            self._loading = BackgroundTask(self._load_now, LOADING)
        return self._loading

    def _load_now(self) -> Embedder:
        self._embedder = self._load()
        return self._embedder
