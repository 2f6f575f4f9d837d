"""Opens the downloads for one command, and shows on stderr, or as JSON lines, how far they are."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from offgrid_tui.cli.models import Opened
from offgrid_tui.cli.progress import ProgressLine
from offgrid_tui.downloads.events import DownloadChanged, DownloadProgressed
from offgrid_tui.downloads.model import UNDER_WAY, Download, DownloadState, Progress
from offgrid_tui.downloads.service import DownloadService
from offgrid_tui.foundation.events import Bus
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import NO_VALUE, bytes_text, duration
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.network.policy import NetworkPolicy
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths

_CELLS = 10  # of the bar: name, bar and figures together fit 80 columns


@asynccontextmanager
async def open_downloads(
    paths: Paths, settings: Settings, opened: Opened, *, work: bool = True, only: bool = True
) -> AsyncIterator[DownloadService]:
    """The queue; with `work`, what is asked for here is fetched by this process, as long as it lives."""
    access = NetworkAccess(NetworkPolicy(settings.network), settings.network)
    library = opened.models.library
    downloads = DownloadService(paths, opened.database, opened.bus, access, library, settings, only=only)
    try:
        if work:
            await downloads.start()
        else:
            await downloads.refresh()
        yield downloads
    finally:
        await downloads.close()
        await asyncio.to_thread(access.close)


async def fetch(downloads: DownloadService, bus: Bus, ids: Sequence[str], *, as_json: bool) -> tuple[Download, ...]:
    """Wait until none of `ids` is under way any more, and show them meanwhile. ctrl+c pauses them.

    Returns:
        them, as they ended.
    """
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupted.set)
    rest = asyncio.create_task(downloads.ended(ids))
    stop = asyncio.create_task(interrupted.wait())
    try:
        with _lines(bus, set(ids)) if as_json else _line(downloads, bus, list(ids)):
            await asyncio.wait({rest, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not rest.done():
                for id in ids:
                    if downloads.download(id).state in UNDER_WAY - {DownloadState.VERIFYING}:
                        await downloads.pause(id)
            return await rest
    finally:
        stop.cancel()
        loop.remove_signal_handler(signal.SIGINT)


@contextmanager
def _line(downloads: DownloadService, bus: Bus, ids: list[str]) -> Iterator[None]:
    """One line that is painted over."""
    line = ProgressLine()

    def show() -> None:
        now = [one for one in downloads.all if one.id in ids and one.state in UNDER_WAY]
        if now:
            one = now[0]
            more = f", {len(now) - 1} more" if len(now) > 1 else ""
            far = downloads.progress(one.id)
            line.show(f"{doing(one)} {one.label}{more}", far_text(one, far, ProgressLine().terminal))

    def changed(event: DownloadChanged) -> None:
        one = event.download
        if one.id in ids and one.problem is not None and one.state is DownloadState.WAITING:
            line.note(f"offgrid: {one.name}: {one.problem.title}. {one.problem.detail}")
        show()

    ends = [bus.subscribe(DownloadChanged, changed), bus.subscribe(DownloadProgressed, lambda _: show())]
    show()
    try:
        yield
    finally:
        for end in ends:
            end()
        line.clear()


@contextmanager
def _lines(bus: Bus, ids: set[str]) -> Iterator[None]:
    """One JSON object a line on stdout."""

    def progressed(event: DownloadProgressed) -> None:
        if event.progress.id in ids:
            _say({"event": "progress", **progress_json(event.progress)})

    def changed(event: DownloadChanged) -> None:
        if event.download.id in ids:
            _say({"event": "state", **download_json(event.download)})

    ends = [bus.subscribe(DownloadChanged, changed), bus.subscribe(DownloadProgressed, progressed)]
    try:
        yield
    finally:
        for end in ends:
            end()


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def doing(one: Download) -> str:
    """What happens to it, in a word or three."""
    if one.state is DownloadState.WAITING and one.waiting is not None:
        return f"waiting for {one.waiting.value}:"
    return one.state.value


def far_text(one: Download, far: Progress, bar: bool = False) -> str:
    """[######....]  63%  1.6 of 2.5 GB  41 MB/s  eta 0:22."""
    total = far.total
    share = f"{min(1.0, far.done / total):.0%}" if total else ""
    drawn = ""
    if bar and total:
        cells = round(_CELLS * min(1.0, far.done / total))
        drawn = f"[{'#' * cells}{'.' * (_CELLS - cells)}]"
    came = bytes_text(far.done)
    if total:
        number, _, unit = came.partition(" ")
        whole = bytes_text(total)
        came = f"{number if whole.endswith(f' {unit}') else came} of {whole}"
    rate = f"{bytes_text(far.rate)}/s" if far.rate else ""
    eta = f"eta {duration(far.eta)}" if far.eta is not None else ""
    if one.state is DownloadState.DOWNLOADING and far.verified < far.done:
        rate, eta = f"reading again {bytes_text(far.verified)}", ""
    return "  ".join(part for part in (drawn, share, came, rate, eta) if part)


def outcome(one: Download) -> str:
    """How it ended, in a sentence."""
    name = clean_line(one.label)
    match one.state:
        case DownloadState.INSTALLED:
            return f"{name}: {bytes_text(one.total or one.done)}, {checked(one)}: {one.model}"
        case DownloadState.PAUSED:
            return f"{name} is paused at {_share(one)}: `offgrid downloads resume` goes on"
        case DownloadState.CANCELLED:
            return f"{name} was cancelled"
        case _:
            return f"{name} is {one.state.value}"


def checked(one: Download) -> str:
    """What its bytes were held to."""
    hashes = [file.sha256 for file in one.files]
    if not all(hashes):
        return "unverified"
    return f"verified sha256 {(hashes[0] or '')[:8]}…" if len(hashes) == 1 else "verified"


def _share(one: Download) -> str:
    return NO_VALUE if one.fraction is None else f"{one.fraction:.0%}"


def progress_json(progress: Progress) -> dict[str, Any]:
    """Sizes in bytes, times in seconds."""
    return {
        "id": progress.id,
        "state": progress.state.value,
        "done_bytes": progress.done,
        "total_bytes": progress.total,
        "verified_bytes": progress.verified,
        "bytes_per_second": None if progress.rate is None else round(progress.rate),
        "eta_seconds": None if progress.eta is None else round(progress.eta, 1),
        "file": progress.file or None,
    }


def download_json(one: Download) -> dict[str, Any]:
    """All about one download; sizes in bytes, times in Unix seconds."""
    problem = one.problem
    return {
        "id": one.id,
        "key": one.key,
        "name": one.name,
        "quantisation": one.quantisation or None,
        "repository": one.repository or None,
        "revision": one.revision or None,
        "state": one.state.value,
        "waiting_for": one.waiting.value if one.waiting else None,
        "problem": problem and {"title": problem.title, "detail": problem.detail, "mend": problem.mend},
        "done_bytes": one.done,
        "total_bytes": one.total,
        "priority": one.priority,
        "model": one.model or None,
        "created": one.created,
        "updated": one.updated,
        "files": [
            {"path": f.path, "size_bytes": f.size, "sha256": f.sha256, "role": f.role, "received_bytes": f.received}
            for f in one.files
        ],
    }
