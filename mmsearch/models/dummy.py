"""`--dummy-weights`: a catalog model's real architecture with random weights and a stand-in tokenizer, without a hub.

A repository without weights is written to a temporary directory and loaded as any other, by the same code; only where
transformers would read weights, they are made, directly on the device and in the run's number format. They come from
one seed and are the same on every device. Knows nothing of what a model computes.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models import architectures, catalog, hub
from mmsearch.models.blueprint import Architecture, Tokens
from mmsearch.models.device import choose_device
from mmsearch.types import ModelOptions

if TYPE_CHECKING:
    import torch

    from mmsearch.models.st_embedder import SentenceTransformerEmbedder
    from mmsearch.models.st_reranker import CrossEncoderReranker

SEED = 20
BLOCK = 1_000_003
"""Random numbers that all weights are made of, over and over: a prime, so that no two rows of a matrix are alike."""
PASSED = ("dtype", "attn_implementation")
"""What of the arguments for reading a model matters for making one."""
WITH_ARTICLE = {"embedder": "an embedder", "reranker": "a reranker"}
PIECES = Path(__file__).parent / "builtin" / "tokenizer.json"
"""The word pieces of the built-in model, so that a text becomes about as many tokens as it really would."""


def embedder(options: ModelOptions, layers: int | None = None, many: bool = False) -> SentenceTransformerEmbedder:
    """The embedder of the catalog that `options` names, with random weights; with `layers` it is less deep.

    `many` is that of `load_embedder`.

    Raises ModelUnavailable where the model is not in the catalog or its architecture not in transformers, UsageError
    for an impossible option.
    """
    from mmsearch.models.st_embedder import SentenceTransformerEmbedder

    with _repository(options, "embedder", layers) as directory, _made_weights(choose_device(options.device)):
        return SentenceTransformerEmbedder(options, many, directory)


def reranker(options: ModelOptions, layers: int | None = None) -> CrossEncoderReranker:
    """The reranker of the catalog that `options` names, under the same rules as `embedder`."""
    from mmsearch.models.st_reranker import CrossEncoderReranker

    with _repository(options, "reranker", layers) as directory, _made_weights(choose_device(options.device)):
        return CrossEncoderReranker(options, directory)


def parameters(name: str) -> int:
    """How many numbers the weights of a catalog model have as it is loaded here; counted without making them.

    Raises ModelUnavailable where its architecture is not part of transformers.
    """
    from sentence_transformers import CrossEncoder, SentenceTransformer

    entry = catalog.find(name)
    kind = entry.kind if entry else "embedder"
    with _repository(ModelOptions(name), kind, None) as directory, _made_weights("meta"), hub.quiet():
        model: Any = (SentenceTransformer if kind == "embedder" else CrossEncoder)(str(directory), device="meta")
    return sum(weight.numel() for weight in model.parameters())


@contextmanager
def _repository(options: ModelOptions, kind: str, layers: int | None) -> Iterator[Path]:
    """A temporary directory with what the hub repository of the model has, but for the weights."""
    entry = catalog.find(options.name)
    if entry is None:
        raise ModelUnavailable(
            f"no dummy weights for {options.name}: it is not in the catalog, see `mmsearch models list`"
        )
    if options.revision is not None:
        raise UsageError("dummy weights have no revision: leave --revision out")
    if entry.kind != kind:
        raise ModelUnavailable(f"{entry.name} is {WITH_ARTICLE[entry.kind]}, not {WITH_ARTICLE[kind]}")
    found = architectures.find(entry.name, layers)
    if found is None:
        raise ModelUnavailable(f"no dummy weights for {entry.name}: {_reason(entry)}")
    with TemporaryDirectory(prefix="mmsearch-") as directory:
        write(found, Path(directory))
        yield Path(directory)


def _reason(entry: catalog.CatalogEntry) -> str:
    if entry.hub_id is None:
        return "it is part of mmsearch and has weights of its own"
    return "its architecture is program code in its own repository, not part of transformers"


def write(found: Architecture, directory: Path) -> None:
    """Writes the files of a repository without weights."""
    for name, content in found.files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".safetensors":
            _write_weights(path, content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    write_tokenizer(found.tokens, directory / found.tokens.folder)


def _write_weights(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """A file of random weights with these shapes."""
    import torch
    from safetensors.torch import save_file

    made = torch.nn.ParameterDict({name.replace(".", "-"): torch.empty(shape) for name, shape in shapes.items()})
    fill(made)
    save_file({name.replace("-", "."): weight.data for name, weight in made.items()}, str(path))


def write_tokenizer(tokens: Tokens, directory: Path) -> None:
    """Writes a tokenizer with the right number of tokens and the special ones in their places."""
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

    inner = Tokenizer(models.WordPiece(_vocabulary(tokens), unk_token=tokens.unknown))
    inner.normalizer = normalizers.BertNormalizer()
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = _frame(tokens)
    inner.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in tokens.special])
    directory.mkdir(parents=True, exist_ok=True)
    inner.save(str(directory / "tokenizer.json"))
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
    placed = {**tokens.special, **tokens.words}
    taken = set(placed.values())
    free = [number for number in range(tokens.size) if number not in taken]
    names = [piece for piece in pieces if piece not in placed]
    names += [f"<filler {number}>" for number in range(len(free) - len(names))]
    return placed | dict(zip(names, free, strict=False))


def _frame(tokens: Tokens) -> Any:
    """What puts special tokens around one text, and around each of a pair."""
    from tokenizers import processors

    def part(name: str, kind: int) -> list[str]:
        return [f"{token}:{kind}" for token in (*tokens.before, name, *tokens.after)]

    return processors.TemplateProcessing(
        single=part("$A", 0),
        pair=[*part("$A", 0), *part("$B", 1)],
        special_tokens=[(token, tokens.special[token]) for token in {*tokens.before, *tokens.after}],
    )


@contextmanager
def _made_weights(device: str) -> Iterator[None]:
    """While the block runs, transformers makes the weights of a model instead of reading them."""
    from transformers import PreTrainedModel

    def make(kind: Any, /, _directory: str, *_: Any, config: Any, **given: Any) -> Any:
        return make_model(kind, config, device, {name: given[name] for name in PASSED if name in given})

    kept: Any = PreTrainedModel.__dict__["from_pretrained"]
    PreTrainedModel.from_pretrained = classmethod(make)
    try:
        yield
    finally:
        PreTrainedModel.from_pretrained = kept


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
    """Fills all weights with numbers that depend on their names and places alone, not on device or number format."""
    import torch

    block = torch.randn(BLOCK, generator=torch.Generator().manual_seed(SEED))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            owner, _, own = name.rpartition(".")
            if "Norm" in type(model.get_submodule(owner)).__name__ and weight.ndim == 1:
                weight.fill_(float(own == "weight"))
            elif own.endswith("bias"):
                weight.zero_()
            else:
                _scatter(weight, block, zlib.crc32(name.encode()) % BLOCK)


def _scatter(weight: torch.Tensor, block: torch.Tensor, start: int) -> None:
    """Random numbers from a place of the block on, around and around; states keep their size from layer to layer."""
    fan_in = weight.numel() // weight.shape[0] if weight.ndim > 1 else weight.numel()
    scaled = (block.roll(-start) * fan_in**-0.5).to(weight.device, weight.dtype)
    flat = weight.view(-1)
    for first in range(0, len(flat), BLOCK):
        part = flat[first : first + BLOCK]
        part.copy_(scaled[: len(part)])
