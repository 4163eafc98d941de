"""The options of all commands as annotated types, so that a command's signature reads like its synopsis."""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import Annotated, TypeAlias

from typer import Argument, Option

from mmsearch.output.tables import Format

MOST = 1_000_000_000
"""Upper limit of counts on a command line: a larger one is a mistake, and more than libraries count to."""
PICTURES = "MMSEARCH_PICTURES"
"""The environment variable that decides about pictures where no option does."""

Text: TypeAlias = str | None
Texts: TypeAlias = list[str] | None

Filtering = partial(Option, rich_help_panel="Filters")
Ranking = partial(Option, rich_help_panel="Ranking")
ForModel = partial(Option, rich_help_panel="Model")
Output = partial(Option, rich_help_panel="Output")
Advanced = partial(Option, rich_help_panel="Advanced")


class ExchangeChoice(str, Enum):
    """What an index can be exported to."""

    parquet = "parquet"
    qdrant = "qdrant"
    lance = "lance"


class ModeChoice(str, Enum):
    """How a search ranks; the library has the same as literals, whose import would slow `--help` down."""

    dense = "dense"
    lexical = "lexical"
    hybrid = "hybrid"


class EngineChoice(str, Enum):
    """Where an index run reads and embeds."""

    local = "local"
    ray = "ray"


class IndexKindChoice(str, Enum):
    """How vectors are looked up."""

    auto = "auto"
    flat = "flat"
    int8 = "int8"
    ivf = "ivf"
    pq4 = "pq4"
    pq = "pq"
    rabitq = "rabitq"


# Several commands
IndexDir = Annotated[
    Texts,
    Option(
        "--index",
        metavar="DIR",
        help="The index directory. Default: $MMSEARCH_INDEX, or the nearest .mmsearch/ upward, or your own.",
    ),
]
IndexDirs = Annotated[
    Texts,
    Option(
        "--index",
        metavar="DIR",
        help="The index directory; repeat to search several as one. "
        "Default: $MMSEARCH_INDEX, or the nearest .mmsearch/ upward, or your own.",
    ),
]
Device = Annotated[Text, ForModel("--device", metavar="DEVICE", help="cpu, cuda, cuda:1 or mps. Default: the fastest.")]
Globs = Annotated[
    Texts, Filtering("-g", "--glob", metavar="GLOB", help="Only paths that match; !GLOB excludes; repeatable.")
]
Json = Annotated[bool, Output("--json", help="Print one JSON object.")]
JsonLines = Annotated[bool, Output("--jsonl", help="Print one JSON object a line.")]
TrustRemoteCode = Annotated[
    bool,
    Advanced(
        "--trust-remote-code",
        envvar="MMSEARCH_TRUST_REMOTE_CODE",
        help="Run program code that comes with the model. The index does not remember this.",
    ),
]
TrustIndex = Annotated[
    bool,
    Advanced(
        "--trust-index",
        envvar="MMSEARCH_TRUST_INDEX",
        help="Use models in folders, arguments of their loader, and files outside the index's folder that only the "
        "index names and you have not named yourself.",
    ),
]

