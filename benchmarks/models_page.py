"""Records runs of `mmsearch bench`, and writes `docs/models.md` from all recorded runs.

Each recorded row keeps its machine, versions and date. Every figure on the page comes from `results/bench.jsonl`;
missing figures are shown as "not measured".

Usage: `python -m benchmarks.models_page --record -- --model clip-b32 --dummy-weights`, then without arguments.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from mmsearch.extras.bench import duration
from mmsearch.extras.bench.job import ORDER, Row
from mmsearch.extras.bench.report import best, number
from mmsearch.models.catalog import CATALOG, CatalogEntry
from mmsearch.types import MODALITIES

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "bench.jsonl"
PAGE = ROOT / "docs" / "models.md"
NONE = "not measured"
PICTURES = 10_000
"""Number of pictures whose time the first table shows."""
METHOD = """\
## How it was measured

`python -m benchmarks.models_page` writes this page from `benchmarks/results/bench.jsonl`, the recorded runs of
`mmsearch bench`. Figures hold for the machine and the date beside them. A model needs the same memory and time with any
weights, so some runs use random ones (`--dummy-weights`).

Each line shows the smallest batch that is nearly as fast as the fastest. Memory is the peak of the whole process on a
CPU, and the driver's figure on a GPU; `estimated` is the estimate before loading.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--record", action="store_true", help="run `mmsearch bench` with the arguments after -- first")
    parser.add_argument("--results", default=str(RESULTS), help="file that results are kept in")
    parser.add_argument("--page", default=str(PAGE), help="page to be written")
    parser.add_argument("bench", nargs="*", help="arguments of `mmsearch bench`")
    arguments = parser.parse_args()
    if arguments.record:
        record(arguments.bench, Path(arguments.results))
    Path(arguments.page).write_text(page(read(Path(arguments.results))), encoding="utf-8")


def record(arguments: Sequence[str], results: Path) -> None:
    """Run `mmsearch bench` and add its rows to the results, each with its circumstances."""
    command = [sys.executable, "-m", "mmsearch", "bench", "--format", "json", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        sys.exit(done.returncode or 1)
    report = json.loads(done.stdout)
    circumstances = {name: value for name, value in report.items() if name != "rows"}
    results.parent.mkdir(parents=True, exist_ok=True)
    with open(results, "a", encoding="utf-8") as file:
        file.writelines(json.dumps({**row, **circumstances}) + "\n" for row in report["rows"])


def read(results: Path) -> list[dict[str, Any]]:
    """All recorded rows; none where nothing was recorded yet."""
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines() if line.strip()]


def page(lines: Iterable[Mapping[str, Any]]) -> str:
    """The page: which model to take, every model of the catalog on CPU and GPU, then the full table of each run."""
    measured = [line for line in lines if line["status"] != "failed"]
    rerankers = [entry for entry in CATALOG.values() if entry.kind == "reranker"]
    embedders = [entry for entry in CATALOG.values() if entry.kind == "embedder"]
    parts = [_answer(embedders, rerankers, measured), METHOD, "## Embedders\n\n" + _summary(embedders, measured)]
    parts += ["## Rerankers\n\n" + _summary(rerankers, measured)] if rerankers else []
    parts += [_run(key, list(run)) for key, run in groupby(sorted(measured, key=_key), key=_key)]
    return "\n".join(parts)


def _answer(
    embedders: Sequence[CatalogEntry], rerankers: Sequence[CatalogEntry], lines: Sequence[Mapping[str, Any]]
) -> str:
    """Which model to take, by the memory and the speed of those that were measured on a CPU."""
    table = [["model", "memory", "pictures a second", f"{PICTURES:,} pictures"], ["---", "--:", "--:", "--:"]]
    needs: dict[str, int] = {}
    for entry in embedders:
        rows = _best_rows(entry, lines)
        picture = rows.get("image")
        if picture and picture.items_per_s and (memory := _memory(rows)):
            needs[entry.name] = memory
            took = duration(PICTURES / (picture.items_per_s or 1e-12))
            table.append([f"`{entry.name}`", _size(memory), number(picture.items_per_s), took])
    text = "# Models: memory and speed\n\n**Which model should I take, and how much memory does it need?** "
    if "builtin" in needs:
        text += f"Start with `builtin`: it needs no download and {_size(needs['builtin'])} of memory. "
    if others := [memory for name, memory in needs.items() if name != "builtin"]:
        text += f"The other embedders measured here need {_size(min(others))} to {_size(max(others))}. "
    read = [memory for entry in rerankers if (memory := _memory(_best_rows(entry, lines)))]
    text += f"Rerankers need {_size(min(read))} to {_size(max(read))}. " if read else ""
    text += "" if any(line.get("gpu") for line in lines) else "No run on a GPU is recorded. "
    text += "`mmsearch bench --model NAME` measures speed and memory on your machine, [`mmsearch eval`](evaluation.md) "
    text += "whether a larger model finds more in your files.\n"
    ordered = [*table[:2], *sorted(table[2:], key=lambda cells: needs[cells[0].strip("`")])]
    return text + ("\nOn the CPU of the runs below:\n\n" + _markdown(ordered) if needs else "")


