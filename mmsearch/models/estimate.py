"""Estimates of a model before it is loaded: memory for a batch and operations for an item, from its configuration.

A forward pass holds the states of one layer at a time: the residual stream, and the wider of attention and feed-forward
part. So its memory is that of the weights, of one layer for all positions of a batch, and of the inputs. Attention is
counted as the fused kind, which keeps no matrix of scores. Loads nothing; imports no torch.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from mmsearch.types import Modality, ModelOptions

STREAM = 2
"""Copies of the residual stream that are alive inside a layer: before and after its norm."""
WIDENED = 3
"""Arrays of the feed-forward's inner width alive at once: gate, value and product, or an activation in steps."""
ATTENDED = 5
"""Arrays of the attention's width alive at once: queries, keys, values, the result and a reordered one."""
PIXEL_COPIES = 3
"""Pictures as float32 while they are stacked, normalised and handed over."""
HOST_BYTES = 60 << 20
"""Bytes that tokenizer, processor and the first pass leave in a process on a CPU besides the weights."""
CUDA_BYTES = 600 << 20
"""Bytes of a device for a CUDA context with its libraries, as its driver sees it; as published, not measured here."""
SOUND_POSITIONS = 50
"""Positions of an audio tower for a second of sound, before they are pooled."""
TILES = 5
"""Pictures that LLaVA-NeXT makes of one."""
GATED = ("silu", "swish")
"""Activations that belong to feed-forward parts with a gate."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of a model's inputs; None means the size that the loaders make for the model.

    Attributes:
        tokens: words of a text, which are about as many tokens.
        pixels: of a picture and of a frame, before it is fitted to the model.
        frames: of a clip.
        seconds: of a sound.
    """

    tokens: int = 128
    pixels: int = 1_000_000
    frames: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Tower:
    """A stack of transformer layers.

    Attributes:
        width: of the residual stream.
        attended: of all query heads together.
        shared: of all key heads together, which is the same for values.
        inner: width inside the feed-forward part.
        gated: that part has three matrices instead of two.
        longest: most positions, None if not known.
        words: size of the vocabulary, 0 for towers without one.
        side, patch: of a picture and of a patch, in pixels; `side` is 0 if pictures keep their size.
        merge: patches along each edge that become one token of the tower after it.
    """

    width: int
    attended: int
    shared: int
    inner: int
    layers: int
    gated: bool
    longest: int | None = None
    words: int = 0
    side: int = 0
    patch: int = 0
    merge: int = 1

    @property
    def layer(self) -> int:
        """Numbers in the matrices of one layer."""
        attention = 2 * self.width * (self.attended + self.shared)
        return attention + (3 if self.gated else 2) * self.width * self.inner

    @property
    def parameters(self) -> int:
        """About how many numbers its weights have."""
        patches = 3 * self.patch**2 * self.width
        return self.layers * self.layer + self.words * self.width + patches

    @property
    def values(self) -> int:
        """Numbers alive at once for one position."""
        return STREAM * self.width + max(WIDENED * self.inner, ATTENDED * self.attended)

    def operations(self, positions: float) -> float:
        """Floating point operations for one input of `positions` positions."""
        return self.layers * positions * (2 * self.layer + 4 * positions * self.attended)

    def patches(self, pixels: int) -> int:
        """Positions of a picture, at its own size or at the one to which all are resized."""
        return (self.side // self.patch) ** 2 + 1 if self.side else max(self.merge**2, pixels // self.patch**2)


@dataclass(frozen=True, slots=True)
class Shape:
    """The towers of a model. With `joint` pictures and sounds pass through the text tower after their own."""

    text: Tower | None
    vision: Tower | None
    audio: Tower | None
    joint: bool
    tiles: int = 1

    @property
    def parameters(self) -> int:
        """About how many numbers all weights have together."""
        return sum(tower.parameters for tower in (self.text, self.vision, self.audio) if tower)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The expected costs of a model.

    Attributes:
        itemsize: bytes of a number in the run's format.
        weights: bytes of all parameters.
        base: bytes that every model takes: libraries and interpreter, or a device's context.
        pixels: most pixels of a picture that it sees, None if not known.
        frames, seconds: length of the clips and sounds that the loaders make.
    """

    shape: Shape
    itemsize: int
    weights: int
    base: int
    pixels: int | None = None
    frames: int = 8
    seconds: float = 10.0

    def peak(self, modality: Modality, batch: int, sizes: Sizes) -> int:
        """Most bytes at once for a batch of one modality."""
        return self.base + self.weights + self.activations(modality, batch, sizes)

    def activations(self, modality: Modality, batch: int, sizes: Sizes) -> int:
        """Bytes that a pass needs on top of those held before it."""
        tower_positions, text_positions, pictures = self._positions(modality, sizes)
        tower = self._tower(modality)
        layer = max(
            tower_positions * tower.values if tower else 0,
            text_positions * self.shape.text.values if text_positions and self.shape.text else 0,
        )
        inputs = pictures * PIXEL_COPIES * 4
        # Models that read pictures alone get the frames of one clip at a time.
        together = 1 if modality == "video" and not self.shape.joint else batch
        return int(together * (layer * self.itemsize + inputs))

    def operations(self, modality: Modality, sizes: Sizes) -> float:
        """Floating point operations for one item."""
        tower_positions, text_positions, _ = self._positions(modality, sizes)
        tower, text = self._tower(modality), self.shape.text
        count = (sizes.frames or self.frames) if modality == "video" else 1
        alone = count * tower.operations(tower_positions / count) if tower else 0.0
        return alone + (text.operations(text_positions) if text_positions and text else 0.0)

    def _tower(self, modality: Modality) -> Tower | None:
        return {"text": self.shape.text, "audio": self.shape.audio}.get(modality, self.shape.vision)

    def _positions(self, modality: Modality, sizes: Sizes) -> tuple[float, float, float]:
        """Positions of an item in its own tower and then in the text tower, and the numbers its pixels are."""
        shape = self.shape
        words = float(min(sizes.tokens, (shape.text and shape.text.longest) or sizes.tokens))
        if modality == "text":
            return words, 0.0, 0.0
        if modality == "audio":
            positions = (sizes.seconds or self.seconds) * SOUND_POSITIONS
            return positions, positions / 2 if shape.joint else 0.0, 0.0
        tower = shape.vision
        if tower is None:
            return 0.0, 0.0, 0.0
        pixels = min(sizes.pixels, self.pixels or sizes.pixels)
        count = float((sizes.frames or self.frames) if modality == "video" else shape.tiles)
        if modality == "video" and shape.joint:
            count /= 2  # models that read video themselves take two frames as one
        tower_positions = tower.patches(pixels) * count
        text_positions = tower_positions / tower.merge**2 if shape.joint else 0.0
        return (
            tower_positions,
            text_positions,
            tower_positions * 3 * tower.patch**2 * (2 if shape.joint and not tower.side else 1),
        )


def before_loading(
    options: ModelOptions, organization: str, itemsize: int, base: int, cuda: bool = False
) -> Estimate | None:
    """The estimate for the model that `options` name, None if its architecture is not understood.

    Args:
        organization: default organization of hub ids without one.
        itemsize: bytes of a number in the format it will be loaded in.
        base: bytes that the process holds already, with its libraries imported.
        cuda: it will be loaded onto a device with memory of its own.
    """
    from mmsearch.models import catalog, dummy, hub

    entry = catalog.find(options.name)
    parameters = None
    if options.dummy_weights:
        architecture = dummy.architecture(entry.name) if entry else None
        shape = shape_of(_configuration(architecture.files)) if architecture else None
    else:
        directory = hub.locate(options.name, options.revision, organization)
        folders = [directory, *hub.module_folders(directory)]
        files = {f"{folder}/config.json": hub.read_json(folder / "config.json") for folder in folders}
        shape, parameters = shape_of(_configuration(files)), stored(folders)
    if not shape:
        return None
    parameters = parameters or (entry and entry.parameters) or shape.parameters
    pixels = options.max_pixels or (entry.pixels[1] if entry and entry.pixels else None)
    start = CUDA_BYTES if cuda else base + HOST_BYTES
    return Estimate(shape, itemsize, parameters * itemsize, start, pixels)


def of_network(network: Any) -> Estimate | None:
    """The estimate for a loaded model of torch, None if its architecture is not understood."""
    shape = shape_of(getattr(getattr(network, "transformers_model", None), "config", None))
    if shape is None:
        return None
    itemsize = next(network.parameters()).element_size()
    return Estimate(shape, itemsize, sum(weight.numel() for weight in network.parameters()) * itemsize, 0)


def _configuration(files: Mapping[str, Any]) -> Any:
    """The configuration with the defaults of its model's type filled in, None if transformers lacks the type."""
    from transformers import AutoConfig

    for name, content in files.items():
        if name.endswith("config.json") and isinstance(content, Mapping) and "model_type" in content:
            settings = dict(content)
            try:
                return AutoConfig.for_model(settings.pop("model_type"), **settings)
            except (ValueError, KeyError, TypeError):
                return None
    return None


def stored(folders: Iterable[Path]) -> int | None:
    """Numbers in the weights of a model, by the headers of its safetensors; None if it has none."""
    count = 0
    for folder in dict.fromkeys(folders):
        for path in sorted(folder.glob("*.safetensors")):
            with open(path, "rb") as file:
                header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
            count += sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    return count or None


def shape_of(config: Any) -> Shape | None:
    """The towers that a configuration of transformers describes, None if it describes none."""
    if config is None:
        return None
    config = getattr(config, "thinker_config", config)
    parts = {name: getattr(config, f"{name}_config", None) for name in ("text", "vision", "audio")}
    towers = {name: tower_of(part) for name, part in parts.items() if part is not None}
    text = towers.get("text") or tower_of(config)
    vision, audio = towers.get("vision"), towers.get("audio")
    if not (text or vision or audio):
        return None
    joint = not hasattr(config, "projection_dim") and not str(getattr(config, "model_type", "")).startswith("siglip")
    tiles = TILES if getattr(config, "image_grid_pinpoints", None) else 1
    return Shape(text, vision, audio, joint and bool(vision or audio), tiles)


def tower_of(part: Any) -> Tower | None:
    """The tower that a part of a configuration describes, by the names that architectures use; None for no tower."""

    def setting(*names: str) -> int:
        return next((int(value) for name in names if isinstance(value := getattr(part, name, None), int)), 0)

    width = setting("hidden_size", "d_model", "embed_dim")
    layers = setting("num_hidden_layers", "depth", "encoder_layers", "num_layers")
    heads = setting("num_attention_heads", "num_heads", "encoder_attention_heads")
    if not (width and layers and heads):
        return None
    head = setting("head_dim") or width // heads
    activation = str(getattr(part, "hidden_act", None) or getattr(part, "activation_function", ""))
    return Tower(
        width=width,
        attended=heads * head,
        shared=(setting("num_key_value_heads") or heads) * head,
        inner=setting("intermediate_size", "encoder_ffn_dim") or 4 * width,
        layers=layers,
        gated=activation in GATED,
        longest=setting("max_position_embeddings") or None,
        words=setting("vocab_size"),
        side=setting("image_size"),
        patch=setting("patch_size"),
        merge=setting("spatial_merge_size") or 1,
    )