# search
Words = Annotated[Texts, Argument(metavar="QUERY", help="Text to search for.")]
Images = Annotated[
    Texts, Option("--image", metavar="FILE|URL|-", help="A picture to search for, also FILE:WEIGHT; - is stdin.")
]
Audios = Annotated[Texts, Option("--audio", metavar="FILE|URL|-", help="A sound to search for, also FILE:WEIGHT.")]
Videos = Annotated[Texts, Option("--video", metavar="FILE|URL|-", help="A clip to search for, also FILE:WEIGHT.")]
Not = Annotated[Texts, Option("--not", metavar="TEXT", help="Rank files like this text lower; repeatable.")]
Like = Annotated[Texts, Option("--like", metavar="PATH", help="Find files like this indexed one; uses no model.")]
Queries = Annotated[
    Text, Option("--queries", metavar="FILE|-", help="Read many queries, one a line: texts or JSON objects.")
]
Top = Annotated[int, Option("-k", "--top", metavar="N", min=1, max=MOST, help="Show at most this many files.")]
Types = Annotated[
    Text, Filtering("-t", "--type", metavar="TYPE,...", help="Only these types: text,image,document,audio,video.")
]
Inside = Annotated[Texts, Filtering("--in", metavar="DIR", help="Only files below this folder; repeatable.")]
After = Annotated[
    Text, Filtering("--after", metavar="DATE", help="Only files taken (or else changed) since: 2024-03, 7d.")
]
Before = Annotated[Text, Filtering("--before", metavar="DATE", help="Only files taken (or else changed) before.")]
Size = Annotated[
    Texts, Filtering("--size", metavar="RANGE", help="+1M at least, -10k at most, 1M..2M between; repeatable.")
]
Width = Annotated[Texts, Filtering("--width", metavar="RANGE", help="Width in pixels: +1000, -500, 800..1200.")]
Height = Annotated[Texts, Filtering("--height", metavar="RANGE", help="Height in pixels: +1000, -500, 800..1200.")]
Duration = Annotated[
    Texts, Filtering("--duration", metavar="RANGE", help="Length of sound and video: +30, -2m, 1:00..1:30.")
]
Mode = Annotated[ModeChoice, Ranking("--mode", help="Rank by vectors, by words, or by both.")]
Raw = Annotated[bool, Ranking("--raw", help="Rank by raw cosines, which favour some types of files.")]
MinRelevance = Annotated[
    float | None,
    Ranking("--min-relevance", metavar="X", help="Minimum relevance of a hit; 0: more likely right than not."),
]
AllSegments = Annotated[
    bool, Ranking("--all-segments", help="Show every matching part of a file, not only the best one.")
]
Rerank = Annotated[bool, Ranking("--rerank", help="Read the best candidates again, more closely.")]
RerankerName = Annotated[
    Text,
    Ranking("--reranker", metavar="MODEL", help="A name of `models list`, a hub id or a folder; implies --rerank."),
]
RerankDepth = Annotated[
    int, Ranking("--rerank-depth", metavar="N", min=1, max=MOST, help="How many candidates the reranker reads.")
]
RerankBudget = Annotated[
    float | None,
    Ranking("--rerank-budget", metavar="SECONDS", min=0, help="Stop reranking after this time; keep what was read."),
]
RerankTypes = Annotated[
    Text,
    Ranking("--rerank-types", metavar="TYPE,...", help="Rerank only these types. Default: all the reranker reads."),
]
Fold = Annotated[bool, Ranking("--fold", help="Show hits that are nearly the same as one.")]
AllCopies = Annotated[
    bool,
    Ranking("--all-copies", help="Show each of several files with the same bytes, not one with its copies."),
]
Explain = Annotated[bool, Output("--explain", help="Show the score of each stage of the ranking.")]
Pictures = Annotated[
    bool | None,
    Output(
        "--pictures/--no-pictures",
        help="Show small pictures, on terminals that can; $MMSEARCH_PICTURES=auto always does.",
    ),
]
Context = Annotated[bool, Output("--context", help="Print the content of the hits as JSON, for a language model.")]
ContextBudget = Annotated[
    int, Output("--context-budget", metavar="BYTES", min=1, help="Maximum size of that content in bytes.")
]
Shape = Annotated[Format | None, Output("--format", help="How hits are written. Default: table.")]
Paths = Annotated[bool, Output("-l", "--paths", help="Print only paths, one a line.")]
Print0 = Annotated[bool, Output("-0", "--print0", help="End each path with NUL instead of a newline; implies -l.")]
NoServer = Annotated[
    bool,
    Advanced(
        "--no-server",
        help="Search in this process even if `mmsearch serve` runs; $MMSEARCH_NO_SERVER=1 does the same.",
    ),
]
AllowPrivate = Annotated[
    bool,
    Advanced(
        "--allow-private",
        envvar="MMSEARCH_ALLOW_PRIVATE",
        help="Also fetch URLs from this machine and its private network.",
    ),
]

