"""The commands of training, one a stage: `python -m training --help`.

Everything lies in a work folder (`--work`): packed pictures, the vocabulary, and one folder a run.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from mmsearch.errors import MmsearchError
from mmsearch.search.open import open_indexes
from training import (
    align_figures,
    backbone,
    checkpoints,
    classes,
    clips,
    features,
    odds,
    pictures,
    relevance,
    relevance_features,
    rerank_odds,
    student,
    synthetic,
    teacher,
    texts,
    tokens,
    warm_start,
)
from training.align import Alignment, AlignRun, Pictures, embedded, frequent_words
from training.batches import PictureBatches
from training.dual import DualRun, Settings
from training.evaluate import Evaluation, share
from training.export import export
from training.model import Model
from training.rerank import (
    Asker,
    RerankRun,
    colour_asker,
    measured_colour,
    passage_asker,
    picture_asker,
    picture_pool,
    puzzle_asker,
    puzzle_figures,
    rerank_figures,
    sound_asker,
)
from training.sound import SoundRun
from training.texts import PASSAGES, TextPairs
from training.towers import Shape, SoundTower

PICTURES, FEATURES, STUDENT = "pictures", "features", "student.pt"


def pack(args: argparse.Namespace) -> None:
    """Decode the archives of the data folder."""
    print(pictures.pack_archives(pictures.picture_archives(args.data), args.work, PICTURES), "pictures packed")


def render(args: argparse.Namespace) -> None:
    """Draw the synthetic set; with packed pictures at hand, some are built in."""
    real = None
    if (args.work / f"{PICTURES}.jsonl").exists():
        real = synthetic.real_parts(pictures.read(args.work, PICTURES), args.seed)
    drawn = synthetic.pack_rendered(args.work, args.count, args.held_out, args.seed, real, args.family)
    print(drawn, "pictures rendered")


def packed_sets(work: Path) -> list[pictures.Packed]:
    """The packed sets of a work folder, those that exist."""
    return [pictures.read(work, n) for n in (PICTURES, *synthetic.RENDERED) if (work / f"{n}.jsonl").exists()]


def text_pairs(data: Path | None, sets: list[pictures.Packed]) -> list[TextPairs]:
    """Pairs of the data folder, or alternative texts of the pictures for anyone without one."""
    found = texts.load(data) if data else []
    if found:
        return found
    alternatives = {row.texts for packed in sets for row in packed.rows if row.split == "train"}
    return [texts.split("captions", sorted(alternatives))]


def vocabulary(args: argparse.Namespace) -> None:
    """Make the vocabulary from every training text."""
    sets = packed_sets(args.work)
    words = [t for packed in sets for row in packed.rows if row.split == "train" for t in row.texts]
    words += [t for pairs in text_pairs(args.data, sets) for group in pairs.train for t in group]
    tokens.make(words, args.size).save(str(args.work / "tokenizer.json"))


def dual(args: argparse.Namespace) -> None:
    """Train the picture and text towers, going on where a run stopped."""
    torch.manual_seed(args.seed)
    vocabulary_file = args.work / "tokenizer.json"
    words = tokens.Words(vocabulary_file, Shape().max_tokens, args.device)
    model = Model(Shape(vocabulary=words.tokenizer.get_vocab_size(), image_size=args.size))
    if args.start:
        start(model, args.start)
    model.to(args.device)
    sets = packed_sets(args.work)
    batches = PictureBatches(sets, model.shape.image_size, args.seed, args.device)
    settings = Settings(batch=args.batch, rate=args.rate, samples=args.samples, minutes=args.minutes, seed=args.seed)
    run = DualRun(args.work / args.run, model, batches, text_pairs(args.data, sets), words, settings)
    print("going on from step", run.step_count) if run.resume() else print("starting", json.dumps(vars(settings)))
    run.train()


def start(model: Model, path: Path) -> None:
    """Begin from the weights of a checkpoint or of the first experiment's safetensors file."""
    if path.suffix == ".safetensors":
        warm_start.load_first_experiment(model, path)
    else:
        model.load_state_dict(checkpoints.read(path)["weights"])


