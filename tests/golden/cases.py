"""Every command once, over a small folder that is always the same, with its output made comparable.

Run as `python -m tests.golden.cases` to record `recorded.json` again; a change in it is a change for everybody who
reads our output in a script.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.e2e.conftest import NOTES, draw

RECORDED = Path(__file__).parent / "recorded.json"
WHEN = 1_700_000_000
INDEX, OTHER = "index", "other"
VOLATILE = {"seconds", "ms_per_question", "pid", "free", "total", "number", "fits", "device", "bytes", "directory",
            "processors", "platform", "memories", "scan", "load", "preprocess", "forward", "commit", "idle", "read",
            "decode"}  # fmt: skip
"""What another machine, or the same one on another day, gives another value for."""
CASES: dict[str, tuple[str, ...]] = {
    "index --dry-run": ("index", "files", "--index", INDEX, "--dry-run", "--json"),
    "index": ("index", "files", "--index", INDEX, "--json"),
    "index again": ("index", "--index", INDEX, "--json"),
    "status": ("status", "--index", INDEX, "--json"),
    "status --failures": ("status", "--failures", "--index", INDEX, "--json"),
    "status --check": ("status", "--check", "--index", INDEX, "--json"),
    "search": ("search", "vegetable garden", "--index", INDEX, "--json"),
    "search --jsonl": ("search", "bicycle chain", "-k", "3", "--index", INDEX, "--jsonl"),
    "search csv": ("search", "night train", "-k", "2", "--index", INDEX, "--format", "csv"),
    "search paths": ("search", "night train", "-k", "2", "--index", INDEX, "-l"),
    "search paths -0": ("search", "night train", "-k", "2", "--index", INDEX, "-l", "-0"),
    "search --explain": ("search", "red circle", "-t", "image", "-k", "1", "--index", INDEX, "--explain", "--json"),
    "search --raw": ("search", "oil the chain", "-t", "text", "--raw", "-k", "1", "--index", INDEX, "--json"),
    "search lexical": ("search", "tomatoes", "--mode", "lexical", "--index", INDEX, "--json"),
    "search --all-segments": ("search", "brakes", "-t", "text", "--all-segments", "--index", INDEX, "--json"),
    "search --like": ("search", "--like", "files/red.png", "-t", "image", "-k", "2", "--index", INDEX, "--json"),
    "search --image": ("search", "--image", "files/blue.png", "-t", "image", "-k", "1", "--index", INDEX, "--json"),
    "search --context": ("search", "beach", "-t", "text", "-k", "1", "--context", "--index", INDEX, "--json"),
    "search --rerank": ("search", "red circle", "-t", "image", "-k", "2", "--rerank", "--index", INDEX, "--json"),
    "search filters": ("search", "garden", "-g", "*.txt", "--in", "files", "--after", "2020", "--size", "+1", "--index",
                       INDEX, "--json"),
    "search nothing": ("search", "garden", "-g", "*.absent", "--index", INDEX, "--json"),
    "search bad option": ("search", "garden", "--size", "tall", "--index", INDEX),
    "search no index": ("search", "garden", "--index", "nowhere"),
    "search no query": ("search", "--index", INDEX),
    "search no model": ("search", "--image", "absent.png", "--index", INDEX),
    "index no model": ("index", "files", "--index", "third", "--model", "nobody/nothing"),
    "index bad option": ("index", "absent", "--index", INDEX),
    "eval": ("eval", "questions.jsonl", "--compare", "raw,hybrid", "--index", INDEX, "--json"),
    "dupes": ("dupes", "--threshold", "0.9", "--jsonl", "--index", INDEX),
    "merge": ("merge", INDEX, "-o", OTHER, "--json"),
    "export": ("export", "--to", "parquet", "-o", "out.parquet", "--index", INDEX, "--json"),
    "import": ("import", "out.parquet", "--index", "third", "--json"),
    "index --optimize": ("index", "--optimize", "--index", INDEX, "--json"),
    "index --prune": ("index", "--prune", "--index", INDEX, "--json"),
    "models list": ("models", "list", "--json"),
    "models show": ("models", "show", "builtin", "--json"),
    "models show unknown": ("models", "show", "nothing-of-this-name"),
    "models pull unknown": ("models", "pull", "nothing-of-this-name"),
    "serve --stop": ("serve", "--stop", "--index", INDEX),
    "unknown command": ("serach",),
    "version": ("--version",),
}  # fmt: skip
Outcome = dict[str, Any]


def make_folder(place: Path) -> None:
    """Pictures, notes, a copy, and files that cannot be read, all of one time."""
    files = place / "files"
    files.mkdir()
    for colour in ("red", "green", "blue"):
        draw(files / f"{colour}.png", colour)
    for name, text in NOTES.items():
        (files / name).write_text(text)
    (files / "copy.txt").write_text(NOTES["garden.txt"])
    (files / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    (files / "program.bin").write_bytes(bytes(range(256)) * 4)
    (place / "questions.jsonl").write_text(
        '{"query": "vegetable garden", "relevant": ["files/garden.txt"]}\n'
        '{"query": "red", "relevant": ["files/red.png"]}\n'
    )
    for path in files.iterdir():
        os.utime(path, (WHEN, WHEN))


def run(place: Path) -> dict[str, Outcome]:
    """The outcome of every case, in turn: the next one builds on what the last one left."""
    make_folder(place)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MMSEARCH")}
    environment |= {
        "HF_HUB_OFFLINE": "1",
        "TZ": "UTC",
        "COLUMNS": "120",
        "HOME": str(place),
        "HF_HOME": str(place / "hf"),
    }
    environment["XDG_DATA_HOME"] = environment["XDG_STATE_HOME"] = environment["XDG_CACHE_HOME"] = str(place / "home")
    found = {}
    for name, argv in CASES.items():
        done = subprocess.run(
            [sys.executable, "-m", "mmsearch", *argv], cwd=place, env=environment, capture_output=True, check=False
        )
        found[name] = {"code": done.returncode, "stdout": comparable(done.stdout.decode(), str(place))}
    return found


def comparable(text: str, place: str) -> Any:
    """Standard output as JSON, or JSON lines, or plain lines, without what differs from run to run."""
    text = text.replace(place, "<place>")
    try:
        return _steady(json.loads(text))
    except ValueError:
        pass
    lines = [line for line in re.split(r"[\n\0]", text) if line]
    try:
        return [_steady(json.loads(line)) for line in lines]
    except ValueError:
        return [[_number(cell) for cell in line.split(",")] if "," in line else line for line in lines]


def _number(cell: str) -> Any:
    try:
        return float(cell)
    except ValueError:
        return cell


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: f"<{key}>" if key in VOLATILE else _steady(inner) for key, inner in value.items()}
    return [_steady(inner) for inner in value] if isinstance(value, list) else value


def differences(before: Any, now: Any, at: str = "") -> list[str]:
    """Where two outcomes differ; numbers may in the last digits, since processors add up in another order."""
    if isinstance(before, dict) and isinstance(now, dict):
        if list(before) != list(now):
            return [f"{at}: keys {list(before)} are now {list(now)}"]
        return [line for key in before for line in differences(before[key], now[key], f"{at}/{key}")]
    if isinstance(before, list) and isinstance(now, list):
        if len(before) != len(now):
            return [f"{at}: {len(before)} entries are now {len(now)}"]
        pairs = enumerate(zip(before, now, strict=True))
        return [line for number, (old, new) in pairs for line in differences(old, new, f"{at}/{number}")]
    if isinstance(before, float) and isinstance(now, float):
        alike = abs(before - now) <= 0.02 * max(1.0, abs(before))
    else:
        alike = type(before) is type(now) and before == now
    return [] if alike else [f"{at}: {before!r} is now {now!r}"]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        outcomes = run(Path(os.path.realpath(folder)))
    RECORDED.write_text(json.dumps(outcomes, indent=1) + "\n")
