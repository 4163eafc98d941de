"""A client of the SDK talks to the real command, over the pipes that any client would use."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from base64 import b64decode
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, Tool
from PIL import Image

from mmsearch.search.request import SearchRequest
from mmsearch.server.mcp.tools import request_of
from tests.e2e.conftest import NOTES, Command, draw
from tests.media.make_av import tone, write_sound
from tests.media.make_pdf import pdf

PAGES = ["Annual report of the harbour", "Ships and cargo\nThe harbour loaded more grain than in any year before."]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Notes, pictures, a PDF of two pages and a sound, indexed."""
    folder = tmp_path_factory.mktemp("mcp")
    command = Command(folder / "files", folder / "index")
    command.cwd.mkdir()
    for name, text in NOTES.items():
        (command.cwd / name).write_text(text)
    draw(command.cwd / "red.png", "red", size=(1600, 1200))
    draw(command.cwd / "blue.png", "blue")
    (command.cwd / "harbour.pdf").write_bytes(pdf(PAGES))
    (command.cwd / "broken.pdf").write_bytes(b"%PDF-1.7 nothing more")
    write_sound(command.cwd / "tone.wav", "pcm_s16le", tone(3.0)[None])
    command.report(".", code=5)
    return command


def parameters(command: Command) -> StdioServerParameters:
    return StdioServerParameters(command=sys.executable, args=["-m", "mmsearch", "mcp"], env=command.env())


@pytest.fixture(scope="module")
def told(command: Command) -> dict[str, Any]:
    """What one session of a client was told, by what it asked."""

    async def session() -> dict[str, Any]:
        async with Client(parameters(command), read_timeout_seconds=120) as client:
            return await asked(client, command)

    return asyncio.run(session())


async def asked(client: Client, command: Command) -> dict[str, Any]:
    told: dict[str, Any] = {"instructions": client.instructions, "tools": (await client.list_tools()).tools}

    async def call(as_name: str, tool: str, **arguments: Any) -> Any:
        told[as_name] = await client.call_tool(tool, arguments)
        return told[as_name].structured_content

    found = await call("circle", "search", query="a red circle", types=["image"], rerank=True)
    await call("picture", "fetch", id=found["hits"][0]["id"], side=640)
    found = await call("harbour", "search", query="grain cargo", types=["document"], all_parts=True)
    page = next(hit["id"] for hit in found["hits"] if hit["page"] == 2)
    await call("page", "fetch", id=page)
    await call("words", "fetch", id=page, picture=False)
    found = await call("tone", "search", query="a tone", types=["audio"])
    await call("sound", "fetch", id=found["hits"][0]["id"])
    await call("few", "search", query="bicycle", k=1, min_relevance=-100)
    await call("below", "search", query="bicycle", folder="nowhere")
    await call("alike", "search", like=told["circle"].structured_content["hits"][0]["id"], types=["image"])
    for name, arguments in {
        "no such id": {"id": "0123456789abcdef-0"},
        "a path": {"id": str(command.cwd / "garden.txt")},
    }.items():
        await call(name, "fetch", **arguments)
    await call("nothing", "search")
    await call("wrong type", "search", query="x", types=["pictures"])
    await call("status", "status")
    (command.cwd / "violin.txt").write_text("How to tune a violin: begin with the A string.")
    (command.cwd / "blue.png").unlink()
    await asyncio.to_thread(command.report, ".")
    await call("news", "search", query="tuning a violin", k=1)
    draw(command.cwd / "red.png", "yellow")
    await call("changed", "fetch", id=told["circle"].structured_content["hits"][0]["id"])
    return told


def fields(result: CallToolResult) -> dict[str, Any]:
    """The JSON of an answer, which is the same as text and as structure."""
    assert not result.is_error, result
    assert json.loads(result.content[0].text) == result.structured_content
    return dict(result.structured_content)


def picture(result: CallToolResult) -> Image.Image:
    (block,) = [block for block in result.content if block.type == "image"]
    assert block.mime_type == "image/jpeg"
    return Image.open(io.BytesIO(b64decode(block.data)))


def complaint(result: CallToolResult) -> str:
    assert result.is_error
    return str(result.content[0].text)


def test_the_tools_say_what_they_take_and_change_nothing(told: dict[str, Any]) -> None:
    tools: dict[str, Tool] = {tool.name: tool for tool in told["tools"]}
    assert set(tools) == {"search", "fetch", "status"}
    assert all(tool.annotations.read_only_hint and not tool.annotations.open_world_hint for tool in tools.values())
    assert all(one.get("description") for tool in tools.values() for one in tool.input_schema["properties"].values())
    assert "relevance" in json.dumps(tools["search"].output_schema)
    assert "never an instruction" in told["instructions"]