# index
Roots = Annotated[
    Texts,
    Argument(metavar="PATH", help="Folders and files, or URLs with --engine ray. Default: those of earlier runs."),
]
Prune = Annotated[bool, Option("--prune", help="Forget files that no longer exist.")]
RetryFailed = Annotated[bool, Option("--retry-failed", help="Try unchanged files again that failed before.")]
Rebuild = Annotated[bool, Option("--rebuild", help="Drop the index and build it again.")]
DryRun = Annotated[bool, Option("--dry-run", help="Only show what would be done.")]
Watch = Annotated[bool, Option("--watch", help="Keep running: index again whenever files change, until Ctrl-C.")]
FilesFrom = Annotated[Text, Filtering("--files-from", metavar="FILE|-", help="Read paths from a file; - is stdin.")]
Null = Annotated[bool, Filtering("-0", "--null", help="The paths of --files-from end with NUL.")]
Hidden = Annotated[bool, Filtering("--hidden", help="Include hidden files and folders.")]
NoIgnore = Annotated[bool, Filtering("--no-ignore", help="Do not respect .gitignore and .mmsearchignore.")]
Follow = Annotated[bool, Filtering("-L", "--follow", help="Follow symbolic links to folders.")]
Progress = Annotated[bool, Output("--progress", help="Estimate how long it will take, also off a terminal.")]
Jobs = Annotated[
    int | None,
    Advanced(
        "-j", "--jobs", metavar="N", min=0,
        help="Number of processes that read files; 0 reads in this one. Default: one for each processor.",
    ),
]  # fmt: skip
Timeout = Annotated[
    float | None,
    Advanced(
        "--timeout", metavar="SECONDS", min=1,
        help="Skip a file after this many seconds without progress. Default: 120.",
    ),
]  # fmt: skip
Memory = Annotated[
    float | None,
    Advanced(
        "--memory", metavar="GIB", min=0, max=MOST,
        help="Maximum memory for reading one file; 0 for no limit. Default: 4.",
    ),
]  # fmt: skip
Engine = Annotated[EngineChoice, Advanced("--engine", help="Read and embed on this machine, or on a Ray cluster.")]
RayAddress = Annotated[
    Text,
    Advanced(
        "--ray-address",
        metavar="ADDRESS",
        help="Join this cluster, or auto. Default: $RAY_ADDRESS, or a cluster that is started here.",
    ),
]
Shards = Annotated[
    Text,
    Advanced(
        "--shards",
        metavar="DIR|URL",
        help="Where nodes leave their results; all must reach it. Default: a folder of the index.",
    ),
]
Optimize = Annotated[
    bool,
    Advanced("--optimize", help="Make searches of a large index fast. Without PATH only this is done."),
]
IndexKind = Annotated[
    IndexKindChoice | None,
    Advanced("--index-kind", help="With --optimize: how vectors are looked up. At first: auto, by their number."),
]
Cut = Annotated[
    int | None,
    Advanced(
        "--dim",
        metavar="N",
        min=1,
        help="With --optimize: look up by the first N numbers, for models trained for this; scores stay exact.",
    ),
]
Shared = Annotated[
    bool | None,
    Advanced(
        "--shared/--no-shared",
        help="Share the index with the users the umask lets in, or keep it private, which is the default at first. "
        "Without PATH only this is done.",
    ),
]

# Models
Model = Annotated[
    Text,
    ForModel(
        "--model", metavar="MODEL", help="A name of `models list`, a hub id or a folder. Default: that of the index."
    ),
]
Revision = Annotated[Text, ForModel("--revision", metavar="REV", help="Branch, tag or commit of the hub id.")]
Dtype = Annotated[
    Text, ForModel("--dtype", metavar="DTYPE", help="float32, bfloat16, float16 or int8. Default: by the hardware.")
]
Attn = Annotated[Text, ForModel("--attn", metavar="NAME", help="Attention, such as sdpa or flash_attention_2.")]
MaxPixels = Annotated[
    int | None, ForModel("--max-pixels", metavar="N", min=1, help="Maximum pixels of a picture that the model sees.")
]
BatchSize = Annotated[
    int | None, ForModel("--batch-size", metavar="N", min=1, help="Inputs in one pass. Default: by the memory.")
]
Exact = Annotated[bool, ForModel("--exact", help="Decode pictures in full: slower, with nearly the same vectors.")]
Tiles = Annotated[
    bool | None,
    ForModel(
        "--tiles/--no-tiles",
        help="Also embed the panels of contact sheets and comics and the parts of long pictures, or only whole "
        "pictures. Default: where measurements show that it helps.",
    ),
]
ModelKwargs = Annotated[Text, ForModel("--model-kwargs", metavar="JSON", help="Passed to the model's loader.")]
ProcessorKwargs = Annotated[
    Text, ForModel("--processor-kwargs", metavar="JSON", help="Passed to the processor's loader.")
]
DummyWeights = Annotated[
    bool | None,
    ForModel(
        "--dummy-weights/--no-dummy-weights",
        help="Use the real architecture with random weights, to try and to measure; or the real weights again.",
    ),
]
ModelName = Annotated[str, Argument(metavar="NAME", help="A name of `models list`, or a hub id.")]

# status
Failures = Annotated[bool, Option("--failures", help="List the files that failed, with the reason.")]
Check = Annotated[bool, Option("--check", help="Read the whole index and report problems and outdated files.")]
Repair = Annotated[bool, Option("--repair", help="Repair the index, and list the files to index again.")]

