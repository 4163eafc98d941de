"""`mmsearch models`: what models there are, whether they fit, fetching them, and what is amiss."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from mmsearch.cli import options
from mmsearch.cli.command import SETTINGS, Exit, command
from mmsearch.cli.common import complain, emit, guarded, terminal_width
from mmsearch.errors import UsageError
from mmsearch.output.tables import counts, grid, to_json

if TYPE_CHECKING:
    from mmsearch.models.catalog import CatalogEntry
    from mmsearch.models.machine import Memory

UNAVAILABLE = 4
COLUMNS = ("model", "kind", "fits", "needs", "parameters", "dim", "reads", "dummy", "licence")


@guarded
def list_models(as_json: options.Json = False) -> None:
    """List the models that have a short name, and tell whether each fits this machine.

    It fits (yes) into four fifths of the free memory, or just so (tight): weights in the number format of the device,
    and 1.5 GiB for libraries and small passes. dummy tells which can be tried with --dummy-weights.

    Examples:

      mmsearch models list

      mmsearch models list --json | jq -r '.models[] | select(.fits == "yes") | .name'
    """
    from mmsearch.models.catalog import CATALOG
    from mmsearch.models.machine import memories

    found = memories()
    rows = [_row(entry, found) for entry in CATALOG.values()]
    if as_json:
        emit(to_json({"memories": [asdict(memory) for memory in found], "models": rows}) + "\n")
    else:
        emit(grid(COLUMNS, [_cells(row) for row in rows], terminal_width()))


@guarded
def show(name: options.ModelName, as_json: options.Json = False) -> None:
    """Show all that is known of a model, and where it was found.

    Examples:

      mmsearch models show qwen3-vl-2b
    """
    from mmsearch.models.machine import memories

    row = _row(_entry(name), memories())
    emit(
        to_json(row) + "\n"
        if as_json
        else counts(row["name"], [(key, _told(row[key])) for key in row if key != "name"])
    )


@guarded
def pull(name: options.ModelName, revision: options.Revision = None, as_json: options.Json = False) -> None:
    """Fetch a model from the hub: a short name, or any hub id as ORG/NAME.

    What an earlier try fetched is kept. Models of the list come at the revision that was tried, if one is known.

    Examples:

      mmsearch models pull siglip2-base

      mmsearch models pull some-org/some-model --revision v2
    """
    from mmsearch.models.pull import pull as fetch

    pulled = fetch(name, revision, complain, bars=sys.stderr.isatty())
    if as_json:
        emit(to_json({**asdict(pulled), "directory": str(pulled.directory)}) + "\n")
    else:
        complain(f"{pulled.hub_id} is at {pulled.directory}")


@guarded
def doctor(as_json: options.Json = False) -> None:
    """Tell versions, devices, free memory, the cache, and what is missing with the command that mends it.

    Exit code 4 if something is missing without which models do not run.

    Examples:

      mmsearch models doctor
    """
    from mmsearch.models.doctor import examine

    found = examine()
    emit(to_json(found) + "\n" if as_json else "".join(_chapters(found)))
    if any(trouble["needed"] for trouble in found["missing"]):
        raise Exit(UNAVAILABLE)


def _entry(name: str) -> CatalogEntry:
    from mmsearch.models.catalog import CATALOG, find

    entry = find(name)
    if entry is None:
        raise UsageError(f"unknown model {name}: the list has {', '.join(CATALOG)}")
    return entry


def _row(entry: CatalogEntry, found: list[Memory]) -> dict[str, Any]:
    """The JSON object of a model: its facts, and whether it fits."""
    from mmsearch.models.machine import best, need

    memory, fits = best(entry, found)
    return {**asdict(entry), "dummy": entry.dummy, "fits": fits, "device": memory.device, "bytes": need(entry, memory)}


def _cells(row: dict[str, Any]) -> list[str]:
    size = row["parameters"]
    return [
        row["name"],
        row["kind"],
        row["fits"],
        "" if row["bytes"] is None else f"{row['bytes'] / 2**30:.1f} GiB",
        "" if size is None else f"{size / 1e9:.2f}B" if size >= 1e9 else f"{size / 1e6:.0f}M",
        str(row["dim"] or ""),
        ",".join(row["modalities"]),
        "yes" if row["dummy"] else "no: built in" if row["hub_id"] is None else "no: own code only",
        row["licence"] or "",
    ]


def _told(value: Any) -> str:
    if value is None:
        return "not known"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return f"{value:,}" if type(value) is int else {True: "yes", False: "no"}.get(value, str(value))


def _chapters(found: dict[str, Any]) -> list[str]:
    """What the doctor found, for reading."""
    cache, device = found["cache"], found["device"] or {}
    memories = [(memory["device"], f"{_gib(memory['free'])} free of {_gib(memory['total'])} {memory['name']}".rstrip())
                for memory in found["memories"]]  # fmt: skip
    missing = [(trouble["what"], trouble["remedy"]) for trouble in found["missing"]]
    return [
        counts("versions", [(name, value or "not installed") for name, value in found["versions"].items()]),
        counts("device", [(name, _told(value)) for name, value in device.items()]),
        counts("memory", memories),
        counts(
            "cache",
            [
                ("directory", cache["directory"]),
                ("size", f"{cache['bytes'] / 1e9:.2f} GB, {cache['free'] / 1e9:.1f} GB free"),
                ("models", ", ".join(found["models"])),
            ],
        ),
        counts("missing", missing or [("nothing", "")]),
    ]


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


group = click.Group(
    "models",
    [
        command(list_models, "list"),
        command(show, "show"),
        command(pull, "pull"),
        command(doctor, "doctor"),
    ],
    help="List, show and fetch models, and tell what is amiss.",
    no_args_is_help=True,
    context_settings=SETTINGS,
)
