"""Any Sentence Transformers model as an Embedder: by hub id from the local cache, or by directory.

Asks the model what it reads, hands it decoded content and returns unit vectors. Knows nothing about files or indexes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mmsearch.errors import MediaError, MmsearchError, ModelUnavailable
from mmsearch.models import hub, probe_inputs, st_inputs
from mmsearch.models import weight_check as weights
from mmsearch.models.batch_budget import DEVICE_INPUTS, budget_for, in_passes, step_of, tokens, width_of
from mmsearch.models.device import INT8, asynchronously, choose_attention, choose_device, choose_dtype
from mmsearch.models.image_resize import picture_fit
from mmsearch.models.parallel_passes import lanes_for
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
"""Which partitions a model that reads this kind of input can embed; a video is pictures where it must be."""


class SentenceTransformerEmbedder:
    """A Sentence Transformers model of any architecture, on the device and in the number format of the options."""

    def __init__(self, options: ModelOptions, many: bool = False, directory: Path | None = None) -> None:
        """Loads the model from this machine, without the network: from `directory`, or from where `options` say.

        For `many` inputs perhaps in int8.

        Raises ModelUnavailable when it is not here or cannot be loaded, UsageError for an impossible option.
        """
        device = choose_device(options.device)
        directory = directory or hub.locate(options.name, options.revision, "sentence-transformers")
        kind = hub.model_type(directory)
        if kind not in (None, "SentenceTransformer"):
            raise ModelUnavailable(f"{options.name} is a {kind}, not an embedding model: give a SentenceTransformer")
        family = hub.architecture(directory)
        shrinks = many and _may_shrink(options, device, family)
        dtype = choose_dtype(INT8 if shrinks else options.dtype, device)
        with hub.loading(options.name):
            self._model = load(options, str(directory), device, dtype)
        st_inputs.prepare(self._model)
        own_limit = options.max_pixels is None or st_inputs.limit_pixels(self._model, options.max_pixels)
        self._max_pixels = None if own_limit else options.max_pixels
        self._frame_pixels = options.max_pixels
        self._text = st_inputs.TextInput(self._model)
        self._reads: frozenset[Kind] = frozenset(kind for kind in PART_OF if self._model.supports(kind))
        self._spec = self._describe(options, hub.fingerprint(directory, hub.identity(options)))
        config = getattr(self._model.transformers_model, "config", None)
        self._step = step_of(config, self._spec.loader.image_fit)
        self._budget = budget_for(device, dtype, width_of(config), options.batch_size)
        self._lanes = lanes_for(device, family) if many else None
        self._preparing = threading.Lock()
        if shrinks:
            self._shrink(options.dtype, device)
        self.preprocess_seconds = 0.0
        self._watch(device)

    @property
    def spec(self) -> ModelSpec:
        return self._spec

    @property
    def network(self) -> Any:
        """The torch module, for those who measure it."""
        return self._model

    def embed(self, segments: Sequence[Segment]) -> Vectors:
        """Float32 `(n, dim)` unit rows, in order; a row does not depend on the other segments of the call.

        Raises MediaError naming the path of a segment that the model cannot take or gives no direction to, and
        MmsearchError where its partition is not among the model's modalities or does not fit the device.
        """
        rows = np.empty((len(segments), self._spec.dim), np.float32)
        for places in self._by_kind(segments):
            rows[places] = self._embed_kind([segments[place] for place in places])
        return rows

    def tokens(self, segment: Segment) -> int:
        """About how many tokens a segment takes in a pass, so that those of like size can go in together."""
        return self._tokens(segment.content)

    def batch(self, segment: Segment) -> int:
        """How many inputs like this one go into a pass."""
        return self._budget.count([self._tokens(segment.content)] * DEVICE_INPUTS)

    def embed_query(self, query: Query) -> Vectors:
        """Float32 `(dim,)`, unit length: one pass where the model composes text and picture, else a weighted sum.

        Raises MmsearchError when the model cannot take a part, or the parts cancel out.
        """
        if not query.parts:
            raise MmsearchError("the query is empty: give a text, a picture, a sound or a clip")
        try:
            row = self._composed(query) if self._composes(query) else self._sum(query)
        except ValueError as error:
            raise MmsearchError(f"{self._spec.name} cannot take the query: {hub.one_line(error)}") from error
        unit: Vectors = self._unit(row, ["the query"])[0]
        return unit

    def _shrink(self, wanted: str | None, device: str) -> None:
        """Has the model compute in int8, or, where nobody asked for it and it is no better, as it would without.

        Raises UsageError where it is wanted and cannot be.
        """
        from mmsearch.models import int8

        if wanted == INT8:
            int8.convert(self._model, device)
        elif not (int8.is_worthwhile(self._model) and int8.convert_if_alike(self._model, self._probe)):
            self._model.to(choose_dtype(None, device))

    def _probe(self) -> Vectors:
        """The model's vectors of inputs that are always the same, of each kind that it reads: float32 unit rows."""
        contents = probe_inputs.contents(self._reads)
        return np.concatenate(
            [self._unit(self._rows(self._model.encode_document, one), ["a probe"] * len(one)) for one in contents]
        )

    def cuts(self, text: str) -> bool:
        """Whether a text is longer than the model's context, as far as its tokenizer tells."""
        most, tokenizer = self._model.max_seq_length, getattr(self._model[0], "tokenizer", None)
        return most is not None and callable(tokenizer) and len(tokenizer(text)["input_ids"]) > most

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Float32 `(n, dim)`: what `embed_query` gives for each of several texts, in few passes.

        Raises MmsearchError when the model cannot take one.
        """
        self._require("text")
        try:
            rows = self._rows(self._model.encode_query, list(texts))
        except ValueError as error:
            raise MmsearchError(f"{self._spec.name} cannot take a query: {hub.one_line(error)}") from error
        return self._unit(rows, [f"the query {text!r}" for text in texts])

    def _describe(self, options: ModelOptions, fingerprint: str) -> ModelSpec:
        known = {part for kind in self._reads for part in PART_OF[kind]}
        modalities = frozenset(modality for modality in MODALITIES if modality in known)
        if not modalities:
            raise ModelUnavailable(f"{options.name} reads none of {', '.join(MODALITIES)}")
        dim = self._model.get_embedding_dimension()
        if dim is None:
            raise ModelUnavailable(f"{options.name} does not say how long its vectors are")
        # A limit of pixels that the processor does not know of is kept to first, which takes the whole picture.
        fit = picture_fit(self._model[0]) if "image" in self._reads and self._max_pixels is None else None
        chars, tiles = st_inputs.passage_chars(self._model), bool(options.tiles)
        loader = LoaderSettings(chars, exact=options.exact, image_fit=fit, tiles=tiles)
        if rate := _audio_rate(self._model):
            loader = replace(loader, audio_rate=rate)
        return ModelSpec(options.name, fingerprint, int(dim), modalities, loader)

    def _watch(self, device: str) -> None:
        """Has the model add up what its host part takes in `preprocess_seconds`, and copy what it makes at once."""
        preprocess = self._model.preprocess

        def watched(*given: Any, **more: Any) -> Any:
            with self._preparing:  # fast tokenizers refuse to be set up by two threads at once
                began = time.perf_counter()
                features = asynchronously(preprocess(*given, **more), device)
                self.preprocess_seconds += time.perf_counter() - began
            return features

        self._model.preprocess = watched

    def _by_kind(self, segments: Sequence[Segment]) -> Iterator[list[int]]:
        """Places of the segments that go in together: one kind, longest first, so that a batch pads little."""
        for kind in PART_OF:
            places = [place for place, segment in enumerate(segments) if content_kind(segment.content) == kind]
            if places:
                self._require(kind)
                yield sorted(places, key=lambda place: -self._tokens(segments[place].content))

    def _tokens(self, content: Content) -> int:
        return tokens(content, self._spec.loader.image_fit, self._step)

    def _require(self, kind: Kind) -> None:
        if kind not in self._reads and not (kind == "video" and "image" in self._reads):
            can = ", ".join(sorted(self._spec.modalities))
            raise MmsearchError(f"{self._spec.name} cannot embed {kind}: it embeds {can}")

    def _embed_kind(self, segments: Sequence[Segment]) -> Vectors:
        names = [f"{segment.item.path} {segment.item.span}".rstrip() for segment in segments]
        try:
            rows = self._rows(self._model.encode_document, [segment.content for segment in segments])
        except ValueError as error:
            if len(segments) == 1:
                raise MediaError(f"{names[0]}: the model cannot take it: {hub.one_line(error)}") from error
            # One of them is to blame: alone, it is named and the others pass.
            middle = len(segments) // 2
            return np.concatenate([self._embed_kind(segments[:middle]), self._embed_kind(segments[middle:])])
        return self._unit(rows, names, MediaError)

    def _rows(self, encode: Callable[..., Any], contents: Sequence[Content]) -> Vectors:
        """What the model gives for contents of one kind, float32 `(n, dim)`, not normalised."""
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
        one_pass: bool = self._model.supports(("image", "text"))
        return kinds == ["image", "text"] and len(weights) == 1 and min(weights) > 0 and one_pass

    def _composed(self, query: Query) -> Vectors:
        """The query in one pass, float32 `(1, dim)`: text last, as the chat templates of such models were trained."""
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
            # Older releases take the rate of one sound of a batch for all of them.
            raise ValueError(f"sound at {content.rate} samples a second, the model reads {rate}")
        return st_inputs.audio_input(content)

    def _encode(self, encode: Callable[..., Any], given: Sequence[Any], costs: Sequence[int]) -> Vectors:
        """What the model gives for inputs of one kind, float32 `(n, dim)`, in as few passes as the memory allows."""
        import torch

        def run(batch: Sequence[Any]) -> list[Any]:
            return list(encode(list(batch), batch_size=len(batch), convert_to_tensor=True, show_progress_bar=False))

        def passes(some: Sequence[tuple[Any, int]]) -> list[Any]:
            return in_passes(run, [one for one, _ in some], [cost for _, cost in some], self._budget)

        pairs = list(zip(given, costs, strict=True))
        with hub.quiet():
            # Results stay on the device until all passes are under way: the host prepares the next one meanwhile.
            found = self._lanes(passes, pairs) if self._lanes else passes(pairs)
            rows: Vectors = torch.stack(found).float().cpu().numpy()
        return rows

    def _unit(self, rows: Vectors, names: Sequence[str], error: type[MmsearchError] = MmsearchError) -> Vectors:
        """The rows at unit length. Raises `error` with the name of a row that is not finite or zero."""
        if rows.shape[1] != self._spec.dim:
            raise MmsearchError(
                f"{self._spec.name} gave vectors of {rows.shape[1]} numbers where it promised {self._spec.dim}"
            )
        lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
        bad = ~np.isfinite(lengths[:, 0]) | (lengths[:, 0] < np.finfo(np.float32).tiny)
        if bad.any():
            raise error(f"{names[int(bad.argmax())]}: the model gave no usable vector (zero or not a number)")
        unit: Vectors = (rows / lengths).astype(np.float32)
        return unit


def _may_shrink(options: ModelOptions, device: str, family: str | None) -> bool:
    """Whether a model of a family is to compute in int8, or may be tried in it."""
    from mmsearch.models import int8

    free = options.dtype is None and not options.exact
    return options.dtype == INT8 or (free and device == "cpu" and int8.is_candidate(family))


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
    """A model of either kind that Sentence Transformers knows, with the fastest attention that it takes."""
    hub.require_known_code(Path(directory), options.trust_remote_code)
    weights.require_data(Path(directory), options.trust_remote_code)
    attention = choose_attention(options.attn, device, dtype)
    with weights.nothing_unpickled(options.name):
        try:
            return kind(directory, **_arguments(options, device, dtype, attention))
        except (ImportError, ValueError):
            if attention is None or options.attn is not None:
                raise
            return kind(directory, **_arguments(options, device, dtype, None))


def _arguments(options: ModelOptions, device: str, dtype: Any, attention: str | None) -> dict[str, Any]:
    model_kwargs: dict[str, Any] = {"dtype": dtype} | dict(options.model_kwargs)
    if options.attn is not None:
        model_kwargs["attn_implementation"] = options.attn
    elif attention is not None:
        model_kwargs.setdefault("attn_implementation", attention)
    model_kwargs |= weights.required_kwargs(options.trust_remote_code)  # last, over whatever else was said
    return {
        "device": device,
        "local_files_only": True,
        "trust_remote_code": options.trust_remote_code,
        "model_kwargs": model_kwargs,
        "processor_kwargs": {**options.processor_kwargs, "trust_remote_code": options.trust_remote_code},
        "config_kwargs": {"trust_remote_code": options.trust_remote_code},
    }


def _audio_rate(model: Any) -> int | None:
    """Samples a second that the model's feature extractor wants, None where it reads no sound."""
    if not model.supports("audio"):
        return None
    processor = getattr(model[0], "processor", None)
    rate = getattr(getattr(processor, "feature_extractor", processor), "sampling_rate", None)
    return int(rate) if rate else None
