"""Records runs of `mmsearch bench`, and writes `docs/models.md` from all that were recorded.

Each recorded row keeps the machine, the versions and the date it was measured with. Nothing is on the page that is not
in `results/bench.jsonl`: where a figure was never measured, it says so.

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

from mmsearch.extras.bench.job import ORDER, Row
from mmsearch.extras.bench.report import best, number
from mmsearch.models.catalog import CATALOG, CatalogEntry

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "bench.jsonl"
PAGE = ROOT / "docs" / "models.md"
NONE = "not measured"
HEAD = """\
# Models: memory and speed

Written by `python -m benchmarks.models_page` from `benchmarks/results/bench.jsonl`, which `mmsearch bench` has filled.
Figures hold for the machine and the date beside them. Weights change neither what a model needs nor how fast it is, so
runs may be with random ones (`--dummy-weights`).

Of each run the batch is shown that is nearly as fast as the fastest and needs the least memory. Memory is the peak of
the whole process on a CPU, and what the driver sees on a GPU; `estimated` is what was expected before loading. For
your own machine, run `mmsearch bench --model NAME`.
"""


def main() -> None:
    given = _arguments()
    if given.record:
        record(given.bench, Path(given.results))
    lines = read(Path(given.results))
    Path(given.page).write_text(page(lines), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--record", action="store_true", help="run `mmsearch bench` with the arguments after -- first")
    parser.add_argument("--results", default=str(RESULTS), help="file that results are kept in")
    parser.add_argument("--page", default=str(PAGE), help="page to be written")
    parser.add_argument("bench", nargs="*", help="arguments of `mmsearch bench`")
    return parser.parse_args()


def record(arguments: Sequence[str], results: Path) -> None:
    """Run `mmsearch bench` and add its rows to the results, each with its circumstances."""
    command = [sys.executable, "-m", "mmsearch", "bench", "--format", "json", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        sys.exit(done.returncode or 1)
    found = json.loads(done.stdout)
    circumstances = {name: value for name, value in found.items() if name != "rows"}
    results.parent.mkdir(parents=True, exist_ok=True)
    with open(results, "a", encoding="utf-8") as file:
        file.writelines(json.dumps({**row, **circumstances}) + "\n" for row in found["rows"])


def read(results: Path) -> list[dict[str, Any]]:
    """All recorded rows; none where nothing was recorded yet."""
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines() if line.strip()]


def page(lines: Iterable[Mapping[str, Any]]) -> str:
    """The page: every model of the catalog on CPU and GPU, then whole tables by run."""
    measured = [line for line in lines if line["status"] != "failed"]
    rerankers = [entry for entry in CATALOG.values() if entry.kind == "reranker"]
    embedders = [entry for entry in CATALOG.values() if entry.kind == "embedder"]
    parts = [HEAD, "## Embedders\n\n" + _summary(embedders, measured)]
    parts += ["## Rerankers\n\n" + _summary(rerankers, measured)] if rerankers else []
    parts += [_run(key, list(run)) for key, run in groupby(sorted(measured, key=_key), key=_key)]
    return "\n".join(parts)


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
    return "".join("| " + " | ".join(line) + " |\n" for line in table)


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
    """What makes rows one run: date, device and versions."""
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
