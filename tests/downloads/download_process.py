"""The download service in a process of its own, for what a test can't do to itself: be killed, run out of disk.

`python -m tests.downloads.download_process REPOSITORY JSON`; a line on stdout for each thing that happened.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from offgrid_tui.catalog.model import CatalogFile, Role, Variant
from offgrid_tui.downloads.events import DownloadChanged
from offgrid_tui.downloads.model import Waiting
from offgrid_tui.settings.schema import DownloadSettings, NetworkSettings, Settings
from offgrid_tui.system.paths import Paths
from tests.downloads.downloads_desk import INTERVAL, Bench

ROOT = Path(__file__).resolve().parents[2]


def start(
    home: Paths, hub: str, variant: Variant, before: tuple[str, ...] = (), **options: str | float | bool
) -> subprocess.Popen[str]:
    """The process; `options` are those of `_main`. `before` are words of a program that starts it."""
    told = json.dumps(
        {"hub": hub, "files": [asdict(f) for f in variant.files], "revision": variant.revision, **options}
    )
    return subprocess.Popen(
        [*before, sys.executable, "-m", "tests.downloads.download_process", variant.repository, told],
        cwd=ROOT,
        env={**os.environ, "OFFGRID_HOME": str(home.data)},
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


async def _main(repository: str, told: dict) -> None:  # type: ignore[type-arg]
    files = tuple(CatalogFile(**{**one, "role": Role(one["role"])}) for one in told["files"])
    variant = Variant("Q4_0", repository, files, revision=told["revision"])
    settings = Settings(
        network=NetworkSettings(hub=told["hub"], timeout=2.0),
        downloads=DownloadSettings(
            reserve=told.get("reserve", 0.0), background=told.get("stay", False), limit=told.get("limit")
        ),
    )
    if "largest" in told:
        resource.setrlimit(resource.RLIMIT_FSIZE, (told["largest"], told["largest"]))
    home = Paths.from_environment()
    bench = Bench(home, settings, interval=told.get("interval", INTERVAL))

    def say(event: DownloadChanged) -> None:
        one = event.download
        print(one.state.value, one.waiting.value if one.waiting else "-", flush=True)
        if one.waiting is Waiting.SPACE and (filler := told.pop("filler", None)):
            threading.Thread(target=_free, args=(home.models / filler,), daemon=True).start()

    bench.bus.subscribe(DownloadChanged, say)
    async with bench:
        done = await bench.get(variant)
        print("end", done.state.value, done.problem.title if done.problem else "", flush=True)


def _free(filler: Path) -> None:
    """Make room, once whoever started us says so."""
    sys.stdin.readline()
    filler.unlink()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], json.loads(sys.argv[2])))
