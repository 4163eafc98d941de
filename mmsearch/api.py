"""Searching from Python: an index that `mmsearch index` has made, as one object.

Finding the index, output and exit codes are the command line's alone.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace

from mmsearch.search.open import named_by_user, open_indexes, open_reranker, reranker_for, types_to_rerank
from mmsearch.search.query import QueryBuilder
from mmsearch.search.request import Mode, SearchRequest
from mmsearch.search.searcher import Searcher
from mmsearch.store import AnyReader
from mmsearch.types import Embedder, Hit, Modality, Reranker

__all__ = ["Index"]


class Index:
    """An index opened for searching, as it was when it was opened. A context manager; used from one thread."""

    def __init__(self, reader: AnyReader, embedder: Embedder, device: str | None, trust: bool) -> None:
        """Use `open`."""
        self._reader = reader
        self._embedder = embedder
        self._device = device
        self._trust = trust
        self._plain = Searcher(reader, embedder)
        self._reranking: dict[str | None, Searcher] = {}

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *more_paths: str | os.PathLike[str],
        device: str | None = None,
        trust_remote_code: bool = False,
        trust_index: bool = False,
    ) -> Index:
        """The index in a directory, with the model that it was built with; several are searched as one.

        Args:
            path: as `mmsearch status` names it, such as `~/Pictures/.mmsearch`.
            more_paths: further ones, built with the same model and settings.
            device: where the model runs: `cpu`, `cuda`, `cuda:1` or `mps`; None takes the best there is.
            trust_remote_code: the model may bring program code of its own.
            trust_index: the index may name things that you have not named for it: a model in a directory, arguments of
                its loader, files outside the folder that holds the index.

        Raises:
            IndexMissing, IndexMismatch, IndexDamaged: no index can be read, or several are incompatible.
            ModelUnavailable: its model is not on this machine, or the index may not name it.
        """
        directories = [os.path.abspath(os.path.expanduser(os.fspath(location))) for location in (path, *more_paths)]
        reader, embedder = open_indexes(
            list(dict.fromkeys(directories)), device, trust=trust_remote_code, trust_index=trust_index
        )
        return cls(reader, embedder, device, trust_remote_code)

    def search(
        self,
        *texts: str,
        k: int = 10,
        image: str | Sequence[str] = (),
        audio: str | Sequence[str] = (),
        video: str | Sequence[str] = (),
        like: str | Sequence[str] = (),
        exclude: str | Sequence[str] = (),
        types: Collection[Modality] | None = None,
        inside: str | Sequence[str] = (),
        mode: Mode = "hybrid",
        min_relevance: float | None = None,
        rerank: bool | str = False,
        all_segments: bool = False,
        allow_private: bool = False,
    ) -> list[Hit]:
        """Hits in order of rank, at most `k`: files, each with its best part in `hit.item`.

        Args:
            texts: what to look for; together with files hits are like all of it.
            k: most hits.
            image, audio, video: files or URLs that hits are like, each with `:WEIGHT` after it or without.
            like: files of this index that hits are like.
            exclude: texts that hits are not like.
            types: of files; None for all.
            inside: folders of the files; none means all.
            mode: by vectors (`dense`), by words (`lexical`), or both where the query is words alone.
            min_relevance: hits below are left out.
            rerank: have the reranker that goes with the model, or the one of this name, read the best again.
            all_segments: a file may answer with several parts.
            allow_private: a URL may lead to this machine and its network.

        Raises:
            UsageError: there is nothing to look for, or the query or an option cannot be used.
        """
        request = SearchRequest(
            texts=texts,
            negatives=_several(exclude),
            image=_several(image),
            audio=_several(audio),
            video=_several(video),
            like=_several(like),
            base=os.getcwd(),
            top=k,
            types=() if types is None else (",".join(types),),
            inside=_several(inside),
            mode=mode,
            min_relevance=min_relevance,
            all_segments=all_segments,
            explain=True,
        )
        request.require_query()
        query = QueryBuilder(self._reader, self._embedder, allow_private=allow_private).query(request)
        if not rerank:
            return self._plain.search(query, request)
        name = named_by_user(rerank) if isinstance(rerank, str) else reranker_for(self._reader)
        if name not in self._reranking:
            reranker: Reranker = open_reranker(name, self._reader, self._device, self._trust)
            self._reranking[name] = Searcher(self._reader, self._embedder, reranker)
        return self._reranking[name].search(query, replace(request, rerank_types=types_to_rerank(name)))

    def __len__(self) -> int:
        """How many files can be found."""
        return self._reader.status().files.get("ok", 0)

    def close(self) -> None:
        """Give files and memory back. Closing twice is fine."""
        self._reader.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _several(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
