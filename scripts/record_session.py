"""Records what the command prints on a terminal, as a picture: `python -m scripts.record_session docs/session.svg`.

The commands run on a copy of the sample corpus with the built-in model. The picture needs no fonts but those of its
reader, and nothing from the network.
"""

from __future__ import annotations

import io
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

CORPUS = Path(__file__).resolve().parents[1] / "sample_corpus"
COLUMNS = 100
HOME = "/home/me"
COMMANDS = (
    "mmsearch index .",
    "mmsearch search red car -k 4",
    'mmsearch search "pizza with salami" -k 3 -t text,document',
    "mmsearch search waves on the shore -k 2 -t audio,video --json | head -12",
)


def record() -> str:
    """The session as SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder) / "Media"
        shutil.copytree(CORPUS, here)
        (here / ".mmsearch").mkdir()
        (here / "bin").mkdir()
        command = here / "bin" / "mmsearch"
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m mmsearch "$@"\n')
        command.chmod(0o755)
        (here / ".mmsearchignore").open("a").write("bin/\n")
        for line in COMMANDS:
            console.print(Text.assemble(("$ ", "bold green"), (line, "bold")))
            shown = _shown(line, here).replace(os.path.realpath(folder), HOME).replace(folder, HOME)
            console.print(Text.from_ansi(shown), soft_wrap=False)
            console.print()
    form = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.S).replace(
        "Fira Code, monospace", "monospace"
    )
    return console.export_svg(title="mmsearch", theme=DIMMED_MONOKAI, code_format=form, unique_id="session")


def _shown(line: str, folder: Path) -> str:
    """What a terminal shows of a command line: its stderr first, which is no terminal, and so shows no bar."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "COLUMNS": str(COLUMNS)}
    environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    with subprocess.Popen(
        ["bash", "-c", line],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(follower)
        out = b""
        while True:
            try:
                chunk = os.read(leader, 65536)
            except OSError:  # how the end of a terminal shows on Linux
                break
            if not chunk:
                break
            out += chunk
        assert process.stderr is not None
        told = process.stderr.read()
    if process.returncode:
        raise RuntimeError(f"{line}: {told.decode()}")
    return (told + out).decode().replace("\r\n", "\n").rstrip("\n")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(record(), encoding="utf-8")
