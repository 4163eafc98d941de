"""The models that mmsearch knows by a short name, in one table of published facts.

Imports nothing heavy and loads nothing. What is not known is None, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mmsearch.types import Modality

BUILDABLE = frozenset(
    ("bert", "clip", "distilbert", "llava_next", "qwen2_5_omni_thinker", "qwen3_vl", "siglip", "xlm-roberta")
)
"""Families whose program code is part of transformers, so that `--dummy-weights` can build them."""
TEXT: tuple[Modality, ...] = ("text",)
SEEN: tuple[Modality, ...] = ("text", "image", "document", "video")
ALL: tuple[Modality, ...] = ("text", "image", "document", "audio", "video")


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One model by its published facts.

    Attributes:
        name: the short name.
        hub_id: where its weights are; None for the built-in model, which is part of the package.
        kind: what it does.
        modalities: partitions it embeds or reads; video counts where frames go in as pictures.
        family: the kind of architecture, as transformers or the model's makers call it.
        parameters: how many numbers its weights have.
        dim: columns of its vectors; None for rerankers.
        matryoshka: lengths to which its vectors may be cut, ascending; empty where it was not trained for that.
            The note says where all lengths between two are meant.
        context: tokens it was made for.
        pixels: least and most pixels of a picture that it sees by default.
        licence: SPDX identifier where there is one, else the licence's name.
        reranker: short name of the reranker that goes with it.
        revision: commit of the hub repository that is loaded unless another is asked for.
        remote_code: it runs only with program code from its repository.
        sources: where the facts were found.
        note: what else one should know.
        gains: files that the reranker orders better than its embedder does, by its makers' own figures; None where
            those show no difference between kinds.
    """

    name: str
    hub_id: str | None
    kind: Literal["embedder", "reranker"]
    modalities: tuple[Modality, ...]
    family: str
    parameters: int | None
    dim: int | None = None
    matryoshka: tuple[int, ...] | None = None
    context: int | None = None
    pixels: tuple[int, int] | None = None
    licence: str | None = None
    reranker: str | None = None
    revision: str | None = None
    remote_code: bool = False
    sources: tuple[str, ...] = ()
    note: str = ""
    gains: tuple[Modality, ...] | None = None

    @property
    def dummy(self) -> bool:
        """Whether `--dummy-weights` can build it: its architecture is part of transformers."""
        return self.family in BUILDABLE


HUB = "https://huggingface.co/"
MTEB = "https://github.com/embeddings-benchmark/mteb/blob/a905523d/mteb/models/model_implementations/"
QWEN = "https://github.com/QwenLM/Qwen3-VL-Embedding"
BGE_VL = "https://bge-model.com/bge/bge_vl.html"
QWEN_PIXELS = (4096, 1_843_200)
ANY_LENGTH = "vectors may be cut to any length from 64 on"
FRAMES = "video goes in frame by frame"
OWN_CODE = "comes with program code of its own, which it does not need here"
HEAD = "its published size includes an output layer that embedding leaves out"

