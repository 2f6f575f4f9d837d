"""Downloads: what the front doors call. The queue lives in the database, so that several OffGrids share it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from offgrid_tui.catalog.model import Proof, Variant
from offgrid_tui.database.database import Database
from offgrid_tui.downloads.contract import Patience
from offgrid_tui.downloads.desk import Desk
from offgrid_tui.downloads.errors import NoDownload
from offgrid_tui.downloads.events import DownloadChanged, DownloadFailed, DownloadForgotten, DownloadProgressed
from offgrid_tui.downloads.installing import installed_twin
from offgrid_tui.downloads.model import (
    ENDED,
    SHOWN,
    UNDER_WAY,
    Download,
    DownloadFile,
    DownloadState,
    Progress,
    require,
)
from offgrid_tui.downloads.places import STOP
from offgrid_tui.downloads.process import Stray
from offgrid_tui.downloads.store import TOPIC, DownloadStore
from offgrid_tui.downloads.worker import DownloadWorker
from offgrid_tui.foundation.clock import Clock, SystemClock
from offgrid_tui.foundation.errors import OffGridError, RefusedError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.model import ModelState
from offgrid_tui.library.names import stem_of
from offgrid_tui.library.service import Library
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.identity import is_alive, name_process
from offgrid_tui.system.paths import Paths

if TYPE_CHECKING:
    import apsw

T = TypeVar("T")
log = logging.getLogger(__name__)
INTERVAL = 64 * 2**20  # bytes between two journals: at most so many are fetched twice after a death
LOOK = 2.0  # seconds between two looks at what other processes work on
RETRY = 10.0  # seconds until a download is tried again that waits for space, or for the network to be allowed


class DownloadService:
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
        self._desk = Desk(
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
        self._only: set[str] | None = set() if only else None
        self._all: tuple[Download, ...] = ()
        self._at_once = settings.downloads.at_once
        self._limit = self._desk.limit
        self._workers: dict[str, tuple[DownloadWorker, asyncio.Task[None]]] = {}
        self._resting: dict[str, float] = {}  # id -> when it is tried again, on the monotonic clock
        self._tidied: set[tuple[str, DownloadState, float]] = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    # ── what there is ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def all(self) -> tuple[Download, ...]:
        """In the order of the queue, then what has ended; as it was last read."""
        return self._all

    def download(self, id: str) -> Download:
        """Raises NoDownload: there is none."""
        found = next((one for one in self._all if one.id == id), None)
        if found is None:
            raise NoDownload(id)
        return found

    def progress(self, id: str) -> Progress:
        """How far it is, as it was last told.

        Raises:
            NoDownload: there is none.
        """
        download = self.download(id)
        if id in self._workers:
            return replace(self._workers[id][0].progress, state=download.state)
        return Progress(id, download.state, download.done, download.total, sum(f.received for f in download.files))

    def arrivals(self) -> Mapping[str, tuple[ModelState, float | None]]:
        """By key of a variant: its state, and how far it is (0 to 1). For lists of models."""
        found: dict[str, tuple[ModelState, float | None]] = {}
        for one in self._all:
            if one.state in SHOWN:
                total, done = one.total, self.progress(one.id).done
                found[one.key] = SHOWN[one.state], min(1.0, done / total) if total else None
        return found

    async def refresh(self) -> None:
        """Read the list again; tells what has changed."""
        before = {one.id: one for one in self._all}
        self._all = await self._desk.database.read(self._desk.store.all)
        for now in self._all:
            was = before.pop(now.id, None)
            if was is None or _shown(was) != _shown(now):
                self._desk.bus.publish(DownloadChanged(now, None if was is None else was.state))
                if now.state is DownloadState.FAILED and (was is None or was.state is not now.state):
                    self._desk.bus.publish(DownloadFailed(now))
            elif was.done != now.done and now.id not in self._workers:
                self._desk.bus.publish(DownloadProgressed(self.progress(now.id)))
        for gone in before:
            self._desk.bus.publish(DownloadForgotten(gone))
        for id, (worker, _) in self._workers.items():
            if not any(one.id == id and one.state in UNDER_WAY for one in self._all):
                worker.stop()

    # ── what a person does ─────────────────────────────────────────────────────────────────────────────────────────

    async def get(self, variant: Variant, name: str = "", *, priority: int = 0) -> Download:
        """Have `variant` come here: queued, or, where it is under way or here already, as it is.

        Args:
            name: of the model, as lists show it.

        Raises:
            RefusedError: it can't be had; off-grid mode.
        """
        if variant.proof is Proof.UNAVAILABLE or not variant.files:
            raise RefusedError(
                f"{clean_line(name or variant.key)} can't be had",
                detail=f"{clean_line(variant.reason)}." if variant.reason else "It has no files.",
                mend="Choose another variant: `offgrid show NAME` lists them.",
            )
        wanted = self._wanted(variant, name, priority)
        shelf = self._desk.library.shelf
        twin = await asyncio.to_thread(installed_twin, shelf, wanted)
        if twin is None:
            for host in self._desk.hosts(wanted):
                if host == self._desk.access.hub_host:
                    self._desk.access.require_hub(f"download {wanted.name}")
                else:
                    self._desk.access.policy.require(f"download {wanted.name}", host)

        def write(conn: apsw.Connection) -> Download:
            position = self._desk.store.last_position(conn) + 1
            added = self._desk.store.add(conn, replace(wanted, position=position))
            if twin is not None and added.state is DownloadState.QUEUED:
                moved = self._desk.store.move(
                    conn, added.id, DownloadState.INSTALLED, wanted.updated, model=twin.id, done=added.total or 0
                )
                return moved or added
            return added

        added = await self._desk.database.write(write)
        if self._only is not None:
            self._only.add(added.id)
        self._resting.pop(added.id, None)
        await self.refresh()
        self._wake.set()
        return added

    def _wanted(self, variant: Variant, name: str, priority: int) -> Download:
        now = self._desk.clock.wall()
        return Download(
            id=secrets.token_hex(4),
            key=variant.key,
            name=clean_line(name) or clean_line(stem_of(variant.files[0].path.rpartition("/")[2])),
            files=tuple(
                DownloadFile(
                    file.path,
                    file.size,
                    file.sha256,
                    file.role.value,
                    "" if file.url else file.repository or variant.repository,
                    file.url,
                )
                for file in variant.files
            ),
            state=DownloadState.QUEUED,
            created=now,
            updated=now,
            quantisation=variant.quantisation,
            repository=variant.repository,
            revision=variant.revision or "",
            publisher=variant.publisher,
            priority=priority,
        )

    async def pause(self, id: str) -> Download:
        """Stop the transfer and keep what came.

        Raises:
            NoDownload, RefusedError: it has ended already.
        """
        return await self._move(id, DownloadState.PAUSED)

    async def resume(self, id: str) -> Download:
        """Go on with what is paused; what waits tries again now.

        Raises:
            NoDownload, RefusedError: it has ended.
        """
        return await self._again(id)

    async def retry(self, id: str) -> Download:
        """Try again what failed or was cancelled, from what came.

        Raises:
            NoDownload, RefusedError: it is here.
        """
        return await self._again(id)

    async def cancel(self, id: str, *, keep: bool = False) -> Download:
        """Give it up; what came is deleted, unless `keep`.

        Raises:
            NoDownload, RefusedError: it is here already.
        """
        return await self._move(id, DownloadState.CANCELLED, discard=not keep)

    async def prioritise(self, id: str, priority: int) -> Download:
        """Higher goes first."""
        return await self._change(id, lambda found: replace(found, priority=priority))

    async def reorder(self, id: str, by: int) -> Download:
        """Move it `by` places within its priority: up where that is negative."""
        peers = [one for one in self._all if one.priority == self.download(id).priority and one.state not in ENDED]
        order = [one for one in peers if one.id != id]
        at = next((n for n, one in enumerate(peers) if one.id == id), 0)
        to = max(0, min(len(order), at + by))
        before = order[to - 1].position if to > 0 else (order[0].position - 1 if order else 0.0)
        after = order[to].position if to < len(order) else before + 2
        return await self._change(id, lambda found: replace(found, position=(before + after) / 2))

    async def clear(self) -> int:
        """Forget what has ended, but what failed with a part of it here; how many."""
        gone = [
            one.id
            for one in self._all
            if one.state is DownloadState.INSTALLED
            or (one.state in ENDED and not self._desk.folder(one.id).exists() and not one.discard)
        ]
        await self._desk.database.write(lambda conn: self._desk.store.forget(conn, gone))
        await self.refresh()
        return len(gone)

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

    async def ended(self, ids: Iterable[str]) -> tuple[Download, ...]:
        """Wait until none of `ids` is under way any more: installed, failed, paused or cancelled, by whomever."""
        wanted = set(ids)
        moved = asyncio.Event()
        end = self._desk.bus.subscribe(DownloadChanged, lambda _: moved.set())
        try:
            while True:
                moved.clear()
                if not any(one.id in wanted and one.state in UNDER_WAY for one in self._all):
                    return tuple(one for one in self._all if one.id in wanted)
                await moved.wait()
        finally:
            end()

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
        """Stop the transfers, or, with `stay`, let those that run go on alone: the next OffGrid finds them."""
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

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self.refresh()
                await self._tidy()
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
        return LOOK if others or self._resting else None

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
                self._resting[worker.id] = self._desk.clock.monotonic() + RETRY
            self._workers.pop(worker.id, None)
            self._wake.set()

    async def _share(self) -> None:
        """Give each transfer its part of the limit: those of other processes count too."""
        running = 1
        if self._limit is not None and self._workers:
            running = max(1, await self._desk.database.read(self._desk.store.running))
        for worker, _ in self._workers.values():
            worker.limit(None if self._limit is None else max(1, self._limit // running))

    async def _tidy(self) -> None:
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

    # ── inside ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _again(self, id: str) -> Download:
        self._resting.pop(id, None)
        if id in self._workers:
            self._workers[id][0].hurry()
        found = next((one for one in self._all if one.id == id), None)
        if found is not None and found.state in UNDER_WAY:
            self._wake.set()
            return found
        if self._only is not None:
            self._only.add(id)
        return await self._move(id, DownloadState.QUEUED, discard=False)

    async def _move(self, id: str, then: DownloadState, *, discard: bool = False) -> Download:
        def change(found: Download) -> Download:
            require(found, then)
            return replace(found, state=then, waiting=None, problem=None, discard=discard)

        return await self._change(id, change)

    async def _change(self, id: str, change: Callable[[Download], Download]) -> Download:
        store, now = self._desk.store, self._desk.clock.wall()

        def write(conn: apsw.Connection) -> Download:
            if (found := store.one(conn, id)) is None:
                raise NoDownload(id)
            changed = replace(change(found), updated=now)
            store.put(conn, changed)
            return changed

        changed = await self._desk.database.write(write)
        await self.refresh()
        self._wake.set()
        return changed


def _shown(one: Download) -> tuple[object, ...]:
    return (one.state, one.waiting, one.problem, one.priority, one.position, one.files and one.total, one.model)


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