def _best_rows(entry: CatalogEntry, lines: Sequence[Mapping[str, Any]]) -> dict[str, Row]:
    """The recommended batch of the latest CPU run for each kind of input."""
    own = [line for line in lines if line["model"] == entry.name and line["role"] == entry.kind]
    rows = {
        modality: best([Row.from_json(line) for line in _latest(some, gpu=False)])
        for modality in MODALITIES
        if (some := [line for line in own if line["modality"] == modality])
    }
    return {modality: row for modality, row in rows.items() if row}


def _memory(rows: Mapping[str, Row]) -> int | None:
    """The largest peak over all kinds of input."""
    return max((row.peak for row in rows.values() if row.peak), default=None)


def _markdown(table: Iterable[Sequence[str]]) -> str:
    return "".join("| " + " | ".join(cells) + " |\n" for cells in table)


def _summary(entries: Sequence[CatalogEntry], lines: Sequence[Mapping[str, Any]]) -> str:
    """A row for each model and kind of input, CPU beside GPU, by the latest run of each."""
    names = [
        "model",
        "input",
        "CPU, per second",
        "CPU memory",
        "estimated",
        "GPU, per second",
        "GPU memory",
        "measured",
    ]
    table = [names, ["---", "---", "--:", "--:", "--:", "--:", "--:", "---"]]
    for entry in entries:
        own = [line for line in lines if line["model"] == entry.name and line["role"] == entry.kind]
        inputs = sorted({line["modality"] for line in own if line["modality"]}, key=ORDER.index)
        for modality in inputs or ["—"]:
            rows = [line for line in own if line["modality"] == modality]
            cpu, gpu = _latest(rows, gpu=False), _latest(rows, gpu=True)
            table.append([entry.name, modality, *_figures(cpu, True), *_figures(gpu, False), _when(cpu, gpu)])
    return _markdown(table)


def _latest(lines: Sequence[Mapping[str, Any]], gpu: bool) -> list[Mapping[str, Any]]:
    """The rows of the last run on this kind of device."""
    own = [line for line in lines if (line.get("gpu") is not None) == gpu]
    last = own[-1] if own else None
    return [line for line in own if last and _key(line) == _key(last)]


def _figures(lines: Sequence[Mapping[str, Any]], estimated: bool) -> list[str]:
    rows = [Row.from_json(line) for line in lines]
    chosen = best(rows)
    if chosen is None:
        nothing = "OOM" if rows else NONE
        return [nothing, nothing, *([nothing] if estimated else [])]
    batch = "" if chosen.batch is None else f" (batch {chosen.batch})"
    figures = [f"{number(chosen.items_per_s)} {chosen.unit}{batch}", _size(chosen.peak)]
    return figures + ([_size(chosen.estimated)] if estimated else [])


def _size(count: int | None) -> str:
    return NONE if count is None else f"{count / 1e9:.2f} GB"


def _when(*runs: Sequence[Mapping[str, Any]]) -> str:
    dates = [run[-1]["date"] for run in runs if run]
    return ", ".join(dict.fromkeys(dates)) or NONE


def _key(line: Mapping[str, Any]) -> tuple[str, str, str]:
    """Identifies the run of a row: date, device and versions."""
    machine = line["machine"]
    where = line.get("gpu") or f"{machine['cpu']}, {machine['threads'] or machine['cores']} threads"
    versions = ", ".join(f"{name} {value}" for name, value in line["versions"].items() if value)
    return line["date"], where, versions


def _run(key: tuple[str, str, str], lines: Sequence[Mapping[str, Any]]) -> str:
    from mmsearch.extras.bench import BenchFormat
    from mmsearch.extras.bench.report import formatted

    date, where, versions = key
    busy = max(line["load"] or 0.0 for line in lines)
    note = f"{versions}. Load of the machine before: {busy}."
    return f"## {date}, {where}\n\n{note}\n\n" + formatted([Row.from_json(line) for line in lines], BenchFormat.md, {})


if __name__ == "__main__":
    main()
