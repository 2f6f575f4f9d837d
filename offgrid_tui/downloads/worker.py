"""One transfer: a task of the loop that has a mover fetch what is missing, and the library put it in place."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from offgrid_tui.catalog.fields import BadEntry
from offgrid_tui.downloads.contract import Kind, Order, Said
from offgrid_tui.downloads.desk import Desk
from offgrid_tui.downloads.errors import DiskFull, MoverDied
from offgrid_tui.downloads.events import DownloadInstalled, DownloadProgressed
from offgrid_tui.downloads.installing import already_here, install, installed_twin
from offgrid_tui.downloads.journal import read_journal, sure_sizes, written_size
from offgrid_tui.downloads.model import ACTIVE, Download, DownloadState, Problem, Progress, Waiting
from offgrid_tui.downloads.pace import delay
from offgrid_tui.downloads.places import STOP, journal_of
from offgrid_tui.downloads.process import Mover, Stray
from offgrid_tui.downloads.rate import Meter
from offgrid_tui.foundation.errors import DamagedError, OffGridError, RefusedError
from offgrid_tui.hardware.disk import read_disk
from offgrid_tui.library.errors import failed
from offgrid_tui.library.model import InstalledFile, InstalledModel
from offgrid_tui.library.staging import require_folder

if TYPE_CHECKING:
    import apsw

log = logging.getLogger(__name__)
_NOTED = 2.0  # seconds between two notes of the progress in the database
_TOLD = 0.25  # seconds between two events
_DEATHS = 3  # of movers in a row, none of which brought anything


class DownloadWorker:
    """`run` is the task; it ends when the download is installed, has failed, rests, or somebody wants it to stop.

    Args:
        look: has the service read the list again, after each change of ours.
        limit: bytes in a second that this one may take now.
    """

    def __init__(self, desk: Desk, download: Download, look: Callable[[], Awaitable[None]], limit: int | None) -> None:
        self.id = download.id
        self.rests = False  # it waits for what a mover is not needed for: to be tried again later
        self._desk = desk
        self._download = download
        self._look = look
        self._limit = limit
        self._folder = desk.folder(download.id)
        self._mover: Mover | None = None
        self._stray: Stray | None = None
        self._stopping = asyncio.Event()
        self._leaving = False
        self._meter = Meter(desk.clock, download.done)
        self._received = [0] * len(download.files)
        self._verified = [0] * len(download.files)
        self._noted = desk.clock.monotonic()
        self.progress = Progress(self.id, download.state, download.done, download.total, 0)

    # ── from outside ───────────────────────────────────────────────────────────────────────────────────────────────

    def stop(self) -> None:
        """Have the transfer stop; `run` ends soon after. What came is kept."""
        if not self._stopping.is_set():
            self._stopping.set()
            if self._mover is not None:
                self._mover.tell("stop")

    def leave(self) -> None:
        """Have the transfer go on without us; `run` ends at once."""
        self._leaving = True
        self._stopping.set()

    def hurry(self) -> None:
        """Whatever it waits for: try now."""
        if self._mover is not None:
            self._mover.tell("now")

    def limit(self, limit: int | None) -> None:
        """Bytes in a second from now on."""
        if limit != self._limit:
            self._limit = limit
            if self._mover is not None:
                self._mover.tell("limit", bytes=limit)

    # ── the task ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        try:
            await self._run()
        except OffGridError as error:
            await self._to(DownloadState.FAILED, problem=Problem.of(error))
        except OSError as error:
            await self._to(DownloadState.FAILED, problem=Problem.of(failed("The download", self._folder, error)))
        finally:
            await self._let_go()

    async def _run(self) -> None:
        shelf = self._desk.library.shelf
        if (twin := await asyncio.to_thread(installed_twin, shelf, self._download)) is not None:
            await self._installed(twin, new=False)
            return
        stray = Stray(self._folder)
        if await asyncio.to_thread(stray.lives):
            await self._watch(stray)
        if self._stopping.is_set():
            return
        here = await asyncio.to_thread(already_here, shelf, self._download)
        missing = await asyncio.to_thread(self._prepare, here)
        if missing and not (await self._may_begin(missing) and await self._fetch(missing)):
            return
        if self._stopping.is_set() or not await self._to(DownloadState.VERIFYING):
            return
        self._tell(now=True)
        model = await asyncio.to_thread(install, shelf, self._download, self._folder, here)
        await self._installed(model, new=True)

    def _prepare(self, here: dict[int, InstalledFile]) -> list[int]:
        """Have the folder; which files are still to come, in part at least. In a thread."""
        require_folder(self._desk.library.shelf)
        self._folder.mkdir(exist_ok=True)
        (self._folder / STOP).unlink(missing_ok=True)
        missing = []
        for number, file in enumerate(self._download.files):
            journal = read_journal(journal_of(self._folder, number))
            if number in here:
                self._received[number] = self._verified[number] = here[number].size
                continue
            if journal is not None:
                self._received[number] = journal.offset
            if journal is not None and journal.whole and file.sha256 in (None, journal.sha256):
                self._verified[number] = journal.offset
            else:
                missing.append(number)
        return missing

    async def _may_begin(self, missing: list[int]) -> bool:
        """Whether the network may be used and the disk has room; else it waits, and is tried again later."""
        desk, download = self._desk, self._download
        try:
            for number in missing:
                purpose = f"download {download.files[number].path}"
                if download.files[number].url:
                    for host in desk.hosts(download):
                        desk.access.policy.require(purpose, host)
                else:
                    desk.access.require_hub(purpose)
        except RefusedError as error:
            return await self._rest(Waiting.OFFGRID, error)
        others = await desk.database.read(lambda conn: desk.store.all(conn))
        claimed = sum(
            max(0, (one.total or 0) - sum(f.received for f in one.files))
            for one in others
            if one.id != self.id and one.state in ACTIVE and one.waiting is not Waiting.SPACE and one.holder
        )
        needed = max(0, (download.total or 0) - sum(self._received)) + claimed + desk.reserve
        free = (await asyncio.to_thread(read_disk, desk.incoming)).free
        if needed > free:
            return await self._rest(Waiting.SPACE, DiskFull(str(desk.library.shelf.folder), needed, free))
        return True

    async def _rest(self, waiting: Waiting, error: OffGridError) -> bool:
        self.rests = True
        await self._to(DownloadState.WAITING, waiting=waiting, problem=Problem.of(error))
        return False

    # ── the bytes ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _fetch(self, missing: list[int]) -> bool:
        """Have a mover fetch `missing`; True where all of it came.

        Raises:
            OffGridError: trying again makes no sense.
        """
        deaths = idle = 0
        while not self._stopping.is_set():
            await asyncio.to_thread(self._measure)  # a mover that died had told of more than is sure
            before = sum(self._received)
            limit = self._limit
            self._mover = mover = await Mover.start(self._order(missing), self._desk.log)
            if self._stopping.is_set() and not self._leaving:
                mover.tell("stop")  # asked for while it started
            if self._limit != limit:
                mover.tell("limit", bytes=self._limit)
            try:
                last = await self._hear(mover.said())
                if self._leaving:
                    mover.leave()
                    return False
            except asyncio.CancelledError:
                mover.tell("stop")
                raise
            finally:
                self._mover = None
            words = await mover.ended()
            if last is Kind.DONE:
                return True
            if last is Kind.STOPPED or self._stopping.is_set():
                return False
            log.warning("the mover of %s %s", self._download.name, words)
            deaths = 0 if await asyncio.to_thread(written_size, self._folder, self._received) > before else deaths + 1
            if deaths >= _DEATHS:
                raise MoverDied(words, str(self._desk.log))
            await asyncio.to_thread(self._measure)
            idle = 0 if sum(self._received) > before else idle + 1
            if idle:  # it ends before anything of it is sure: not at once again
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(delay(idle, self._desk.patience)):
                        await self._stopping.wait()
        return False

    def _order(self, missing: list[int]) -> Order:
        desk = self._desk
        try:
            files = tuple(desk.ordered(self._download, number) for number in missing)
        except BadEntry as error:
            raise DamagedError("A file of this model can't be fetched", detail=f"Its path {error.what}.") from None
        return Order(
            folder=str(self._folder),
            files=files,
            purpose=f"download {self._download.name}",
            network=desk.settings.network,
            limit=self._limit,
            interval=desk.interval,
            reserve=desk.reserve,
            stay=desk.settings.downloads.background,
            patience=desk.patience,
        )

    async def _watch(self, stray: Stray) -> None:
        """Follow a mover that another OffGrid left, until it ends."""
        self._stray = stray
        try:
            hearing = asyncio.create_task(self._hear(stray.said()))
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({hearing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not hearing.done() and not self._leaving:
                await stray.stop()
            for task in (hearing, stopping):
                task.cancel()
            await asyncio.wait({hearing, stopping})
            if not hearing.cancelled():
                hearing.result()
        finally:
            self._stray = None

    async def _hear(self, lines: AsyncIterator[Said]) -> Kind | None:
        """Take what a mover says; its last word, or None where it ended without one."""
        leaving = asyncio.create_task(self._left())
        try:
            while True:
                following = asyncio.ensure_future(anext(lines, None))
                await asyncio.wait({following, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    following.cancel()
                    with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                        await following
                    return None
                if (said := following.result()) is None:
                    return None
                if said.kind is Kind.FAILED:
                    raise Problem(said.title, said.detail, said.mend, said.code).error()
                if said.kind in (Kind.DONE, Kind.STOPPED):
                    return said.kind
                await self._take(said)
        finally:
            leaving.cancel()

    async def _left(self) -> None:
        await self._stopping.wait()
        while not self._leaving:
            await asyncio.sleep(3600)

    async def _take(self, said: Said) -> None:
        number = said.file if said.file < len(self._received) else 0
        match said.kind:
            case Kind.WAITING:
                problem = Problem(said.title, said.detail, said.mend)
                self._meter.saw(sum(self._received), arriving=False)
                await self._to(DownloadState.WAITING, waiting=Waiting(said.waiting), problem=problem)
                self._tell(now=True)
            case Kind.REACHED if said.title not in self._desk.hosts(self._download):
                # Asked in the mover already; asked here too, so that this process's ledger has it.
                self._desk.access.policy.require(f"download {self._download.name}", said.title)
            case Kind.PINNED:
                await self._pin(number, said)
            case Kind.PROGRESS | Kind.ARRIVED:
                self._received[number], self._verified[number] = said.done, said.verified
                if self._download.state is not DownloadState.DOWNLOADING:
                    await self._to(DownloadState.DOWNLOADING)
                self._meter.saw(sum(self._received), arriving=said.verified >= said.done)
                self._tell(self._download.files[number].path)
                if said.kind is Kind.ARRIVED or self._desk.clock.monotonic() - self._noted >= _NOTED:
                    await self._note()

    async def _pin(self, number: int, said: Said) -> None:
        """Keep what the hub named: size, hash and commit, so that the next try is held to them."""
        file = self._download.files[number]
        file = replace(
            file, size=file.size if file.size is not None else said.size, sha256=file.sha256 or said.sha256 or None
        )
        files = tuple(file if n == number else one for n, one in enumerate(self._download.files))
        mine = said.commit and file.repository == self._download.repository and not file.url
        revision = self._download.revision or (said.commit if mine else "")
        if files != self._download.files or revision != self._download.revision:
            await self._to(self._download.state, files=files, revision=revision)

    def _tell(self, file: str = "", *, now: bool = False) -> None:
        """Say how far it is."""
        if not (self._meter.due(_TOLD) or now):
            return
        total, done = self._download.total, sum(self._received)
        shown = max(self._meter.shown, done)
        self.progress = Progress(
            self.id,
            self._download.state,
            shown if total is None else min(shown, total),
            total,
            sum(self._verified),
            self._meter.rate,
            self._meter.eta(done, total),
            file,
        )
        self._desk.bus.publish(DownloadProgressed(self.progress))

    # ── records ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _to(self, then: DownloadState, **fields: Any) -> bool:
        """Move on, unless somebody moved it elsewhere meanwhile: then stop. Whether it moved."""
        desk, now = self._desk, self._desk.clock.wall()

        def write(conn: apsw.Connection) -> Download | None:
            found = desk.store.one(conn, self.id)
            if found is None or found.holder != desk.me or found.state not in ACTIVE | {DownloadState.QUEUED}:
                return None
            return desk.store.move(conn, self.id, then, now, done=max(found.done, self._meter.shown), **fields)

        moved = await desk.database.write(write)
        if moved is None:
            self.stop()
            return False
        self._download = moved
        await self._look()
        return True

    async def _note(self) -> None:
        self._noted = self._desk.clock.monotonic()
        now, shown, received = self._desk.clock.wall(), self._meter.shown, tuple(self._received)
        await self._desk.database.write(lambda conn: self._desk.store.progress(conn, self.id, shown, received, now))

    async def _installed(self, model: InstalledModel, *, new: bool) -> None:
        if new:
            await self._desk.library.arrived(model)  # first: who hears of the end finds the model in the list
        self._meter.saw(self._download.total or model.size, arriving=False)
        self._verified = [file.size or 0 for file in self._download.files]
        if await self._to(DownloadState.INSTALLED, model=model.id):
            self._tell(now=True)
            self._desk.bus.publish(DownloadInstalled(self._download, model))

    async def _let_go(self) -> None:
        """It is nobody's any more. Where it was stopped by the end of the program, the next one goes on with it."""
        desk = self._desk
        await asyncio.to_thread(self._measure)
        received, shown, now = tuple(self._received), self._meter.shown, desk.clock.wall()

        def write(conn: apsw.Connection) -> None:
            desk.store.progress(conn, self.id, shown, received, now)
            found = desk.store.one(conn, self.id)
            mine = found is not None and found.holder == desk.me and found.state in ACTIVE
            if mine and not self._leaving and not self.rests:
                desk.store.move(conn, self.id, DownloadState.QUEUED, now)
            desk.store.release(conn, self.id, desk.me)

        try:
            await desk.database.write(write)
        except OffGridError as error:
            log.warning("%s could not be let go of: %s", self._download.name, error)

    def _measure(self) -> None:
        """What is on disk for sure."""
        self._received = sure_sizes(self._folder, self._received)
