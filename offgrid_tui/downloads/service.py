"""Downloads: what the front doors call. The queue lives in the database, so that several OffGrids share it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from dataclasses import replace
from pathlib import Path

from offgrid_tui.database.database import Database
from offgrid_tui.downloads.contract import Patience
from offgrid_tui.downloads.desk import Desk
from offgrid_tui.downloads.model import (
    UNDER_WAY,
    Download,
    DownloadState,
    Progress,
)
from offgrid_tui.downloads.places import STOP
from offgrid_tui.downloads.process import Stray
from offgrid_tui.downloads.queue import DownloadQueue
from offgrid_tui.downloads.store import TOPIC, DownloadStore
from offgrid_tui.downloads.worker import DownloadWorker
from offgrid_tui.foundation.clock import Clock, SystemClock
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.library.service import Library
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.identity import is_alive, name_process
from offgrid_tui.system.paths import Paths

log = logging.getLogger(__name__)
INTERVAL = 64 * 2**20  # bytes between two journals: at most so many are fetched twice after a death
LOOK = 2.0  # seconds between two looks at what other processes work on
RETRY = 10.0  # seconds until the change log is looked at again after it could not be read


class DownloadService(DownloadQueue):
    """`start` it before it works; it lives in that loop. Reading and commands work without: whoever else works on this
    home carries them out.

    Args:
        only: works on the downloads that are asked for here and nothing else, as a command does.
    """

    def __init__(
        self,
        paths: Paths,
        database: Database,
        bus: Bus,
        access: NetworkAccess,
        library: Library,
        settings: Settings,
        *,
        clock: Clock | None = None,
        only: bool = False,
        interval: int = INTERVAL,
        patience: Patience | None = None,
        owner: str = "local",
    ) -> None:
        desk = Desk(
            database=database,
            store=DownloadStore(owner),
            bus=bus,
            access=access,
            library=library,
            settings=settings,
            clock=clock or SystemClock(),
            me=f"{name_process()}",
            log=paths.logs / "movers.log",
            patience=patience or Patience(),
            interval=interval,
        )
        super().__init__(desk)
        self.goes_on = False  # the queue is worked on in the background once this is closed
        self._paths = paths
        self._only: set[str] | None = set() if only else None
        self._at_once = settings.downloads.at_once
        self._limit = desk.limit
        self._workers: dict[str, tuple[DownloadWorker, asyncio.Task[None]]] = {}
        self._resting: dict[str, float] = {}  # id -> when it is tried again, on the monotonic clock
        self._tidied: set[tuple[str, DownloadState, float]] = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def at_once(self) -> int:
        """Downloads that run at once."""
        return self._at_once

    @at_once.setter
    def at_once(self, count: int) -> None:
        self._at_once = max(1, count)
        self._wake.set()

    @property
    def limit(self) -> int | None:
        """Bytes in a second that all downloads of this home together may take; None is no limit."""
        return self._limit

    @limit.setter
    def limit(self, limit: int | None) -> None:
        self._limit = limit
        self._wake.set()

    async def refresh(self) -> None:
        """Read the list again; tells what has changed, and stops what is not to go on."""
        await super().refresh()
        for id, (worker, _) in self._workers.items():
            if not any(one.id == id and one.state in UNDER_WAY for one in self._all):
                worker.stop()

    # ── its life ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Begin to work. What a process that is gone had begun is gone on with; nothing of it needs to be mended first,
        since every step left a state that can be."""
        await self.refresh()
        self._tasks = [
            asyncio.create_task(self._run(), name="DownloadService"),
            asyncio.create_task(self._follow(), name="DownloadFollower"),
        ]

    async def close(self, *, stay: bool = False) -> None:
        """Stop the transfers, or, with `stay`, let those that run go on alone: the next OffGrid finds them. Where they
        are to go on (`goes_on`), a process without a terminal is that one.

        Never raises.
        """
        going_on = self.goes_on and any(one.state in UNDER_WAY for one in self._all)
        stay = stay or going_on
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks.clear()
        working = list(self._workers.values())
        for worker, _ in working:
            worker.leave() if stay else worker.stop()
        if working:
            await asyncio.wait({task for _, task in working})
        self._workers.clear()
        if going_on:
            from offgrid_tui.downloads.background import go_on  # it imports us

            try:
                await asyncio.to_thread(go_on, self._paths)
            except OSError as error:
                log.warning("downloads don't go on in the background: %s", error)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self.refresh()
                await self.tidy()
                while (claimed := await self._claim()) is not None:
                    self._begin(claimed)
                await self._share()
            except OffGridError as error:
                log.warning("the queue of downloads could not be looked at: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._next_look()):
                    await self._wake.wait()

    async def _follow(self) -> None:
        while True:
            try:
                async for _ in self._desk.database.follow([TOPIC]):
                    self._wake.set()
                return
            except OffGridError as error:
                log.warning("the change log could not be read: %s", error)
            await asyncio.sleep(RETRY)

    def _next_look(self) -> float | None:
        """Seconds; None where only a command or another process's change can matter."""
        mine = self._workers.keys()
        others = any(one.state in UNDER_WAY and one.id not in mine for one in self._all)
        return min(LOOK, self._desk.patience.space) if others or self._resting else None

    async def _claim(self) -> Download | None:
        desk, now = self._desk, self._desk.clock.monotonic()
        self._resting = {id: until for id, until in self._resting.items() if until > now}
        resting = set(self._resting) | set(self._workers)
        due = [one for one in self._all if one.state in UNDER_WAY and one.id not in resting]
        if not due or len(self._workers) >= self._at_once:
            return None
        wall = desk.clock.wall()
        return await desk.database.write(
            lambda conn: desk.store.claim(conn, desk.me, self._at_once, wall, self._only, resting)
        )

    def _begin(self, download: Download) -> None:
        worker = DownloadWorker(self._desk, download, self.refresh, self._limit)
        task = asyncio.create_task(self._work(worker), name=f"DownloadWorker {download.id}")
        self._workers[download.id] = (worker, task)

    async def _work(self, worker: DownloadWorker) -> None:
        try:
            await worker.run()
        except OffGridError as error:
            log.warning("download %s: %s", worker.id, error)
        finally:
            if worker.rests:
                self._resting[worker.id] = self._desk.clock.monotonic() + self._desk.patience.space
            self._workers.pop(worker.id, None)
            self._wake.set()

    async def _share(self) -> None:
        """Give each transfer its part of the limit: those of other processes count too."""
        running = 1
        if self._limit is not None and self._workers:
            running = max(1, await self._desk.database.read(self._desk.store.running))
        for worker, _ in self._workers.values():
            worker.limit(None if self._limit is None else max(1, self._limit // running))

    async def tidy(self) -> None:
        """See to what nobody works on: a mover left alone by a paused or cancelled download is asked to stop, and what
        is not wanted is deleted."""
        for one in self._all:
            idle = one.state in (DownloadState.PAUSED, DownloadState.CANCELLED) and not is_alive(one.holder)
            mark = (one.id, one.state, one.updated)
            if idle and mark not in self._tidied and await asyncio.to_thread(_settled, self._desk.folder(one.id), one):
                self._tidied.add(mark)
                if one.discard:
                    files = tuple(replace(file, received=0) for file in one.files)
                    await self._change(
                        one.id,
                        lambda found, files=files: replace(  # type: ignore[misc]
                            found, discard=False, done=0, files=files
                        ),
                    )

    def _own_progress(self, id: str) -> Progress | None:
        return self._workers[id][0].progress if id in self._workers else None

    def _commanded(self, id: str) -> None:
        self._resting.pop(id, None)
        if self._only is not None and self.download(id).state in UNDER_WAY:
            self._only.add(id)
        if id in self._workers:
            self._workers[id][0].hurry()
        self._wake.set()


def _settled(folder: Path, download: Download) -> bool:
    """Whether nothing moves in `folder` any more; what is not wanted is deleted then. In a thread."""
    if not folder.is_dir():
        return True
    if Stray(folder).lives():
        (folder / STOP).touch()
        return False
    if download.discard:
        shutil.rmtree(folder, ignore_errors=True)
    return True
