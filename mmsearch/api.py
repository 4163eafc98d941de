"""Searching from Python: an index that `mmsearch index` has made, as one object.

What the command line does beyond this is its own: finding the index, output, exit codes.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace

from mmsearch.search.open import named_by_user, open_indexes, open_reranker, reranker_for, types_to_rerank
from mmsearch.search.options import Mode, SearchOptions
from mmsearch.search.query import QueryBuilder, QuerySpec
from mmsearch.search.searcher import Searcher
from mmsearch.store import AnyReader, Filter
from mmsearch.types import Embedder, Hit, Modality, Reranker, is_object_url

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
        *more: str | os.PathLike[str],
        device: str | None = None,
        trust_remote_code: bool = False,
        trust_index: bool = False,
    ) -> Index:
        """The index in a directory, with the model that it was built with; several are searched as one.

        Args:
            path: what `mmsearch status` names, such as `~/Pictures/.mmsearch`.
            more: further ones, built with the same model and settings.
            device: where the model runs: `cpu`, `cuda`, `cuda:1` or `mps`; None takes the best there is.
            trust_remote_code: the model may bring program code of its own.
            trust_index: what the index names may be used though you have not named it for this index: a model in a
                directory, arguments of its loader, files outside the folder that holds the index.

        Raises:
            IndexMissing, IndexMismatch, IndexDamaged: there is none that can be read, or several do not go together.
            ModelUnavailable: its model is not on this machine, or the index may not name it.
        """
        directories = [os.path.abspath(os.path.expanduser(os.fspath(one))) for one in (path, *more)]
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
            texts: what is meant; with files it is like all of it together.
            k: most hits.
            image, audio, video: files or URLs that are like what is meant, each with `:WEIGHT` after it or without.
            like: files of this index.
            exclude: texts that say what is not meant.
            types: kinds of files that may answer; None for all.
            inside: folders that files may be in; none means all.
            mode: by vectors (`dense`), by words (`lexical`), or both where the query is words alone.
            min_relevance: hits below are left out.
            rerank: have the reranker that goes with the model, or the one of this name, read the best again.
            all_segments: a file may answer with several parts.
            allow_private: a URL may lead to this machine and its network.

        Raises:
            UsageError: nothing is meant, or the query or an option cannot be used.
        """
        asked = QuerySpec(
            texts, _several(exclude), _several(image), _several(audio), _several(video), _several(like), os.getcwd()
        )
        asked.require_something()
        query = QueryBuilder(self._reader, self._embedder, allow_private=allow_private).query(asked)
        folders = tuple(map(_folder, _several(inside)))
        where = Filter(modalities=None if types is None else frozenset(types), folders=folders)
        options = SearchOptions(top=k, where=where, mode=mode, min_relevance=min_relevance, all_segments=all_segments)
        if not rerank:
            return self._plain.search(query, options)
        name = named_by_user(rerank) if isinstance(rerank, str) else reranker_for(self._reader)
        return self._reranker(name).search(query, replace(options, rerank_types=types_to_rerank(name)))

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

    def _reranker(self, name: str) -> Searcher:
        if name not in self._reranking:
            reranker: Reranker = open_reranker(name, self._reader, self._device, self._trust)
            self._reranking[name] = Searcher(self._reader, self._embedder, reranker)
        return self._reranking[name]


def _several(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _folder(path: str) -> str:
    return path.rstrip("/") if is_object_url(path) else os.path.abspath(os.path.expanduser(path))
