"""The options of all commands as annotated types, so that a command's signature reads like its synopsis."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, TypeAlias

from mmsearch.cli.command import argument, choice, flag, once, value
from mmsearch.extras.bench import BenchFormat
from mmsearch.output.tables import Format

MOST = 1_000_000_000
"""Of whatever is counted on a command line: what is larger is a mistake, and more than libraries count to."""

Text: TypeAlias = str | None
Texts: TypeAlias = list[str] | None


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


# Every command
IndexDir = Annotated[
    Text,
    once("The index directory; default: $MMSEARCH_INDEX, the nearest .mmsearch/ upward, your own.", "DIR", "--index"),
]
IndexDirs = Annotated[
    Texts,
    value(
        "The index directory; several are searched as one; default: $MMSEARCH_INDEX, the nearest .mmsearch/ upward, "
        "your own.",
        "DIR",
        "--index",
    ),
]
Device = Annotated[Text, value("cpu, cuda, cuda:1 or mps; default: the best there is.", "DEVICE", "--device")]
Globs = Annotated[Texts, value("Only paths that match; !GLOB leaves out; repeatable.", "GLOB", "-g", "--glob")]
Json = Annotated[bool, flag("Print one JSON object.", "--json")]

# search
Words = Annotated[Texts, argument("What to look for.", "QUERY")]
Images = Annotated[Texts, value("A picture to look for, also as FILE:WEIGHT; - is stdin.", "FILE|URL|-", "--image")]
Audios = Annotated[Texts, value("A sound to look for, likewise.", "FILE|URL|-", "--audio")]
Videos = Annotated[Texts, value("A clip to look for, likewise.", "FILE|URL|-", "--video")]
Not = Annotated[Texts, value("What is not meant; repeatable.", "TEXT", "--not")]
Like = Annotated[Texts, value("Like a file that is indexed; uses no model.", "PATH", "--like")]
Queries = Annotated[Text, value("Many queries, one a line: texts or JSON objects.", "FILE|-", "--queries")]
Top = Annotated[int, value("At most this many files.", "N", "-k", "--top", least=1, most=MOST)]
Types = Annotated[Text, value("Only these: text,image,document,audio,video.", "TYPE,...", "-t", "--type")]
Inside = Annotated[Texts, value("Only files below this folder; repeatable.", "DIR", "--in")]
After = Annotated[Text, value("Taken, or else changed, then or later: 2024-03, 7d.", "DATE", "--after")]
Before = Annotated[Text, value("Taken, or else changed, before then.", "DATE", "--before")]
Size = Annotated[Texts, value("+1M at least, -10k at most, 1M..2M between; repeatable.", "RANGE", "--size")]
Width = Annotated[Texts, value("Pixels: +1000, -500, 800..1200.", "RANGE", "--width")]
Height = Annotated[Texts, value("Pixels, likewise.", "RANGE", "--height")]
Duration = Annotated[Texts, value("Length of sound and video: +30, -2m, 1:00..1:30.", "RANGE", "--duration")]
Mode = Annotated[ModeChoice, choice("By vectors, by words, or both.", "--mode")]
Raw = Annotated[bool, flag("Rank by raw cosines, which favour some modalities.", "--raw")]
MinRelevance = Annotated[float | None, value("Leave out hits below.", "X", "--min-relevance")]
AllSegments = Annotated[bool, flag("Each matching part of a file, not only the best.", "--all-segments")]
Rerank = Annotated[bool, flag("Read the best candidates again, more closely.", "--rerank")]
RerankerName = Annotated[
    Text, value("A name of `models list`, a hub id or a directory; implies --rerank.", "MODEL", "--reranker")
]
RerankDepth = Annotated[
    int, value("How many candidates the reranker reads.", "N", "--rerank-depth", least=1, most=MOST)
]
RerankBudget = Annotated[
    float | None, value("Read no more after so long; what was read is ordered.", "SECONDS", "--rerank-budget", least=0)
]
RerankTypes = Annotated[Text, value("Read only these files again; default: all it can.", "TYPE,...", "--rerank-types")]
Fold = Annotated[bool, flag("Show hits that are nearly the same as one.", "--fold")]
Explain = Annotated[bool, flag("Say what each stage of the ranking made of a hit.", "--explain")]
Pictures = Annotated[
    bool | None,
    flag("Show pictures too, on a terminal that can; $MMSEARCH_PICTURES=auto always does.", "--pictures/--no-pictures"),
]
Context = Annotated[bool, flag("Print what was found itself, as JSON evidence for a language model.", "--context")]
ContextBudget = Annotated[int, value("Most bytes of that evidence.", "BYTES", "--context-budget", least=1)]
NoServer = Annotated[
    bool,
    flag("Search in this process, whether or not `mmsearch serve` runs; $MMSEARCH_NO_SERVER=1 too.", "--no-server"),
]
AllowPrivate = Annotated[
    bool,
    flag(
        "Fetch a URL also from this machine and its network; $MMSEARCH_ALLOW_PRIVATE=1 too.",
        "--allow-private",
        envvar="MMSEARCH_ALLOW_PRIVATE",
    ),
]
Shape = Annotated[Format | None, choice("How hits are written; default: table.", "--format")]
JsonLines = Annotated[bool, flag("One JSON object a line.", "--jsonl")]
Paths = Annotated[bool, flag("Only paths, one a line.", "-l", "--paths")]
Print0 = Annotated[bool, flag("End each path with NUL instead of a newline; implies -l.", "-0", "--print0")]

# index
Roots = Annotated[Texts, argument("Folders and files, or URLs for Ray; default: those of earlier runs.", "PATH")]
FilesFrom = Annotated[Text, value("Read paths from a file, or from stdin with -.", "FILE|-", "--files-from")]
Null = Annotated[bool, flag("The paths of --files-from end with NUL.", "-0", "--null")]
Hidden = Annotated[bool, flag("Hidden files and folders too.", "--hidden")]
NoIgnore = Annotated[bool, flag("Do not respect .gitignore and .mmsearchignore.", "--no-ignore")]
Follow = Annotated[bool, flag("Follow symbolic links to folders.", "-L", "--follow")]
Prune = Annotated[bool, flag("Forget files that are no longer there.", "--prune")]
RetryFailed = Annotated[bool, flag("Try files that failed before again, though unchanged.", "--retry-failed")]
Rebuild = Annotated[bool, flag("Drop the index and build it anew.", "--rebuild")]
Jobs = Annotated[
    int | None,
    value("Processes that read files; 0 reads in this one; default: the processors.", "N", "-j", "--jobs", least=0),
]
Timeout = Annotated[
    float | None, value("Give a file up after so long without progress (120).", "SECONDS", "--timeout", least=1)
]
Memory = Annotated[
    float | None, value("Most memory for reading one file (4); 0 for no limit.", "GIB", "--memory", least=0, most=MOST)
]
Progress = Annotated[bool, flag("Tell how long it will take, off a terminal too.", "--progress")]
Engine = Annotated[EngineChoice, choice("Read and embed on this machine, or as tasks of a Ray cluster.", "--engine")]
RayAddress = Annotated[
    Text,
    value(
        "Join this cluster, or auto; default: $RAY_ADDRESS, or one that is started here.", "ADDRESS", "--ray-address"
    ),
]
Shards = Annotated[
    Text, value("Where nodes leave their results; all must reach it; default: in the index.", "DIR|URL", "--shards")
]
Watch = Annotated[bool, flag("Then go on: index again whenever files change, until Ctrl-C.", "--watch")]
Optimize = Annotated[
    bool, flag("Make searches of a large index fast; without PATH that alone, and no file is read.", "--optimize")
]
IndexKind = Annotated[
    IndexKindChoice | None,
    choice(
        "With --optimize: how vectors are looked up; auto, the default at first, goes by their number.", "--index-kind"
    ),
]
Cut = Annotated[
    int | None,
    value(
        "With --optimize: look up by the first N numbers, for models trained so; scores stay exact.",
        "N",
        "--dim",
        least=1,
    ),
]
Shared = Annotated[
    bool | None,
    flag(
        "Let others use the index whom the umask lets in, or its user alone, the default at first; without PATH that "
        "alone, and no file is read.",
        "--shared/--no-shared",
    ),
]
DryRun = Annotated[bool, flag("Only tell what would be done.", "--dry-run")]

# Models
Model = Annotated[
    Text, value("A name of `models list`, a hub id or a directory; default: the index's own.", "MODEL", "--model")
]
Revision = Annotated[Text, value("Branch, tag or commit of the hub id.", "REV", "--revision")]
Dtype = Annotated[Text, value("float32, bfloat16, float16 or int8; default: by the hardware.", "DTYPE", "--dtype")]
Attn = Annotated[Text, value("Attention, such as sdpa or flash_attention_2.", "NAME", "--attn")]
MaxPixels = Annotated[int | None, value("Most pixels of a picture that the model sees.", "N", "--max-pixels", least=1)]
BatchSize = Annotated[int | None, value("Inputs in one pass; default: by the memory.", "N", "--batch-size", least=1)]
Exact = Annotated[bool, flag("Decode pictures in full: slower, and hardly another vector.", "--exact")]
Tiles = Annotated[
    bool | None,
    flag(
        "Embed the panels of contact sheets and comics and the stretches of long pictures too, or pictures as wholes "
        "only; default: where it was measured to help.",
        "--tiles/--no-tiles",
    ),
]
ModelKwargs = Annotated[Text, value("Passed to the model's loader.", "JSON", "--model-kwargs")]
ProcessorKwargs = Annotated[Text, value("Passed to the processor's loader.", "JSON", "--processor-kwargs")]
TrustRemoteCode = Annotated[
    bool,
    flag(
        "Run code that comes with the model; no index remembers that, $MMSEARCH_TRUST_REMOTE_CODE=1 does.",
        "--trust-remote-code",
        envvar="MMSEARCH_TRUST_REMOTE_CODE",
    ),
]
TrustIndex = Annotated[
    bool,
    flag(
        "Let the index name a model in a folder, arguments of its loader, and files outside its own folder, though you "
        "have not named them for it.",
        "--trust-index",
        envvar="MMSEARCH_TRUST_INDEX",
    ),
]
DummyWeights = Annotated[
    bool | None,
    flag(
        "The real architecture with random weights, to try and to measure; or again the real ones.",
        "--dummy-weights/--no-dummy-weights",
    ),
]

# status
Failures = Annotated[bool, flag("List the files that failed, with the reason.", "--failures")]
Check = Annotated[bool, flag("Read all of the index, and tell what is wrong with it or out of date.", "--check")]
Repair = Annotated[bool, flag("Mend what can be mended, and tell what has to be indexed again.", "--repair")]

# bench
Models = Annotated[Texts, value("A name of `models list`, a hub id or a directory; repeatable.", "MODEL", "--model")]
Rerankers = Annotated[Texts, value("A reranker, measured in pairs; repeatable.", "MODEL", "--reranker")]
BatchSizes = Annotated[
    str, value("Such as 1,4,16; auto doubles until memory or gain runs out.", "N,...|auto", "--batch-size")
]
Modalities = Annotated[Text, value("Only these: text,image,document,audio,video.", "TYPE,...", "--modality")]
Tokens = Annotated[int, value("Length of a text, in words or about as many tokens.", "N", "--tokens", least=1)]
Pixels = Annotated[int, value("Pixels of a picture or frame, before it is fitted.", "N", "--max-pixels", least=1)]
Frames = Annotated[int | None, value("Frames of a clip; default: as when indexing.", "N", "--frames", least=1)]
Seconds = Annotated[float | None, value("Length of a sound; default: as when indexing.", "S", "--seconds", least=0.1)]
BenchFiles = Annotated[Text, value("Index these files for real instead, into a temporary index.", "DIR", "--files")]
ForFiles = Annotated[int, value("How many files the forecast is for.", "N", "--for-files", least=1)]
CellTime = Annotated[float, value("Seconds that one cell of the table is repeated for.", "S", "--time", least=0.0)]
MemoryLimit = Annotated[
    float | None, value("Do as if the device, or the process on a CPU, had only so much.", "GIB", "--memory-limit")
]
BenchShape = Annotated[BenchFormat, choice("How rows are written.", "--format")]
Plot = Annotated[Text, value("Draw speed and memory too: .html, or .png and .svg by matplotlib.", "FILE", "--plot")]

# models
ModelName = Annotated[str, argument("A name of `models list`, or a hub id.", "NAME")]

# eval
Questions = Annotated[str, argument("Questions with their answers, one a line.", "QUERIES.jsonl")]
Compare = Annotated[
    str, value("Ways to search: raw, calibrated, lexical, hybrid, rerank, exact.", "SETTING,...", "--compare")
]
Dims = Annotated[list[int] | None, value("Also with only the first N dimensions; repeatable.", "N", "--dim", least=1)]
Losers = Annotated[
    int, value("Most questions to list whose first hit is wrong, for each setting.", "N", "--losers", least=0)
]
EvalReranker = Annotated[Text, value("For `rerank`: builtin, a hub id or a directory.", "MODEL", "--reranker")]

# dupes
Below = Annotated[Texts, argument("Only files at or below these; default: all.", "PATH")]
Threshold = Annotated[
    float, value("How alike: 1 is the same, 0 an arbitrary pair.", "X", "--threshold", least=0.5, most=1.0)
]
Across = Annotated[bool, flag("Only pairs of different modalities.", "--across")]
Within = Annotated[bool, flag("Only pairs of one modality.", "--within")]
NullGroups = Annotated[
    bool,
    flag("Paths of copies, the one to keep first, each ended with NUL; an empty one ends a group.", "-0", "--print0"),
]

# serve
Host = Annotated[str, value("Address to listen at; others than this machine's own take a token.", "HOST", "--host")]
Port = Annotated[
    int | None,
    value("0 takes any that is free; default: 8642, or any.", "N", "--port", least=0, most=65_535),
]
TokenFile = Annotated[Text, value("Read the token from a file, and always ask for it.", "FILE", "--token-file")]
OpenPage = Annotated[bool, flag("Open the page in a browser.", "--open")]
WatchServed = Annotated[bool, flag("Index again whenever files change, as `index --watch` does.", "--watch")]
Background = Annotated[bool, flag("Return when the server answers, and leave it running.", "--background")]
Stop = Annotated[bool, flag("End the server of this index.", "--stop")]
IdleTimeout = Annotated[
    float | None, value("End when nothing was asked for so long.", "SECONDS", "--idle-timeout", least=0.1)
]
MaxUpload = Annotated[int, value("Largest upload.", "MIB", "--max-upload", least=1, most=4096)]
MaxWaiting = Annotated[int, value("Most queries that wait; others hear 503.", "N", "--max-waiting", least=1, most=MOST)]

# merge, export, import
Sources = Annotated[Texts, argument("Indexes to join.", "INDEX")]
Target = Annotated[Text, once("The index to make, or to add to.", "DIR", "-o", "--output")]
Moved = Annotated[Texts, value("Files below OLD lie below NEW here; repeatable.", "OLD=NEW", "--map")]
Ways = Annotated[ExchangeChoice | None, choice("What to write.", "--to")]
Outside = Annotated[
    Text, once("The file or folder to write, or the URL of a Qdrant server.", "TARGET", "-o", "--output")
]
Collection = Annotated[str, value("Of Qdrant.", "NAME", "--collection")]
Force = Annotated[bool, flag("Replace what is there.", "--force")]
TableFile = Annotated[str, argument("A Parquet file, or the folder of a Lance dataset.", "TABLE")]
ImportModel = Annotated[
    Text, value("What made the vectors: a name of `models list`, a hub id or a directory.", "MODEL", "--model")
]
