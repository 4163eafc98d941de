"""A dual encoder and its reranker as ONNX graphs, run by ONNX Runtime on the CPU: the built-in model's layout.

The directory holds `config.json`, one graph for each tower, `tokenizer.json`, and a reranker that reads the towers'
states. Pixels are normalised and log-mel spectra computed inside the graphs, so this module only squashes pictures,
pads sound and counts tokens. Imports no torch; knows nothing about files of the user.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, cast

from mmsearch.errors import MediaError, MmsearchError, ModelUnavailable, UsageError, one_line
from mmsearch.models import BUILTIN_DIRECTORY
from mmsearch.models.known_words import known_share, pieces_of
from mmsearch.system.background import BackgroundTask
from mmsearch.system.lazy_import import LazyModule
from mmsearch.types import (
    MODALITIES,
    Audio,
    Clip,
    Content,
    LoaderSettings,
    Modality,
    ModelSpec,
    Picture,
    Query,
    Segment,
    Vectors,
    content_kind,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = LazyModule("numpy")

Floats: TypeAlias = "npt.NDArray[np.float32]"
Ints: TypeAlias = "npt.NDArray[np.int64]"
Encoded: TypeAlias = "tuple[Vectors, Floats, Ints]"
"""The output of a tower for n contents: unit embeddings `(n, dim)`, states `(n, p, w)` and their mask `(n, p)`."""

PICTURE_BATCH = 64
TEXT_BATCH = 32
SOUND_BATCH = 8
RERANK_FRAMES = 4
"""Frames of a clip that the reranker looks at; the best one counts."""
_TOWERS: dict[str, str] = {"document": "image", "video": "image"}
"""The tower of a partition that has none of its own name."""
_BUILTIN_GRAPHS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "builtin", "")
CHARS_PER_TOKEN = 3.5
"""English prose has about four characters a word piece; a little less, so that few passages are cut."""


def open_graph(path: str) -> Any:
    """The ONNX Runtime session of a graph, on the CPU; raises ModelUnavailable if it cannot be loaded.

    So it does for unknown operators, and for data outside the graph's folder. Our own graphs are known and not checked.
    """
    import onnxruntime

    if not os.path.abspath(path).startswith(_BUILTIN_GRAPHS):
        from mmsearch.models.onnx_check import require_plain

        require_plain(path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Idle threads that spin would steal the second core from decoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises its own types, none of them exported as a base class
        raise ModelUnavailable(f"cannot load {path}: {one_line(error)}") from error


class DualEncoder:
    """The graphs of one directory, each loaded when first used."""

    passes: ClassVar[Mapping[str, int]] = {"text": TEXT_BATCH, "image": PICTURE_BATCH, "audio": SOUND_BATCH}

    def __init__(self, directory: str) -> None:
        self.directory = directory
        try:
            with open(self._path("config.json"), encoding="utf-8") as file:
                self.config: dict[str, Any] = json.load(file)
        except (OSError, ValueError) as error:
            raise self._incomplete(error) from error
        # The package's own files are those that its tests saw; others may have changed since they were described.
        stated = self.config.get("fingerprint") if directory == BUILTIN_DIRECTORY else None
        self._fingerprint: Callable[[], str] = (
            BackgroundTask(self.hashed).result if stated is None else lambda: str(stated)
        )
        self._early_text: BackgroundTask[Any] | None = None

    @property
    def fingerprint(self) -> str:
        """Hash of all files and settings that decide a vector; raises ModelUnavailable if some are missing."""
        try:
            return self._fingerprint()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._incomplete(error) from error

    def _incomplete(self, error: Exception) -> ModelUnavailable:
        return ModelUnavailable(f"{self.directory} is no complete ONNX model: {error!r}")

    def preload_text(self) -> None:
        """Starts to load the text tower; does not wait for it."""
        import onnxruntime  # noqa: F401  # here, because imports in a thread gain nothing
        import tokenizers  # noqa: F401

        self._early_text = self._early_text or BackgroundTask(lambda: self.session("text"))

    @property
    def modalities(self) -> frozenset[Modality]:
        """The partitions that it encodes."""
        return frozenset(partition for partition in MODALITIES if partition != "audio" or "audio" in self.config)

    @property
    def graphs(self) -> list[str]:
        """The files of all graphs."""
        parts = [part for part in self.config.values() if isinstance(part, dict) and "file" in part]
        return [self._path(part["file"]) for part in parts]

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def session(self, part: str) -> Any:
        """The ONNX Runtime session of `image`, `text`, `audio` or `reranker`."""
        return open_graph(self._path(self.config[part]["file"]))

    @cached_property
    def image(self) -> Any:
        return self.session("image")

    @cached_property
    def text(self) -> Any:
        return self.session("text") if self._early_text is None else self._early_text.result()

    @cached_property
    def audio(self) -> Any:
        return self.session("audio")

    @cached_property
    def tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(self._path(self.config["text"]["tokenizer"]))
        tokenizer.enable_truncation(self.config["text"]["max_tokens"])
        tokenizer.enable_padding(pad_id=0)
        return tokenizer

    def hashed(self) -> str:
        """The fingerprint of the files as they are now; raises OSError and other errors of reading them."""
        digest = hashlib.blake2b(digest_size=16)
        parts = {part: self.config[part] for part in ("dim", "image", "text", "audio") if part in self.config}
        file_names = [self.config[part]["file"] for part in parts if part != "dim"] + [self.config["text"]["tokenizer"]]
        digest.update(json.dumps(parts, sort_keys=True).encode())
        for name in file_names:
            with open(self._path(name), "rb") as file:
                digest.update(file.read())
        return digest.hexdigest()

    def odds(self, part: str | None = None) -> dict[Modality, tuple[float, float]]:
        """Base and slope of log-odds by partition, of cosines or of scores of `part`; empty if none are stated."""
        lines = (self.config if part is None else self.config[part]).get("odds", {})
        keys = {name: name if name in lines else _TOWERS.get(name, name) for name in MODALITIES}
        return {partition: tuple(lines[key]) for partition, key in keys.items() if key in lines}

    def pictures(self, pictures: Sequence[Picture]) -> Encoded:
        """Encode uint8 `(h, w, 3)` pictures of any size.

        If the model's settings say so, the embedding is the mean of those of the whole picture and of its middle; the
        states are those of the whole picture, except that the first one is the embedding.
        """
        encoded = self._views(pictures)
        share = self.config["image"].get("middle")
        if share is None:
            return encoded
        embeddings = units(encoded[0] + self._views([middle(picture, share) for picture in pictures])[0])
        encoded[1][:, 0, : embeddings.shape[1]] = embeddings
        return embeddings, *encoded[1:]

    def _views(self, pictures: Sequence[Picture]) -> Encoded:
        side = self.config["image"]["size"]
        pixels = np.stack([squash(picture, side) for picture in pictures])
        return _batched(PICTURE_BATCH, len(pixels), lambda batch: self.image.run(None, {"pixels": pixels[batch]}))

    def sounds(self, sounds: Sequence[Audio]) -> Encoded:
        """Encode windows of sound, each padded or cut to the length that the tower was trained on."""
        settings = self.config["audio"]
        count = round(settings["sample_rate"] * settings["seconds"])
        tiled = settings.get("pad_under_seconds", 0.0) if settings.get("pad") == "tile" else float("inf")
        samples = np.stack([fit_samples(sound, settings["sample_rate"], count, tiled) for sound in sounds])
        return _batched(SOUND_BATCH, len(samples), lambda batch: self.audio.run(None, {"samples": samples[batch]}))

    def texts(self, texts: Sequence[str], max_tokens: int | None = None) -> Encoded:
        """Encode texts, those of like length together so that little is spent on padding."""
        encodings = self.tokenizer.encode_batch(list(texts))
        ids = np.array([encoding.ids for encoding in encodings], np.int64)
        mask = np.array([encoding.attention_mask for encoding in encodings], np.int64)
        ids, mask = ids[:, :max_tokens], mask[:, :max_tokens]
        order = np.argsort(mask.sum(1), kind="stable")
        embeddings = np.empty((len(ids), self.config["dim"]), np.float32)
        states: Floats | None = None
        for start in range(0, len(ids), TEXT_BATCH):
            batch = order[start : start + TEXT_BATCH]
            width = int(mask[batch].sum(1).max())
            embeddings[batch], state = self.text.run(None, {"ids": ids[batch, :width], "mask": mask[batch, :width]})[:2]
            if states is None:
                states = np.zeros((*ids.shape, state.shape[-1]), np.float32)
            states[batch, :width] = state
        assert states is not None
        return embeddings, states, mask

    def encode(self, partition: Modality, contents: Sequence[Content]) -> Encoded:
        """Encode contents of one partition; a clip must have been split into its frames."""
        if partition == "text":
            return self.texts(cast("Sequence[str]", contents))
        if partition == "audio":
            return self.sounds(cast("Sequence[Audio]", contents))
        return self.pictures(cast("Sequence[Picture]", contents))

    def rows(self, partition: Modality, contents: Sequence[Content]) -> Vectors:
        """The unit embeddings alone, float32 `(n, dim)`."""
        return self.encode(partition, contents)[0]

    def cuts(self, text: str) -> bool:
        """Whether a text is longer than the model's context."""
        return bool(self.tokenizer.encode(text).overflowing)

    def known_share(self, text: str) -> float:
        """The share in [0, 1] of the text's words that the vocabulary knows."""
        return known_share(text, pieces_of(self.tokenizer))


