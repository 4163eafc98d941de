"""A real Ray cluster of two processes on this machine: the same index as a local run, whatever is killed meanwhile."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from mmsearch.extras.ray import Cluster
from mmsearch.models import load_embedder
from mmsearch.store import Identity

from .running import OPTIONS, Heard, assert_same, clustered, counts, fill, local

# Ray reads its environment when it is imported, which is not for the tests to do.
pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra ray is not installed")
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="workers are found by /proc")
OURS = {"read", "Model", "Claims"}
FILES = 200
MANY = 2000
"""As many as the issue asks for; the test that takes them is slow."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(None, jobs=2, torch=False) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, int], Heard]:
    """A folder with its index by a local run."""
    folder = tmp_path_factory.mktemp("known")
    fill(folder / "files", FILES)
    report, heard = local(folder / "index", [str(folder / "files")])
    return folder / "files", folder / "index", counts(report), heard


def children(of: int) -> dict[int, str]:
    """What descends from a process, with what it calls itself."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        try:
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            parents[int(name)] = int(fields[1])
        except (OSError, ValueError, IndexError):
            continue
    found = {of}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    named = {}
    for pid in found - {of}:
        try:
            named[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
    return named


def workers(of: int) -> dict[int, str]:
    """The worker processes of a cluster that run stages of ours."""
    return {pid: name for pid, name in children(of).items() if name.startswith("ray::") and OURS & set(words(name))}


def words(name: str) -> list[str]:
    return re.findall(r"\w+", name)


def wait_for_a_shard(index: Path, patience: float = 120.0) -> None:
    """Until the first result lies in the folder of shards, or has been adopted."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if list(index.glob("shards/*.shard")) or list(index.glob("vectors/*/*")):
            return
        time.sleep(0.005)
    raise AssertionError("no shard in time")


def test_a_model_says_the_same_of_itself_on_a_node(cluster: Cluster) -> None:
    spec, there = load_embedder(OPTIONS, many=True).spec, cluster.describe(OPTIONS)
    assert Identity.of(OPTIONS, spec).differences(Identity.of(OPTIONS, there)) == []


def test_items_and_vectors_are_those_of_a_local_run(
    cluster: Cluster, known: tuple[Path, Path, dict[str, int], Heard], tmp_path: Path
) -> None:
    files, index, told, heard = known
    report, heard_here = clustered(cluster, tmp_path / "index", [str(files)])
    assert counts(report) == told
    assert sorted(heard_here.failures) == sorted(heard.failures)
    assert_same(index, tmp_path / "index")
    assert {"read", "decode", "load", "forward", "idle"} <= {name for name, seconds in report.stages.items() if seconds}


@ON_LINUX
def test_killed_workers_change_nothing(
    cluster: Cluster, known: tuple[Path, Path, dict[str, int], Heard], tmp_path: Path
) -> None:
    files, index, told, _ = known
    killed: list[str] = []

    def kill() -> None:
        wait_for_a_shard(tmp_path / "index")
        for pid, name in workers(os.getpid()).items():
            os.kill(pid, signal.SIGKILL)
            killed.append(name)

    killer = threading.Thread(target=kill)
    killer.start()
    report, _ = clustered(cluster, tmp_path / "index", [str(files)])
    killer.join()
    assert any("Model" in name for name in killed), killed
    assert counts(report) == told
    assert_same(index, tmp_path / "index")


def test_objects_of_a_store_are_read_by_the_nodes(cluster: Cluster, tmp_path: Path) -> None:
    fill(tmp_path / "files", 12)
    report, heard = clustered(cluster, tmp_path / "index", [f"file://{tmp_path / 'files'}"])
    assert (report.added, report.failed) == (11, 1)
    assert [path for path, _ in heard.failures] == [f"file://{tmp_path / 'files' / '00002.png'}"]


def command(index: Path, *argv: str) -> list[str]:
    engine = ["--engine", "ray", "--jobs", "2"]
    return [sys.executable, "-m", "mmsearch", "index", *argv, "--index", str(index), *engine, "--json"]


@ON_LINUX
def test_a_killed_driver_loses_and_doubles_nothing_and_takes_its_cluster_along(
    known: tuple[Path, Path, dict[str, int], Heard], tmp_path: Path
) -> None:
    files, index, _, _ = known
    mine = tmp_path / "index"
    process = subprocess.Popen(command(mine, str(files)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for_a_shard(mine)
    started = children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert any("raylet" in name for name in started.values())
    wait_until_gone(started)

    done = subprocess.run(command(mine, str(files)), capture_output=True, check=False)
    report = json.loads(done.stdout)
    assert done.returncode == (5 if report["failed"] else 0)
    assert all(line.startswith(b"mmsearch: failed: ") for line in done.stderr.splitlines()), done.stderr.decode()
    assert report["added"] + report["unchanged"] + report["failed"] + report["known_failures"] == FILES
    assert_same(index, mine)
    assert not (mine / "shards").exists()


def wait_until_gone(processes: dict[int, str], patience: float = 60.0) -> None:
    # Agents of a node look for it only now and then.
    left = {pid: name for pid, name in processes.items() if "agent" not in name.lower()}
    end = time.monotonic() + patience
    while left and time.monotonic() < end:
        left = {pid: name for pid, name in left.items() if is_alive(pid)}
        time.sleep(0.1)
    assert not left


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@ON_LINUX
@pytest.mark.slow
def test_two_thousand_files_with_a_killed_worker_and_an_interrupt(tmp_path: Path) -> None:
    fill(tmp_path / "files", MANY)
    local(tmp_path / "local", [str(tmp_path / "files")])
    mine = tmp_path / "index"
    process = subprocess.Popen(
        command(mine, str(tmp_path / "files")), stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    wait_for_a_shard(mine)
    for pid in workers(process.pid):
        os.kill(pid, signal.SIGKILL)
    time.sleep(3.0)
    started = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    stdout, stderr = process.communicate(timeout=120)
    assert (process.returncode, stdout) == (130, b""), stderr.decode()
    assert b"Traceback" not in stderr
    wait_until_gone(started)
    done = subprocess.run(command(mine, str(tmp_path / "files")), capture_output=True, check=False)
    report = json.loads(done.stdout)
    assert report["embedded"] < MANY
    assert report["added"] + report["unchanged"] + report["failed"] + report["known_failures"] == MANY
    assert_same(tmp_path / "local", mine)