_ENTRIES = (
    CatalogEntry(
        "builtin", None, "embedder", ALL, "builtin", 9_000_000, 192, (), 128, licence="Apache-2.0", reranker="builtin",
        note="part of mmsearch, run by ONNX Runtime; small: pictures at 96 × 96 pixels", gains=("image",),
    ),
    CatalogEntry(
        "qwen3-vl-2b", "Qwen/Qwen3-VL-Embedding-2B", "embedder", SEEN, "qwen3_vl", 2_127_532_032, 2048, (64, 2048),
        32_768, QWEN_PIXELS, "Apache-2.0", "qwen3-vl-reranker-2b", "9f2f7e710d6d81056aa5c0a4f04764fec6bb7bda",
        sources=(QWEN, MTEB + "qwen3_vl_embedding_models.py"), note=ANY_LENGTH,
    ),
    CatalogEntry(
        "qwen3-vl-8b", "Qwen/Qwen3-VL-Embedding-8B", "embedder", SEEN, "qwen3_vl", 8_144_793_840, 4096, (64, 4096),
        32_768, QWEN_PIXELS, "Apache-2.0", "qwen3-vl-reranker-8b", "2c4565515e0f265c6511776e7193b22c0968ddc7",
        sources=(QWEN, MTEB + "qwen3_vl_embedding_models.py"), note=ANY_LENGTH,
    ),
    CatalogEntry(
        "nemotron-vl-1b", "nvidia/llama-nemotron-embed-vl-1b-v2", "embedder", SEEN, "llama_nemotron_vl", 1_678_252_480,
        2048, None, 10_240, None, "NVIDIA Open Model License", "nemotron-rerank-vl-1b",
        "859e1f2dac29c56c37a5279cf55f53f3e74efc6b", remote_code=True,
        sources=(MTEB + "nvidia_nemotron_vl_models.py", "https://build.nvidia.com/nvidia/llama-nemotron-embed-vl-1b-v2"),
        note=f"pictures are cut into up to six tiles; {FRAMES}",
    ),
    CatalogEntry(
        "omni-nemotron-3b", "nvidia/omni-embed-nemotron-3b", "embedder", ALL, "qwen2_5_omni_thinker", 4_703_464_448,
        2048, None, 32_768, None, "NVIDIA OneWay Noncommercial License", None,
        "e0e93aaaa65d2422a8a0c1284116e71f7a0fe966", remote_code=True,
        sources=(MTEB + "omni_embed_nemotron_models.py", HUB + "nvidia/omni-embed-nemotron-3b"),
        note=f"not for commercial use; {HEAD}; made-up weights stand on the architecture that it is derived from",
    ),
    CatalogEntry(
        "bge-vl-base", "BAAI/BGE-VL-base", "embedder", SEEN, "clip", 149_620_737, 512, (), 77, None, "MIT", None,
        "cc4c733ed997dbee4ac70ccffb911e70c9c24b93", sources=(MTEB + "bge_vl_models.py", BGE_VL),
        note=f"{OWN_CODE}; {FRAMES}",
    ),
    CatalogEntry(
        "bge-vl-large", "BAAI/BGE-VL-large", "embedder", SEEN, "clip", 427_616_513, 768, (), 77, None, "MIT", None,
        "40fb48217f521df22a2a5bf15edd52ed1146ef05", sources=(MTEB + "bge_vl_models.py", BGE_VL),
        note=f"{OWN_CODE}; {FRAMES}",
    ),
    CatalogEntry(
        "bge-vl-mllm-s1", "BAAI/BGE-VL-MLLM-S1", "embedder", SEEN, "llava_next", 7_566_264_320, 4096, None, 32_768,
        None, "MIT", None, "455ac20c111813fbb263dd0f22d47d173a971582", remote_code=True,
        sources=(MTEB + "bge_vl_models.py", BGE_VL), note=f"{HEAD}; {FRAMES}",
    ),
    CatalogEntry(
        "bge-vl-mllm-s2", "BAAI/BGE-VL-MLLM-S2", "embedder", SEEN, "llava_next", 7_566_264_320, 4096, None, 32_768,
        None, "MIT", None, "20137e245f277e7eca277bbb436ce7d632a16406", remote_code=True,
        sources=(MTEB + "bge_vl_models.py", BGE_VL), note=f"{HEAD}; {FRAMES}",
    ),
    CatalogEntry(
        "clip-b32", "sentence-transformers/clip-ViT-B-32", "embedder", SEEN, "clip", 151_277_313, 512, (), 77,
        sources=(MTEB + "clip_models.py", HUB + "sentence-transformers/clip-ViT-B-32"), note=FRAMES,
    ),
    CatalogEntry(
        "clip-b16", "sentence-transformers/clip-ViT-B-16", "embedder", SEEN, "clip", 149_620_737, 512, (), 77,
        sources=(MTEB + "clip_models.py", HUB + "sentence-transformers/clip-ViT-B-16"), note=FRAMES,
    ),
    CatalogEntry(
        "clip-l14", "sentence-transformers/clip-ViT-L-14", "embedder", SEEN, "clip", 427_616_513, 768, (), 77,
        sources=(MTEB + "clip_models.py", HUB + "sentence-transformers/clip-ViT-L-14"), note=FRAMES,
    ),
    CatalogEntry(
        "clip-b32-multilingual", "sentence-transformers/clip-ViT-B-32-multilingual-v1", "embedder", TEXT, "distilbert",
        135_127_296, 512, (), 128, licence="Apache-2.0",
        sources=(HUB + "sentence-transformers/clip-ViT-B-32-multilingual-v1",),
        note="texts only, in 50 languages, in the space of clip-b32, and no pictures; its size follows from its files, "
        "541 MB at four bytes a number",
    ),
    CatalogEntry(
        "siglip2-base", "google/siglip2-base-patch16-224", "embedder", SEEN, "siglip", 375_187_970, 768, (), 64, None,
        "Apache-2.0", None, "75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2", sources=(MTEB + "siglip_models.py",),
        note=FRAMES,
    ),
    CatalogEntry(
        "siglip2-so400m", "google/siglip2-so400m-patch14-384", "embedder", SEEN, "siglip", 1_136_008_498, 1152, (), 64,
        None, "Apache-2.0", None, "e8e487298228002f3d8a82e0cd5c8ea9c567f57f", sources=(MTEB + "siglip_models.py",),
        note=FRAMES,
    ),
    CatalogEntry(
        "jina-v5-omni-nano", "jinaai/jina-embeddings-v5-omni-nano", "embedder", ALL, "jina_embeddings_v5_omni",
        985_984_512, 768, (32, 64, 128, 256, 512, 768), 8192, None, "CC-BY-NC-4.0", None,
        "2b230c93c996e091a45b95af4e3315dd07605ee3", remote_code=True,
        sources=(MTEB + "jina_models.py", "https://jina.ai/models/jina-embeddings-v5-omni-nano"),
        note="not for commercial use",
    ),
    CatalogEntry(
        "lco-omni-3b", "LCO-Embedding/LCO-Embedding-Omni-3B", "embedder", ALL, "qwen2_5_omni_thinker", 4_703_464_448,
        2048, None, 32_768, None, "MIT",
        sources=(MTEB + "lco_embedding_models.py", HUB + "LCO-Embedding/LCO-Embedding-Omni-3B/discussions/2"),
        note=HEAD,
    ),
    CatalogEntry(
        "qwen3-vl-reranker-2b", "Qwen/Qwen3-VL-Reranker-2B", "reranker", SEEN, "qwen3_vl", 2_127_532_032,
        context=32_768, pixels=QWEN_PIXELS, licence="Apache-2.0", gains=("text", "document"),
        sources=(QWEN, HUB + "collections/Qwen/qwen3-vl-reranker"),
        note="the size is that of its base model, published as 2B; on MMEB-v2 it loses on pictures and video",
    ),
    CatalogEntry(
        "qwen3-vl-reranker-8b", "Qwen/Qwen3-VL-Reranker-8B", "reranker", SEEN, "qwen3_vl", 8_767_123_696,
        context=32_768, pixels=QWEN_PIXELS, licence="Apache-2.0",
        sources=(QWEN, HUB + "collections/Qwen/qwen3-vl-reranker", HUB + "Qwen/Qwen3-VL-Reranker-8B/discussions/11"),
        note="the size is that of its base model, published as 9B; some of its revisions do not load: modules.json "
        "named a wrong folder",
    ),
    CatalogEntry(
        "nemotron-rerank-vl-1b", "nvidia/llama-nemotron-rerank-vl-1b-v2", "reranker", SEEN, "llama_nemotron_vl",
        1_700_000_000, licence="NVIDIA Open Model License", remote_code=True,
        sources=("https://build.nvidia.com/nvidia/llama-nemotron-rerank-vl-1b-v2/modelcard",),
        note="the size is given as about 1.7 B",
    ),
    CatalogEntry(
        "jina-reranker-m0", "jinaai/jina-reranker-m0", "reranker", SEEN, "jina_reranker_m0", 2_400_000_000,
        context=10_240, pixels=(3136, 602_112), licence="CC-BY-NC-4.0", remote_code=True,
        sources=("https://jina.ai/models/jina-reranker-m0",),
        note="not for commercial use; the size is given as 2.4 B",
    ),
    CatalogEntry(
        "bge-reranker-v2-m3", "BAAI/bge-reranker-v2-m3", "reranker", TEXT, "xlm-roberta", 567_755_777, context=8192,
        licence="Apache-2.0", revision="953dc6f6f85a1b2dbfca4c34a2796e7dde08d41e",
        sources=(MTEB + "rerankers_custom.py", HUB + "BAAI/bge-reranker-v2-m3"),
        note="texts only, many languages; its size follows from 2,166 MiB at four bytes a number",
    ),
    CatalogEntry(
        "ms-marco-minilm-l6", "cross-encoder/ms-marco-MiniLM-L6-v2", "reranker", TEXT, "bert", 22_713_601, context=512,
        licence="Apache-2.0", revision="c5ee24cb16019beea0893ab7796b1df96625c6b8",
        sources=(MTEB + "rerankers_custom.py", HUB + "cross-encoder/ms-marco-MiniLM-L6-v2"), note="texts only, English",
    ),
)  # fmt: skip

CATALOG: Mapping[str, CatalogEntry] = {entry.name: entry for entry in _ENTRIES}
_BY_HUB_ID = {entry.hub_id.lower(): entry for entry in _ENTRIES if entry.hub_id}


def find(name: str) -> CatalogEntry | None:
    """The entry with this short name or hub id (in any case), None where there is none."""
    return CATALOG.get(name) or _BY_HUB_ID.get(name.lower())