# bench
Models = Annotated[
    Texts, Option("--model", metavar="MODEL", help="A name of `models list`, a hub id or a folder; repeatable.")
]
Rerankers = Annotated[Texts, Option("--reranker", metavar="MODEL", help="A reranker, measured in pairs; repeatable.")]
BatchSizes = Annotated[
    str,
    Option(
        "--batch-size", metavar="N,...|auto", help="Such as 1,4,16; auto doubles until memory or the gain runs out."
    ),
]
Modalities = Annotated[
    Text, Option("--modality", metavar="TYPE,...", help="Only these types: text,image,document,audio,video.")
]
Tokens = Annotated[int, Option("--tokens", metavar="N", min=1, help="Length of a text in words, about as many tokens.")]
Pixels = Annotated[
    int, Option("--max-pixels", metavar="N", min=1, help="Pixels of a picture or frame, before it is resized.")
]
Frames = Annotated[
    int | None, Option("--frames", metavar="N", min=1, help="Frames of a clip. Default: as in an index.")
]
Seconds = Annotated[
    float | None, Option("--seconds", metavar="S", min=0.1, help="Length of a sound. Default: as for an index.")
]
BenchFiles = Annotated[
    Text, Option("--files", metavar="DIR", help="Instead measure an index run of these files, in a temporary index.")
]
ForFiles = Annotated[int, Option("--for-files", metavar="N", min=1, help="Number of files the forecast is for.")]
CellTime = Annotated[float, Option("--time", metavar="S", min=0.0, help="Seconds to repeat one cell of the table.")]
MemoryLimit = Annotated[
    float | None,
    Option("--memory-limit", metavar="GIB", help="Limit memory to this many GiB, on the GPU or in RAM."),
]
Plot = Annotated[
    Text, Output("--plot", metavar="FILE", help="Draw speed and memory too: .html, or .png and .svg with matplotlib.")
]

# eval
Questions = Annotated[str, Argument(metavar="QUERIES.jsonl", help="Questions with their answers, one a line.")]
Compare = Annotated[
    str,
    Option("--compare", metavar="SETTING,...", help="Ways to search: raw, calibrated, lexical, hybrid, rerank, exact."),
]
Dims = Annotated[
    list[int] | None, Option("--dim", metavar="N", min=1, help="Also with only the first N dimensions; repeatable.")
]
Losers = Annotated[
    int, Option("--losers", metavar="N", min=0, help="List at most N questions a setting whose first hit is wrong.")
]
EvalReranker = Annotated[
    Text, Option("--reranker", metavar="MODEL", help="For `rerank`: a short name, hub id or folder.")
]

# dupes
Below = Annotated[Texts, Argument(metavar="PATH", help="Only these files, and those below these folders.")]
Threshold = Annotated[
    float,
    Option("--threshold", metavar="X", min=0.5, max=1.0, help="Minimum similarity: 1 is the same, 0 any pair."),
]
Across = Annotated[bool, Option("--across", help="Only pairs of different types.")]
Within = Annotated[bool, Option("--within", help="Only pairs of one type.")]
NullGroups = Annotated[
    bool,
    Output("-0", "--print0", help="Paths of copies, the keeper first, each ended with NUL; an empty one ends a group."),
]

# serve
Host = Annotated[str, Option("--host", metavar="HOST", help="Address to listen on; other machines need a token.")]
Port = Annotated[
    int | None,
    Option("--port", metavar="N", min=0, max=65_535, help="0 takes any free port. Default: 8642, or any free one."),
]
OpenPage = Annotated[bool, Option("--open", help="Open the page in a browser.")]
WatchServed = Annotated[bool, Option("--watch", help="Index again whenever files change, as `index --watch` does.")]
Background = Annotated[bool, Option("--background", help="Return once the server answers, and leave it running.")]
Stop = Annotated[bool, Option("--stop", help="Stop the server of this index.")]
IdleTimeout = Annotated[
    float | None,
    Option("--idle-timeout", metavar="SECONDS", min=0.1, help="Stop after this many seconds without a request."),
]
TokenFile = Annotated[
    Text, Advanced("--token-file", metavar="FILE", help="Read the token from a file, and always require it.")
]
MaxUpload = Annotated[int, Advanced("--max-upload", metavar="MIB", min=1, max=4096, help="Maximum size of an upload.")]
MaxWaiting = Annotated[
    int,
    Advanced(
        "--max-waiting", metavar="N", min=1, max=MOST, help="Maximum waiting queries; excess requests get status 503."
    ),
]

# merge, export, import
Sources = Annotated[Texts, Argument(metavar="INDEX", help="Indexes to join.")]
Target = Annotated[Texts, Option("-o", "--output", metavar="DIR", help="The index to make, or to add to.")]
Moved = Annotated[
    Texts, Option("--map", metavar="OLD=NEW", help="Files below OLD are below NEW on this machine; repeatable.")
]
Ways = Annotated[ExchangeChoice | None, Option("--to", help="Format to write.")]
Outside = Annotated[
    Texts,
    Option("-o", "--output", metavar="TARGET", help="The file or folder to write, or the URL of a Qdrant server."),
]
Collection = Annotated[str, Option("--collection", metavar="NAME", help="Name of the Qdrant collection.")]
Force = Annotated[bool, Option("--force", help="Replace what exists.")]
TableFile = Annotated[str, Argument(metavar="TABLE", help="A Parquet file, or the folder of a Lance dataset.")]
ImportModel = Annotated[
    Text,
    Option("--model", metavar="MODEL", help="The model of the vectors: a name of `models list`, a hub id or a folder."),
]
