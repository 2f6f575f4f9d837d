"""`python -m benchmarks.downloads`: does a download cost what it must, and no more?

One file comes over loopback from a hub in a process of its own, three ways in turn: by our mover (received, hashed and
forced to disk, with a journal each 64 MiB), by curl followed by `sync` and sha256sum, and by huggingface_hub, which
verifies nothing. What is timed is from the start of the process to the end of the last one, so interpreters and their
imports count. The file is a few hundred megabytes of noise, which no disk compresses.
"""

from __future__ import annotations

import argparse
import asyncio
import mmap
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.command import parser_for, progress, run
from benchmarks.measure import take_turns
from benchmarks.report import Goal, Report, Row
from offgrid_tui.downloads.contract import Kind, Order, OrderedFile
from offgrid_tui.downloads.process import Mover
from offgrid_tui.library.hashing import sha256_of
from offgrid_tui.library.work import Job
from offgrid_tui.settings.schema import NetworkSettings

REPOSITORY, NAME = "bench/Noise-GGUF", "noise-Q4_0.gguf"
FIGURES = ("MB/s", "CPU s")
_HUGGING_FACE = "from huggingface_hub import hf_hub_download as f; import sys; f(*sys.argv[1:3], local_dir=sys.argv[3])"


class Mapped:
    """A file on disk as the hub's content."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as stream:
            self._bytes = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        self.size = len(self._bytes)
        self.sha256 = sha256_of(path, Job("verify", path.name))

    def read(self, offset: int, size: int) -> Any:
        return self._bytes[offset : offset + size]


def serve(path: Path) -> None:
    """The hub, until its standard input ends; its address, and the hash of what it has, on standard output."""
    from tests.support.hub import LoopbackHub

    content = Mapped(path)
    with LoopbackHub() as hub:
        hub.add(REPOSITORY, {NAME: content})
        print(hub.url, content.sha256, flush=True)
        sys.stdin.read()


async def ours(hub: str, sha256: str, size: int, folder: Path) -> float:
    """By a mover, as the service starts it; its peak of memory in bytes."""
    address = f"{hub}/{REPOSITORY}/resolve/main/{NAME}"
    file = OrderedFile(0, NAME, address, size, sha256, REPOSITORY, hub=True)
    mover = await Mover.start(Order(str(folder), (file,), "measure", NetworkSettings(hub=hub)), folder / "log")
    peak, last = 0.0, None
    async for said in mover.said():
        peak, last = max(peak, _peak(mover.pid)), said
    await mover.ended()
    if last is None or last.kind is not Kind.DONE:
        raise RuntimeError(f"the mover ended with {last}: {(folder / 'log').read_text()}")
    return peak


def by_curl(hub: str, sha256: str, folder: Path) -> None:
    target = folder / NAME
    subprocess.run(["curl", "-sSLf", "-o", target, f"{hub}/{REPOSITORY}/resolve/main/{NAME}"], check=True)
    subprocess.run(["sync", target], check=True)
    said = subprocess.run(["sha256sum", target], check=True, capture_output=True, text=True).stdout
    assert said.split()[0] == sha256


def by_hugging_face(hub: str, folder: Path) -> None:
    env = {**os.environ, "HF_ENDPOINT": hub, "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HOME": str(folder / "home")}
    env |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    subprocess.run([sys.executable, "-c", _HUGGING_FACE, REPOSITORY, NAME, str(folder)], check=True, env=env)


async def contest(who: str, hub: str, sha256: str, size: int, place: Path, turn: int) -> Mapping[str, float]:
    """One of the three, once."""
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        before, began, more = _children(), time.perf_counter(), {}
        match who:
            case "ours":
                more = {"MB": await ours(hub, sha256, size, folder) / 1e6}
            case "curl":
                await asyncio.to_thread(by_curl, hub, sha256, folder)
            case _:
                await asyncio.to_thread(by_hugging_face, hub, folder)
        seconds = time.perf_counter() - began
    return {"MB/s": size / 1e6 / seconds, "CPU s": _children() - before, **more}


async def moving(report: Report, arguments: argparse.Namespace) -> None:
    place = Path(arguments.folder or tempfile.gettempdir())
    size = arguments.megabytes * 10**6
    with tempfile.TemporaryDirectory(dir=place) as folder:
        source = Path(folder) / "source"
        with source.open("wb") as stream:
            for _ in range(arguments.megabytes):
                stream.write(os.urandom(10**6))
        command = [sys.executable, "-m", "benchmarks.downloads", "--serve", str(source)]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert server.stdin is not None and server.stdout is not None
        try:
            hub, sha256 = server.stdout.readline().split()
            progress(f"{arguments.megabytes} MB, {arguments.rounds} rounds")
            who = {name: partial(contest, name, hub, sha256, size, place) for name in ("ours", "curl", "hub library")}
            turns = await take_turns(arguments.rounds, who)
        finally:
            server.stdin.close()
            server.wait(10)
    names = {"curl": "curl + sync + sha256sum", "hub library": "huggingface_hub (verifies nothing)"}
    goals = {"curl": Goal("at least", 0.9), "hub library": Goal("at least", 2.0)}
    for peer, words in names.items():
        mine, theirs = turns["ours"], turns[peer]
        report.add("one file", Row(f"rate, against {words}", "MB/s", mine["MB/s"], theirs["MB/s"], words, goals[peer]))
        report.add("one file", Row(f"processor, against {words}", "s", mine["CPU s"], theirs["CPU s"], words))
    report.add("one file", Row("memory of the mover, at most", "MB", turns["ours"]["MB"]))
    report.disturbed("one file", turns.others.most)


def _children() -> float:
    """CPU seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peak(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in text.splitlines() if line.startswith("VmHWM")]
    return int(found[0]) * 1024.0 if found else 0.0


def main() -> int:
    parser = parser_for("benchmarks.downloads", __doc__)
    parser.add_argument("--megabytes", type=int, default=1024, help="size of the file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", help="on the disk to measure (default: the one for temporary files)")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.serve)
        return 0
    if arguments.quick:
        arguments.megabytes, arguments.rounds = 128, 2
    return run("Bringing a file here", lambda report: moving(report, arguments), arguments)


if __name__ == "__main__":
    raise SystemExit(main())
