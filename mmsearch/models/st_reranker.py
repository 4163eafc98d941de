"""Any Sentence Transformers CrossEncoder as a Reranker, multimodal or text-only.

Asks the model for its modalities, pairs the query with each segment and returns raw scores. Knows no rankings.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmsearch.errors import MmsearchError, ModelUnavailable, UsageError, one_line
from mmsearch.models import hub, st_inputs
from mmsearch.models.device import INT8, choose_device, choose_dtype
from mmsearch.models.dual_encoder import sample_frames
from mmsearch.models.passes import BatchBudget, in_passes
from mmsearch.models.st_embedder import load_as
from mmsearch.types import Clip, Content, Modality, ModelOptions, Query, Segment, content_kind

TEXT_BATCH = 16
PICTURE_BATCH = 4
RANKING_HEADS = ("ForSequenceClassification", "ForCausalLM")
"""Ends of the architectures that score pairs without further modules; any other would get a random head."""


class CrossEncoderReranker:
    """A CrossEncoder of any architecture, on the device and in the number format of the options."""

    def __init__(self, options: ModelOptions, directory: Path | None = None) -> None:
        """Loads the model from this machine, without the network: from `directory`, or the one that `options` name.

        Raises ModelUnavailable when it is not here, cannot be loaded or is no reranker, UsageError for an impossible
        option.
        """
        if options.dtype == INT8:
            raise UsageError("rerankers do not compute in int8: leave the dtype out")
        device = choose_device(options.device)
        dtype = choose_dtype(options.dtype, device)
        directory = directory or hub.locate(options.name, options.revision, "cross-encoder")
        kind = hub.model_type(directory)
        if kind not in (None, "CrossEncoder") or (kind is None and not _has_ranking_head(directory, options)):
            raise ModelUnavailable(f"{options.name} is not a reranker: it scores no pairs; give a CrossEncoder")
        with hub.loading(options.name):
            from sentence_transformers import CrossEncoder

            self._model = load_as(CrossEncoder, options, str(directory), device, dtype).eval()
        st_inputs.prepare(self._model)
        self._max_pixels = st_inputs.limit_pixels(self._model, options.max_pixels)
        if (labels := self._model.num_labels) != 1:
            raise ModelUnavailable(f"{options.name} gives {labels} labels a pair, a reranker gives one score")
        self._name = options.name
        self._batch_size = options.batch_size
        # Pairs with a picture can only be put to the model as chat messages.
        sees = self._model.supports("image") and self._model.supports("message")
        self._modalities: frozenset[Modality] = frozenset({"text", "image", "document", "video"} if sees else {"text"})
        formatter = getattr(self._model[0], "input_formatter", None)
        flat = getattr(formatter, "message_format", None) == "flat"
        self._takes_strings = flat or not self._model.supports("message")
        self._text = st_inputs.TextInput(self._model)

    @property
    def name(self) -> str:
        return self._name

    @property
    def network(self) -> Any:
        """The torch module, for measurements."""
        return self._model

    @property
    def modalities(self) -> frozenset[Modality]:
        """Partitions whose content it can read: text always, pictures, pages and video where the model takes images."""
        return self._modalities

    def score(self, query: Query, segments: Sequence[Segment]) -> npt.NDArray[np.float32]:
        """Float32 `(n,)`, higher is better; a score does not depend on the other segments of the call.

        The parts of the query that the model cannot read are left out. Raises MmsearchError when nothing is left of
        it, when a segment is of a modality the model cannot read, or when a score is not a number.
        """
        text, pictures = self._query(query)
        scores = np.full(len(segments), -np.inf, np.float32)
        for segment in segments:
            if (kind := content_kind(segment.content)) not in self._modalities:
                can = ", ".join(sorted(self._modalities))
                raise MmsearchError(f"reranker {self._name} cannot read {kind}: it reads {can}")
        owners, contents = _split_clips(segments)
        order = sorted(range(len(contents)), key=lambda i: _sort_key(contents[i]))
        for batch in _batches(order, contents, self._batch_size):
            np.maximum.at(
                scores, [owners[i] for i in batch], self._predict(text, pictures, [contents[i] for i in batch])
            )
        bad = ~np.isfinite(scores)
        if bad.any():
            item = segments[int(bad.argmax())].item
            raise MmsearchError(f"{item.path} {item.span}".rstrip() + f": {self._name} gave no usable score")
        return scores

    def _query(self, query: Query) -> tuple[str, list[Any]]:
        """The query's text, and its first picture where the model reads pictures and text in one input."""
        pictures = [part.content for part in query.parts if isinstance(part.content, np.ndarray) and part.weight > 0]
        usable = pictures[:1] if "image" in self._modalities else []
        if not query.text and not usable:
            can = ", ".join(sorted(self._modalities))
            raise MmsearchError(f"reranker {self._name} can read nothing of the query: it reads {can}")
        return query.text, [st_inputs.picture_input(picture, self._max_pixels) for picture in usable]

    def _pair(self, text: str, pictures: list[Any], content: Content) -> tuple[Any, Any]:
        if self._takes_strings:
            # A pair of strings is a pair of texts to the models that take one: neither is looked up as a path.
            return text, str(content)
        query = {"image": pictures[0]} if pictures else {}
        query |= {"text": self._text.clean(text)} if text else {}
        if isinstance(content, str):
            return query, {"text": self._text.clean(content)}
        assert isinstance(content, np.ndarray)
        return query, {"image": st_inputs.picture_input(content, self._max_pixels)}

    def _predict(self, text: str, pictures: list[Any], contents: Sequence[Content]) -> npt.NDArray[np.float32]:
        def run(batch: Sequence[Content]) -> list[float]:
            pairs = [self._pair(text, pictures, content) for content in batch]
            scores = self._model.predict(pairs, batch_size=len(pairs), show_progress_bar=False, convert_to_tensor=True)
            return [float(score) for score in scores.float().cpu()]

        try:
            with hub.quiet():
                budget = BatchBudget(len(contents), len(contents))
                return np.asarray(in_passes(run, contents, [1] * len(contents), budget), np.float32)
        except ValueError as error:
            raise MmsearchError(f"reranker {self._name} cannot score this pair: {one_line(error)}") from error


