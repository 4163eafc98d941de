"""`--dummy-weights`: a catalog model's real architecture with random weights and a stand-in tokenizer, without a hub.

`architectures/NAME.json` holds the files of a model's repository except the weights, and describes its tokenizer. They
are written to a temporary directory and loaded like any other model, by the same code; only where transformers would
read weights, random ones are made, directly on the device and in the run's number format. They come from one seed and
are the same on every device. Knows nothing of the computation.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models import catalog
from mmsearch.models.device import choose_device
from mmsearch.types import ModelOptions

if TYPE_CHECKING:
    import torch

    from mmsearch.models.st_embedder import SentenceTransformerEmbedder
    from mmsearch.models.st_reranker import CrossEncoderReranker

ARCHITECTURES = Path(__file__).parent / "architectures"
DEPTHS = ("num_hidden_layers", "depth", "encoder_layers", "n_layers")
"""Names that configurations use for the number of layers of a tower."""
LAYER_LISTS = ("deepstack_visual_indexes", "fullatt_block_indexes")
"""Lists of layers by number, which must stay within the depth."""
SEED = 20
BLOCK = 1_000_003
"""Random numbers that all weights are made of, over and over: a prime, so that no two rows of a matrix are alike."""
LOADER_OPTIONS = ("dtype", "attn_implementation")
"""Arguments for reading a model that also matter for making one."""
WITH_ARTICLE = {"embedder": "an embedder", "reranker": "a reranker"}
PIECES = Path(__file__).parent / "builtin" / "tokenizer.json"
"""The word pieces of the built-in model, so that a text becomes about as many tokens as it really would."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The properties that a stand-in tokenizer shares with the real one.

    Attributes:
        size: number of tokens.
        special: number of each special token.
        pad, unknown: the special tokens for padding and for text without a token.
        limit: most tokens of a text.
        before, after: special tokens put around a text.
        inputs: names of the arrays that the tokenizer gives a model.
        folder: folder of the repository that holds its files.
        roles: further special tokens by the name of the tokenizer's attribute.
        extra: special tokens that only this kind of tokenizer has, likewise.
        words: ordinary tokens whose numbers matter.
    """

    size: int
    special: Mapping[str, int]
    pad: str
    unknown: str
    limit: int
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ("input_ids", "attention_mask")
    folder: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Architecture:
    """A repository without weights: the content of its files by path, and its tokenizer.

    A chat template is a list of lines, a `.safetensors` file the shapes of its weights, and all else becomes JSON.
    """

    files: Mapping[str, Any]
    tokens: Tokens


def architecture(name: str, layers: int | None = None) -> Architecture | None:
    """The architecture of the catalog model `name`, None if it is not part of transformers.

    With `layers` every tower keeps its width and has at most that many layers.
    """
    if not (ARCHITECTURES / f"{name}.json").is_file():
        return None
    content = _read(name)
    files = content["files"]
    if layers is not None:
        files = {path: _cut(part, layers) if path.endswith("config.json") else part for path, part in files.items()}
    return Architecture(files, Tokens(**content["tokens"]))


def _read(name: str) -> dict[str, Any]:
    """The description of an architecture; one with a `base` is a merge patch (RFC 7396) of that other description."""
    content: dict[str, Any] = json.loads((ARCHITECTURES / f"{name}.json").read_text(encoding="utf-8"))
    base = content.pop("base", None)
    return _merged(_read(base), content) if base else content


def _merged(base: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in patch.items():
        if value is None:
            base.pop(key, None)
        else:
            base[key] = _merged(base.get(key, {}), value) if isinstance(value, Mapping) else value
    return base


def _cut(config: Any, layers: int) -> Any:
    """A configuration with at most `layers` layers in each part."""
    if not isinstance(config, Mapping):
        return config
    short = {key: _cut(value, layers) for key, value in config.items()}
    for key in DEPTHS:
        if isinstance(short.get(key), int):
            short[key] = min(layers, short[key])
    for key in LAYER_LISTS:
        if key in short:
            short[key] = [min(number, layers - 1) for number in short[key]]
    return short


def embedder(options: ModelOptions, layers: int | None = None, many: bool = False) -> SentenceTransformerEmbedder:
    """The catalog embedder that `options` names, with random weights; `layers` as in `architecture`.

    `many` is that of `load_embedder`.

    Raises ModelUnavailable if the model is not in the catalog or its architecture not in transformers, UsageError for
    an impossible option.
    """
    from mmsearch.models.st_embedder import SentenceTransformerEmbedder

    with _repository(options, "embedder", layers) as directory, _random_weights(choose_device(options.device)):
        return SentenceTransformerEmbedder(options, many, directory)


def reranker(options: ModelOptions, layers: int | None = None) -> CrossEncoderReranker:
    """The catalog reranker that `options` names, under the same rules as `embedder`."""
    from mmsearch.models.st_reranker import CrossEncoderReranker

    with _repository(options, "reranker", layers) as directory, _random_weights(choose_device(options.device)):
        return CrossEncoderReranker(options, directory)


@contextmanager
def _repository(options: ModelOptions, kind: str, layers: int | None) -> Iterator[Path]:
    """A temporary directory with the files of the model's hub repository, except the weights."""
    entry = catalog.find(options.name)
    if entry is None:
        raise ModelUnavailable(
            f"no dummy weights for {options.name}: it is not in the catalog, see `mmsearch models list`"
        )
    if options.revision is not None:
        raise UsageError("dummy weights have no revision: leave --revision out")
    if entry.kind != kind:
        raise ModelUnavailable(f"{entry.name} is {WITH_ARTICLE[entry.kind]}, not {WITH_ARTICLE[kind]}")
    description = architecture(entry.name, layers)
    if description is None:
        reason = "its architecture is program code in its own repository, not part of transformers"
        if entry.hub_id is None:
            reason = "it is part of mmsearch and has weights of its own"
        raise ModelUnavailable(f"no dummy weights for {entry.name}: {reason}")
    with TemporaryDirectory(prefix="mmsearch-") as directory:
        write(description, Path(directory))
        yield Path(directory)


