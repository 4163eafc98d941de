"""CLIP and SigLIP as ONNX exports, in the layouts of the hub: a model for CPUs without torch.

A repository holds `config.json`, `preprocessor_config.json`, `tokenizer.json` and, mostly under `onnx/`, either
`text_model.onnx` with `vision_model.onnx` or both in one `model.onnx`, each perhaps in variants such as `_int8`. Inputs
and outputs are read from the graph. Imports no torch; knows nothing about files of the user.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from mmsearch.errors import MmsearchError, ModelUnavailable, UsageError, one_line
from mmsearch.models import hub
from mmsearch.models.dual_encoder import TowerEmbedder, open_graph, units
from mmsearch.models.onnx_inputs import CLIP_DEFAULTS, SIGLIP_DEFAULTS, PixelRule, TextRule
from mmsearch.models.st_inputs import CHARS_PER_TOKEN, FRAME_TOKENS
from mmsearch.types import Content, LoaderSettings, Modality, ModelOptions, ModelSpec, Picture, Vectors

Side: TypeAlias = Literal["text", "vision"]
Array: TypeAlias = npt.NDArray[Any]

POLICY = 1
"""Increased when inputs are handed to these graphs in another way that changes vectors."""
TEXT_BATCH, PICTURE_BATCH = 32, 16
SIDE_FACTOR = 4
"""Pictures are decoded at this multiple of the tower's size: resizing from there differs by less than noise."""
ROLES = ("input_ids", "attention_mask", "pixel_values")
UNSUPPORTED_INPUTS = frozenset({"position_ids", "token_type_ids", "spatial_shapes", "pixel_attention_mask"})
DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(bool)": "bool",
}
PAIRS: tuple[tuple[str, str], ...] = (("text_model", "vision_model"), ("model", "model"))
"""Names of the graphs of both sides; the last is one graph of both."""
MODALITIES: frozenset[Modality] = frozenset({"text", "image", "document", "video"})


@dataclass(frozen=True, slots=True)
class Family:
    """The properties that all models of one `model_type` share.

    Attributes:
        tokens: text positions, if the configuration does not say.
        siglip: texts are lower-cased and padded to all positions, every one of which is attended to, as in training.
        outputs: names of outputs that are embeddings in the common space, best first.
        pictures: the preprocessor's defaults.
    """

    tokens: int
    siglip: bool
    outputs: Mapping[Side, tuple[str, ...]]
    pictures: Mapping[str, Any]


# CLIP's pooler_output comes before the projection into the common space; SigLIP has no projection.
_CLIP = Family(77, False, {"text": ("text_embeds",), "vision": ("image_embeds",)}, CLIP_DEFAULTS)
_SIGLIP = Family(
    64,
    True,
    {"text": ("text_embeds", "pooler_output"), "vision": ("image_embeds", "pooler_output")},
    SIGLIP_DEFAULTS,
)
FAMILIES: dict[str, Family] = {"clip": _CLIP, "siglip": _SIGLIP, "siglip2": _SIGLIP}


def is_export(directory: Path) -> bool:
    """Whether the directory holds graphs of both sides of a model of a known family."""
    return _model_type(directory) in FAMILIES and bool(_variants(directory))


def required_files(variant: str | None) -> tuple[str, ...]:
    """Glob patterns of the files that a variant needs, of a repository that may hold gigabytes of others."""
    suffix = f"_{variant}" if variant else ""
    return ("*.json", *(f"onnx/{name}{suffix}.onnx*" for name in PAIRS[0]))


class Missing(ModelUnavailable):
    """A file of the export is not there."""


class ExportedEmbedder(TowerEmbedder):
    """Embeds text and pictures, pages as pictures, clips as the mean of their frames."""

    def __init__(self, directory: Path, options: ModelOptions) -> None:
        """Opens the text graph; that of pictures is opened when first used.

        Raises ModelUnavailable if a file is missing or not understood, UsageError for an unknown model argument.
        """
        if unknown := sorted(set(options.model_kwargs) - {"backend", "variant"}):
            raise UsageError(
                f"a model run by ONNX Runtime takes backend and variant in --model-kwargs, not {unknown[0]}"
            )
        variant = options.model_kwargs.get("variant")
        try:
            self.towers = ExportedTowers(directory, variant)
        except Missing as error:
            if Path(options.name).expanduser().is_dir():
                raise
            command = hub.download(options.name, options.revision, required_files(variant))
            raise Missing(f"{error}: run `{command}`") from error
        settings = self.towers.loader_settings(options.exact, bool(options.tiles))
        spec = ModelSpec(options.name, self.towers.fingerprint, self.towers.dim, MODALITIES, settings)
        super().__init__(self.towers, spec)