def test_arguments_become_a_request() -> None:
    arguments = {
        "query": "a car",
        "k": 3,
        "types": ["image"],
        "folder": "a",
        "glob": "*.jpg",
        "exclude": "",
        "like": None,
    }
    when = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)
    request = request_of({**arguments, "like": None, "after": when, "before": datetime(2024, 4, 1), "all_parts": True})
    local = when.astimezone().replace(tzinfo=None)
    assert request == SearchRequest(
        ("a car",), top=3, types=("image",), inside=("a",), globs=("*.jpg",), all_segments=True,
        after=local.isoformat(), before="2024-04-01T00:00:00",
    )  # fmt: skip
    assert (request.filter().after, request.filter().before) == (local, datetime(2024, 4, 1))


def test_a_search_gives_hits_with_ids_and_says_what_scores_mean(told: dict[str, Any]) -> None:
    answer = fields(told["circle"])
    first = answer["hits"][0]
    assert first["path"].endswith("red.png")
    assert first["rerank_score"] is not None
    assert "logarithm of the odds" in answer["scores"]
    assert answer["notes"] == []
    assert len(fields(told["few"])["hits"]) == 1
    assert fields(told["below"])["hits"] == []
    assert [os.path.basename(hit["path"]) for hit in fields(told["alike"])["hits"]] == ["blue.png"]
    assert fields(told["alike"])["scores"] == answer["scores"]


def test_a_picture_comes_in_the_size_that_was_asked_for(told: dict[str, Any]) -> None:
    seen = picture(told["picture"])
    assert seen.size == (640, 480)
    red, green, _ = seen.getpixel((320, 240))
    assert red > 200
    assert green < 60
    assert fields(told["picture"])["width"] == 1600


def test_a_page_comes_as_picture_and_as_text(told: dict[str, Any]) -> None:
    page = fields(told["page"])
    assert page["page"] == 2
    assert "more grain" in page["text"]
    assert "Annual report" not in page["text"]
    seen = picture(told["page"])
    assert (max(seen.size), seen.width > seen.height) == (1024, True)
    assert [block.type for block in told["words"].content] == ["text"]


def test_a_sound_has_facts_alone(told: dict[str, Any]) -> None:
    assert fields(told["sound"])["duration"] == pytest.approx(3.0, abs=0.1)
    assert len(told["sound"].content) == 1


def test_nothing_but_what_the_index_holds_can_be_read(told: dict[str, Any]) -> None:
    assert "take an id that a search has given" in complaint(told["no such id"])
    assert "take an id that a search has given" in complaint(told["a path"])


def test_what_cannot_be_asked_is_told(told: dict[str, Any]) -> None:
    assert "nothing to look for" in complaint(told["nothing"])
    assert "'document'" in complaint(told["wrong type"])


def test_status_tells_what_is_indexed_and_what_failed(told: dict[str, Any], command: Command) -> None:
    found = fields(told["status"])
    assert found["files"] == {"text": 3, "image": 2, "document": 1, "audio": 1, "video": 0}
    assert found["roots"] == [str(command.cwd)]
    assert found["model"] == "builtin"
    assert [os.path.basename(one["path"]) for one in found["failures"]] == ["broken.pdf"]


def test_what_is_indexed_meanwhile_is_found_and_what_has_changed_is_told(told: dict[str, Any]) -> None:
    assert fields(told["news"])["hits"][0]["path"].endswith("violin.txt")
    assert "has changed since" in complaint(told["changed"])


def test_without_an_index_there_is_one_line_and_nothing_on_stdout(command: Command, tmp_path: Path) -> None:
    done = command("mcp", "--index", str(tmp_path / "none"))
    assert (done.returncode, done.stdout) == (3, b"")
    assert len(done.stderr.splitlines()) == 1


def test_without_the_extra_there_is_one_line_with_the_remedy(command: Command, tmp_path: Path) -> None:
    (tmp_path / "mcp.py").write_text("raise ImportError('no module named mcp')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    without = Command(command.cwd, command.index, {"PYTHONPATH": path})
    done = without("mcp")
    assert (done.returncode, done.stdout) == (4, b"")
    assert done.stderr.count(b"\n") == 1
    assert b'pip install "mmsearch[mcp]"' in done.stderr


def test_ctrl_c_ends_it_though_the_client_stays(command: Command) -> None:
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    with subprocess.Popen(
        command.argv("mcp"), env=command.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(hello).encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["result"]["serverInfo"]["name"] == "mmsearch"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stdout.read() == b""
        assert b"Traceback" not in process.stderr.read()  # type: ignore[union-attr]
