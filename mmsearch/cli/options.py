"""The options of all commands as annotated types, so that a command's signature reads like its synopsis."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, TypeAlias

import typer

from mmsearch.bench.form import BenchFormat
from mmsearch.render import Format


def _flag(text: str, *names: str) -> Any:
    return typer.Option(*names, help=text)


def _value(text: str, metavar: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=text, metavar=metavar, **more)


Text: TypeAlias = str | None
Texts: TypeAlias = list[str] | None


class Modes(str, Enum):
    """How a search ranks; the library has the same as literals, whose import would slow `--help` down."""

    dense = "dense"
    lexical = "lexical"
    hybrid = "hybrid"


# Every command
IndexDir = Annotated[
    Text,
    _value("The index directory; default: $MMSEARCH_INDEX, the nearest .mmsearch/ upward, your own.", "DIR", "--index"),
]
Device = Annotated[Text, _value("cpu, cuda, cuda:1 or mps; default: the best there is.", "DEVICE", "--device")]
Globs = Annotated[Texts, _value("Only paths that match; !GLOB leaves out; repeatable.", "GLOB", "-g", "--glob")]
Json = Annotated[bool, _flag("Print one JSON object.", "--json")]

# search
Words = Annotated[Texts, typer.Argument(metavar="QUERY", help="What to look for.")]
Images = Annotated[Texts, _value("A picture to look for, also as FILE:WEIGHT; - is stdin.", "FILE|URL|-", "--image")]
Audios = Annotated[Texts, _value("A sound to look for, likewise.", "FILE|URL|-", "--audio")]
Videos = Annotated[Texts, _value("A clip to look for, likewise.", "FILE|URL|-", "--video")]
Not = Annotated[Texts, _value("What is not meant; repeatable.", "TEXT", "--not")]
Like = Annotated[Texts, _value("Like a file that is indexed; uses no model.", "PATH", "--like")]
Queries = Annotated[Text, _value("Many queries, one a line: texts or JSON objects.", "FILE|-", "--queries")]
Top = Annotated[int, _value("At most this many files.", "N", "-k", "--top", min=1)]
Types = Annotated[Text, _value("Only these: text,image,document,audio,video.", "TYPE,...", "-t", "--type")]
Inside = Annotated[Texts, _value("Only files below this folder; repeatable.", "DIR", "--in")]
After = Annotated[Text, _value("Taken, or else changed, then or later: 2024-03, 7d.", "DATE", "--after")]
Before = Annotated[Text, _value("Taken, or else changed, before then.", "DATE", "--before")]
Size = Annotated[Texts, _value("+1M at least, -10k at most, 1M..2M between; repeatable.", "RANGE", "--size")]
Width = Annotated[Texts, _value("Pixels: +1000, -500, 800..1200.", "RANGE", "--width")]
Height = Annotated[Texts, _value("Pixels, likewise.", "RANGE", "--height")]
Duration = Annotated[Texts, _value("Length of sound and video: +30, -2m, 1:00..1:30.", "RANGE", "--duration")]
Mode = Annotated[Modes, typer.Option("--mode", help="By vectors, by words, or both.")]
Raw = Annotated[bool, _flag("Rank by raw cosines, which favour some modalities.", "--raw")]
MinRelevance = Annotated[float | None, _value("Leave out hits below.", "X", "--min-relevance")]
AllSegments = Annotated[bool, _flag("Each matching part of a file, not only the best.", "--all-segments")]
Rerank = Annotated[bool, _flag("Read the best candidates again, more closely.", "--rerank")]
RerankerName = Annotated[
    Text, _value("A name of `models list`, a hub id or a directory; implies --rerank.", "MODEL", "--reranker")
]
RerankDepth = Annotated[int, _value("How many candidates the reranker reads.", "N", "--rerank-depth", min=1)]
RerankBudget = Annotated[
    float | None, _value("Read no more after so long; what was read is ordered.", "SECONDS", "--rerank-budget", min=0)
]
RerankTypes = Annotated[Text, _value("Read only these files again; default: all it can.", "TYPE,...", "--rerank-types")]
Fold = Annotated[bool, _flag("Show hits that are nearly the same as one.", "--fold")]
Explain = Annotated[bool, _flag("Say what each stage of the ranking made of a hit.", "--explain")]
Context = Annotated[bool, _flag("Print what was found itself, as JSON evidence for a language model.", "--context")]
ContextBudget = Annotated[int, _value("Most bytes of that evidence.", "BYTES", "--context-budget", min=1)]
Shape = Annotated[Format | None, typer.Option("--format", help="How hits are written; default: table.")]
JsonLines = Annotated[bool, _flag("One JSON object a line.", "--jsonl")]
Paths = Annotated[bool, _flag("Only paths, one a line.", "-l", "--paths")]
Print0 = Annotated[bool, _flag("End each path with NUL instead of a newline; implies -l.", "-0", "--print0")]

# index
Roots = Annotated[Texts, typer.Argument(metavar="PATH", help="Folders and files; default: those of earlier runs.")]
FilesFrom = Annotated[Text, _value("Read paths from a file, or from stdin with -.", "FILE|-", "--files-from")]
Null = Annotated[bool, _flag("The paths of --files-from end with NUL.", "-0", "--null")]
Hidden = Annotated[bool, _flag("Hidden files and folders too.", "--hidden")]
NoIgnore = Annotated[bool, _flag("Do not respect .gitignore and .mmsearchignore.", "--no-ignore")]
Follow = Annotated[bool, _flag("Follow symbolic links to folders.", "-L", "--follow")]
Prune = Annotated[bool, _flag("Forget files that are no longer there.", "--prune")]
RetryFailed = Annotated[bool, _flag("Try files that failed before again, though unchanged.", "--retry-failed")]
Rebuild = Annotated[bool, _flag("Drop the index and build it anew.", "--rebuild")]
Jobs = Annotated[
    int | None,
    _value("Processes that read files; 0 reads in this one; default: the processors.", "N", "-j", "--jobs", min=0),
]
Timeout = Annotated[
    float | None, _value("Give a file up after so long without progress (120).", "SECONDS", "--timeout", min=1)
]
Memory = Annotated[
    float | None, _value("Most memory for reading one file (4); 0 for no limit.", "GIB", "--memory", min=0)
]
Progress = Annotated[bool, _flag("Tell how long it will take, off a terminal too.", "--progress")]
DryRun = Annotated[bool, _flag("Only tell what would be done.", "--dry-run")]

# Models
Model = Annotated[
    Text, _value("A name of `models list`, a hub id or a directory; default: the index's own.", "MODEL", "--model")
]
Revision = Annotated[Text, _value("Branch, tag or commit of the hub id.", "REV", "--revision")]
Dtype = Annotated[Text, _value("float32, bfloat16, float16 or int8; default: by the hardware.", "DTYPE", "--dtype")]
Attn = Annotated[Text, _value("Attention, such as sdpa or flash_attention_2.", "NAME", "--attn")]
MaxPixels = Annotated[int | None, _value("Most pixels of a picture that the model sees.", "N", "--max-pixels", min=1)]
BatchSize = Annotated[int | None, _value("Inputs in one pass; default: by the memory.", "N", "--batch-size", min=1)]
Exact = Annotated[bool, _flag("Decode pictures in full: slower, and hardly another vector.", "--exact")]
Tiles = Annotated[
    bool | None,
    _flag(
        "Embed the panels of contact sheets and comics and the stretches of long pictures too, or pictures as wholes "
        "only; default: where it was measured to help.",
        "--tiles/--no-tiles",
    ),
]
ModelKwargs = Annotated[Text, _value("Passed to the model's loader.", "JSON", "--model-kwargs")]
ProcessorKwargs = Annotated[Text, _value("Passed to the processor's loader.", "JSON", "--processor-kwargs")]
TrustRemoteCode = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code",
        envvar="MMSEARCH_TRUST_REMOTE_CODE",
        show_envvar=False,
        help="Run code that comes with the model; no index remembers that, $MMSEARCH_TRUST_REMOTE_CODE=1 does.",
    ),
]
DummyWeights = Annotated[
    bool | None,
    _flag(
        "The real architecture with random weights, to try and to measure; or again the real ones.",
        "--dummy-weights/--no-dummy-weights",
    ),
]

# status
Failures = Annotated[bool, _flag("List the files that failed, with the reason.", "--failures")]
Check = Annotated[bool, _flag("Read all of the index, and tell what is wrong with it or out of date.", "--check")]
Repair = Annotated[bool, _flag("Mend what can be mended, and tell what has to be indexed again.", "--repair")]

# bench
Models = Annotated[Texts, _value("A name of `models list`, a hub id or a directory; repeatable.", "MODEL", "--model")]
Rerankers = Annotated[Texts, _value("A reranker, measured in pairs; repeatable.", "MODEL", "--reranker")]
BatchSizes = Annotated[
    str, _value("Such as 1,4,16; auto doubles until memory or gain runs out.", "N,...|auto", "--batch-size")
]
Modalities = Annotated[Text, _value("Only these: text,image,document,audio,video.", "TYPE,...", "--modality")]
Tokens = Annotated[int, _value("Length of a text, in words or about as many tokens.", "N", "--tokens", min=1)]
Pixels = Annotated[int, _value("Pixels of a picture or frame, before it is fitted.", "N", "--max-pixels", min=1)]
Frames = Annotated[int | None, _value("Frames of a clip; default: as when indexing.", "N", "--frames", min=1)]
Seconds = Annotated[float | None, _value("Length of a sound; default: as when indexing.", "S", "--seconds", min=0.1)]
BenchFiles = Annotated[Text, _value("Index these files for real instead, into a temporary index.", "DIR", "--files")]
ForFiles = Annotated[int, _value("How many files the forecast is for.", "N", "--for-files", min=1)]
CellTime = Annotated[float, _value("Seconds that one cell of the table is repeated for.", "S", "--time", min=0.0)]
MemoryLimit = Annotated[
    float | None, _value("Do as if the device, or the process on a CPU, had only so much.", "GIB", "--memory-limit")
]
BenchShape = Annotated[BenchFormat, typer.Option("--format", help="How rows are written.")]
Plot = Annotated[Text, _value("Draw speed and memory too: .html, or .png and .svg by matplotlib.", "FILE", "--plot")]

# models
ModelName = Annotated[str, typer.Argument(metavar="NAME", help="A name of `models list`, or a hub id.")]

# eval
Questions = Annotated[str, typer.Argument(metavar="QUERIES.jsonl", help="Questions with their answers, one a line.")]
Compare = Annotated[
    str, _value("Ways to search: raw, calibrated, lexical, hybrid, rerank, exact.", "SETTING,...", "--compare")
]
Dims = Annotated[list[int] | None, _value("Also with only the first N dimensions; repeatable.", "N", "--dim", min=1)]
Losers = Annotated[
    int, _value("Most questions to list whose first hit is wrong, for each setting.", "N", "--losers", min=0)
]
EvalReranker = Annotated[Text, _value("For `rerank`: builtin, a hub id or a directory.", "MODEL", "--reranker")]

# dupes
Below = Annotated[Texts, typer.Argument(metavar="PATH", help="Only files at or below these; default: all.")]
Threshold = Annotated[
    float, _value("How alike: 1 is the same, 0 an arbitrary pair.", "X", "--threshold", min=0.5, max=1.0)
]
Across = Annotated[bool, _flag("Only pairs of different modalities.", "--across")]
Within = Annotated[bool, _flag("Only pairs of one modality.", "--within")]
NullGroups = Annotated[
    bool,
    _flag("Paths of copies, the one to keep first, each ended with NUL; an empty one ends a group.", "-0", "--print0"),
]