def _batched(size: int, count: int, run: Callable[[slice], list[Floats]]) -> Encoded:
    outputs = [run(slice(start, start + size)) for start in range(0, count, size)]
    embeddings = np.concatenate([output[0] for output in outputs])
    states = np.concatenate([output[1] for output in outputs])
    return embeddings, states, np.ones(states.shape[:2], np.int64)


@cache
def dual_encoder(directory: str) -> DualEncoder:
    """The dual encoder of a directory, shared by embedder and reranker: `search --rerank` loads it once."""
    return DualEncoder(directory)


def squash(picture: Picture, side: int) -> Picture:
    """The whole picture as `(side, side, 3)`: no crop, so that wide screenshots keep their edges."""
    from PIL import Image

    if picture.shape[:2] == (side, side):
        return picture
    resized = Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(resized)


def middle(picture: Picture, share: float) -> Picture:
    """The middle of a picture, `share` of each side."""
    height, width = picture.shape[:2]
    top, left = round(height * (1 - share) / 2), round(width * (1 - share) / 2)
    return picture[top : height - top, left : width - left]


def fit_samples(sound: Audio, rate: int, count: int, tiled: float) -> Floats:
    """Exactly `count` samples: cut, or repeated if longer than `tiled` seconds, or filled with silence."""
    if sound.rate != rate:
        raise UsageError(f"sound at {sound.rate} samples a second given to a model that hears {rate}")
    samples = sound.samples[:count]
    if len(samples) == count:
        return samples
    # A click is not repeated: it would become a rattle.
    if len(samples) > tiled * rate:
        return np.resize(samples, count)
    return np.pad(samples, (0, count - len(samples)))