def _has_ranking_head(directory: Any, options: ModelOptions) -> bool:
    config = hub.read_json(directory / "config.json")
    classes = [str(name) for name in config.get("architectures") or []]
    custom_code = options.trust_remote_code and "auto_map" in config
    return custom_code or any(name.endswith(RANKING_HEADS) for name in classes)


def _split_clips(segments: Sequence[Segment]) -> tuple[list[int], list[Content]]:
    """The contents to score, and the index of the segment that each belongs to: a clip becomes some of its frames."""
    owners: list[int] = []
    contents: list[Content] = []
    for i, segment in enumerate(segments):
        content = segment.content
        parts: list[Content] = [*sample_frames(content)] if isinstance(content, Clip) else [content]
        owners.extend([i] * len(parts))
        contents.extend(parts)
    return owners, contents


def _sort_key(content: Content) -> tuple[bool, int]:
    """Sorts texts before pictures and the long before the short, so that a batch pads little."""
    if isinstance(content, str):
        return False, -len(content)
    return True, -content.size if isinstance(content, np.ndarray) else 0


def _batches(order: Sequence[int], contents: Sequence[Content], size: int | None) -> list[list[int]]:
    """Indices in `order`, cut where the kind changes or a batch is full: at `size`, else at the size for the kind."""
    batches: list[list[int]] = []
    for i in order:
        text = isinstance(contents[i], str)
        limit = size or (TEXT_BATCH if text else PICTURE_BATCH)
        if batches and len(batches[-1]) < limit and isinstance(contents[batches[-1][0]], str) == text:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches
