"""Any Sentence Transformers model as an Embedder: by hub id from the local cache, or by directory.

Asks the model for its modalities, hands it decoded content and returns unit vectors. Knows no files and no indexes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mmsearch.errors import MediaError, MmsearchError, ModelUnavailable, one_line
from mmsearch.models import hub, st_inputs
from mmsearch.models import weight_check as weights
from mmsearch.models.device import INT8, asynchronously, choose_attention, choose_device, choose_dtype
from mmsearch.models.known_words import known_share, pieces_of
from mmsearch.models.passes import (
    DEVICE_INPUTS,
    budget_for,
    in_passes,
    parallel_passes,
    state_width,
    token_edge,
    tokens,
)
from mmsearch.types import (
    MODALITIES,
    Clip,
    Content,
    Kind,
    LoaderSettings,
    Modality,
    ModelOptions,
    ModelSpec,
    Query,
    Segment,
    Vectors,
    content_kind,
)

PART_OF: dict[Kind, tuple[Modality, ...]] = {
    "text": ("text",),
    "image": ("image", "document", "video"),
    "audio": ("audio",),
    "video": ("video",),
}
"""The partitions that a model which reads this kind of input can embed; it may read a video as pictures."""


class SentenceTransformerEmbedder:
    """A Sentence Transformers model of any architecture, on the device and in the number format of the options."""

    def __init__(self, options: ModelOptions, many: bool = False, directory: Path | None = None) -> None:
        """Loads the model from this machine, without the network: from `directory`, or the one that `options` name.

        For `many` inputs it may compute in int8.

        Raises ModelUnavailable when it is not here or cannot be loaded, UsageError for an impossible option.
        """
        device = choose_device(options.device)
        directory = directory or hub.locate(options.name, options.revision, "sentence-transformers")
        kind = hub.model_type(directory)
        if kind not in (None, "SentenceTransformer"):
            raise ModelUnavailable(f"{options.name} is a {kind}, not an embedding model: give a SentenceTransformer")
        family = hub.architecture(directory)
        try_int8 = many and _may_use_int8(options, device, family)
        dtype = choose_dtype(INT8 if try_int8 else options.dtype, device)
        with hub.loading(options.name):
            self._model = load(options, str(directory), device, dtype)
        st_inputs.prepare(self._model)
        self._max_pixels = st_inputs.limit_pixels(self._model, options.max_pixels)
        self._frame_pixels = options.max_pixels
        self._text = st_inputs.TextInput(self._model)
        self._reads: frozenset[Kind] = frozenset(kind for kind in PART_OF if self._model.supports(kind))
        self._spec = self._describe(options, hub.fingerprint(directory, hub.identity(options)))
        config = getattr(self._model.transformers_model, "config", None)
        self._token_edge = token_edge(config, self._spec.loader.image_fit)
        self._budget = budget_for(device, dtype, state_width(config), options.batch_size)
        self._parallel = parallel_passes(device, family) if many else None
        if try_int8:
            self._use_int8(options.dtype, device)
        self.preprocess_seconds = 0.0
        self._time_preprocessing(device)

    @property
    def spec(self) -> ModelSpec:
        return self._spec

    @property
    def network(self) -> Any:
        """The torch module, for measurements."""
        return self._model

    def embed(self, segments: Sequence[Segment]) -> Vectors:
        """Float32 `(n, dim)` unit rows, in order; a row does not depend on the other segments of the call.

        Raises MediaError naming the path of a segment that the model cannot take or gives no direction to, and
        MmsearchError where its partition is not among the model's modalities or does not fit the device.
        """
        rows = np.empty((len(segments), self._spec.dim), np.float32)
        for kind in PART_OF:
            positions = [i for i, segment in enumerate(segments) if content_kind(segment.content) == kind]
            if positions:
                self._require(kind)
                positions.sort(key=lambda i: -self.tokens(segments[i]))  # like sizes together, so that little is padded
                rows[positions] = self._embed_kind([segments[i] for i in positions])
        return rows

    def tokens(self, segment: Segment) -> int:
        """About how many tokens a segment takes in a pass, so that those of like size can go in together."""
        return self._tokens(segment.content)

    def batch(self, segment: Segment) -> int:
        """How many inputs of this size go into a pass."""
        return self._budget.count([self.tokens(segment)] * DEVICE_INPUTS)

    def embed_query(self, query: Query) -> Vectors:
        """Float32 `(dim,)`, unit length: one pass where the model composes text and picture, else a weighted sum.

        Raises MmsearchError when the model cannot take a part, or the parts cancel out.
        """
        if not query.parts:
            raise MmsearchError("the query is empty: give a text, a picture, a sound or a clip")
        try:
            row = self._in_one_pass(query) if self._composes(query) else self._sum(query)
        except ValueError as error:
            raise MmsearchError(f"{self._spec.name} cannot take the query: {one_line(error)}") from error
        unit: Vectors = self._unit(row, ["the query"])[0]
        return unit

    def _use_int8(self, dtype: str | None, device: str) -> None:
        """Makes the model compute in int8 if the user chose it, or if it does as well there as in float32.

        Raises UsageError if the user chose it and the model or machine cannot.
        """
        from mmsearch.models import int8

        def embed_probes() -> Vectors:
            return np.concatenate(
                [
                    self._unit(self._rows(self._model.encode_document, contents), ["a probe"] * len(contents))
                    for contents in int8.probes(self._reads)
                ]
            )

        if dtype == INT8:
            int8.convert(self._model, device)
        elif not (int8.is_worthwhile(self._model) and int8.convert_if_alike(self._model, embed_probes)):
            self._model.to(choose_dtype(None, device))

    def cuts(self, text: str) -> bool:
        """Whether a text is longer than the model's context, by its tokenizer; False if it has none."""
        limit, tokenizer = self._model.max_seq_length, getattr(self._model[0], "tokenizer", None)
        return limit is not None and callable(tokenizer) and len(tokenizer(text)["input_ids"]) > limit

    def known_share(self, text: str) -> float:
        """The share in [0, 1] of the text's words, weighted by letters, that the vocabulary knows; 1 if it has none."""
        tokenizer = getattr(self._model[0], "tokenizer", None)
        countable = hasattr(tokenizer, "token_to_id") or hasattr(tokenizer, "convert_ids_to_tokens")
        return known_share(text, pieces_of(tokenizer)) if countable else 1.0

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Float32 `(n, dim)`: the vectors of `embed_query` for several texts, in few passes.

        Raises MmsearchError when the model cannot take one.
        """
        self._require("text")
        try:
            rows = self._rows(self._model.encode_query, list(texts))
        except ValueError as error:
            raise MmsearchError(f"{self._spec.name} cannot take a query: {one_line(error)}") from error
        return self._unit(rows, [f"the query {text!r}" for text in texts])

    def _describe(self, options: ModelOptions, fingerprint: str) -> ModelSpec:
        readable = {part for kind in self._reads for part in PART_OF[kind]}
        modalities = frozenset(modality for modality in MODALITIES if modality in readable)
        if not modalities:
            raise ModelUnavailable(f"{options.name} reads none of {', '.join(MODALITIES)}")
        dim = self._model.get_embedding_dimension()
        if dim is None:
            raise ModelUnavailable(f"{options.name} does not say how long its vectors are")
        # A limit of pixels that the processor does not know is applied first, and needs the whole picture.
        rule = st_inputs.picture_rule(self._model[0]) if "image" in self._reads and self._max_pixels is None else None
        chars, tiles = st_inputs.passage_chars(self._model), bool(options.tiles)
        loader = LoaderSettings(chars, exact=options.exact, image_fit=rule, tiles=tiles)
        if "audio" in self._reads:
            processor = getattr(self._model[0], "processor", None)
            if rate := getattr(getattr(processor, "feature_extractor", processor), "sampling_rate", None):
                loader = replace(loader, audio_rate=int(rate))
        return ModelSpec(options.name, fingerprint, int(dim), modalities, loader)

    def _time_preprocessing(self, device: str) -> None:
        """Adds up the time of the model's host part in `preprocess_seconds`, and copies its results to the device."""
        preprocess = self._model.preprocess
        lock = threading.Lock()

        def timed(*args: Any, **kwargs: Any) -> Any:
            with lock:  # fast tokenizers refuse to be set up by two threads at once
                began = time.perf_counter()
                features = asynchronously(preprocess(*args, **kwargs), device)
                self.preprocess_seconds += time.perf_counter() - began
            return features

        self._model.preprocess = timed

    def _tokens(self, content: Content) -> int:
        return tokens(content, self._spec.loader.image_fit, self._token_edge)

    def _require(self, kind: Kind) -> None:
        if kind not in self._reads and not (kind == "video" and "image" in self._reads):
            can = ", ".join(sorted(self._spec.modalities))
            raise MmsearchError(f"{self._spec.name} cannot embed {kind}: it embeds {can}")

    def _embed_kind(self, segments: Sequence[Segment]) -> Vectors:
        labels = [f"{segment.item.path} {segment.item.span}".rstrip() for segment in segments]
        try:
            rows = self._rows(self._model.encode_document, [segment.content for segment in segments])
        except ValueError as error:
            if len(segments) == 1:
                raise MediaError(f"{labels[0]}: the model cannot take it: {one_line(error)}") from error
            # One of them is at fault: alone, it is named and the others pass.
            middle = len(segments) // 2
            return np.concatenate([self._embed_kind(segments[:middle]), self._embed_kind(segments[middle:])])
        return self._unit(rows, labels, MediaError)

    def _rows(self, encode: Callable[..., Any], contents: Sequence[Content]) -> Vectors:
        """The model's output for contents of one kind, float32 `(n, dim)`, not normalised."""
        if isinstance(contents[0], Clip) and "video" not in self._reads:
            return np.stack([self._frames_mean(encode, clip) for clip in contents if isinstance(clip, Clip)])
        costs = [self._tokens(content) for content in contents]
        return self._encode(encode, [self._input(content) for content in contents], costs)

    def _frames_mean(self, encode: Callable[..., Any], clip: Clip) -> Vectors:
        """The mean of the unit vectors of a clip's frames, float32 `(dim,)`, not normalised."""
        rows = self._rows(encode, list(clip.frames))
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        mean: Vectors = (rows / np.maximum(lengths, np.finfo(np.float32).tiny)).mean(axis=0)
        return mean

    def _composes(self, query: Query) -> bool:
        """Whether the query is one text and one picture of equal weight, and the model reads both at once."""
        kinds = sorted(content_kind(part.content) for part in query.parts)
        weights = {part.weight for part in query.parts}
        reads_pairs: bool = self._model.supports(("image", "text"))
        return kinds == ["image", "text"] and len(weights) == 1 and min(weights) > 0 and reads_pairs

    def _in_one_pass(self, query: Query) -> Vectors:
        """The query's vector, float32 `(1, dim)`: text last, as the chat templates of such models were trained."""
        text, picture = sorted(query.parts, key=lambda part: not isinstance(part.content, str))
        both = {"image": self._input(picture.content), "text": self._text.clean(str(text.content))}
        return self._encode(self._model.encode_query, [both], [1])

    def _sum(self, query: Query) -> Vectors:
        """The weighted sum of the unit vectors of the parts, float32 `(1, dim)`."""
        total = np.zeros((1, self._spec.dim), np.float32)
        for part in query.parts:
            self._require(content_kind(part.content))
            row = self._rows(self._model.encode_query, [part.content])
            total += np.float32(part.weight) * self._unit(row, ["a part of the query"])
        return total

    def _input(self, content: Content) -> Any:
        if isinstance(content, str):
            return self._text(content)
        if isinstance(content, Clip):
            return st_inputs.video_input(content, self._frame_pixels)
        if isinstance(content, np.ndarray):
            return st_inputs.picture_input(content, self._max_pixels)
        rate = self._spec.loader.audio_rate
        if content.rate != rate:
            # Older releases apply the rate of one sound of a batch to all of them.
            raise ValueError(f"sound at {content.rate} samples a second, the model reads {rate}")
        return st_inputs.audio_input(content)

    def _encode(self, encode: Callable[..., Any], inputs: Sequence[Any], costs: Sequence[int]) -> Vectors:
        """The model's output for inputs of one kind, float32 `(n, dim)`, in as few passes as the memory allows."""
        import torch

        def run(batch: Sequence[Any]) -> list[Any]:
            return list(encode(list(batch), batch_size=len(batch), convert_to_tensor=True, show_progress_bar=False))

        def passes(pairs: Sequence[tuple[Any, int]]) -> list[Any]:
            return in_passes(run, [item for item, _ in pairs], [cost for _, cost in pairs], self._budget)

        pairs = list(zip(inputs, costs, strict=True))
        with hub.quiet():
            # Results stay on the device until all passes are under way: the host prepares the next one meanwhile.
            outputs = self._parallel(passes, pairs) if self._parallel else passes(pairs)
            rows: Vectors = torch.stack(outputs).float().cpu().numpy()
        return rows

    def _unit(self, rows: Vectors, labels: Sequence[str], error: type[MmsearchError] = MmsearchError) -> Vectors:
        """The rows at unit length. Raises `error` with the name of a row that is not finite or zero."""
        if rows.shape[1] != self._spec.dim:
            raise MmsearchError(
                f"{self._spec.name} gave vectors of {rows.shape[1]} numbers where it promised {self._spec.dim}"
            )
        lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
        bad = ~np.isfinite(lengths[:, 0]) | (lengths[:, 0] < np.finfo(np.float32).tiny)
        if bad.any():
            raise error(f"{labels[int(bad.argmax())]}: the model gave no usable vector (zero or not a number)")
        unit: Vectors = (rows / lengths).astype(np.float32)
        return unit


