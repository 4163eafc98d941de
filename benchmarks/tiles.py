"""Whether parts of contact sheets, comics and long pictures help to find what they show, and what they cost.

Each round takes half of the sample corpus's pictures away and shows them in sheets and strips instead, among the other
half. Questions for a picture that was taken away are answered by what shows it now. Three folders are compared: `whole`
and `tiles` hold the sheets, indexed without parts and with them, and `loose` holds all pictures as files of their own,
which is how well questions are answered when nothing is hidden in a sheet. The sample corpus as it is, with its one
contact sheet, is asked all of its questions in both ways; there the sheet is no wrong answer to a question about a
picture that it shows. All by the built-in model. Cost is what reading the pictures of a round, those of the sample
corpus and photographs of 0.3 to 12 megapixels takes of one processor, however busy that is.

Usage: `python -m benchmarks.tiles`.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from PIL import Image

from benchmarks.corpus import SHEET, no_reranker, settled
from benchmarks.machine import circumstances
from benchmarks.pictures import make_set
from benchmarks.sheets import LAYOUTS
from mmsearch import media
from mmsearch.extras.evaluation import evaluate, read_questions, settings_by_name
from mmsearch.extras.evaluation.metrics import bootstrap
from mmsearch.extras.evaluation.questions import Question
from mmsearch.extras.evaluation.report import Result
from mmsearch.models import load_embedder
from mmsearch.search.open import open_indexes
from mmsearch.types import LoaderSettings, ModelOptions, Segment

CORPUS = Path(__file__).resolve().parents[1] / "sample_corpus"
RESULTS = Path(__file__).parent / "results" / "tiles.jsonl"
FOLDERS = ("pictures", "charts", "screenshots", "slides")
COUNTS = {"contact sheet": (9, 8), "comic": (6,), "long screenshot": (6,), "strip": (5,)}
"""How many pictures each sheet of a round shows."""
ORDINARY, WHOLE = "the other pictures", "the sample corpus"
METRICS = ("ndcg@10", "recall@5")
WAYS = {"whole": "--no-tiles", "tiles": "--tiles"}
LOOSE = "loose"
READ = 3

Scores: TypeAlias = "dict[tuple[str, str], dict[str, list[dict[str, float]]]]"
"""By group and question, and by way, the measures of each round."""


def main() -> None:
    """Prints one line of JSON, and adds it to `results/`."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--photos", type=int, default=16, help="photographs whose reading is timed; 0 for none")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmsearch-tiles-") as folder:
        line = json.dumps(
            {"benchmark": "tiles", **measured(Path(folder), given.rounds, given.photos), **circumstances()}
        )
    print(line)
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def measured(folder: Path, rounds: int, photos: int) -> dict[str, Any]:
    """Figures by group and way with their intervals, and the cost of both ways."""
    scores: Scores = defaultdict(lambda: defaultdict(list))
    cost = {WHOLE: _cost(_pictures())}
    questions = read_questions(str(CORPUS / "queries.jsonl"))
    _asked(folder / "all", CORPUS, questions, dict.fromkeys(range(len(questions)), WHOLE), scores)
    loose = _loose(folder / LOOSE, questions)
    for number in range(rounds):
        made = folder / str(number)
        asked, groups = _round(made / "files", questions, number)
        _asked(made, made / "files", asked, groups, scores)
        for at, question in enumerate(asked):
            scores[groups[at], question.label][LOOSE].append(loose[question.label])
        if not number:
            cost["the sheets of a round"] = _cost(sorted((made / "files").glob("[0-9]*.jpg")))
        shutil.rmtree(made)
    if photos:
        cost["photographs"] = _cost([Path(path) for path in make_set("mixed", folder / "photos", photos)])
    return {"rounds": rounds, "groups": dict(_figures(scores)), "cost": cost}


def _loose(work: Path, questions: Sequence[Question]) -> dict[str, dict[str, float]]:
    """The measures of each question over a folder of all pictures, by its label."""
    files = work / "files"
    files.mkdir(parents=True)
    places = {str(path): (str(shutil.copy(path, files / path.name)), LOOSE) for path in _pictures()}
    asked, groups = _moved(questions, places)
    scores: Scores = defaultdict(lambda: defaultdict(list))
    _asked(work, files, asked, groups, scores)
    return {label: found["whole"][0] for (_, label), found in scores.items()}


def _pictures() -> list[Path]:
    """The still pictures of the sample corpus but for its contact sheet."""
    found = (path for name in FOLDERS for path in sorted((CORPUS / name).iterdir()))
    return [path for path in found if path.suffix != ".gif" and path.name != SHEET]


