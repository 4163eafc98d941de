"""The command line: one module a command, each parsing, calling, printing and choosing the exit code.

The only package that prints and exits. Heavy imports wait until a command runs, so that `--help` is quick.
"""

from __future__ import annotations

import typer

from mmsearch import __version__
from mmsearch.cli.bench import bench
from mmsearch.cli.dupes import dupes
from mmsearch.cli.eval import evaluate
from mmsearch.cli.index import index
from mmsearch.cli.models import app as models
from mmsearch.cli.search import search
from mmsearch.cli.status import status

app = typer.Typer(
    name="mmsearch",
    help="Find anything in your folders by meaning: photos, screenshots, PDFs, notes, sound and video.\n\n"
    "Exit codes: 0 done or found, 1 nothing found, 2 bad usage, 3 no such index, 4 model unavailable, "
    "5 done but with new failures, 130 interrupted (what was finished is kept).",
    epilog="Examples:  mmsearch index ~/Pictures    mmsearch search red car    mmsearch status --failures",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(index)
app.command()(search)
app.command()(status)
app.command()(bench)
app.add_typer(models, name="models")
app.command("eval")(evaluate)
app.command()(dupes)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mmsearch {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Print the version and exit.", callback=_version, is_eager=True
    ),
) -> None:
    pass


def main() -> None:
    """Entry point of the console script."""
    app()