def _may_use_int8(options: ModelOptions, device: str, family: str | None) -> bool:
    """Whether a model of a family must compute in int8, or may be tried in it."""
    from mmsearch.models import int8

    undecided = options.dtype is None and not options.exact
    return options.dtype == INT8 or (undecided and device == "cpu" and int8.is_candidate(family))


def load(options: ModelOptions, directory: str, device: str, dtype: Any) -> Any:
    """The SentenceTransformer in `directory`, set for inference."""
    from sentence_transformers import SentenceTransformer

    model = load_as(SentenceTransformer, options, directory, device, dtype)
    first = next(model[0].parameters(), None)
    if first is not None:
        # Older releases leave the modules after the transformer in the format of the file, and a pass fails there.
        for module in list(model.children())[1:]:
            module.to(first.dtype)
    return model.eval()


def load_as(kind: Any, options: ModelOptions, directory: str, device: str, dtype: Any) -> Any:
    """A SentenceTransformer or CrossEncoder (`kind`), with the fastest attention that it supports."""
    weights.require_data(Path(directory), options.trust_remote_code)
    attention = choose_attention(options.attn, device, dtype)
    model_kwargs: dict[str, Any] = {"dtype": dtype} | dict(options.model_kwargs)
    if options.attn is not None:
        model_kwargs["attn_implementation"] = options.attn
    required = weights.required_kwargs(options.trust_remote_code)
    kwargs: dict[str, Any] = {
        "device": device,
        "local_files_only": True,
        "trust_remote_code": options.trust_remote_code,
        "processor_kwargs": {**options.processor_kwargs, "trust_remote_code": options.trust_remote_code},
        "config_kwargs": {"trust_remote_code": options.trust_remote_code},
    }
    with weights.refuse_unpickling(options.name):
        if attention is not None and options.attn is None:
            with suppress(ImportError, ValueError):
                fast = {"attn_implementation": attention, **model_kwargs, **required}
                return kind(directory, model_kwargs=fast, **kwargs)
        return kind(directory, model_kwargs=model_kwargs | required, **kwargs)  # required last, over any other