def render_puzzles(args: argparse.Namespace) -> None:
    """Draw the reranker's puzzles: pictures that share words but not meaning."""
    print(synthetic.pack_puzzles(args.work, args.count, args.held_out, args.seed), "puzzle pictures rendered")


def sounds(args: argparse.Namespace) -> None:
    """Decode the data folder's sounds and synthesise more."""
    found = clips.read_clips(args.data, args.without) if args.data else []
    found += clips.synthetic_clips(args.count, args.held_out, args.seed)
    clips.write(args.work, found)
    print(len(found), "sounds packed")


def sound(args: argparse.Namespace) -> None:
    """Train the sound tower into the space of a finished model."""
    torch.manual_seed(args.seed)
    model, words = finished(args)
    if not args.go_on:
        model.sound = SoundTower(model.shape)
        model.sound.start_from(model.picture)
    sets = packed_sets(args.work)
    seen = [row.texts[0] for packed in sets for row in packed.rows if row.split == "train"]
    strangers = seen[:: max(1, len(seen) // 4000)]
    strangers += [pair[0] for source in text_pairs(args.data, sets) for pair in source.train[:1000]]
    run = SoundRun(model.to(args.device), words, clips.read(args.work), args.seed, rate=args.rate, strangers=strangers)
    run.train(args.minutes, args.steps)
    keep(args, model, run.evaluate())


def rerank(args: argparse.Namespace) -> None:
    """Train the reranker over finished towers."""
    torch.manual_seed(args.seed)
    model, words = finished(args)
    if not args.go_on:
        model = with_layers(model, args.layers, args.grid).to(args.device)
    puzzles, sets = pictures.read(args.work, synthetic.PUZZLES), packed_sets(args.work)
    trained = puzzles.indices("train")
    askers: list[tuple[Asker, float]] = [(puzzle_asker(puzzles, picture_pool(model, puzzles, trained), trained), 1.1)]
    askers += [(picture_asker(model, words, packed, args.pictures, args.seed), 0.3 / len(sets)) for packed in sets]
    photographs = [packed for packed in sets if any(measured_colour(row) for row in packed.rows)]
    askers += [(colour_asker(model, packed, args.pictures, args.seed), 0.3) for packed in photographs]
    pairs = text_pairs(args.data, sets)
    askers += [(passage_asker(model, words, source, args.passages, args.seed), 0.1 / len(pairs)) for source in pairs]
    if (args.work / f"{pictures.SOUNDS}.jsonl").exists():
        askers.append((sound_asker(model, words, clips.read(args.work)), 0.05))
    RerankRun(model, words, askers, args.seed, rate=args.rate).train(args.minutes, args.steps)
    keep(args, model, puzzle_figures(model, words, puzzles))


def with_layers(model: Model, layers: int, grid: int) -> Model:
    """The same towers under a fresh reranker, with fresh layers for its states."""
    fresh = Model(replace(model.shape, rerank_layers=layers, grid=grid))
    kept = {k: v for k, v in model.state_dict().items() if not k.startswith(checkpoints.PARTS["reranker"])}
    fresh.load_state_dict(fresh.state_dict() | kept)
    return fresh


def compute_features(args: argparse.Namespace) -> None:
    """Compute what pictures show, once for each view: of the archives of a data folder, or drawn without one."""
    folder, network = args.work / FEATURES, features.PictureFeatures(backbone.load()).eval()
    jobs: dict[str, Iterator[features.Job]] = (
        {archive.stem: features.archive_jobs(archive, args.views) for archive in pictures.picture_archives(args.data)}
        if args.data
        else {
            family: features.drawn_jobs(family, args.count, args.held_out, args.seed) for family in synthetic.RENDERED
        }
    )
    for name, drawn in jobs.items():
        if not (folder / f"{name}.jsonl").exists():
            features.save(folder, name, *features.compute(network, drawn))
            print(name, "done")


def train_student(args: argparse.Namespace) -> None:
    """Train the text model to give what MiniLM gives, in a third of its time."""
    model = teacher.load(args.work / "minilm")
    captions = sorted({text for view in _pictures(args.work).views for text in view.texts})
    run = student.StudentRun(model, student.read_texts(args.data, captions), args.work / STUDENT, args.seed)
    run.train(args.minutes)
    found = {"teacher": model, "student": run.student}
    print({name: student.found_among_ten(one, run.texts.held) for name, one in found.items()})


def train_alignment(args: argparse.Namespace) -> None:
    """Bring pictures and texts into one space, over the features and a trained student, and print held-out figures."""
    torch.manual_seed(args.seed)
    shown = _pictures(args.work)
    model = student.trained(teacher.load(args.work / "minilm"), args.work / STUDENT)
    listed = list(dict.fromkeys(text for view in shown.views for text in view.texts))
    rows = embedded(listed, model.embed, args.work / "texts.npy")
    places = {text: place for place, text in enumerate(listed)}
    shown = replace(shown, texts=[[places[text] for text in view.texts] for view in shown.views])
    said = (
        torch.from_numpy(model.embed([text for texts in classes.texts() for text in texts]))
        .float()
        .view(-1, 3, rows.shape[1])
    )
    words = frequent_words(shown.views)
    told = dict(zip(words, torch.from_numpy(model.embed(words)).float(), strict=True))
    samples = shown.features[shown.of("train")[::7]].float(), rows[torch.randperm(len(rows))[:20_000]]
    heads = Alignment(backbone.load()._fc, torch.nn.functional.normalize(said.sum(1), dim=-1), *samples)
    names = torch.nn.functional.normalize(said[:, 0] + said[:, 1], dim=-1)
    AlignRun(heads, shown, rows, names, told, args.work / "align.pt").train(args.steps, args.seed)
    print(json.dumps(align_figures.figures(heads, shown, rows, told), indent=1))


def _pictures(work: Path) -> Pictures:
    """All features that were computed, with their views."""
    names = sorted(path.stem for path in (work / FEATURES).glob("*.jsonl"))
    if not names:
        raise SystemExit(f"error: no features in {work / FEATURES}: run the stage `features` first")
    loaded = [features.load(work / FEATURES, name) for name in names]
    return Pictures(
        torch.cat([torch.from_numpy(rows) for rows, _ in loaded]), [view for _, views in loaded for view in views], []
    )


def evaluate(args: argparse.Namespace) -> None:
    """Print every figure of a finished model as JSON."""
    model, words = finished(args)
    sets = packed_sets(args.work)
    evaluation = Evaluation(model, words, sets, text_pairs(args.data, sets))
    figures: dict[str, object] = {"figures": evaluation.run(), "background": evaluation.background()}
    if (args.work / f"{synthetic.PUZZLES}.jsonl").exists():
        figures["reranker"] = rerank_figures(
            model, words, sets, pictures.read(args.work, synthetic.PUZZLES), evaluation.pairs
        )
    text = json.dumps(figures, indent=1)
    print(text)
    (args.work / args.run / "figures.json").write_text(text + "\n")


def graft(args: argparse.Namespace) -> None:
    """Take the sound tower or the reranker from another model, to go on from; towers that moved a little fit them."""
    model, _ = finished(args)
    model = checkpoints.graft(model, checkpoints.load_model(args.source), args.parts)
    checkpoints.save(args.work / args.run / "model.pt", model, model.state_dict())
    print("took", " and ".join(args.parts), "from", args.source)


def halve(args: argparse.Namespace) -> None:
    """Round a finished model's matrices to half precision: what ships is exported from this small file."""
    path = args.work / args.run / "model.pt"
    model, _ = finished(args)
    checkpoints.save(path, model, checkpoints.halved(model.state_dict()))
    print(path, "now has", path.stat().st_size // 1000, "kB")


def measure_odds(args: argparse.Namespace) -> None:
    """Measure what the scores of a finished model mean; the last stage before the export."""
    model, words = finished(args)
    sets = packed_sets(args.work)
    pairs = text_pairs(args.data, sets)
    passages = next((source for source in pairs if source.name == PASSAGES), pairs[0])
    sounds = clips.read(args.work) if (args.work / f"{pictures.SOUNDS}.jsonl").exists() else []

    given = (model, words, sets, passages, sounds)
    towers = odds.measure(odds.known(*given, "train", args.seed), args.seed)
    trained = rerank_odds.readable(*given, "train", args.seed)
    reranker = rerank_odds.measure(rerank_odds.shortlists(model, words, trained, towers, args.rounds, args.seed))
    odds.save(args.work / args.run / "model.pt", model, towers, reranker)
    figures = odds.mixed_search(odds.known(*given, "val", args.seed), towers, args.seed)
    held = rerank_odds.readable(*given, "val", args.seed)
    found = rerank_odds.shortlists(model, words, held, towers, args.rounds, args.seed)
    figures |= rerank_odds.figures(found, reranker)
    print(json.dumps({"towers": towers, "reranker": reranker} | {n: share(h) for n, h in figures.items()}, indent=1))


def fit_relevance(args: argparse.Namespace) -> None:
    """Fit the constants of relevance to an index and labelled queries, and print them with their reliability."""
    try:
        queries = relevance_features.read_labels(args.labels)
        reader, embedder = open_indexes([str(args.index)], None)
        with reader:
            library = relevance_features.read_library(reader)
            asked = relevance_features.ask(embedder, queries)
        searches = relevance.search_folders(library, asked, args.rounds, args.seed)
    except MmsearchError as error:
        raise SystemExit(f"error: {error}") from None
    print(
        json.dumps(
            relevance.run(library, asked, {str(name): line for name, line in embedder.spec.odds.items()}, searches),
            indent=1,
        )
    )


def export_onnx(args: argparse.Namespace) -> None:
    """Write the ONNX files of a finished model and check them against torch."""
    model, _ = finished(args)
    found = odds.read(args.work / args.run / "model.pt")
    print(export(model, *found, args.work / "tokenizer.json", args.into, args.version))


def finished(args: argparse.Namespace) -> tuple[Model, tokens.Words]:
    """The model of the run's folder and its vocabulary."""
    model = checkpoints.load_model(args.work / args.run / "model.pt").to(args.device)
    return model, tokens.Words(args.work / "tokenizer.json", model.shape.max_tokens, args.device)


def keep(args: argparse.Namespace, model: Model, figures: dict[str, tuple[float, float]]) -> None:
    """Put the trained part into the run's `model.pt`."""
    checkpoints.save(args.work / args.run / "model.pt", model, model.state_dict())
    print(json.dumps(figures, indent=1))


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(
        prog="python -m training", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    stages = top.add_subparsers(required=True, metavar="STAGE")

    def command(name: str, run: object) -> argparse.ArgumentParser:
        sub = stages.add_parser(name, help=run.__doc__, description=run.__doc__)
        sub.add_argument("--seed", type=int, default=0)
        sub.add_argument("--threads", type=int, default=0, help="0: as many as torch likes")
        sub.set_defaults(run_stage=run)
        return sub

    def stage(name: str, run: object) -> argparse.ArgumentParser:
        sub = command(name, run)
        sub.add_argument("--work", type=Path, required=True, help="folder of packed sets and runs")
        sub.add_argument("--data", type=Path, help="folder of archives and texts; rendered pictures serve without it")
        sub.add_argument("--run", default="dual", help="name of the run's folder inside the work folder")
        sub.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
        return sub

    def counted(sub: argparse.ArgumentParser, count: int, held_out: int) -> None:
        sub.add_argument("--count", type=int, default=count)
        sub.add_argument("--held-out", type=int, default=held_out)

    def timed(sub: argparse.ArgumentParser, minutes: float) -> None:
        sub.add_argument("--minutes", type=float, default=minutes)
        sub.add_argument("--steps", type=int, default=0, help="length of the run; 0: use --minutes")
        sub.add_argument("--rate", type=float, default=1e-3)
        sub.add_argument("--go-on", action="store_true", help="from the part's weights as they are, not from new ones")

    stage("pack", pack)
    sub = stage("render", render)
    counted(sub, 40_000, 2_000)
    sub.add_argument("--family", choices=synthetic.RENDERED, default=synthetic.RENDERED[0], help="which of the sets")
    counted(stage("puzzles", render_puzzles), 1_800, 150)
    sub = stage("sounds", sounds)
    counted(sub, 1_600, 140)
    sub.add_argument("--without", nargs="*", default=[], help="groups of the archive to leave out, such as ESC-50")
    stage("vocabulary", vocabulary).add_argument("--size", type=int, default=Shape.vocabulary)
    _dual_options(stage("dual", dual))
    timed(stage("sound", sound), 6)
    sub = stage("rerank", rerank)
    timed(sub, 10)
    sub.add_argument("--layers", type=int, default=Shape.rerank_layers)
    sub.add_argument("--grid", type=int, default=Shape.grid, help="a picture is read at so many places a side")
    sub.add_argument(
        "--pictures", type=int, default=6_000, help="pictures to mine neighbours among, of each packed set"
    )
    sub.add_argument("--passages", type=int, default=3_000, help="texts to mine neighbours among, of each source")
    counted(sub := stage("features", compute_features), 6_000, 500)
    _alignment_options(sub, stage("student", train_student), stage("align", train_alignment))
    stage("evaluate", evaluate)
    _graft_options(stage("graft", graft))
    stage("halve", halve)
    stage("odds", measure_odds).add_argument("--rounds", type=int, default=150, help="folders that are reranked")
    _relevance_options(command("relevance", fit_relevance))
    sub = stage("export", export_onnx)
    sub.add_argument("--into", type=Path, required=True, help="folder for the ONNX files")
    sub.add_argument("--version", default="1")
    return top


def _dual_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--start", type=Path, help="weights to begin from")
    sub.add_argument("--size", type=int, default=Shape.image_size, help="pixels a side that the picture tower takes")
    sub.add_argument("--batch", type=int, default=Settings.batch)
    sub.add_argument("--rate", type=float, default=Settings.rate)
    sub.add_argument("--samples", type=int, default=0, help="length of the run; 0: use --minutes")
    sub.add_argument("--minutes", type=float, default=Settings.minutes)


def _alignment_options(
    features: argparse.ArgumentParser, student: argparse.ArgumentParser, align: argparse.ArgumentParser
) -> None:
    features.add_argument("--views", type=int, default=2, help="of each picture; the first one shows it as it is")
    student.add_argument("--minutes", type=float, default=60)
    align.add_argument("--steps", type=int, default=1_000)


def _graft_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--source", type=Path, required=True, help="the model.pt to take them from")
    sub.add_argument("--parts", nargs="+", choices=checkpoints.PARTS, default=list(checkpoints.PARTS))


def _relevance_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--index", type=Path, required=True, help="the index that folders are drawn from")
    sub.add_argument("--labels", type=Path, required=True, help='lines of {"query": …, "relevant": [paths]}')
    sub.add_argument("--rounds", type=int, default=3, help="folders of each size")


def main(arguments: list[str] | None = None) -> None:
    args = parser().parse_args(arguments)
    if args.threads:
        torch.set_num_threads(args.threads)
    args.run_stage(args)


if __name__ == "__main__":
    main()