class Encoder(Protocol):
    """Gives unit rows, float32 `(n, dim)`, for contents of one partition; clips must be split into their frames.

    `passes` is how many texts, pictures and sounds go into one pass.
    """

    @property
    def passes(self) -> Mapping[str, int]: ...

    def rows(self, partition: Modality, contents: Sequence[Content]) -> Vectors: ...

    def cuts(self, text: str) -> bool: ...

    def known_share(self, text: str) -> float: ...


class TowerEmbedder:
    """Embeds with one tower for each kind of content: pages as pictures, clips as the mean of their frames."""

    def __init__(self, encoder: Encoder, spec: ModelSpec) -> None:
        self._encoder = encoder
        self.spec = spec

    def embed(self, segments: Sequence[Segment]) -> Vectors:
        """Float32 `(n, dim)` unit rows, in order."""
        vectors = np.empty((len(segments), self.spec.dim), np.float32)
        for partition in MODALITIES:
            positions = [i for i, segment in enumerate(segments) if segment.item.partition == partition]
            if positions:
                vectors[positions] = self._rows(partition, [segments[i].content for i in positions])
        if not np.isfinite(vectors).all():
            bad = next(s for s, row in zip(segments, vectors, strict=True) if not np.isfinite(row).all())
            raise MediaError(f"{bad.item.path}: the model gave no finite vector")
        return vectors

    def batch(self, segment: Segment) -> int:
        """How many inputs like this one go into a pass; a clip goes alone."""
        partition = segment.item.partition
        return 1 if partition == "video" else self._encoder.passes[_TOWERS.get(partition, partition)]

    def embed_query(self, query: Query) -> Vectors:
        """Float32 `(dim,)`: the weighted sum of the parts' unit vectors, made a unit vector again."""
        total = np.zeros(self.spec.dim, np.float32)
        for part in query.parts:
            total += part.weight * self._rows(content_kind(part.content), [part.content])[0]
        return _unit(total)

    def cuts(self, text: str) -> bool:
        """Whether a text is longer than the model's context."""
        return self._encoder.cuts(text)

    def known_share(self, text: str) -> float:
        """The share in [0, 1] of the text's words, weighted by letters, that the model's vocabulary knows."""
        return self._encoder.known_share(text)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Float32 `(n, dim)`: the vectors of `embed_query` for several texts, in few passes."""
        return self._rows("text", texts)

    def _rows(self, partition: Modality, contents: Sequence[Content]) -> Vectors:
        if partition not in self.spec.modalities:
            can = ", ".join(sorted(self.spec.modalities))
            raise MmsearchError(f"{self.spec.name} cannot embed {partition}: it embeds {can}")
        if partition != "video":
            return self._encoder.rows(partition, contents)
        frames = (self._encoder.rows("image", list(cast(Clip, clip).frames)) for clip in contents)
        return np.stack([_unit(rows.mean(0)) for rows in frames])


class OnnxEmbedder(TowerEmbedder):
    """Embeds all five modalities with the towers of one directory."""

    def __init__(
        self, directory: str, name: str, exact: bool = False, tiles: bool = False, preload_text: bool = False
    ) -> None:
        """With `preload_text` the text tower starts to load at once."""
        self.towers = dual_encoder(directory)
        if preload_text:
            self.towers.preload_text()
        fingerprint, config = self.towers.fingerprint, self.towers.config
        audio = config.get("audio", {"sample_rate": 16_000, "seconds": 5.0})
        settings = LoaderSettings(
            passage_chars=int(config["text"]["max_tokens"] * CHARS_PER_TOKEN),
            # Four times the size that the tower sees: squashing from there differs from the full picture by less than
            # noise.
            image_side=4 * config["image"]["size"],
            page_side=8 * config["image"]["size"],
            audio_rate=audio["sample_rate"],
            audio_seconds=audio["seconds"],
            exact=exact,
            tiles=tiles,
        )
        spec = ModelSpec(name, fingerprint, config["dim"], self.towers.modalities, settings, self.towers.odds())
        super().__init__(self.towers, spec)


def _unit(vector: Vectors) -> Vectors:
    return np.asarray(units(vector[None])[0])


def units(rows: Vectors) -> Vectors:
    """The rows at unit length; a zero row stays zero."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)