class ExportedTowers:
    """Both sides of one export, and the rules that prepare their inputs."""

    passes: ClassVar[Mapping[str, int]] = {"text": TEXT_BATCH, "image": PICTURE_BATCH}

    def __init__(self, directory: Path, variant: str | None = None) -> None:
        kind = _model_type(directory)
        if kind not in FAMILIES:
            problem = f"is a {kind} model" if kind else "has no config.json that says what it is"
            raise ModelUnavailable(f"{directory} {problem}: ONNX Runtime runs {', '.join(FAMILIES)} here")
        self.family = FAMILIES[kind]
        self.variant, self._paths = _choose(directory, variant)
        # Newer releases keep the settings of the picture processor among those of the whole processor.
        preprocessor = _settings(directory, "preprocessor_config.json")
        preprocessor = preprocessor or _settings(directory, "processor_config.json").get("image_processor") or {}
        if not preprocessor:
            raise Missing(f"{directory} has no preprocessor_config.json")
        self.rule = PixelRule.read(preprocessor, self.family.pictures)
        tokenizer = _find(directory, "tokenizer.json")
        if tokenizer is None:
            raise Missing(f"{directory} has no tokenizer.json")
        text_config = _settings(directory, "config.json").get("text_config") or {}
        self.tokens = TextRule(
            tokenizer,
            _settings(directory, "tokenizer_config.json"),
            _settings(directory, "special_tokens_map.json"),
            int(text_config.get("max_position_embeddings") or 0) or self.family.tokens,
            self.family.siglip,
        )
        self.fingerprint = self._fingerprint(kind)
        blanks = {role: self._blank(role) for role in ROLES}
        self.dim = self.text.width if isinstance(self.text.width, int) else int(self.text.run(blanks).shape[1])

    @property
    def graphs(self) -> list[str]:
        """The files of the graphs."""
        return sorted({str(path) for path in self._paths.values()})

    @cached_property
    def text(self) -> Graph:
        return Graph(self._paths["text"], "text", self.family)

    @cached_property
    def vision(self) -> Graph:
        """The graph of pictures; raises ModelUnavailable if it does not fit the preprocessor or the text graph."""
        both = self._paths["vision"] == self._paths["text"]
        graph = Graph(self._paths["vision"], "vision", self.family, self.text.session if both else None)
        for size, side in zip(graph.shape("pixel_values")[2:], (self.rule.height, self.rule.width), strict=True):
            if isinstance(size, int) and size != side:
                raise ModelUnavailable(f"{graph.path} takes pictures of {size} pixels, the preprocessor makes {side}")
        if isinstance(graph.width, int) and graph.width != self.dim:
            raise ModelUnavailable(f"{graph.path} gives {graph.width} numbers, {self._paths['text'].name} {self.dim}")
        return graph

    def rows(self, partition: Modality, contents: Sequence[Content]) -> Vectors:
        """Float32 `(n, dim)` unit rows for texts or pictures."""
        if partition == "text":
            return self._texts(cast("Sequence[str]", contents))
        return self._pictures(cast("Sequence[Picture]", contents))

    def cuts(self, text: str) -> bool:
        """Whether a text is longer than the model's context."""
        return self.tokens.cuts(text, self.context)

    def known_share(self, text: str) -> float:
        """The share in [0, 1] of the text's words that the vocabulary knows."""
        return self.tokens.known_share(text)

    def loader_settings(self, exact: bool, tiles: bool) -> LoaderSettings:
        """Passages that fit the text tower, and pictures as the other one sees them, or a few times larger."""
        chars = (self.context - FRAME_TOKENS) * CHARS_PER_TOKEN // 10 * 10
        rule = None if exact else self.rule.fit()
        side = None if exact or rule else SIDE_FACTOR * self.rule.side
        return LoaderSettings(passage_chars=chars, image_side=side, exact=exact, image_fit=rule, tiles=tiles)

    @property
    def context(self) -> int:
        """Tokens of the longest text; a graph of fixed length has the last word."""
        length = self.text.shape("input_ids")[1]
        return length if isinstance(length, int) else self.tokens.limit

    def _texts(self, texts: Sequence[str]) -> Vectors:
        """Rows for texts, those of like length together so that little is spent on padding."""
        encoded = self.tokens.encode(texts, self.context)
        fixed = self.family.siglip or isinstance(self.text.shape("input_ids")[1], int)
        order = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
        rows = np.empty((len(texts), self.dim), np.float32)
        size = self.text.batch or TEXT_BATCH
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            width = self.context if fixed else max(len(encoded[i]) for i in batch)
            ids, mask = self.tokens.padded([encoded[i] for i in batch], width)
            inputs = {"input_ids": ids, "attention_mask": np.ones_like(mask) if self.family.siglip else mask}
            rows[batch] = self._run(self.text, inputs)
        return rows

    def _pictures(self, pictures: Sequence[Picture]) -> Vectors:
        size = self.vision.batch or PICTURE_BATCH
        batches = [pictures[start : start + size] for start in range(0, len(pictures), size)]
        stacked = (np.stack([self.rule(picture) for picture in batch]) for batch in batches)
        return np.concatenate([self._run(self.vision, {"pixel_values": pixels}) for pixels in stacked])

    def _run(self, graph: Graph, inputs: dict[str, Array]) -> Vectors:
        """Unit rows; a graph of both sides gets a blank for the other."""
        count = len(next(iter(inputs.values())))
        rows = graph.run(inputs | {role: self._blank(role) for role in graph.inputs if role not in inputs})[:count]
        if rows.shape[1:] != (self.dim,):
            raise ModelUnavailable(f"{graph.path} gives rows of shape {rows.shape[1:]}, expected ({self.dim},)")
        return units(rows)

    def _blank(self, role: str) -> Array:
        """One input of no meaning."""
        if role == "pixel_values":
            return np.zeros((1, 3, self.rule.height, self.rule.width))
        return np.full((1, self.context), self.tokens.pad if role == "input_ids" else 1)

    def _fingerprint(self, kind: str) -> str:
        """32 hex digits over all that decides a vector: graphs, tokenizer, the rules of both inputs and the variant."""
        settings = [POLICY, kind, self.variant, asdict(self.rule), self.tokens.identity()]
        digest = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=16)
        digest.update(hub.file_digest(self.tokens.path, whole=True))
        for graph in self._paths.values():
            # Large graphs keep their weights beside them: text_model.onnx_data, text_model.onnx.data …
            for path in sorted(graph.parent.glob(f"{graph.name}*")):
                digest.update(hub.file_digest(path, whole=False))
        return digest.hexdigest()