def _round(folder: Path, questions: Sequence[Question], seed: int) -> tuple[list[Question], dict[int, str]]:
    """Make the files of a round; the questions that it can answer, and by their place what they are answered by."""
    rng = random.Random(seed)
    # Only what a question asks for is worth a place in a sheet.
    wanted = {path for one in questions for path in one.relevant if len(one.relevant) == 1}
    shown = [path for path in _pictures() if str(path) in wanted]
    rng.shuffle(shown)
    places: dict[str, tuple[str, str]] = {}
    folder.mkdir(parents=True)
    for layout, counts in COUNTS.items():
        for count in counts:
            taken = [shown.pop() for _ in range(count)]
            path = folder / f"{rng.randrange(10**6):06}.jpg"
            _save(layout, taken, rng, path)
            places.update({str(one): (str(path), layout) for one in taken})
    for path in _pictures():
        if str(path) not in places:
            shutil.copy(path, folder / path.name)
            places[str(path)] = (str(folder / path.name), ORDINARY)
    return _moved(questions, places)


def _save(layout: str, paths: Sequence[Path], rng: random.Random, path: Path) -> None:
    LAYOUTS[layout]([Image.open(one).convert("RGB") for one in paths], rng).save(path, quality=90)


def _moved(questions: Sequence[Question], places: dict[str, tuple[str, str]]) -> tuple[list[Question], dict[int, str]]:
    """The questions in words whose answers are all among the files of a round, with what shows them there."""
    asked: list[Question] = []
    groups: dict[int, str] = {}
    for one in questions:
        if one.image or not all(path in places for path in one.relevant):
            continue
        found = {places[path] for path in one.relevant}
        kinds = {kind for _, kind in found}
        if len(kinds) == 1:
            groups[len(asked)] = kinds.pop()
            asked.append(replace(one, relevant={path: 1.0 for path, _ in found}))
    return asked, groups


def _asked(work: Path, files: Path, questions: Sequence[Question], groups: dict[int, str], scores: Scores) -> None:
    """Index the files in both ways and add each question's measures."""
    for way, option in WAYS.items():
        index = str(work / way)
        command = [sys.executable, "-m", "mmsearch", "index", str(files), "--index", index, option]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        reader, embedder = open_indexes([index], None)
        with reader:
            [outcome] = evaluate(questions, reader, embedder, settings_by_name(["hybrid"]), no_reranker).outcomes
        for at, result in enumerate(outcome.results):
            scores[groups[at], result.question.label][way].append(_measures(result))


def _measures(result: Result) -> dict[str, float]:
    """The measures of a question's hits, without the sample corpus's sheet where it shows an answer or what asks."""
    scores = settled(result).scores
    return {name: scores[name] for name in METRICS}


def _cost(paths: Sequence[Path]) -> dict[str, Any]:
    """Vectors, and milliseconds of one processor to read a picture, in both ways; the least of some runs."""
    told: dict[str, Any] = {"pictures": len(paths)}
    loader = load_embedder(ModelOptions()).spec.loader
    for way in WAYS:
        settings, spent = replace(loader, tiles=way == "tiles"), []
        for _ in range(READ):
            began = time.process_time()
            vectors = sum(1 for path in paths for _ in _load(path, settings))
            spent.append(time.process_time() - began)
        told[way] = {"vectors": vectors, "cpu_ms_a_picture": round(1000 * min(spent) / len(paths), 2)}
    return told


def _load(path: Path, settings: LoaderSettings) -> Iterator[Segment]:
    return media.load(str(path), "", media.KINDS["image"], settings).segments


def _figures(scores: Scores) -> Iterator[tuple[str, dict[str, Any]]]:
    """By group: how many questions, and of each measure both ways and the gain; a question's rounds count as one."""
    for group in (*COUNTS, ORDINARY, WHOLE):
        ways = [found for (kind, _), found in scores.items() if kind == group]
        told: dict[str, Any] = {"questions": len(ways)}
        for name in METRICS:
            means = {way: [_mean(found[way], name) for found in ways] for way in (*WAYS, LOOSE) if ways[0][way]}
            for other in [way for way in means if way != "tiles"]:
                pairs = zip(means[other], means["tiles"], strict=True)
                means[f"tiles over {other}"] = [tiled - before for before, tiled in pairs]
            told[name] = {way: bootstrap(values).to_json() for way, values in means.items()}
        yield group, told


def _mean(rounds: Sequence[dict[str, float]], name: str) -> float:
    return sum(one[name] for one in rounds) / len(rounds)


if __name__ == "__main__":
    main()
