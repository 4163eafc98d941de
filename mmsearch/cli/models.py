"""`mmsearch models`: list, show and fetch models, and report problems."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from typer import Exit, Typer

from mmsearch.cli import Command, Group, options
from mmsearch.cli.common import handle_errors, log_line, terminal_width, write_json, write_stdout
from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.output.tables import counts, grid

if TYPE_CHECKING:
    from mmsearch.models.catalog import CatalogEntry
    from mmsearch.models.machine import Memory

COLUMNS = ("model", "kind", "fits", "needs", "parameters", "dim", "reads", "dummy", "licence")

app = Typer(
    help="List, show and fetch models, and report problems.",
    cls=Group,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.command("list", cls=Command)
@handle_errors
def list_models(as_json: options.Json = False) -> None:
    """List the models that have a short name, and show whether each fits this machine.

    A model fits (yes) into four fifths of the free memory, or barely (tight): its weights in the number format of the
    device, and 1.5 GiB for libraries and small passes. The column dummy shows which work with --dummy-weights.

    \b
    Examples:
      mmsearch models list
      mmsearch models list --json | jq -r '.models[] | select(.fits == "yes") | .name'
    """
    from mmsearch.models.catalog import CATALOG
    from mmsearch.models.machine import memories

    available = memories()
    rows = [_row(entry, available) for entry in CATALOG.values()]
    if as_json:
        write_json({"memories": [asdict(memory) for memory in available], "models": rows})
    else:
        write_stdout(grid(COLUMNS, [_cells(row) for row in rows], terminal_width()))


@app.command(cls=Command)
@handle_errors
def show(name: options.ModelName, as_json: options.Json = False) -> None:
    """Show what is known about a model, and where it was found.

    \b
    Examples:
      mmsearch models show qwen3-vl-2b
    """
    from mmsearch.models.catalog import CATALOG, find
    from mmsearch.models.machine import memories

    entry = find(name)
    if entry is None:
        raise UsageError(f"unknown model {name}: the list has {', '.join(CATALOG)}")
    row = _row(entry, memories())
    if as_json:
        write_json(row)
    else:
        write_stdout(counts(row["name"], [(key, _in_words(row[key])) for key in row if key != "name"]))


@app.command(cls=Command)
@handle_errors
def pull(name: options.ModelName, revision: options.Revision = None, as_json: options.Json = False) -> None:
    """Fetch a model from the hub: a short name, or any hub id as ORG/NAME.

    Files of an earlier try are kept. Models of the list are fetched at the revision that was tested, if one is known.

    \b
    Examples:
      mmsearch models pull siglip2-base
      mmsearch models pull some-org/some-model --revision v2
    """
    from mmsearch.models.pull import pull as fetch

    pulled = fetch(name, revision, log_line, bars=sys.stderr.isatty())
    if as_json:
        write_json({**asdict(pulled), "directory": str(pulled.directory)})
    else:
        log_line(f"{pulled.hub_id} is at {pulled.directory}")


@app.command(cls=Command)
@handle_errors
def doctor(as_json: options.Json = False) -> None:
    """Show versions, devices, free memory, the cache, and what is missing with the command that installs it.

    Exit code 4 if something is missing that models need.

    \b
    Examples:
      mmsearch models doctor
    """
    from mmsearch.models.doctor import examine

    report = examine()
    if as_json:
        write_json(report)
    else:
        cache, device, missing = report["cache"], report["device"] or {}, report["missing"]
        sections = {
            "versions": [(name, value or "not installed") for name, value in report["versions"].items()],
            "device": [(name, _in_words(value)) for name, value in device.items()],
            "memory": [
                (entry["device"], f"{_gib(entry['free'])} free of {_gib(entry['total'])} {entry['name']}".rstrip())
                for entry in report["memories"]
            ],
            "cache": [
                ("directory", cache["directory"]),
                ("size", f"{cache['bytes'] / 1e9:.2f} GB, {cache['free'] / 1e9:.1f} GB free"),
                ("models", ", ".join(report["models"])),
            ],
            "missing": [(entry["what"], entry["remedy"]) for entry in missing] or [("nothing", "")],
        }
        write_stdout("".join(counts(title, rows) for title, rows in sections.items()))
    if any(entry["needed"] for entry in report["missing"]):
        raise Exit(ModelUnavailable.exit_code)


def _row(entry: CatalogEntry, available: list[Memory]) -> dict[str, Any]:
    """The JSON object of a model: its facts, and whether it fits."""
    from mmsearch.models.machine import best, need

    memory, fits = best(entry, available)
    return {**asdict(entry), "dummy": entry.dummy, "fits": fits, "device": memory.device, "bytes": need(entry, memory)}


def _cells(row: dict[str, Any]) -> list[str]:
    size = row["parameters"]
    return [
        row["name"],
        row["kind"],
        row["fits"],
        "" if row["bytes"] is None else _gib(row["bytes"]),
        "" if size is None else f"{size / 1e9:.2f}B" if size >= 1e9 else f"{size / 1e6:.0f}M",
        str(row["dim"] or ""),
        ",".join(row["modalities"]),
        "yes" if row["dummy"] else "no: built in" if row["hub_id"] is None else "no: own code only",
        row["licence"] or "",
    ]


def _in_words(value: Any) -> str:
    if value is None:
        return "not known"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return f"{value:,}" if type(value) is int else {True: "yes", False: "no"}.get(value, str(value))


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