class Graph:
    """One ONNX graph: its inputs by role, and the output that is the embedding of one side."""

    def __init__(self, path: Path, side: Side, family: Family, session: Any = None) -> None:
        """Raises ModelUnavailable if an input of the graph is not understood, or its output is missing."""
        self.path = path
        self.session = session if session is not None else open_graph(str(path))
        self.inputs: dict[str, Any] = {}
        for node in self.session.get_inputs():
            role = _role(node)
            if role is None or role in self.inputs:
                supported = ", ".join(ROLES)
                raise ModelUnavailable(
                    f"{path} wants the input {node.name} of shape {node.shape}: known are {supported}"
                )
            self.inputs[role] = node
        self._main = "input_ids" if side == "text" else "pixel_values"
        if self._main not in self.inputs:
            raise ModelUnavailable(f"{path} has no input {self._main}: is it the graph of the other side?")
        self._output = _embedding(self.session.get_outputs(), path, side, family)
        fixed = self.shape(self._main)[0]
        # Such a graph scales numbers by the whole batch as it runs, so batch mates would change a vector.
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            dynamic = content.find(b"DynamicQuantize") >= 0  # operators are named in the file
        self.batch = 1 if dynamic else fixed if isinstance(fixed, int) else None

    @property
    def width(self) -> int | str | None:
        """Numbers in a row, if the graph says so."""
        return cast("int | str | None", self._output.shape[-1])

    def shape(self, role: str) -> list[int | str | None]:
        """The shape of an input: an axis that is not fixed has a name or None."""
        return cast("list[int | str | None]", self.inputs[role].shape)

    def run(self, inputs: Mapping[str, Array]) -> Array:
        """Float32 rows; inputs are converted to the types and filled up to the batch that the graph wants."""
        feed = {}
        for role, node in self.inputs.items():
            values, size = inputs[role], node.shape[0]
            if not isinstance(size, int):
                # Axes of one name have to agree, also those of the other side.
                size = len(inputs[self._main]) if size == self.shape(self._main)[0] else len(values)
            if len(values) < size:
                values = np.concatenate([values, np.repeat(values[-1:], size - len(values), 0)])
            feed[node.name] = values.astype(DTYPES[node.type])
        try:
            return np.asarray(self.session.run([self._output.name], feed)[0], np.float32)
        except Exception as error:  # ONNX Runtime raises its own types, none of them exported as a base class
            raise MmsearchError(f"{self.path} failed: {one_line(error)}") from error