def write(description: Architecture, directory: Path) -> None:
    """Writes the files of a repository without weights."""
    for name, content in description.files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".safetensors":
            _write_weights(path, content)
        else:
            text = "\n".join(content) if path.suffix == ".jinja" else json.dumps(content)
            path.write_text(text, encoding="utf-8")
    write_tokenizer(description.tokens, directory / description.tokens.folder)


def _write_weights(path: Path, shapes: Mapping[str, list[int]]) -> None:
    """Writes random weights with these shapes."""
    import torch
    from safetensors.torch import save_file

    weights = torch.nn.ParameterDict({name.replace(".", "-"): torch.empty(shape) for name, shape in shapes.items()})
    fill(weights)
    save_file({name.replace("-", "."): weight.data for name, weight in weights.items()}, str(path))


def write_tokenizer(tokens: Tokens, directory: Path) -> None:
    """Writes a tokenizer with the right number of tokens and the special ones at their numbers."""
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

    def around(name: str, kind: int) -> list[str]:
        return [f"{token}:{kind}" for token in (*tokens.before, name, *tokens.after)]

    tokenizer = Tokenizer(models.WordPiece(_vocabulary(tokens), unk_token=tokens.unknown))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=around("$A", 0),
        pair=[*around("$A", 0), *around("$B", 1)],
        special_tokens=[(token, tokens.special[token]) for token in {*tokens.before, *tokens.after}],
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in tokens.special])
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(directory / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": tokens.pad,
        "unk_token": tokens.unknown,
        "model_max_length": tokens.limit,
        "model_input_names": list(tokens.inputs),
        "extra_special_tokens": dict(tokens.extra),
        **tokens.roles,
    }
    (directory / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def _vocabulary(tokens: Tokens) -> dict[str, int]:
    """The number of every token: special ones where they belong, word pieces, and fillers up to the right size."""
    pieces = json.loads(PIECES.read_text(encoding="utf-8"))["model"]["vocab"]
    fixed = {**tokens.special, **tokens.words}
    used = set(fixed.values())
    free = [number for number in range(tokens.size) if number not in used]
    texts = [piece for piece in pieces if piece not in fixed]
    texts += [f"<filler {number}>" for number in range(len(free) - len(texts))]
    return fixed | dict(zip(texts, free, strict=False))


@contextmanager
def _random_weights(device: str) -> Iterator[None]:
    """While the block runs, transformers makes the weights of a model instead of reading them."""
    from transformers import PreTrainedModel

    def make(kind: Any, /, _directory: str, *_: Any, config: Any, **kwargs: Any) -> Any:
        return make_model(kind, config, device, {name: kwargs[name] for name in LOADER_OPTIONS if name in kwargs})

    original: Any = PreTrainedModel.__dict__["from_pretrained"]
    PreTrainedModel.from_pretrained = classmethod(make)
    try:
        yield
    finally:
        PreTrainedModel.from_pretrained = original


def make_model(kind: Any, config: Any, device: str, options: Mapping[str, Any]) -> torch.nn.Module:
    """A transformers model of the class `kind` with random weights, made in place; on `meta` it takes no memory.

    `options` may hold `dtype` and `attn_implementation`.
    """
    import torch
    from transformers.initialization import no_init_weights

    with torch.device(device), no_init_weights():
        model: torch.nn.Module = kind._from_config(config, **options)
    model.tie_weights()  # type: ignore[operator]
    if device != "meta":
        fill(model)
    return model.eval()


def fill(model: torch.nn.Module) -> None:
    """Fills all weights with numbers that depend on their names and positions alone, not on device or number format.

    States keep their size from layer to layer.
    """
    import torch

    block = torch.randn(BLOCK, generator=torch.Generator().manual_seed(SEED))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            owner, _, attribute = name.rpartition(".")
            if "Norm" in type(model.get_submodule(owner)).__name__ and weight.ndim == 1:
                weight.fill_(float(attribute == "weight"))
            elif attribute.endswith("bias"):
                weight.zero_()
            else:
                fan_in = weight.numel() // weight.shape[0] if weight.ndim > 1 else weight.numel()
                start = zlib.crc32(name.encode()) % BLOCK
                scaled = (block.roll(-start) * fan_in**-0.5).to(weight.device, weight.dtype)
                for part in torch.split(weight.view(-1), BLOCK):
                    part.copy_(scaled[: len(part)])