class OnnxReranker:
    """A small cross-encoder over the query's token states and the towers' states of a segment."""

    def __init__(self, directory: str, name: str) -> None:
        self.name = name
        self.towers = dual_encoder(directory)
        if "reranker" not in self.towers.config:
            raise ModelUnavailable(f"the model in {directory} has no reranker: name another with --reranker")
        self.modalities = self.towers.modalities
        self.graph = self.towers.session("reranker")
        self._odds = self.towers.odds("reranker")
        self.weight = float(self.towers.config["reranker"].get("weight", 1.0))

    def score(self, query: Query, segments: Sequence[Segment]) -> npt.NDArray[np.float32]:
        """Float32 `(n,)` log-odds of being the right one of a shortlist.

        Raises MmsearchError for a query that is more than words: its other parts would be forgotten.
        """
        if not all(isinstance(part.content, str) for part in query.parts):
            raise MmsearchError(f"the reranker {self.name} reads words, and the query has more than words")
        limit = self.towers.config["reranker"]["max_query_tokens"]
        _, states, mask = self.towers.texts([query.text], limit)
        scores = np.empty(len(segments), np.float32)
        for partition in MODALITIES:
            positions = [i for i, segment in enumerate(segments) if segment.item.partition == partition]
            contents = [segments[i].content for i in positions]
            if partition == "video":
                frames = [sample_frames(cast(Clip, clip)) for clip in contents]
                logits = np.array([self._run(states, mask, self.towers.pictures(f)).max() for f in frames], np.float32)
            elif contents:
                logits = self._run(states, mask, self.towers.encode(partition, contents))
            if contents:
                base, slope = self._odds.get(partition, (0.0, 1.0))
                scores[positions] = base + slope * logits
        return scores

    def _run(self, states: Floats, mask: Ints, encoded: Encoded) -> Floats:
        _, documents, document_mask = encoded
        count = len(documents)
        inputs = {
            "query_states": np.repeat(states, count, 0),
            "query_mask": np.repeat(mask, count, 0),
            "states": documents,
            "mask": document_mask,
        }
        return cast(Floats, self.graph.run(None, inputs)[0])


def sample_frames(clip: Clip) -> list[Picture]:
    """The frames of a clip that a reranker reads: at most `RERANK_FRAMES`, evenly spread; the best one counts."""
    positions = np.linspace(0, len(clip.frames) - 1, min(RERANK_FRAMES, len(clip.frames))).round().astype(int)
    return [clip.frames[i] for i in positions]