def _role(node: Any) -> str | None:
    """The role of an input of a graph, by its type and shape; None if it is not known."""
    if node.type not in DTYPES:
        return None
    rank = len(node.shape)
    if "float" in node.type:
        # Three dimensions are patches in any number (NaFlex), which come with two inputs more.
        return "pixel_values" if rank == 4 else None
    if rank != 2 or node.name in UNSUPPORTED_INPUTS:
        return None
    return "attention_mask" if "mask" in node.name else "input_ids"


def _embedding(outputs: Sequence[Any], path: Path, side: Side, family: Family) -> Any:
    """The output with the embeddings of a side: by name, or the only one that can be it."""
    by_name = {output.name: output for output in outputs}
    for name in family.outputs[side]:
        if name in by_name:
            return by_name[name]
    if len(outputs) == 1 and len(outputs[0].shape) == 2 and outputs[0].name != "pooler_output":
        return outputs[0]
    expected = " or ".join(family.outputs[side])
    raise ModelUnavailable(f"{path} gives {', '.join(by_name)}, not {expected}: export it with its projection")


def _folders(directory: Path) -> list[Path]:
    return [directory, *hub.module_folders(directory)]


def _find(directory: Path, name: str) -> Path | None:
    return next((folder / name for folder in _folders(directory) if (folder / name).is_file()), None)


def _settings(directory: Path, name: str) -> dict[str, Any]:
    """A JSON file of the export, empty if there is none."""
    path = _find(directory, name)
    return hub.read_json(path) if path else {}


def _model_type(directory: Path) -> str | None:
    kind = _settings(directory, "config.json").get("model_type")
    return str(kind) if kind is not None else None


def _variants(directory: Path) -> dict[str, dict[Side, Path]]:
    """The graphs of both sides by variant; that of the plain ones is empty."""
    variants: dict[str, dict[Side, Path]] = {}
    for folder in (path for base in _folders(directory) for path in (base / "onnx", base)):
        for text, vision in PAIRS:
            for text_path in sorted(folder.glob(f"{text}*.onnx")):
                suffix = text_path.stem[len(text) :]
                vision_path = folder / f"{vision}{suffix}.onnx"
                if (not suffix or suffix[0] == "_") and vision_path.is_file():
                    variants.setdefault(suffix[1:], {"text": text_path, "vision": vision_path})
    return variants


def _choose(directory: Path, variant: str | None) -> tuple[str, dict[Side, Path]]:
    """The graphs of `variant`, else the plain ones, else the only ones there are."""
    variants = _variants(directory)
    if variant is None and len(variants) == 1:
        return next(iter(variants.items()))
    variant = variant or ""
    if variant in variants:
        return variant, variants[variant]
    suffix = f"_{variant}.onnx" if variant else ".onnx"
    expected = [f"onnx/{name}{suffix}" for name in PAIRS[0]]
    absent = [
        name for name in expected if not any((folder / name).is_file() for folder in _folders(directory))
    ] or expected
    available = ", ".join(sorted(name for name in variants if name))
    hint = (
        f'; there are variants {available}: choose one with --model-kwargs \'{{"variant": "…"}}\'' if available else ""
    )
    raise Missing(f"{directory} has no {' and no '.join(absent)}{hint}")
